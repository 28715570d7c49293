"""`rank_counts`: one entry for every method, COUNTS in, RANKS out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.arrays import compute
from graphengine.ranking.bradley_terry import bradley_terry
from graphengine.ranking.calibration import Calibration, calibrate, check_not_wiser
from graphengine.ranking.copeland import copeland
from graphengine.ranking.groups import bradley_terry_groups
from graphengine.ranking.hodgerank import hodgerank
from graphengine.ranking.judging import check_confidence, with_tied_top
from graphengine.ranking.pagerank import pagerank
from graphengine.ranking.rules import closest
from graphengine.ranking.schulze import schulze
from graphengine.ranking.win_rate import win_rate
from graphengine.tables import RANKS

if TYPE_CHECKING:
    from collections.abc import Callable

    from graphengine.ranking.model import NotWiser
    from graphengine.ranking.output import Scores

METHODS: dict[str, tuple[str, ...]] = {
    "bradley-terry": ("not_wiser",),
    "bradley-terry-groups": ("not_wiser", "groups", "group_spread"),
    "pagerank": ("not_wiser", "edge_rule", "tallies", "scores"),
    "win-rate": ("not_wiser",),
    "copeland": ("not_wiser",),
    "hodgerank": ("not_wiser",),
    "schulze": ("not_wiser",),
}
"""The known methods, and the parameters that each takes."""

CALIBRATED = ("bradley-terry", "bradley-terry-groups")
"""The methods that a calibration serves, and that say how sure they are."""

_OF_WINS: dict[str, Callable[[pa.Table, NotWiser], Scores]] = {
    "win-rate": win_rate, "copeland": copeland, "hodgerank": hodgerank, "schulze": schulze,
}


def rank_counts(
    counts: pa.Table, method: str = "bradley-terry", calibration: Calibration | None = None, *,
    people: pa.Table | None = None, confidence: float = 0.8, p_top: bool = True, **parameters: Any,
) -> pa.Table:
    """Rank the candidates of every context: the cards with at least one answer there.

    With a calibration given, the rows of a context depend on its own counts (and people) only, bit for bit, so contexts
    can be ranked in any split. (An edge rule that pools contexts is the exception: it needs the whole table.)

    Args:
        counts: COUNTS, in any row order.
        method: A name of METHODS; each is explained by the function of its name (`bradley_terry`, `win_rate`, …).
        calibration: For bradley-terry and bradley-terry-groups; made from the counts if it is missing. The other
            methods do not look at it.
        people: PEOPLE. Without it no single winner is named (see `verdicts`).
        confidence: The least P(top) of a single winner.
        p_top: For bradley-terry: without it P(top), the rank interval and the tied top set stay null, in less time.
        **parameters: `not_wiser` ("against", the default, or "tie"): for bradley-terry as the calibration says; for
            pagerank "tie" adds the "not wiser" answers to the "unsure" ones before the rule looks at them (that
            changes what the entropy and the majorities of a rule see, never a likelihood; the published rules are
            "against"). pagerank: `edge_rule` (a name of EDGE_RULES, by default mai-2023), `tallies` (TALLIES to use
            beside the counts), `scores` ("normalised" or "published"). bradley-terry-groups: `groups` (GROUP_COUNTS
            of the same votes; needed), `group_spread` (by default .5).

    Returns:
        RANKS sorted by context, rank, card id. Scores within 1e-9 (for pagerank: of the context's mean score) share a
        rank. `sd`, the intervals and `p_top` are null for all methods but bradley-terry and bradley-terry-groups. For
        pagerank the cards are the end points of the rule's edges.

    Raises:
        RankingError: If the method or a parameter is unknown, the groups are missing, or the calibration was made for
            another reading of "not wiser".

    Example:
        >>> from graphengine import tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 9, "not_wiser": 0, "unsure": 1},
        ...     {"context_id": "c", "from_id": "b", "to_id": "a", "wiser": 1, "not_wiser": 8, "unsure": 1},
        ... ])
        >>> rank_counts(counts).select(["card_id", "rank"]).to_pylist()
        [{'card_id': 'b', 'rank': 1}, {'card_id': 'a', 'rank': 2}]
        >>> rank_counts(counts, "pagerank", edge_rule="paper-majority").column("score").to_pylist()[0] > 0.6
        True
    """
    check_parameters(method, parameters)
    check_confidence(confidence)
    scored = _score(counts, method, calibration, parameters, p_top=p_top)
    ranks = scored.table()
    if scored.sd is not None and scored.p_top is None:
        at = RANKS.schema.get_field_index("tied_top")
        return ranks.set_column(at, RANKS.schema.field(at), pa.nulls(ranks.num_rows, pa.bool_()))
    if people is None or scored.p_top is None:  # no single winner is named, or rank 1 is one
        return ranks
    return with_tied_top(ranks, scored.answers_in_order(), people, method=method, confidence=confidence)


def _score(
    counts: pa.Table, method: str, calibration: Calibration | None, parameters: dict[str, Any], *, p_top: bool,
) -> Scores:
    said = parameters.get("not_wiser")
    if method in CALIBRATED:
        calibration = _fitting(counts, method, calibration, said)
        if method == "bradley-terry":
            return bradley_terry(counts, calibration, p_top=p_top)
        rest = {name: value for name, value in parameters.items() if name == "group_spread"}
        return bradley_terry_groups(counts, _groups(parameters.get("groups")), calibration, **rest)
    reading = check_not_wiser("against" if said is None else said)
    if method != "pagerank":
        return _OF_WINS[method](counts, reading)
    tallies = parameters.get("tallies")
    if reading == "tie":
        counts, tallies = _as_unsure(counts), None if tallies is None else _as_unsure(tallies)
    return pagerank(
        counts, parameters.get("edge_rule", "mai-2023"), tallies, scores=parameters.get("scores", "normalised")
    )


def parameters_of(method: str) -> tuple[str, ...]:
    """The parameters that a method takes.

    Raises:
        RankingError: If there is no such method; the hint names the closest, and all.
    """
    if method not in METHODS:
        raise RankingError(f"unknown method: {method!r}", hint=closest(method, METHODS), method=method)
    return METHODS[method]


def check_parameters(method: str, parameters: dict[str, Any]) -> None:
    """Are the method and its parameters known?

    Raises:
        RankingError: If not; the hint names the closest, or lists the known ones.
    """
    known = parameters_of(method)
    unknown = [name for name in parameters if name not in known]
    if unknown:
        raise RankingError(f"{method} takes no parameter {', '.join(unknown)}",
                           hint=closest(unknown[0], known, "it takes"), method=method, parameters=unknown)


def _groups(groups: pa.Table | None) -> pa.Table:
    if groups is None:
        raise RankingError(
            "bradley-terry-groups needs the answers of each group", method="bradley-terry-groups",
            hint="graphengine rank --method bradley-terry-groups --variable NAME; in Python: groups=group_counts(…)",
        )
    return groups


def _as_unsure(table: pa.Table) -> pa.Table:
    """COUNTS or TALLIES with "not wiser" added to "unsure"."""
    pc = compute()
    no = pc.fill_null(table.column("not_wiser"), 0)
    unsure = pc.add(pc.fill_null(table.column("unsure"), 0), no)
    at, there = table.column_names.index("not_wiser"), table.column_names.index("unsure")
    return table.set_column(at, "not_wiser", pc.multiply(no, 0)).set_column(there, "unsure", unsure)


def _fitting(counts: pa.Table, method: str, calibration: Calibration | None, not_wiser: str | None) -> Calibration:
    if calibration is None:
        return calibrate(counts, not_wiser=not_wiser or "against")
    if not_wiser is not None and check_not_wiser(not_wiser) != calibration.not_wiser:
        raise RankingError(
            f"the calibration reads not_wiser as {calibration.not_wiser!r}, but {not_wiser!r} is asked for",
            hint="calibrate again with the same not_wiser", method=method, value=not_wiser,
        )
    return calibration
