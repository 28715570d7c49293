"""The report that a person looks at: what is read from the store, what is written."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from graphengine import __version__, report
from graphengine.answers_report import ReportOutcome
from graphengine.errors import ExportError, InputError, NotRankedError
from graphengine.ranked.names import options
from graphengine.ranked.validity import validate
from graphengine.ranked.valuing import stored
from graphengine.schwartz.target import warning

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from graphengine.store.base import Store


def write_report(
    store: Store, out: Path, ranking_id: str, *, contexts: Sequence[str] | None = None, svg: Path | None = None,
    not_wiser: str = "against", most: int = report.MOST_CONTEXTS, validity: bool = True,
    progress: Callable[[str], None] | None = None,
) -> ReportOutcome:
    """Write a report; see `MoralGraph.report`.

    Args:
        store: The graph.
        out: The HTML file.
        ranking_id: The ranking to show.
        contexts: Ids of the contexts to cover; None for all.
        svg: A folder for the pictures.
        not_wiser: `against` or `tie`, as the ranking takes it.
        most: How many contexts to cover at most.
        validity: Whether to run the validity check for it.
        progress: Called with what is being done.
    """
    from graphengine.store.base import now

    if most < 1:
        raise InputError(f"a report covers at least one context, not {most}", hint="--most 200", value=most)
    report.check(out, report.GENERATOR)
    source = report_source(store, ranking_id, now(), not_wiser)
    if validity and source.counts.num_rows:
        checked = validate(store, not_wiser=not_wiser, progress=progress)
        source = replace(source, overall=[*checked.overall, *checked.notes], validity=list(checked.parts.values()))
    source = replace(source, targets=_targets(store))
    if progress:
        progress("drawing")
    found, left_out = report.covered(source, contexts, most)
    pictures: list[str] = []
    if svg is not None:
        _folder(svg)
        for view in found:
            stem = report.file_stem(view.id)
            for kind, text in (("layers", report.layered(view, alone=True).svg),
                               ("intervals", report.intervals(view, alone=True))):
                picture = svg / f"{stem}-{kind}.svg"
                report.check(picture, "<svg")
                report.write(picture, text + "\n")
                pictures.append(str(picture))
    text = report.page(source, found, left_out)
    report.write(out, text)
    covered = [view.id for view in found]
    store.record_export("report", str(out.resolve()), covered)
    if svg is not None:
        store.record_export("pictures", str(svg.resolve()), covered)
    return ReportOutcome(str(out), ranking_id, len(found), left_out, sum(view.single for view in found),
                         len(text.encode()), pictures)


def _targets(store: Store) -> list[dict[str, Any]]:
    """The graph's value targets as a report shows them; those of all contexts together come first."""
    return [
        {"name": row["name"], "kind": target.kind, "system": target.system, "evaluator": row["evaluator"],
         "values": dict(zip(target.values.ids, target.vector, strict=True)), "stale": row["stale"],
         "warning": warning(target)}
        for row in sorted(stored(store), key=lambda row: (len(row["contexts"]) < 2, row["name"]))
        for target in [row["target"]]
    ]


def report_source(store: Store, ranking_id: str, made_at: int, not_wiser: str = "against") -> report.Source:
    """The tables that a report is made from, without a validity check.

    Raises:
        NotRankedError: If there is no such ranking.
    """
    from graphengine.ranking.calibration import check_not_wiser
    from graphengine.ranking.edges import shown
    from graphengine.ranking.structure import structure

    made = {row["id"]: row for row in store.read("rankings").to_pylist()}
    if ranking_id not in made:
        raise NotRankedError(
            f"there is no ranking {ranking_id!r} yet" + (f"; there is {', '.join(made)}" if made else ""),
            hint=f"make it: graphengine rank{options(ranking_id)}", ranking=ranking_id,
        )
    read = store.read
    counts, edges = read("count_votes"), read("wiser_edges")
    stale = frozenset(read("stale_contexts", ranking=ranking_id).column("context_id").to_pylist())
    reading = check_not_wiser(not_wiser)
    together = structure(counts, reading)
    cycles = zip(together.column("context_id").to_pylist(), together.column("cycles").to_pylist(), strict=True)
    times = read("vote_times").to_pylist()
    first, last = (times[0]["first"], times[0]["last"]) if times else (None, None)
    stats = read("stats")
    return report.Source(
        contexts=read("context_overview"), cards=read("cards"), ranks=read("ranks", ranking=ranking_id),
        verdicts=read("verdicts", ranking=ranking_id), edges=edges.append_column("shown", shown(edges, reading)),
        counts=counts, members=read("members"), scenarios=read("scenarios"), ranking=made[ranking_id],
        totals=dict(zip(stats.column("what").to_pylist(), stats.column("number").to_pylist(), strict=True)),
        first=first, last=last, stale=stale,
        circles={context: circles for context, circles in cycles if circles},
        made_at=made_at, version=__version__,
    )


def _folder(svg: Path) -> None:
    try:
        svg.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"{svg} can't be a folder: {error.strerror or error}", hint="name another folder",
                          path=str(svg)) from None
