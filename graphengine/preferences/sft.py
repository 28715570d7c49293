"""The kind `sft`: for each prompt an answer that follows the card that won, evenly over contexts and lengths."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left
from collections import Counter, defaultdict
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.errors import ExportError
from graphengine.preferences.kinds import Kind, Rows
from graphengine.preferences.pairs import MESSAGES
from graphengine.preferences.rendering import RENDERS, has_text, render_card, said, text_of
from graphengine.preferences.writer import CRITIQUE, FOLLOW, REVISE, Unusable, Writer, short_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphengine.preferences.source import Source

SFT = pa.schema([
    ("prompt", MESSAGES),
    ("completion", MESSAGES),
    ("context_id", pa.string()),
    ("scenario_id", pa.string()),
    ("card_id", pa.string()),
    ("card_title", pa.string()),
    ("weight", pa.float64()),
    ("length", pa.string()),
    ("response_id", pa.string()),
    ("generator", pa.string()),
    ("ranking_id", pa.string()),
    ("method", pa.string()),
    ("data_hash", pa.string()),
])
"""The columns of the kind `sft`."""

NEGATIVES = pa.schema([
    ("loser_id", pa.string()), ("negative", MESSAGES), ("critique", pa.string()), ("revision", MESSAGES),
])
"""The further columns of `--negatives`."""

LENGTHS = ("short", "medium", "long")
_ASKED = {"short": ", in two or three sentences", "medium": ", in about a hundred words",
          "long": ", in about two hundred words"}
NO_LOSER = "the context has no other card with a text"

COLUMNS = (
    ("prompt", "as in `cards`, for every scenario of a context"),
    ("completion", "what follows from the winning card: one message of the assistant; the card itself where no "
                   "generator wrote"),
    ("context_id, scenario_id, card_id", "ids in the graph; the card is the one that won in the context"),
    ("card_title", "its title"),
    ("weight", "P(this card is the wisest of its context)"),
    ("length", "short, medium or long: which third of all completions, by their characters"),
    ("response_id", "names the request for the completion"),
    ("generator", "who wrote it; nothing where it is the card"),
    ("ranking_id, method, data_hash", "as in `cards`"),
)
_NEGATIVE_COLUMNS = (
    ("loser_id", "the card of the last rank"),
    ("negative", "an answer by the same generator that follows that card"),
    ("critique", "what that answer overlooks of the winning card"),
    ("revision", "that answer, written anew after its critique"),
)


def kind_of(*, negatives: bool) -> Kind:
    """What the rows are, with or without negatives."""
    return Kind(
        name="sft",
        about="Each row is a prompt and an answer that follows the card that won in the context, sampled evenly over "
              "contexts and lengths.",
        trainers="TRL `SFTTrainer`; `graphengine train sft`",
        columns=COLUMNS + (_NEGATIVE_COLUMNS if negatives else ()),
    )


def sft_rows(
    source: Source,
    prompts: pa.Table,
    left_out: Mapping[str, int],
    writer: Writer | None = None,
    *,
    render: str = "full",
    per_context: int | None = None,
    negatives: bool = False,
) -> Rows:
    """Answers that follow the winning cards.

    With a writer, each prompt gets a short, a medium and a long answer; without one, the card itself, whole and (where
    it has more) its policies alone. Of all these candidates each context gives the same number, taken so that the three
    thirds of length come as evenly as they can.

    Args:
        source: With `ranks`.
        prompts: `PROMPTS`, from `prompt_rows`.
        left_out: What was left out of them.
        writer: Who writes.
        render: A name of `RENDERS`: which parts of a card are shown.
        per_context: Rows of each context; by default as many as the context with the fewest candidates has.
        negatives: Also the answer of the card of the last rank, its critique and its revision; needs a writer.

    Raises:
        ExportError: If negatives are wanted without a writer.
    """
    if negatives and writer is None:
        raise ExportError("negatives are written by a generator, and none was given", hint="add --generator FOLDER")
    unusable = Unusable(left_out)
    candidates = (
        _written(prompts, writer, unusable) if writer else _from_cards(prompts, source, render)
    )
    _name_lengths(candidates)
    rows, told = sample_evenly(candidates, per_context)
    schema = SFT
    if negatives and writer:
        rows = _with_negatives(rows, source, render, writer, unusable)
        schema = pa.schema([*SFT, *NEGATIVES])
    facts: dict[str, Any] = {"coverage": _coverage(rows)}
    if writer:
        more = {"critique": CRITIQUE, "revise": REVISE} if negatives else {}
        facts |= writer.facts(follow=FOLLOW, **more)
    notes = (f"sft: {told}", f"sft: {_lengths_in_words(rows)}")
    table = pa.Table.from_pylist(rows, schema=schema)
    return Rows(kind_of(negatives=negatives), table, unusable.as_dict(), notes if rows else (), facts)


def sample_evenly(
    candidates: Sequence[dict[str, Any]], per_context: int | None = None
) -> tuple[list[dict[str, Any]], str]:
    """As many rows of each context, of lengths that come as evenly as they can; always the same ones.

    Args:
        candidates: With `context_id`, `length` and `completion`.
        per_context: Rows of each context; by default as many as the context with the fewest candidates has. A context
            that has fewer gives all.

    Returns:
        The rows, by context, scenario and length; and in words how the contexts are covered.
    """
    by_context: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in sorted(candidates, key=_draw):
        by_context[row["context_id"]].append(row)
    if not by_context:
        return [], "no row"
    wanted = per_context or min(map(len, by_context.values()))
    taken: list[dict[str, Any]] = []
    lengths: Counter[str] = Counter()
    short = 0
    # The contexts with the least choice first: the others can make up for what they lack.
    for _, rows in sorted(by_context.items(), key=lambda each: (len({row["length"] for row in each[1]}), each[0])):
        own: Counter[str] = Counter()
        left = list(rows)
        for _ in range(min(wanted, len(rows))):
            row = min(left, key=lambda row: (own[row["length"]], lengths[row["length"]], _draw(row)))
            left.remove(row)
            own[row["length"]] += 1
            lengths[row["length"]] += 1
            taken.append(row)
        short += len(rows) < wanted
    taken.sort(key=lambda row: (row["context_id"], row["scenario_id"] or "", LENGTHS.index(row["length"]), _draw(row)))
    lacking = f"; {short} of them have fewer" if short else ""
    return taken, f"{len(by_context)} contexts give {wanted} row(s) each, of {len(candidates)} candidates{lacking}"


def _draw(row: dict[str, Any]) -> str:
    """A random order that is always the same."""
    names = (row["context_id"], row["scenario_id"] or "", text_of(row["completion"]))
    return hashlib.sha256("\0".join(names).encode()).hexdigest()


def _name_lengths(rows: list[dict[str, Any]]) -> None:
    """Say of each completion in which third of all it is, by its characters; equal lengths are in one third."""
    sizes = sorted(len(text_of(row["completion"])) for row in rows)
    for row in rows:
        below = bisect_left(sizes, len(text_of(row["completion"])))
        row["length"] = LENGTHS[3 * below // len(sizes)]


def _coverage(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How many rows there are of each context and each length, and how long those are."""
    sizes: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        sizes[row["length"]].append(len(text_of(row["completion"])))
    return {
        "contexts": dict(sorted(Counter(row["context_id"] for row in rows).items())),
        "lengths": {
            name: {"rows": len(sizes[name]), "characters": [min(sizes[name]), max(sizes[name])]}
            for name in LENGTHS if sizes[name]
        },
    }  # fmt: skip


