"""Draw the votes of the sample graph from a model that is written down.

    python benchmarks/make_sample_votes.py                       # graphengine/sample/votes.csv
    python benchmarks/make_sample_votes.py MODEL.toml OUT.csv    # another graph: its contexts, cards and stories

The model (strengths of the cards in each context, yes-bias, tie band, careless voters) is the TOML file, with comments.
The same file gives the same bytes on every machine: the only source of chance is `random.Random(seed).random()`, whose
sequence Python guarantees.

A person draws upgrades without repetition, and never one and its opposite; `weight` says how often a context's
upgrades come up. The story of an upgrade stands in the first row that answers it and is left out after that.
"""

from __future__ import annotations

import csv
import math
import random
import sys
import tomllib
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

ROOT = Path(__file__).resolve().parent.parent
COLUMNS: tuple[str, ...] = ("participant", "context", "from_value", "to_value", "answer", "scenario", "story", "at")

T = TypeVar("T")


class Upgrade(NamedTuple):
    """One question of the model: is `to_id` wiser than `from_id` in `context`?"""

    context: str
    scenarios: tuple[str, ...]
    from_id: str
    to_id: str
    story: str
    weight: float
    advantage: float

    def opposite(self) -> tuple[str, str, str]:
        """The key of the question asked the other way round."""
        return self.context, self.to_id, self.from_id


def upgrades_of(model: dict[str, Any]) -> list[Upgrade]:
    """The questions of a model, in the order of its file."""
    return [
        Upgrade(
            context["text"],
            tuple(context["scenarios"]),
            from_id := upgrade["pair"][0],
            to_id := upgrade["pair"][1],
            upgrade["story"],
            context.get("weight", 1.0),
            context["strengths"][to_id] - context["strengths"][from_id] + upgrade.get("push", 0.0),
        )
        for context in model["context"]
        for upgrade in context["upgrade"]
    ]


def choose(rng: random.Random, options: list[T], weights: list[float]) -> T:
    """One of the options, with probability proportional to its weight."""
    point = rng.random() * sum(weights)
    for option, weight in zip(options, weights, strict=True):
        point -= weight
        if point < 0:
            return option
    return options[-1]


def answer(rng: random.Random, advantage: float, tie_band: float) -> str:
    """An answer to an upgrade whose target is ahead by `advantage` (the yes-bias is in it)."""
    wiser = 1 / (1 + math.exp(tie_band - advantage))
    not_wiser = 1 / (1 + math.exp(tie_band + advantage))
    return choose(rng, ["wiser", "not_wiser", "unsure"], [wiser, not_wiser, 1 - wiser - not_wiser])


def draw(model: dict[str, Any]) -> list[dict[str, str]]:
    """The rows of the votes file, by time."""
    rng = random.Random(model["seed"])
    upgrades = upgrades_of(model)
    first = datetime.combine(model["first_day"], time(7), tzinfo=UTC)
    width = len(str(model["participants"]))
    rows = []
    for number in range(1, model["participants"] + 1):
        only = ""
        if rng.random() < model["careless"]:
            only = choose(rng, list(model["careless_answers"]), list(model["careless_answers"].values()))
        at = first + timedelta(days=int(rng.random() * model["days"]), seconds=int(rng.random() * 14 * 3600))
        left = list(upgrades)
        for _ in range(choose(rng, model["votes_each"], [1.0] * len(model["votes_each"]))):
            upgrade = choose(rng, left, [one.weight for one in left])
            left = [one for one in left if one != upgrade and one[0:1] + one[2:4] != upgrade.opposite()]
            said = answer(rng, upgrade.advantage + model["yes_bias"], model["tie_band"])
            at += timedelta(seconds=35 + int(rng.random() * 110))
            rows.append({
                "participant": f"p{number:0{width}}",
                "context": upgrade.context,
                "from_value": upgrade.from_id,
                "to_value": upgrade.to_id,
                "answer": only or said,
                "scenario": choose(rng, list(upgrade.scenarios), [1.0] * len(upgrade.scenarios)),
                "story": upgrade.story,
                "at": at.strftime("%Y-%m-%dT%H:%M:%SZ"),
            })
    rows.sort(key=lambda row: (row["at"], row["participant"]))
    told = set()
    for row in rows:
        if row["story"] in told:
            row["story"] = ""
        told.add(row["story"])
    return rows


def main(model: Path, out: Path) -> None:
    """Write the votes that a model file gives."""
    rows = draw(tomllib.loads(model.read_text(encoding="utf-8")))
    with out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    print(f"{len(rows)} votes of {len({row['participant'] for row in rows})} people in {out}")


if __name__ == "__main__":
    arguments = [Path(text) for text in sys.argv[1:]]
    if len(arguments) not in (0, 2):
        sys.exit(__doc__)
    main(*arguments or (ROOT / "benchmarks" / "sample_model.toml", ROOT / "graphengine" / "sample" / "votes.csv"))
