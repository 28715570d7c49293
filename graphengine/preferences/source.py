"""What an export is made from."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pyarrow as pa

    from graphengine.ranking.model import NotWiser


@dataclass(frozen=True)
class Source:
    """The tables and facts that the caller hands in; more columns than those named do no harm.

    Attributes:
        edges: `tables.EDGES`, of canonical cards: the pairs that people were asked about.
        cards: `id, title, description, policies`. With `canonical_id` (null where a card is no duplicate), upgrades
            between raw cards are found too.
        contexts: `id, text`.
        scenarios: `id, text, image`; a scenario without text counts as not known.
        raises: `scenario_id, context_id`.
        upgrades: `id, context_id, from_id, to_id`.
        ranking: Of the ranking behind the edges: `ranking_id, method, parameters, calibration, data_hash, version`
            (`parameters` and `calibration` are JSON text).
        facts: For the dataset card, each left out where missing: `votes`, `participants`, `contexts`, `cards`,
            `scenarios` (counts), `yes_bias` and `yes_bias_sd` (else those of the calibration), `license` (an
            identifier such as "cc-by-4.0"), `collection` (how the votes were collected, in words), `made_up`,
            `group` or `objective` (whose preferences these are), `flips` (of each group variable, how many pairs turn
            round between two of its groups).
        ranks: `tables.RANKS` of the same ranking, for what needs the place of a card; None where it is not known.
        verdicts: `context_id, single_winner`, for the same.
        candidates: `tables.EDGES`: the pairs to export, where these are others than the edges (all pairs of a ranking).
        split_edges: `tables.EDGES`: what the splits are drawn from, where it is not the edges (one group's edges are
            split as those of all people).
        left_out: Numbers of pairs that the caller already left out, by reason.
        images: Bytes of the image of each scenario (by its id), where images are wanted.
    """

    edges: pa.Table
    cards: pa.Table
    contexts: pa.Table
    scenarios: pa.Table
    raises: pa.Table
    upgrades: pa.Table
    ranking: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    ranks: pa.Table | None = None
    verdicts: pa.Table | None = None
    candidates: pa.Table | None = None
    split_edges: pa.Table | None = None
    left_out: Mapping[str, int] = field(default_factory=dict)
    images: Mapping[str, bytes] | None = None

    @property
    def canonical(self) -> dict[str, str]:
        """The canonical card of each card that is a duplicate, by id."""
        return {row["id"]: row["canonical_id"] for row in self.cards.to_pylist() if row.get("canonical_id")}

    @property
    def not_wiser(self) -> NotWiser:
        """How the ranking reads "not wiser"."""
        try:
            said = json.loads(self.ranking.get("parameters") or "{}").get("not_wiser")
        except (ValueError, AttributeError):
            said = None
        return "tie" if said == "tie" else "against"
