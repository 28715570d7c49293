"""The kinds whose texts are written or come from a file: `responses`, `adherence`, `sft`."""

from __future__ import annotations

import csv
import uuid
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from graphengine.errors import ExportError, InputError
from graphengine.preferences.adherence import Rule, adherence_rows, rated_by_model, written_responses
from graphengine.preferences.form import Form
from graphengine.preferences.orderings import ordering_rows, prompt_name, prompts_by_name, with_prompts
from graphengine.preferences.pairs import preference_pairs
from graphengine.preferences.prompts import prompt_rows
from graphengine.preferences.responses import response_rows, responses_from_file
from graphengine.preferences.responses_file import Reject, read_responses
from graphengine.preferences.sft import sft_rows
from graphengine.preferences.splits import share, split_of_contexts
from graphengine.preferences.writer import ANSWER, RATE, Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from graphengine.preferences.kinds import Rows
    from graphengine.preferences.source import Source

WRITTEN = ("responses", "adherence", "sft")
"""The kinds that are made here."""

REJECTED = "a row of a file was rejected"
_GENERATOR = "add --generator FOLDER (a model on this machine) or --endpoint URL --model NAME"


@dataclass(frozen=True)
class Texts:
    """Who writes, who rates, and what comes from files.

    Attributes:
        writer: Writes responses; None: they come from a file, and `sft` has the cards themselves.
        rater: Rates responses for adherence; None: the writer does, if there are no ratings.
        responses: A file of responses, perhaps with orderings (`responses_file.read_responses`).
        ratings: A file of ratings by people: `score` says how far a response follows the winning card.
        rule: From ratings to pairs.
        negatives: Whether `sft` has the loser's answer, its critique and its revision too.
        per_context: Rows of each context in `sft`.
        to_rate: Where to write the responses as a CSV file for people to rate, instead of rating them.
        rejected: Called with a file and the rows of it that were not taken.
    """

    writer: Writer | None = None
    rater: Writer | None = None
    responses: Path | None = None
    ratings: Path | None = None
    rule: Rule = field(default_factory=Rule)
    negatives: bool = False
    per_context: int | None = None
    to_rate: Path | None = None
    rejected: Callable[[Path, Sequence[Reject]], None] = lambda *_: None

    def rows(self, source: Source, kinds: Sequence[str], form: Form | None = None) -> list[Rows]:
        """The rows of some kinds, for `write_preferences(…, more=…)`.

        Args:
            source: The graph; `adherence` and `sft` need its `ranks`.
            kinds: Of `WRITTEN`.
            form: Which pairs, and how cards are shown to who writes.

        Raises:
            ExportError: If nobody writes what is asked for, or there is no such kind.
            InputError: If a file can't be used.
            ModelError: If a generator fails; what it wrote before is kept.
        """
        form = form or Form()
        form.check()
        makers = {"responses": self._responses, "adherence": self._adherence, "sft": self._sft}
        if unknown := [kind for kind in kinds if kind not in makers]:
            raise ExportError(f"there is no kind {unknown[0]!r} of written texts", hint=f"one of: {', '.join(WRITTEN)}")
        return [makers[kind](source, form) for kind in dict.fromkeys(kinds)]

    def _sft(self, source: Source, form: Form) -> Rows:
        prompts, left_out = _that_stay(prompt_rows(source, render=form.render), source, form)
        return sft_rows(
            source, prompts, left_out, self.writer, render=form.render, per_context=self.per_context,
            negatives=self.negatives,
        )

    def _responses(self, source: Source, form: Form) -> Rows:
        if self.responses is None and self.writer is None:
            raise ExportError("nobody writes the responses", hint=f"{_GENERATOR}, or --responses FILE")
        if self.responses is None:
            assert self.writer is not None
            pairs = preference_pairs(source, **form.of_pairs())
            return response_rows(*_that_stay(pairs, source, form), self.writer)
        found, left = self._read(self.responses, source)
        if found.column("score").null_count < found.num_rows:
            made = ordering_rows(found, self.responses.name, source.ranking.get("data_hash"))
            return replace(made, left_out=_sum(made.left_out, left))
        if found.column("card_id").null_count:
            raise InputError(
                f"{self.responses} neither orders the responses nor says which card each was written for",
                hint="add a column rank or score, or card_id for all of them", file=self.responses,
            )
        pairs, left_out = preference_pairs(source, **form.of_pairs())
        return responses_from_file(pairs, _sum(left_out, left), found, self.responses.name)

    def _adherence(self, source: Source, form: Form) -> Rows:
        prompts, _ = _that_stay(prompt_rows(source, render=form.render), source, form)
        rater = self.rater or self.writer
        facts: dict[str, object] = {}
        name, left, completions = "", {}, None
        if self.responses is not None:
            completions, left = self._read(self.responses, source)
            name = self.responses.name
        elif self.writer is not None:
            completions, unusable = written_responses(prompts, self.writer, self.rule.samples)
            name, left = self.writer.generator.name, unusable.as_dict()
            facts |= self.writer.facts(answer=ANSWER)
        if self.to_rate is not None and completions is not None:
            write_to_rate(self.to_rate, completions, prompts)
            raise ExportError(
                f"the responses are in {self.to_rate}, and nobody has rated them yet",
                hint=f"fill in score and rater, then: --ratings {self.to_rate}", path=self.to_rate,
            )
        if self.ratings is not None:
            ratings, more = self._read(self.ratings, source, completions)
            left = _sum(left, more)
            facts["rated_by"] = "raters in a file"
        elif rater is not None and completions is not None:
            # A response is rated once for itself, however many rows of a file are about it.
            once = completions.take(pa.array(_first_of_each(completions), pa.int64()))
            ratings, more = rated_by_model(once.select(_RATED), prompts, rater, self.rule.times)
            left = _sum(left, more)
            facts["rated_by"] = rater.facts(rate=RATE)
        else:
            raise ExportError(
                "nobody rates how far the responses follow the winning card", hint=f"{_GENERATOR}, or --ratings FILE"
            )
        return adherence_rows(
            ratings, prompts, name=name or str(self.ratings and self.ratings.name), rule=self.rule, left_out=left,
            facts=facts,
        )

    def _read(
        self, path: Path, source: Source, completions: pa.Table | None = None
    ) -> tuple[pa.Table, dict[str, int]]:
        rows, rejects = read_responses(path, None if completions is None else _known(completions, source))
        found, more = with_prompts(rows, source)
        if rejects := sorted([*rejects, *more], key=lambda each: each.row):
            self.rejected(Path(path), rejects)
        if not found.num_rows:
            raise InputError(
                f"{path} has no row that can be used; the first: {rejects[0]}",
                hint="prompt_id is the id of a scenario or a context of the graph", file=path,
            )
        return found, {REJECTED: len(rejects)} if rejects else {}


