"""The report: one page that needs nothing else."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any

from graphengine.ranking.validity.finding import counted
from graphengine.report.closing import closing_rows
from graphengine.report.contexts import UNFOLDED, overview, section
from graphengine.report.html import Column, cell, facts, table
from graphengine.report.source import Source, View, choose, views
from graphengine.report.style import page_style
from graphengine.report.value_targets import value_targets
from graphengine.report.words import day, days, plain, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from graphengine.ranking.validity.finding import Finding

GENERATOR = '<meta name="generator" content="graphengine'
"""By this a file is known as a report."""

MOST_CONTEXTS = 200
MOST_FIGURES = 40
_LEVELS = {"fine": "Fine", "caution": "Caution", "warning": "Warning", "unknown": "Not known"}


def covered(source: Source, only: Sequence[str] | None = None, most: int = MOST_CONTEXTS) -> tuple[list[View], int]:
    """The contexts that a report covers, and how many it leaves out; see `choose`."""
    chosen, left_out = choose(source, only, most)
    return views(source, chosen), left_out


def page(source: Source, found: Sequence[View], left_out: int = 0, title: str = "What people found wise") -> str:
    """The report as HTML that is XML as well; no script, nothing from elsewhere.

    Args:
        source: The tables and facts.
        found: The contexts it covers, from `covered`.
        left_out: How many contexts it leaves out.
        title: Its heading.
    """
    sections = "\n".join(section(view, number, folded=len(found) > UNFOLDED) for number, view in enumerate(found, 1))
    named = sum(view.single for view in found)
    cut = f"<p>{plain(_left_out(found, left_out))}</p>" if left_out else ""
    return f"""<!DOCTYPE html>
