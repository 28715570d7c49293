"""The dataset card: what a dataset folder says about itself.

Its YAML head is read by machines: `configs` names the file of each split, so that `datasets.load_dataset` finds the
splits that exist and nothing else.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from graphengine.preferences.disjoint import card_overlap
from graphengine.preferences.formats import FORMATS, columns_of
from graphengine.preferences.pairs import COUNTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pyarrow as pa

    from graphengine.preferences.form import Form
    from graphengine.preferences.kinds import Kept, Kind
    from graphengine.preferences.source import Source


def dataset_card(source: Source, kept: Sequence[Kept], form: Form, notes: tuple[str, ...], command: str) -> str:
    """The text of README.md.

    Args:
        source: What the dataset was made from.
        kept: Each kind with the rows of its splits (before they were shaped for a format), and the numbers of what
            could not be exported, by reason.
        form: How it is written.
        notes: What the user should know.
        command: What to type to make the dataset again.
    """
    made_up = "\n> **Made up.** The cards, the people and their votes were invented to try the software on.\n"
    left_out = [(made.kind.name, *each) for made, _, left in kept for each in sorted(left.items())]
    blocks = [
        _head(source, kept, form),
        "# Preferences from a moral graph\n" + (made_up if source.facts.get("made_up") else ""),
        _INTRODUCTION + _whose(source),
        "## Splits\n\n" + _table(("kind", "split", "rows", "contexts"), _split_rows(kept)) + _SPLITTING
        + _overlap(source, kept) + "".join(f"\n{note}\n" for note in notes),
        *(_kind(made.kind, splits, form) for made, splits, _ in kept),
        "## Evidence\n\n" + _EVIDENCE,
        "## How the votes were collected\n\n" + _collection(source),
        "## Known bias\n\n" + _bias(source, kept),
        "## Left out\n\n" + (_table(("kind", "reason", "number"), left_out) if left_out else "Nothing.\n"),
        "## Where it comes from\n\n" + _provenance(source, kept, command),
    ]
    return "\n".join(blocks)


_INTRODUCTION = """\
A values card is a set of things to attend to (attentional policies) under a title. People voted on single steps ("is
this card wiser than that one, in this context?"); a Bradley-Terry model with a band of "unsure" turns all votes of a
context into a strength θ of each card. The folder holds one or more kinds of rows, each a configuration of its own:

```python
from datasets import load_dataset

rows = load_dataset("path/to/this/folder", "KIND", split="train")
```
"""

_SPLITTING = """
The split of a context is the same in every kind. Contexts that share a scenario are kept together. No context, prompt,
scenario or unordered pair of cards is in two splits, within a kind or across kinds.
"""

_EVIDENCE = """\
Use one of `margin`, `weight` and `p_chosen` (as a soft label), never two: they say the same thing. TRL's
`RewardTrainer` finds `margin` and uses it by itself: its loss is -log s(r_chosen - r_rejected - margin), s the logistic
function, which asks the rewards to differ by at least that much. To train without it: `remove_columns("margin")`. It
knows neither `weight` nor `p_chosen`, and it ignores images.
"""


def _head(source: Source, kept: Sequence[Kept], form: Form) -> str:
    rows = sum(table.num_rows for _, splits, _ in kept for table in splits.values())
    limits = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    size = next((name for limit, name in limits if rows < limit), "1M<n<10M")
    lines = ["---", "pretty_name: Preferences from a moral graph"]
    if license_ := _license_id(source):
        lines.append(f"license: {license_}")
    lines += ["size_categories:", f"- {size}", "task_categories:", "- text-generation", "tags:"]
    lines += [f"- {tag}" for tag in ("trl", "preference", "rlhf", "reward-modeling", "dpo", "moral-graph")]
    if source.facts.get("made_up"):
        lines.append("- synthetic")
    lines.append("configs:")
    for number, (made, splits, _) in enumerate(kept):
        lines += [f"- config_name: {made.kind.name}", *(["  default: true"] if not number else []), "  data_files:"]
        for name in splits:
            lines += [f"  - split: {name}", f"    path: {made.kind.name}/{name}.{FORMATS[form.format]}"]
    return "\n".join([*lines, "---", ""])


def _whose(source: Source) -> str:
    if group := source.facts.get("group"):
        return f"\nThe preferences are those of the members of one group, `{group}`.\n"
    if source.facts.get("objective") == "worst-group":
        return (f"\nThe order is a bridging one: θ of a card is that of the group of `{source.facts.get('variable')}` "
                "that is least satisfied with it.\n")
    return ""


def _kind(kind: Kind, splits: dict[str, pa.Table], form: Form) -> str:
    some = next(iter(splits.values()))
    said = " A plain prompt ends with a blank line, since trainers join prompt and answer as they are." if form.plain \
        else ""
    trainers = {"openrlhf": "OpenRLHF", "verl": "verl"}.get(form.format, kind.trainers)
    columns = _table(("column", "what it is"), columns_of(kind, some, form.format))
    return f"## `{kind.name}`\n\n{kind.about} For {trainers}.{said}\n\n{columns}"


def _overlap(source: Source, kept: Sequence[Kept]) -> str:
    told = [
        f"{made.kind.name}, {split}: {each['cards_in_train']:,} of {each['cards']:,} single cards and "
        f"{each['rows_with_all_cards_in_train']:,} of {each['rows']:,} rows are of cards known from train."
        for made, splits, _ in kept for split, each in card_overlap(splits, source).items()
    ]  # fmt: skip
    return "\n" + "".join(f"- {line}\n" for line in told) if told else ""


def _license_id(source: Source) -> str | None:
    found = source.facts.get("license")
    return found.lower() if isinstance(found, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", found) else None


def _table(header: tuple[str, ...], rows: Any) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join("| " + " | ".join(_cell(value) for value in line) + " |\n" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return " ".join(text.replace("|", "\\|").split())


def _split_rows(kept: Sequence[Kept]) -> list[tuple[str, str, int, int]]:
    return [
        (made.kind.name, name, table.num_rows, len(set(table.column("context_id").to_pylist())))
        for made, splits, _ in kept for name, table in splits.items()
    ]  # fmt: skip


def _collection(source: Source) -> str:
    facts = source.facts
    names = ("votes", "participants", "contexts", "cards", "scenarios")
    rows = [(name, facts[name]) for name in names if facts.get(name) is not None]
    told = facts.get("collection") or (
        "Participants were shown an upgrade (a step from one values card to another in a context, often told as a "
        "story) and answered whether it leads to the wiser one: wiser, not wiser, or unsure. Who they were, how they "
        "were found and what they agreed to is not known to the software that wrote this card: add it before you "
        "publish."
    )
    counted = "\n" + _table(("in the graph", "number"), rows) if rows else ""
    private = (
        "No participant is named in this folder, and beside the values cards no free text of theirs is in it; a count "
        "of 1 is one person's answer."
    )
    return f"{told}\n{counted}\n{private}\n"


def _bias(source: Source, kept: Sequence[Kept]) -> str:
    beta, sd = _yes_bias(source)
    asked = [0, 0, 0]
    splits = next((splits for made, splits, _ in kept if made.kind.name == "cards"), {})
    for table in splits.values():
        for row in table.select(list(COUNTS)).to_pylist():
            one, other = sum(list(row.values())[:3]), sum(list(row.values())[3:])
            asked[bool(one) + bool(other)] += 1
    lines = []
    if beta is not None:
        spread = f" (sd {sd:.2f})" if sd is not None else ""
        lines.append(
            "- **Yes-bias**: people tend to say that the step leads to the wiser card. It is estimated as "
            f"β = {beta:.2f}{spread} log odds, shared by all contexts, and removed from `p_chosen`, `weight` and "
            "`margin`; the counts of answers are as they were given."
        )
    if splits:
        never = f", {asked[0]:,} on none (the cards were compared by way of others)" if asked[0] else ""
        lines.append(
            f"- **Direction of asking**: {asked[2]:,} row(s) of `cards` rest on answers to both directions of the "
            f"question, {asked[1]:,} on answers to one{never}. Where a pair was asked in one direction only, what is "
            "removed as yes-bias was learnt from other pairs."
        )
    lines += [
        f"- **Groups**: of {told['pairs']:,} pairs that at least two groups of `{variable}` were asked about, "
        f"{told['flipping']:,} turn round between two of them (with a probability of at least {told['least']}; groups "
        f"of fewer than {told['k']} people in a context are left aside)."
        for variable, told in (source.facts.get("flips") or {}).items()
    ]
    lines.append(
        "- **Selection**: the pairs are those that somebody thought might be upgrades, not a random choice; a chosen "
        "card is the wiser of two, which need not make it wise. Titles and stories shape votes too."
    )
    return "\n".join(lines) + "\n"


def _yes_bias(source: Source) -> tuple[float | None, float | None]:
    facts = source.facts
    if facts.get("yes_bias") is not None:
        return facts["yes_bias"], facts.get("yes_bias_sd")
    try:
        calibration = json.loads(source.ranking.get("calibration") or "")
        return float(calibration["beta"]), float(calibration["covariance"][0][0]) ** 0.5
    except (ValueError, KeyError, TypeError, IndexError):
        return None, None


def _provenance(source: Source, kept: Sequence[Kept], command: str) -> str:
    ranking = source.ranking
    rows = [
        (name, f"`{ranking[key]}`")
        for name, key in (
            ("ranking", "ranking_id"), ("method", "method"), ("parameters", "parameters"),
            ("calibration", "calibration"), ("state of the votes", "data_hash"), ("graphengine", "version"),
        )
        if ranking.get(key)
    ]
    rows += [(f"`{made.kind.name}` was made with", f"`{json.dumps(made.facts, ensure_ascii=False, sort_keys=True)}`")
             for made, _, _ in kept if made.facts]
    license_ = source.facts.get("license")
    terms = f"Licence: {license_}." if license_ else "No licence is stated: ask those who collected the votes."
    made = f"Made with\n\n```\n{command}\n```\n"
    listed = "\n" + _table(("what", "value"), rows) if rows else ""
    return f"{made}{listed}\n`manifest.json` has the sha256 of every file. {terms}\n"
