"""How far a ranking can be trusted: each part a pure function from Arrow tables to a `Finding`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphengine.ranking.validity.between_methods import agreement
    from graphengine.ranking.validity.bias import yes_bias
    from graphengine.ranking.validity.edge_rules import thresholds
    from graphengine.ranking.validity.finding import Finding
    from graphengine.ranking.validity.groups import without_groups
    from graphengine.ranking.validity.growing import growth
    from graphengine.ranking.validity.people import without_people
    from graphengine.ranking.validity.readings import not_wiser
    from graphengine.ranking.validity.shuffling import placebo
    from graphengine.ranking.validity.straight_liners import careless

__all__ = [
    "Finding", "agreement", "careless", "growth", "not_wiser", "placebo", "thresholds", "without_groups",
    "without_people", "yes_bias",
]

_HOME = {
    "Finding": "finding", "agreement": "between_methods", "careless": "straight_liners", "growth": "growing",
    "not_wiser": "readings", "placebo": "shuffling", "thresholds": "edge_rules", "without_groups": "groups",
    "without_people": "people", "yes_bias": "bias",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"graphengine.ranking.validity.{_HOME[name]}"), name)
    raise AttributeError(f"module 'graphengine.ranking.validity' has no attribute {name!r}")
