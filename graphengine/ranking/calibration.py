"""What all contexts share: the yes-bias β and its spread ω, the band τ of "unsure", and the spread σ of the strengths.

A context's ranking needs only its own counts and a `Calibration`, so a ranking can be made incrementally, out of core
or on many machines and gives the same rows.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.arrays import compute
from graphengine.ranking.cores import spread
from graphengine.ranking.curvature import Dense, Sparse
from graphengine.ranking.layout import Block, Layout, blocks, lay_out
from graphengine.ranking.model import (
    BETA_VARIANCE,
    LOG_SIGMA_VARIANCE,
    LOG_TAU_MEAN,
    LOG_TAU_VARIANCE,
    OMEGA_SD,
    NotWiser,
    weigh,
)
from graphengine.ranking.posterior import Step, most_probable

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Reals


SAMPLE = 2_000
"""The most contexts that a calibration is fitted on: what is shared is known to about 1% by then."""

# The start is looked for on so many contexts where there are many.
_FIRST_LOOK = 200
# Of the last Newton step; what is left after it is about its square.
_ROUGH, _FINE = 1e-4, 1e-7
_GRID = (0.0, -1.0, -2.0, -3.0, 1.0)
_SIGMA_ENDS = (-6.0, 3.0)  # of log σ
_OMEGA_START, _OMEGA_END = 0.3, 3.0
# Steps of finite differences: well above what the rough tolerance leaves in the evidence.
_DIFFERENCE = 3e-4


@dataclass(frozen=True)
class Calibration:
    """The shared terms of the Bradley-Terry model, with the uncertainty of β and log τ.

    Attributes:
        beta: Mean yes-bias: what is added to θ_to - θ_from in an answer (log odds).
        log_tau: Log of the half width τ of the band of "unsure".
        sigma: Standard deviation of strengths within a context.
        covariance: Of (beta, log_tau), strengths and biases profiled out, at this sigma and omega.
        not_wiser: How "not wiser" was read: "against" (for the card asked from) or "tie" (as "unsure").
        contexts: Number of contexts it was fitted on.
        answers: Number of answers it was fitted on.
        omega: Standard deviation of the contexts' yes-biases around beta; 0 where all share one.

    Example:
        >>> from graphengine import tables
        >>> calibration = calibrate(tables.COUNTS.empty())  # nothing known: the priors
        >>> calibration.beta, round(calibration.tau, 3), round(calibration.sigma, 3)
        (0.0, 0.5, 1.0)
        >>> Calibration.from_json(calibration.to_json()) == calibration
        True
    """

    beta: float
    log_tau: float
    sigma: float
    covariance: tuple[tuple[float, float], tuple[float, float]]
    not_wiser: NotWiser = "against"
    contexts: int = 0
    answers: int = 0
    omega: float = 0.0

    @property
    def tau(self) -> float:
        """Half width of the band of "unsure" (log odds)."""
        return float(np.exp(self.log_tau))

    @property
    def sd_beta(self) -> float:
        """Standard deviation of beta."""
        return float(np.sqrt(self.covariance[0][0]))

    def to_json(self) -> str:
        """One line of JSON; `from_json` gives back the same numbers, bit for bit."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Calibration:
        """The calibration that `to_json` wrote.

        Raises:
            RankingError: If the text is not a calibration.
        """
        try:
            fields = json.loads(text)
            first, second = fields.pop("covariance")
            return cls(covariance=((float(first[0]), float(first[1])), (float(second[0]), float(second[1]))), **fields)
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise RankingError(f"not a calibration: {text[:80]!r}", hint="run: graphengine rank") from error


def check_not_wiser(not_wiser: str) -> NotWiser:
    """The reading of "not wiser", checked.

    Raises:
        RankingError: If it is neither "against" nor "tie".
    """
    if not_wiser == "against":
        return "against"
    if not_wiser == "tie":
        return "tie"
    raise RankingError(f"unknown reading of not_wiser: {not_wiser!r}", hint="one of: against, tie", value=not_wiser)


