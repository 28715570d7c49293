"""How often an evaluator is right, by how sure it was: a reliability plot."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from graphengine.report.placing import Box
from graphengine.report.svg import Picture

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LEFT, _TOP, _SIDE, _BELOW = 56.0, 46.0, 320.0, 70.0


def reliability_plot(bins: Sequence[Mapping[str, Any]], title: str, error: float, mark: str = "reliability") -> str:
    """A picture of bins of confidence.

    Args:
        bins: Each with `confidence`, `accuracy`, `interval`, `cells`, as `graphengine.schwartz.judged` makes them.
        title: Its heading.
        error: The expected calibration error.
        mark: Differs between the pictures of a page.

    Example:
        >>> bins = [{"from": 0.8, "to": 0.9, "confidence": 0.85, "accuracy": 0.8, "interval": [0.7, 0.9], "cells": 50}]
        >>> "<circle" in reliability_plot(bins, "Labels of people", 0.05)
        True
    """
    cells = sum(each["cells"] for each in bins)
    told = "; ".join(f"sure of {each['confidence']:.2f}, right in {each['accuracy']:.2f} of {each['cells']:,}"
                     for each in bins)
    picture = Picture(_LEFT + _SIDE + 24, mark, title, f"{told}.")
    picture.text(_LEFT, 22, title, "head")
    picture.text(_LEFT, 38, f"{cells:,} labels; calibration error {error:.3f}; bars below: share of the labels", "soft")

    def across(share: float) -> float:
        return _LEFT + share * _SIDE

    def up(share: float) -> float:
        return _TOP + _SIDE * (1 - share)

    for step in range(0, 11, 2):
        share = step / 10
        picture.line(across(0), up(share), across(1), up(share), "rule")
        picture.text(_LEFT - 8, up(share) + 4, f"{share:.1f}", "soft", end=True)
        picture.text(across(share), up(0) + 16, f"{share:.1f}", "soft", middle=True)
    picture.line(across(0), up(0), across(1), up(1), "arrow")
    foot = up(0) + 24 + _BELOW - 20
    for each in bins:
        lower, upper = each["interval"]
        picture.line(across(each["confidence"]), up(lower), across(each["confidence"]), up(upper), "span")
        picture.dot(across(each["confidence"]), up(each["accuracy"]), 4, "dot")
        tall = (_BELOW - 24) * each["cells"] / max(cells, 1)
        picture.box(Box(across(each["from"]) + 1, foot - tall, (each["to"] - each["from"]) * _SIDE - 2, tall), "fill",
                    corner=0)
    picture.text(across(0.5), foot + 18, "how sure it was (across), how often it was right (up), with 95% intervals",
                 "soft", middle=True)
    return picture.svg(foot + 30, alone=True)