def _lengths_in_words(rows: Sequence[dict[str, Any]]) -> str:
    lengths = _coverage(rows)["lengths"]
    return ", ".join(
        f"{each['rows']} {name} ({each['characters'][0]:,} to {each['characters'][1]:,} characters)"
        for name, each in lengths.items()
    )


def _base(row: dict[str, Any]) -> dict[str, Any]:
    names = ("prompt", "context_id", "scenario_id", "card_id", "card_title", "ranking_id", "method", "data_hash")
    return {**{name: row[name] for name in names}, "weight": row["p_top"]}


def _written(prompts: pa.Table, writer: Writer, unusable: Unusable) -> list[dict[str, Any]]:
    asked = [(row, length) for row in prompts.to_pylist() for length in LENGTHS]
    answers = writer.ask([
        (FOLLOW.format(card=row["card"], length=_ASKED[length]), text_of(row["prompt"])) for row, length in asked
    ])  # fmt: skip
    return [
        {**_base(row), "completion": said("assistant", answer.text), "response_id": short_id(answer.key),
         "generator": writer.generator.name}
        for (row, _), answer in zip(asked, answers, strict=True) if unusable.usable(answer)
    ]  # fmt: skip


def _from_cards(prompts: pa.Table, source: Source, render: str) -> list[dict[str, Any]]:
    cards = {card["id"]: card for card in source.cards.to_pylist()}
    return [
        {**_base(row), "completion": said("assistant", text), "response_id": None, "generator": None}
        for row in prompts.to_pylist()
        for text in dict.fromkeys((row["card"], render_card(cards[row["card_id"]], {"policies"}) or row["card"]))
        if render == "full" or text == row["card"]
    ]


def _with_negatives(
    rows: list[dict[str, Any]], source: Source, render: str, writer: Writer, unusable: Unusable
) -> list[dict[str, Any]]:
    """The rows that get an answer of the losing card, its critique and its revision, with these."""
    cards = {card["id"]: card for card in source.cards.to_pylist()}
    losers = _losers(source, cards, render)
    if lacking := sum(row["context_id"] not in losers for row in rows):
        unusable[NO_LOSER] += lacking
    rows = [{**row, "loser_id": losers[row["context_id"]]} for row in rows if row["context_id"] in losers]

    def card(row: dict[str, Any], name: str) -> str:
        return render_card(cards[row[name]], RENDERS[render])

    def shown(row: dict[str, Any], **more: str) -> str:
        return json.dumps({"message": text_of(row["prompt"]), **more}, ensure_ascii=False)

    def step(name: str, rows: list[dict[str, Any]], asked: list[tuple[str, str]]) -> list[dict[str, Any]]:
        answers = zip(rows, writer.ask(asked), strict=True)
        return [{**row, name: answer.text} for row, answer in answers if unusable.usable(answer)]

    rows = step("negative", rows, [
        (FOLLOW.format(card=card(row, "loser_id"), length=_ASKED[row["length"]]), text_of(row["prompt"]))
        for row in rows
    ])  # fmt: skip
    rows = step("critique", rows, [
        (CRITIQUE.format(card=card(row, "card_id")), shown(row, answer=row["negative"])) for row in rows
    ])  # fmt: skip
    rows = step("revision", rows, [
        (REVISE, shown(row, answer=row["negative"], critique=row["critique"])) for row in rows
    ])  # fmt: skip
    return [{**row, **{name: said("assistant", row[name]) for name in ("negative", "revision")}} for row in rows]


def _losers(source: Source, cards: dict[str, dict[str, Any]], render: str) -> dict[str, str]:
    """The card of the last rank in each context, of those with a text, where it is not the first."""
    placed: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for row in [] if source.ranks is None else source.ranks.to_pylist():
        if has_text(cards.get(row["card_id"]) or {}, render):
            placed[row["context_id"]].append((row["rank"], row["card_id"]))
    return {context: max(each)[1] for context, each in placed.items() if len(each) > 1}