def calibrate(counts: pa.Table, *, not_wiser: str = "against") -> Calibration:
    """Fit β, τ, σ and ω over all contexts.

    β and log τ are the values of highest posterior together with the strengths and each context's own yes-bias (which
    are profiled out), under θ ~ N(0, σ²), a context's yes-bias ~ N(β, ω²), β ~ N(0, 2), log τ ~ N(log .5, 1) (variances
    2 and 1); σ and ω are the values of highest Laplace evidence times their priors, log σ ~ N(0, 1) and ω ~ N(0, .25),
    never below 0. The priors keep one pair, a sweep, no "unsure" and only "unsure" well defined; an empty table gives
    the priors' modes, and so does one context for ω, whose own bias can't be told from β.

    Of more than 2,000 contexts, the 2,000 whose ids have the smallest sha256 are used: a choice that neither row order
    nor chance has a part in, and that changes little as contexts are added.

    Args:
        counts: COUNTS, in any row order.
        not_wiser: "against": a "not wiser" is for the card asked from. "tie": it is read as "unsure".

    Raises:
        RankingError: If `not_wiser` is unknown or the table is not COUNTS.
    """
    reading = check_not_wiser(not_wiser)
    sampled = _sample(counts, SAMPLE)
    layout = lay_out(sampled)
    fit, start = _Fit(layout, reading), None
    if len(layout.contexts) > 2 * _FIRST_LOOK:
        few = _Fit(lay_out(_sample(sampled, _FIRST_LOOK)), reading)
        start, fit.point = few.best_spreads(), few.point
    sigma, omega = fit.best_spreads(start)
    beta, log_tau, precision = fit.shared(sigma, omega)
    c = np.linalg.inv(precision)
    cross = float(c[0, 1] + c[1, 0]) / 2
    return Calibration(
        beta=beta, log_tau=log_tau, sigma=sigma, covariance=((float(c[0, 0]), cross), (cross, float(c[1, 1]))),
        not_wiser=reading, contexts=len(layout.contexts), answers=int(layout.answers.sum()),
        omega=omega,
    )


def _sample(counts: pa.Table, most: int) -> pa.Table:
    """The rows of at most so many contexts, those of smallest sha256."""
    if "context_id" not in counts.column_names:  # lay_out says what is missing
        return counts
    pc = compute()
    column = counts.column("context_id").cast(pa.string())
    ids = pc.unique(column).to_pylist()
    if len(ids) <= most:
        return counts
    chosen = sorted(ids, key=lambda text: hashlib.sha256(text.encode()).digest())[:most]
    return counts.filter(pc.is_in(column, value_set=pa.array(chosen)))


class _Profile(NamedTuple):
    value: float  # log posterior at the best strengths and biases, constants of the priors of β and τ left out
    gradient: Reals  # by (β, log τ)
    precision: Reals  # minus its second derivatives, strengths and biases profiled out
    curvatures: list[Dense | Sparse]  # per block: H
    steps: list[Step]  # per block


