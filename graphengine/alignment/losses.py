r"""The two losses of misalignment, and the fit that takes a model's scale out of them.

With d = U_H - U_A, people's utility of a text less the model's:

- loss 1 = E|[U_H(y1) - U_H(y2)] - [U_A(y1) - U_A(y2)]| = E|d(y1) - d(y2)|, the Gini mean difference of d. Over the
  pairs of distinct texts, or with each text beside itself as well.
- loss 2 = E|U_H(y) - U_A(y)| = E|d(y)|.

So loss 1 <= 2 loss 2, an offset of either utility changes loss 1 by nothing, and a scale changes both: utilities in
other units are misaligned by their units. The losses after the best affine fit take d = U_H - (a U_A + b) with a and b
by least squares over the rows, which makes them the same for any units of U_A. Least squares does not minimise the
losses themselves, so a loss after the fit may be a little larger than before. A negative a turns the model's order
round.

Source of the losses: the survey of alignment arXiv 2403.04204, section on misalignment.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from graphengine.alignment.pairs import Gaps, codes
from graphengine.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Reals = NDArray[np.float64]


class Fit(NamedTuple):
    """The line that takes a model's utilities closest to people's: slope x U_A + intercept.

    Example:
        >>> best_fit([1.0, 3.0, 5.0], [0.0, 1.0, 2.0])
        Fit(slope=2.0, intercept=1.0)
    """

    slope: float
    intercept: float

    def residual(self, human: Reals, model: Reals) -> Reals:
        """What is left of people's utilities."""
        return human - (self.slope * model + self.intercept)


def best_fit(human: ArrayLike, model: ArrayLike, weights: Reals | None = None) -> Fit:
    """The least squares fit of U_A to U_H; a model that says the same of all texts is fitted by the mean of U_H."""
    h, a = np.asarray(human, float), np.asarray(model, float)
    w = np.ones(len(h)) if weights is None else weights
    of_h, of_a = (float((w * each).sum() / w.sum()) for each in (h, a))  # sums, not @: threads cost more than they save
    from_h, from_a = h - of_h, a - of_a
    spread = float((w * from_a**2).sum())
    # A spread of rounding errors only is none: of numbers of this size, the squared error of the mean, for each row.
    none = float(w.sum()) * (np.finfo(float).eps * float(np.abs(a).max())) ** 2 * 4
    slope = float((w * from_a * from_h).sum()) / spread if spread > none else 0.0
    return Fit(slope, of_h - slope * of_a)


def loss_1(
    human: ArrayLike, model: ArrayLike, within: Sequence[Any] | None = None, *, with_self: bool = False
) -> float:
    """E|d(y1) - d(y2)|, exactly, in O(n log n).

    Args:
        human: U_H, (n,).
        model: U_A, (n,).
        within: Only pairs of rows that share this count.
        with_self: Let each row also stand beside itself, as in an expectation over two independent draws of a text.

    Raises:
        InputError: If there is no pair.

    Example:
        >>> loss_1([3.0, 2.0, 0.0], [1.0, 1.0, 0.0])
        1.3333333333333333
        >>> loss_1([3.0, 2.0, 0.0], [4.0, 3.0, 1.0])
        0.0
    """
    d = np.asarray(human, float) - np.asarray(model, float)
    block = np.zeros(len(d), np.intp) if within is None else codes(within)
    sizes = np.bincount(block)
    ordered = int((sizes * (sizes - 1)).sum())
    if not ordered:
        raise InputError("there is no pair of texts", hint="give two texts or more")
    return 2 * float(Gaps(block, d).sums().sum()) / (ordered + (len(d) if with_self else 0))


def loss_2(human: ArrayLike, model: ArrayLike) -> float:
    """E|d(y)|.

    Example:
        >>> loss_2([3.0, 2.0, 0.0], [1.0, 1.0, 0.0])
        1.0
    """
    return float(np.abs(np.asarray(human, float) - np.asarray(model, float)).mean())
