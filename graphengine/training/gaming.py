"""Specification gaming: where a policy goes on to gain reward while a score that nobody optimises falls.

Both are told against KL to the reference, since that is how far the policy has been pushed. Where they part, the reward
has stopped to mean what it was made for.
"""

from __future__ import annotations

import math
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

from graphengine.report.svg import Picture
from graphengine.training.control import WINDOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

ERRORS = 4.0
"""The second score has fallen if it lies so many standard errors below its best; less is noise, since the best of many
windows is chosen after the fact."""

_WIDTH, _HEIGHT, _LEFT, _RIGHT, _TOP, _BOTTOM = 720.0, 380.0, 90.0, 630.0, 60.0, 310.0


def best_second(history: Sequence[Mapping[str, float]]) -> int | None:
    """The update at which the second score, as a mean of the last `WINDOW` updates, was highest; None without one."""
    means = _means(history, "second")
    return int(max(means, key=lambda point: point[1])[0]) if means else None


def kept_checkpoint(history: Sequence[Mapping[str, float]], steps: Iterable[int]) -> int | None:
    """The last checkpoint before reward and second score part, if they part where it looks like it now.

    Args:
        history: Of each update: `step`, `second`, …
        steps: Steps of the checkpoints that there are.
    """
    best = best_second(history)
    return max((step for step in steps if best is not None and step <= best), default=None)


def parting(history: Sequence[Mapping[str, float]], episodes: int) -> dict[str, float] | None:
    """Where reward and second score part: the second is best there, has fallen since, and the reward has not.

    Means of `WINDOW` updates are compared. Fallen: by more than `ERRORS` standard errors of the difference. Where
    the reward fell as well, the policy got worse, which is no gaming.

    Args:
        history: Of each update: `step`, `kl`, `reward`, `reward_sd`, `second`, `second_sd`.
        episodes: Texts of an update.

    Returns:
        `step`, `kl`, `reward` and `second` at that point; None if they don't part.

    Example:
        >>> honest, gamed = [(i, i) for i in range(10)], [(10 + i, 9 - i) for i in range(10)]
        >>> told = [{"step": step, "kl": 0.1 * step, "reward": float(reward), "reward_sd": 1.0, "second": float(second),
        ...          "second_sd": 1.0} for step, (reward, second) in enumerate([*honest, *gamed], start=1)]
        >>> parting(told, 64)["step"]
        12
        >>> parting(told[:10], 64) is None
        True
    """
    if len(history) < 2 * WINDOW or (best := best_second(history)) is None:
        return None
    seconds, rewards, kls = (dict(_means(history, name)) for name in ("second", "reward", "kl"))
    end = int(history[-1]["step"])
    if end - best < WINDOW:  # windows that share updates say little of a fall
        return None
    errors = {name: math.sqrt(2 * fmean(row[name] ** 2 for row in history) / (WINDOW * episodes))
              for name in ("second_sd", "reward_sd")}
    fell = seconds[best] - seconds[end] > ERRORS * errors["second_sd"]
    held = rewards[end] - rewards[best] > -ERRORS * errors["reward_sd"]
    if not (fell and held):
        return None
    return {"step": best, "kl": kls[best], "reward": rewards[best], "second": seconds[best]}


def gaming_picture(history: Sequence[Mapping[str, float]], parted: Mapping[str, float] | None) -> str:
    """Reward and second score against KL as an SVG picture: a dot for each update, a line through means of a few.

    Args:
        history: As for `parting`.
        parted: What `parting` gave.
    """
    kls = [row["kl"] for row in history]
    told = "They don't part."
    if parted:
        told = f"They part at update {parted['step']}, at {parted['kl']:.3g} nats."
    picture = Picture(
        _WIDTH, "gaming", "Reward and second score against KL",
        f"Of {len(history)} updates, KL from {min(kls):.3g} to {max(kls):.3g} nats. {told}",
    )
    picture.text(_LEFT, 24, "Reward (left) and a score that is never optimised (right), against KL", "head")
    picture.text(_LEFT, 42, told, "alarm" if parted else "soft")
    picture.line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "rule")
    low, high = min(kls), max(kls)
    for share in (0.0, 0.5, 1.0):
        x = _LEFT + share * (_RIGHT - _LEFT)
        picture.text(x, _BOTTOM + 18, f"{low + share * (high - low):.3g}", "soft", middle=True)
    picture.text((_LEFT + _RIGHT) / 2, _BOTTOM + 38, "KL to the reference, nats per answer", middle=True)
    if parted:
        x = _place(parted["kl"], low, high, _LEFT, _RIGHT)
        picture.line(x, _TOP, x, _BOTTOM, "circle arrow")
    for name, side, style in (("reward", _LEFT, ""), ("second", _RIGHT, " top")):
        values = [row[name] for row in history]
        bottom, top = min(values), max(values)
        for value, y in ((bottom, _BOTTOM), (top, _TOP)):
            picture.text(side + (-8 if side == _LEFT else 8), y + 4, f"{value:.3g}", "soft", end=side == _LEFT)
        picture.text(side, _BOTTOM + 58, {"reward": "reward", "second": "second score"}[name],
                     "strong", end=side == _RIGHT)
        picture.dot(side + (-10 if side == _LEFT else 10), _BOTTOM + 54, 4, f"dot{style}")
        for row in history:
            picture.dot(_place(row["kl"], low, high, _LEFT, _RIGHT), _place(row[name], bottom, top, _BOTTOM, _TOP), 2,
                        f"dot{style}")
        points = [(_place(kl, low, high, _LEFT, _RIGHT), _place(value, bottom, top, _BOTTOM, _TOP))
                  for (_, kl), (_, value) in zip(_means(history, "kl"), _means(history, name), strict=True)]
        for (x, y), (u, v) in pairwise(points):
            picture.line(x, y, u, v, f"span{style}")
    return picture.svg(_HEIGHT, alone=True)


def _means(history: Sequence[Mapping[str, float]], name: str) -> list[tuple[int, float]]:
    """Means of `WINDOW` updates, with the step that each ends at; none where the history lacks the name."""
    if not history or name not in history[0]:
        return []
    return [(int(history[end - 1]["step"]), fmean(row[name] for row in history[end - WINDOW : end]))
            for end in range(WINDOW, len(history) + 1)]


def _place(value: float, low: float, high: float, start: float, end: float) -> float:
    share = (value - low) / (high - low) if high > low else 0.5
    return start + share * (end - start)
