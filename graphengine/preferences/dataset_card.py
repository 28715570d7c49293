"""The dataset card: what a dataset folder says about itself.

Its YAML head is read by machines: `configs` names the file of each split, so that `datasets.load_dataset` finds the
splits that exist and nothing else.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.preferences.source import Source

_COLUMNS = (
    ("prompt", "the scenario and the context it raises, or the context alone: one message of the user"),
    ("chosen", "the wiser values card: one message of the assistant"),
    ("rejected", "the less wise values card, showing the same parts (title, description, policies)"),
    ("p_chosen", "P(θ_chosen > θ_rejected): how sure the model is that the chosen card is wiser, yes-bias removed"),
    ("p_chosen_lower, p_chosen_upper", "its 90% interval over what is not known of the shared terms"),
    ("weight", "2 p_chosen - 1: 0 for a coin toss, 1 for certainty; divided by the number of rows where a context and "
               "pair of cards has one for each of several scenarios"),
    ("margin", "E[θ_chosen - θ_rejected], in log odds of an answer"),
    ("margin_sd", "its standard deviation"),
    ("wiser, not_wiser, unsure", "answers to: is the chosen card wiser than the rejected one?"),
    ("wiser_reverse, not_wiser_reverse, unsure_reverse", "answers to the opposite question"),
    ("pair_id", "names context, scenario and the unordered pair of cards; stays if the pair turns round"),
    ("context_id, scenario_id, chosen_id, rejected_id", "ids in the graph"),
    ("upgrade_ids", "the upgrades whose votes are counted here"),
    ("ranking_id, data_hash", "the ranking that gave p_chosen, and the state of the votes it was made from"),
)


def dataset_card(
    source: Source, splits: dict[str, pa.Table], left_out: dict[str, int], notes: tuple[str, ...], command: str
) -> str:
    """The text of README.md.

    Args:
        source: What the dataset was made from.
        splits: The rows of each split that exists.
        left_out: Numbers of what could not be exported, by reason.
        notes: What the user should know.
        command: What to type to make the dataset again.
    """
    made_up = "\n> **Made up.** The cards, the people and their votes were invented to try the software on.\n"
    blocks = [
        _head(source, splits),
        "# Preference pairs from a moral graph\n" + (made_up if source.facts.get("made_up") else ""),
        _INTRODUCTION,
        "## Splits\n\n" + _table(("split", "pairs", "contexts"), _split_rows(splits)) + _SPLITTING
        + "".join(f"\n{note}\n" for note in notes),
        "## Columns\n\n" + _table(("column", "what it is"), _COLUMNS) + _MARGIN,
        "## How the votes were collected\n\n" + _collection(source),
        "## Known bias\n\n" + _bias(source, splits),
        "## Left out\n\n" + (_table(("reason", "number"), sorted(left_out.items())) if left_out else "Nothing.\n"),
        "## Where it comes from\n\n" + _provenance(source, command),
    ]
    return "\n".join(blocks)


_INTRODUCTION = """\
Each row says that, in a context, one values card was judged wiser than another. A values card is a set of things to
attend to (attentional policies) under a title. People voted on single steps ("is this card wiser than that one, in this
context?"); a Bradley-Terry model with a band of "unsure" turns all votes of a context into a strength θ of each card.
There is one row for each pair of cards that was voted on in a context.

```python
from datasets import load_dataset

pairs = load_dataset("path/to/this/folder", split="train")
```

The columns are those of TRL's conversational preference format with an explicit prompt (`RewardTrainer`, `DPOTrainer`).
"""

_SPLITTING = """
Contexts that share a scenario are kept together. No context, prompt, scenario or unordered pair of cards is in two
splits.
"""

_MARGIN = """
`RewardTrainer` uses `margin`: its loss is -log s(r_chosen - r_rejected - margin), s the logistic function, which asks
the rewards to differ by at least that much. To train without it: `pairs.remove_columns("margin")`. `weight` and
`p_chosen` are for losses that know them; `RewardTrainer` does not.
"""


def _head(source: Source, splits: dict[str, pa.Table]) -> str:
    rows = sum(table.num_rows for table in splits.values())
    limits = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
    size = next((name for limit, name in limits if rows < limit), "1M<n<10M")
    lines = ["---", "pretty_name: Preference pairs from a moral graph"]
    if license_ := _license_id(source):
        lines.append(f"license: {license_}")
    lines += ["size_categories:", f"- {size}", "task_categories:", "- text-generation", "tags:"]
    lines += [f"- {tag}" for tag in ("trl", "preference", "rlhf", "reward-modeling", "dpo", "moral-graph")]
    if source.facts.get("made_up"):
        lines.append("- synthetic")
    lines += ["configs:", "- config_name: preferences", "  default: true", "  data_files:"]
    for name in splits:
        lines += [f"  - split: {name}", f"    path: preferences/{name}.parquet"]
    return "\n".join([*lines, "---", ""])


def _license_id(source: Source) -> str | None:
    found = source.facts.get("license")
    return found.lower() if isinstance(found, str) and re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9.-]*", found) else None


def _table(header: tuple[str, ...], rows: Any) -> str:
    lines = [header, tuple("---" for _ in header), *rows]
    return "".join("| " + " | ".join(_cell(value) for value in line) + " |\n" for line in lines)


def _cell(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return " ".join(text.replace("|", "\\|").split())


def _split_rows(splits: dict[str, pa.Table]) -> list[tuple[str, int, int]]:
    return [(name, table.num_rows, len(set(table.column("context_id").to_pylist()))) for name, table in splits.items()]


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
    return f"{told}\n{counted}\nNo participant is named in this folder; a count of 1 is one person's answer.\n"


def _bias(source: Source, splits: dict[str, pa.Table]) -> str:
    beta, sd = _yes_bias(source)
    asked = [0, 0]
    for table in splits.values():
        counts = table.select(["wiser", "not_wiser", "unsure", "wiser_reverse", "not_wiser_reverse", "unsure_reverse"])
        for row in counts.to_pylist():
            one, other = sum(list(row.values())[:3]), sum(list(row.values())[3:])
            asked[bool(one) and bool(other)] += 1
    lines = []
    if beta is not None:
        spread = f" (sd {sd:.2f})" if sd is not None else ""
        lines.append(
            "- **Yes-bias**: people tend to say that the step leads to the wiser card. It is estimated as "
            f"β = {beta:.2f}{spread} log odds, shared by all contexts, and removed from `p_chosen`, `weight` and "
            "`margin`; the counts of answers are as they were given."
        )
    lines.append(
        f"- **Direction of asking**: {asked[1]:,} row(s) rest on answers to both directions of the question, "
        f"{asked[0]:,} on answers to one. Where a pair was asked in one direction only, what is removed as "
        "yes-bias was learnt from other pairs."
    )
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


def _provenance(source: Source, command: str) -> str:
    ranking = source.ranking
    rows = [
        (name, f"`{ranking[key]}`")
        for name, key in (
            ("ranking", "ranking_id"), ("method", "method"), ("parameters", "parameters"),
            ("calibration", "calibration"), ("state of the votes", "data_hash"), ("graphengine", "version"),
        )
        if ranking.get(key)
    ]
    license_ = source.facts.get("license")
    terms = f"Licence: {license_}." if license_ else "No licence is stated: ask those who collected the votes."
    made = f"Made with\n\n```\n{command}\n```\n"
    listed = "\n" + _table(("what", "value"), rows) if rows else ""
    return f"{made}{listed}\n`manifest.json` has the sha256 of every file. {terms}\n"
