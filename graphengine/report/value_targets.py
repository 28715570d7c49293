"""The report's section on value targets: what the graph says a model should value, as numbers and as a circle."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.report.html import Column, cell, table
from graphengine.report.value_circle import around, value_circle
from graphengine.report.words import plain, said
from graphengine.schwartz.system import load_system

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MOST_TARGETS = 40


def value_targets(targets: Sequence[Mapping[str, Any]]) -> str:
    """The section as safe HTML; nothing where there are no targets.

    Args:
        targets: Of each `name`, `kind`, `system`, `values` (number by id of the value), `evaluator`, `stale`,
            `warning`.
    """
    if not targets:
        return ""
    cut = f" The first {MOST_TARGETS} of {len(targets):,} are shown." if len(targets) > MOST_TARGETS else ""
    shown = "\n".join(_target(each, number) for number, each in enumerate(targets[:MOST_TARGETS], 1))
    return f"""<h2 id="targets">What a model should value</h2>
<p>A value target says how far a model's answers should support each value, from -1 (opposed) over 0 to 1. One that was
drawn from a context is the mean of its cards, weighted by P(top).{cut}</p>
{shown}"""


def _target(target: Mapping[str, Any], number: int) -> str:
    system = load_system(target["system"])
    numbers = [target["values"][value] for value in system.ids]
    told = [target["kind"], f"cards read by {target['evaluator']}" if target["evaluator"] else ""]
    alarms = [target["warning"], "votes came in since it was drawn" if target["stale"] else ""]
    rows = [[plain(system.values[place].name), cell(float(numbers[place]))] for place in around(system)]
    picture = value_circle(system, numbers, target["name"], mark=f"t{number}", alone=False)
    return "\n".join([
        f'<details id="target-{number}"><summary>{said(str(target["name"]))} ({plain(", ".join(filter(None, told)))})'
        "</summary>",
        *(f'<p class="alarm">{plain(each[:1].upper() + each[1:])}.</p>' for each in alarms if each),
        picture,
        table([Column("Value"), Column("Number", number=True)], rows, f"Target: {target['name']}"),
        "</details>",
    ])
