"""A value target as a system prompt: the baseline that training must beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphengine.schwartz.target import Target

LEAST = 0.15
"""Numbers nearer to 0 than this are not mentioned."""
_STEPS = ((0.6, "Let your answers strongly support"), (LEAST, "Let them also support"))
_AGAINST = "Let them not support"


def target_prompt(target: Target, least: float = LEAST) -> str:
    """A target in a few plain sentences, the values with their definitions.

    It says which values to support strongly (from .6 on), which also, and which not to (below 0). Values without weight
    and numbers near 0 are left out; what is lost by that is why a prompt is a baseline only.

    Args:
        target: The target.
        least: The least size of a number that is mentioned.

    Example:
        >>> from graphengine.schwartz.target import Target
        >>> print(target_prompt(Target.of("t", {"security": 1, "power": -0.5})))
        Let your answers strongly support:
        - Security: Safety and stability of oneself, those close and society: health, order, a safe country, freedom
          from threat and debt.
        Let them not support:
        - Power: Standing above others and commanding people and means: authority, wealth, status, a guarded public
          image.
        Don't name these values; let what you say show them.
    """
    asked = [(number, value) for number, weight, value in
             zip(target.vector, target.weight_array.tolist(), target.values.values, strict=True)
             if weight > 0 and abs(number) >= least]
    asked.sort(key=lambda each: -abs(each[0]))
    lines: list[str] = []
    above = float("inf")
    for bound, words in _STEPS:
        lines += _listed(words, [value for number, value in asked if bound <= number < above])
        above = bound
    lines += _listed(_AGAINST, [value for number, value in asked if number < 0])
    if not lines:
        return "Let your answers take no side between values."
    return "\n".join([*lines, "Don't name these values; let what you say show them."])


def _listed(words: str, values: list) -> list[str]:
    return [f"{words}:", *(f"- {value.name}: {value.definition}" for value in values)] if values else []