def _that_stay(
    made: tuple[pa.Table, dict[str, int]], source: Source, form: Form
) -> tuple[pa.Table, dict[str, int]]:
    """Rows without those that would be left out for a leak: nothing is written for them, and the rest is even."""
    table, left_out = made
    ((splits, left),) = share([table], source, split_of_contexts(source), form.render)
    kept = pa.concat_tables([*splits.values(), table.slice(0, 0)])
    return kept.sort_by([("context_id", "ascending"), ("scenario_id", "ascending")]), _sum(left_out, left)


_RATED = ["prompt", "context_id", "scenario_id", "response_id", "response"]


def _known(completions: pa.Table, source: Source) -> Callable[[str, str], str | None]:
    """The text of a response by `prompt_id`, whichever of its names that is, and `response_id`."""
    named = prompts_by_name(source)
    rows = completions.select(["prompt", "response_id", "response"]).to_pylist()
    texts = {(row["prompt"], row["response_id"]): row["response"] for row in rows}
    return lambda prompt_id, response_id: texts.get((named.get(prompt_id, {}).get("prompt"), response_id))


def _first_of_each(completions: pa.Table) -> list[int]:
    first: dict[tuple[str, str], int] = {}
    for place, row in enumerate(completions.select(["prompt", "response_id"]).to_pylist()):
        first.setdefault((row["prompt"], row["response_id"]), place)
    return list(first.values())


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def write_to_rate(path: Path, responses: pa.Table, prompts: pa.Table) -> None:
    """Write responses for people to rate: a CSV file with empty columns `score` and `rater`, whole or not at all.

    Args:
        path: The file; one that is there is not replaced.
        responses: `prompt, context_id, scenario_id, response_id, response`.
        prompts: `PROMPTS`: the card to be followed in each context.

    Raises:
        ExportError: If there is such a file, or it can't be written.
    """
    cards = {row["context_id"]: row["card"] for row in prompts.to_pylist()}
    if path.exists():
        raise ExportError(f"{path} is there already", hint="rate what it holds (--ratings), or name another", path=path)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with temporary.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["prompt_id", "prompt", "card", "response_id", "response", "score", "rater"])
            for row in responses.to_pylist():
                if row["context_id"] in cards:
                    writer.writerow([
                        prompt_name(row["context_id"], row["scenario_id"]), row["prompt"], cards[row["context_id"]],
                        row["response_id"], row["response"], "", "",
                    ])
        temporary.rename(path)
    except OSError as error:
        raise ExportError(f"{path} can't be written: {error.strerror}", hint="name another file", path=path) from error
    finally:
        temporary.unlink(missing_ok=True)
