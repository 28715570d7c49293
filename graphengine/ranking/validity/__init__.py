"""How far a ranking can be trusted: each part a pure function from Arrow tables to a `Finding`."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from graphengine.ranking.validity.agreement import agreement
    from graphengine.ranking.validity.careless import careless
    from graphengine.ranking.validity.finding import Finding
    from graphengine.ranking.validity.groups import without_groups
    from graphengine.ranking.validity.growth import growth
    from graphengine.ranking.validity.not_wiser import not_wiser
    from graphengine.ranking.validity.people import without_people
    from graphengine.ranking.validity.placebo import placebo
    from graphengine.ranking.validity.thresholds import thresholds
    from graphengine.ranking.validity.yes_bias import yes_bias

__all__ = [
    "Finding", "agreement", "careless", "growth", "not_wiser", "placebo", "thresholds", "without_groups",
    "without_people", "yes_bias",
]

_HOME = {"Finding": "finding", "without_groups": "groups", "without_people": "people"}


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(import_module(f"graphengine.ranking.validity.{_HOME.get(name, name)}"), name)
    raise AttributeError(f"module 'graphengine.ranking.validity' has no attribute {name!r}")
