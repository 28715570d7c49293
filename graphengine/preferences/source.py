"""What an export is made from."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True)
class Source:
    """The tables and facts that the caller hands in; more columns than those named do no harm.

    Attributes:
        edges: `tables.EDGES`, of canonical cards.
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
            identifier such as "cc-by-4.0"), `collection` (how the votes were collected, in words), `made_up`.
    """

    edges: pa.Table
    cards: pa.Table
    contexts: pa.Table
    scenarios: pa.Table
    raises: pa.Table
    upgrades: pa.Table
    ranking: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