class _Fit:
    """The shared terms' posterior over a list of blocks; remembers where it was, to start there again."""

    def __init__(self, layout: Layout, not_wiser: NotWiser) -> None:
        self.blocks: list[tuple[Block, Reals]] = [
            (block, weigh(block.answers, not_wiser)) for block in blocks(layout)
        ]
        self.nodes = len(layout.node_card)
        self.start = [(np.zeros(block.nodes.shape), np.zeros(len(block.nodes))) for block, _ in self.blocks]
        self.point = np.array([0.0, LOG_TAU_MEAN])
        self.tolerance = _ROUGH

    def best_spreads(self, start: tuple[float, float] | None = None) -> tuple[float, float]:
        """σ and ω of highest evidence by a quasi-Newton method, from a start or the best σ of a coarse grid."""
        from scipy.optimize import minimize

        if start is None:
            found = {log_sigma: self.evidence(log_sigma, _OMEGA_START) for log_sigma in _GRID}
            first = max(found, key=lambda log_sigma: found[log_sigma]), _OMEGA_START
        else:
            first = float(np.log(start[0])), max(start[1], _OMEGA_START / 10)
        scale = max(self.nodes, 1)  # per card: so that first steps are of the right size
        result = minimize(
            lambda spreads: -self.evidence(float(spreads[0]), float(spreads[1])) / scale, np.array(first),
            method="L-BFGS-B", bounds=[_SIGMA_ENDS, (0.0, _OMEGA_END)],
            options={"eps": _DIFFERENCE, "ftol": 1e-8, "gtol": 1e-4},
        )
        log_sigma, omega = result.x
        return float(np.exp(log_sigma)), float(omega) if omega > _DIFFERENCE else 0.0

    def evidence(self, log_sigma: float, omega: float) -> float:
        """Log evidence of σ and ω by Laplace's method (all else integrated out) plus their log priors."""
        profile = self._climb(float(np.exp(log_sigma)), omega)
        # Padding adds nothing but the prior's precision to H, and so to its log determinant.
        padding = sum(int((~block.real).sum()) for block, _ in self.blocks) * -2 * log_sigma
        log_det = sum(curvature.log_det() for curvature in profile.curvatures) - padding
        log_det += sum(float(np.log(step.complement).sum()) for step in profile.steps)
        return (
            profile.value - self.nodes * log_sigma - 0.5 * log_det
            - 0.5 * float(np.linalg.slogdet(profile.precision)[1]) - 0.5 * log_sigma**2 / LOG_SIGMA_VARIANCE
            - 0.5 * (omega / OMEGA_SD) ** 2
        )

    def shared(self, sigma: float, omega: float) -> tuple[float, float, Reals]:
        """β, log τ, and the precision of the two, at given σ and ω."""
        self.tolerance = _FINE
        profile = self._climb(sigma, omega)
        return float(self.point[0]), float(self.point[1]), profile.precision

    def _climb(self, sigma: float, omega: float) -> _Profile:
        """Newton's method on (β, log τ) from where the last call ended; leaves the best point and strengths behind."""
        now = self._profile(self.point, self.start, sigma, omega)
        for _ in range(100):
            step = np.linalg.solve(now[0].precision, now[0].gradient)
            step /= max(1.0, float(np.abs(step).max()) / 2)
            small = float(np.abs(step).max()) < 10 * self.tolerance
            while True:
                guess = [(theta + known.move @ step, bias + known.bias_move @ step)
                         for (theta, bias), known in zip(now[1], now[0].steps, strict=True)]
                trial = self._profile(self.point + step, guess, sigma, omega)
                if small or trial[0].value >= now[0].value - 1e-9 * (1 + abs(now[0].value)):
                    break
                step /= 2
                small = float(np.abs(step).max()) < 10 * self.tolerance
            self.point, self.start, now = self.point + step, trial[1], trial
            if small:
                break
        return now[0]

    def _profile(
        self, point: Reals, start: list[tuple[Reals, Reals]], sigma: float, omega: float
    ) -> tuple[_Profile, list[tuple[Reals, Reals]]]:
        beta, log_tau = float(point[0]), float(point[1])
        off = np.array([beta, log_tau - LOG_TAU_MEAN])
        weight = np.array([1 / BETA_VARIANCE, 1 / LOG_TAU_VARIANCE])
        value, gradient = -0.5 * float(weight @ off**2), -weight * off
        precision, concave = np.diag(weight), 0.0
        curvatures, steps, reached = [], [], []
        found = spread(
            lambda at: most_probable(
                *self.blocks[at], beta, log_tau, sigma, omega, start=start[at], tolerance=self.tolerance
            ), range(len(start)),
        )
        for state, step in found:
            row = state.terms
            # The last step is not taken but counted: the top is one step away, to second order.
            value += float(state.value.sum() + 0.5 * (state.gradient * step.theta).sum())
            value += 0.5 * float(state.bias_gradient @ step.bias)
            gradient = gradient + np.array([row.d.sum(), row.tau.sum()])
            gradient = gradient - np.tensordot(step.theta, state.cross, axes=((0, 1), (0, 1)))
            gradient = gradient - omega * (step.bias @ state.whole)
            mixed = -float(row.d_tau.sum())
            own = np.array([[-float(row.dd.sum()), mixed], [mixed, -float(row.tau_tau.sum())]])
            precision = precision + own + np.tensordot(state.cross, step.move, axes=((0, 1), (0, 1)))
            precision = precision + omega * (state.whole.T @ step.bias_move)
            concave += max(0.0, float(row.tau.sum()))
            steps.append(step)
            curvatures.append(state.curvature)
            reached.append((state.theta + step.theta, state.bias + step.bias))
        precision = (precision + precision.T) / 2
        if float(np.linalg.eigvalsh(precision)[0]) <= 0.0:
            # Far from the top the posterior can bend upwards along log τ; without that part the step still climbs.
            precision = precision + np.diag([0.0, concave])
        return _Profile(value, gradient, precision, curvatures, steps), reached