<html lang="en" xmlns="http://www.w3.org/1999/xhtml">
<head>
<meta charset="utf-8"/>
<meta name="viewport" content="width=device-width, initial-scale=1"/>
{GENERATOR} {plain(source.version)}"/>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'"/>
<title>{plain(title)}</title>
<style>
{page_style()}</style>
</head>
<body>
<header>
<h1>{plain(title)}</h1>
<p>People were asked, in one context at a time, whether one value is wiser than another. This page says which values
their answers name the wisest, how sure that is, and where no answer can be given yet.</p>
{_data(source)}
</header>
<main>
<h2 id="contexts">Contexts and their wisest values</h2>
<p>{plain(f"In {named} of {counted(len(found), 'context')} one value is named.")} P(top) is the probability that a value
is the wisest of those compared. The bar shows it for the leading value (green) and for the others that may be the
wisest. A value is named only where the answers are enough to be sure.</p>
{cut}
{overview(found)}
<h2 id="each">Each context</h2>
{sections or '<p>There is no context yet.</p>'}
{value_targets(source.targets)}
<h2 id="validity">How far this can be trusted</h2>
{_validity(source)}
<h2 id="closing">Clear, adaptable, transparent?</h2>
{closing_rows(source)}
</main>
<footer>
<p class="soft">Made by graphengine {plain(source.version)} on {day(source.made_at)}. Groups of fewer than five people
are not counted out. This file needs no network and runs no script.</p>
</footer>
</body>
</html>
"""


def _left_out(found: Sequence[View], left_out: int) -> str:
    return (f"The graph has {counted(len(found) + left_out, 'context')}. This report covers {len(found)}: half of them "
            "are those with most votes, the others those whose leading card has the lowest P(top); "
            f"{left_out} are left out. graphengine report OUT.html --context CONTEXT shows any of them.")


def _data(source: Source) -> str:
    ranking, totals = source.ranking, source.totals
    said_of = {key: value for key, value in _json(ranking["parameters"]).items()
               if key != "method" and value not in (None, False) and not isinstance(value, dict)}
    calibration = _json(ranking["calibration"])
    rows = {
        "Votes": counted(totals.get("votes", 0), "vote") + (
            f", and {totals['tallies']:,} published tallies" if totals.get("tallies") else ""),
        "People": f"{totals.get('users', 0):,}",
        "Contexts": f"{source.contexts.num_rows:,}",
        "Values cards": f"{totals.get('cards', source.cards.num_rows):,}",
        "Votes cast": days(source.first, source.last),
        "Method": said(str(ranking["method"])),
        "Parameters": ", ".join(f"{plain(str(key))} {cell(value)}" for key, value in said_of.items()) or "–",
        "Calibration": _calibration(calibration),
        "Ranked": f"{day(ranking['at'])} by graphengine {plain(str(ranking['version']))}",
        "Data hash": f'<span class="hash">{plain(str(ranking["data_hash"]))}</span>',
        "Report made": f"{day(source.made_at)} by graphengine {plain(source.version)}",
    }
    return facts(rows, "What this report is made from")


def _json(text: str | None) -> dict[str, Any]:
    found = json.loads(text) if text else {}
    return found if isinstance(found, dict) else {}


def _calibration(found: dict[str, Any]) -> str:
    if not {"beta", "log_tau", "sigma"} <= set(found):
        return "–"
    return (f"yes-bias β {cell(float(found['beta']))} (its spread between contexts "
            f"ω {cell(float(found.get('omega', 0.0)))}), band of “unsure” τ {cell(math.exp(found['log_tau']))}, "
            f"spread of scores σ {cell(float(found['sigma']))}")


def _validity(source: Source) -> str:
    if source.validity is None:
        return "<p>The validity check was not run for this report: <code>graphengine validate</code> runs it.</p>"
    overall = "".join(f"<li>{plain(sentence)}</li>" for sentence in source.overall)
    parts = [f"<ul>{overall}</ul>"] if overall else []
    names = _names(source)
    return "\n".join([*parts, *(_finding(part, names) for part in source.validity)]) or "<p>Nothing was checked.</p>"


def _names(source: Source) -> dict[str, dict[str, str]]:
    """Titles of cards and texts of contexts, by id."""
    return {
        of: {row["id"]: row[text] or row["id"] for row in table.select(["id", text]).to_pylist()}
        for of, table, text in (("cards", source.cards, "title"), ("contexts", source.contexts, "text"))
    }


def _named(row: Mapping[str, Any], names: dict[str, dict[str, str]]) -> dict[str, Any]:
    """The row with words in the place of ids."""
    made = {}
    for key, value in row.items():
        known = names["contexts" if key in ("context_id", "changed") else "cards"]
        made[key] = known.get(value, value) if isinstance(value, str) and key.endswith("_id") else (
            [known.get(one, one) for one in value] if isinstance(value, list) else value)
    return made


def _finding(found: Finding, names: dict[str, dict[str, str]]) -> str:
    parts = [f'<section class="finding {plain(found.level)}"><h3>{plain(found.title)}: {_LEVELS[found.level]}</h3>',
             f"<p>{plain(found.verdict)}</p>"]
    body = ""
    if found.figures:
        rows = {key.replace("_", " "): cell(value, key) for key, value in found.figures.items()
                if not isinstance(value, dict)}
        body += facts(rows, f"{found.title}: figures")
    if found.rows:
        keys = list(found.columns or found.rows[0])
        columns = [Column(found.columns.get(key, key), _all_numbers(found.rows, key)) for key in keys]
        cut = f"; the first {MOST_FIGURES} of {len(found.rows):,}" if len(found.rows) > MOST_FIGURES else ""
        shown = [_named(row, names) for row in found.rows[:MOST_FIGURES]]
        body += table(columns, [[cell(row.get(key), key) for key in keys] for row in shown],
                      f"{found.title}: in detail{cut}")
    if body:
        parts.append(f"<details><summary>Figures</summary>{body}</details>")
    return "\n".join([*parts, "</section>"])


def _all_numbers(rows: Sequence[dict[str, Any]], key: str) -> bool:
    return all(isinstance(row.get(key), (int, float, type(None))) and not isinstance(row.get(key), bool)
               for row in rows)
