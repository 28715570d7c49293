"""`rank_counts`: one entry for every method, COUNTS in, RANKS out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.errors import RankingError
from graphengine.ranking.bradley_terry import bradley_terry
from graphengine.ranking.calibration import Calibration, calibrate, check_not_wiser
from graphengine.ranking.judging import with_tied_top
from graphengine.ranking.pagerank import pagerank_scores
from graphengine.ranking.rules import rule_edges

if TYPE_CHECKING:
    import pyarrow as pa

METHODS: dict[str, tuple[str, ...]] = {
    "bradley-terry": ("not_wiser",),
    "pagerank": ("edge_rule", "tallies", "scores"),
}
"""The known methods, and the parameters that each takes."""


def rank_counts(
    counts: pa.Table, method: str = "bradley-terry", calibration: Calibration | None = None, *,
    people: pa.Table | None = None, confidence: float = 0.8, **parameters: Any,
) -> pa.Table:
    """Rank the candidates of every context: the cards with at least one answer there.

    With a calibration given, the rows of a context depend on its own counts (and people) only, bit for bit, so contexts
    can be ranked in any split. (An edge rule that pools contexts is the exception: it needs the whole table.)

    Args:
        counts: COUNTS, in any row order.
        method: "bradley-terry", or "pagerank" over the edges of a rule.
        calibration: For bradley-terry; made from the counts if it is missing.
        people: PEOPLE. Without it no single winner is named (see `verdicts`).
        confidence: The least P(top) of a single winner.
        **parameters: bradley-terry: `not_wiser` ("against" or "tie"; by default as the calibration). pagerank:
            `edge_rule` (a name of EDGE_RULES, by default mai-2023), `tallies` (TALLIES to use beside the counts),
            `scores` ("normalised" or "published").

    Returns:
        RANKS sorted by context, rank, card id. Scores within 1e-9 share a rank. For pagerank `sd`, the intervals and
        `p_top` are null, and the cards are the end points of the rule's edges.

    Raises:
        RankingError: If the method or a parameter is unknown, or the calibration was made for another reading of
            "not wiser".

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
    if method == "pagerank":
        edges = rule_edges(counts, parameters.get("edge_rule", "mai-2023"), parameters.get("tallies"))
        scored = pagerank_scores(edges, scores=parameters.get("scores", "normalised"))
    else:
        calibration = _fitting(counts, calibration, parameters.get("not_wiser"))
        scored = bradley_terry(counts, calibration)
    return with_tied_top(scored.table(), scored.answers_in_order(), people, method=method, confidence=confidence)


def check_parameters(method: str, parameters: dict[str, Any]) -> None:
    """Are the method and its parameters known?

    Raises:
        RankingError: If not; the hint lists the known ones.
    """
    if method not in METHODS:
        raise RankingError(f"unknown method: {method!r}", hint=f"one of: {', '.join(METHODS)}", method=method)
    unknown = [name for name in parameters if name not in METHODS[method]]
    if unknown:
        raise RankingError(f"{method} takes no parameter {', '.join(unknown)}",
                           hint=f"it takes: {', '.join(METHODS[method])}", method=method, parameters=unknown)


def _fitting(counts: pa.Table, calibration: Calibration | None, not_wiser: str | None) -> Calibration:
    if calibration is None:
        return calibrate(counts, not_wiser=not_wiser or "against")
    if not_wiser is not None and check_not_wiser(not_wiser) != calibration.not_wiser:
        raise RankingError(
            f"the calibration reads not_wiser as {calibration.not_wiser!r}, but {not_wiser!r} is asked for",
            hint="calibrate again with the same not_wiser", method="bradley-terry", value=not_wiser,
        )
    return calibration
