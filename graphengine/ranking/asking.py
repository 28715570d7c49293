"""What to ask next: the questions whose answers are expected to say most about who wins.

The gain of a question is the mutual information, in bits, between its answer and the winner of its context (entropy
search: Hennig and Schuler 2012, JMLR 13; a design criterion since Lindley 1956). It weighs by itself which cards still
contend, how well two of them are told apart already, that a foreseeable "yes" says little, and that the yes-bias of a
pair asked one way only is not known: β is one more unknown of each context's posterior.

A batch is chosen greedily. After each question the posterior is narrowed as its answer would on average (its mean
stays), so that the next one goes elsewhere when there is more to learn there.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from graphengine.errors import RankingError
from graphengine.ranking.information import information
from graphengine.ranking.judging import MIN_ANSWERS
from graphengine.ranking.layout import Layout, blocks, lay_out
from graphengine.ranking.model import terms, weigh
from graphengine.ranking.posterior import Exact, posterior
from graphengine.ranking.top import opposites
from graphengine.tables import QUESTIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration

CARDS, FEWEST = 24, 4
"""So many cards of a context are looked at: those that may be the best, and `FEWEST` of those with fewest answers."""

CONTENDS = 0.01
ONE_IN = 5
"""One in `ONE_IN` answers of a context is asked for about a card that has fewer than 5, while there is one."""

NEARLY = 0.8
"""The direction that was asked less is taken where its gain is at least this share of the other's."""

_NOTHING = 1e-6
_DRAWS = 512
_opposites = lru_cache(maxsize=CARDS + 1)(opposites)


class Question(NamedTuple):
    """A question of a context, by places among the cards looked at."""

    source: int
    target: int
    gain: float
    priority: float
    few: bool


@dataclass
class Belief:
    """What is known of the cards of one context, the most promising first.

    Attributes:
        context: Its number in the layout.
        nodes: (k,) the cards.
        mean: (k + 1,) of their strengths and of β.
        covariance: (k + 1, k + 1).
        asked: (k, k) answers by card asked from and card asked about, and those to be asked for.
        answers: (k,) answers about each card, and those to be asked for.
        total: Answers of the whole context, and those to be asked for.
        p_top: (k,) probability of being the best.
        chosen: (k, k) questions of this batch.
    """

    context: int
    nodes: Ints
    mean: Reals
    covariance: Reals
    asked: Ints
    answers: Ints
    total: int
    p_top: Reals
    chosen: NDArray[np.bool_]

    def best(self, tau: float) -> Question | None:
        """The question to ask next; None where nothing is left to learn."""
        draws, top = self._draw()
        k = len(self.nodes)
        self.p_top = np.bincount(top, minlength=k) / _DRAWS
        contends = self.p_top >= CONTENDS
        contends[np.argsort(-self.p_top, kind="stable")[:2]] = True
        fewest = int(np.argmin(self.answers))
        turn = bool(self.answers[fewest] < MIN_ANSWERS and self.total % ONE_IN == ONE_IN - 1)
        low, high = np.triu_indices(k, 1)
        used = contends[low] | contends[high]
        if turn:
            used |= (low == fewest) | (high == fewest)
        low, high = low[used], high[used]
        gains = information(draws, top, self.p_top, low, high, tau)
        gains[self.chosen[low, high], 0] = gains[self.chosen[high, low], 1] = -1.0
        better = gains.max(axis=1)
        most = float(better.max())
        if turn:
            own = np.where((low == fewest) | (high == fewest), better, -1.0)
            turn = bool(own.max() >= 0)
            better = own if turn else better
        if most < (0 if turn else _NOTHING):
            return None
        pair = int(np.argmax(better))
        one, other = int(low[pair]), int(high[pair])
        ways = [(float(gains[pair, 0]), one, other), (float(gains[pair, 1]), other, one)]
        open_ways = [way for way in ways if way[0] >= max(0.0, NEARLY * better[pair])]
        gain, source, target = min(open_ways, key=lambda way: (self.asked[way[1], way[2]], -way[0]))
        return Question(source, target, gain, most, turn)

    def narrow(self, question: Question, log_tau: float) -> None:
        """Take a question as answered, as it will be on average: less variance, the same mean."""
        at = np.zeros(len(self.mean))
        at[[question.source, question.target, -1]] = -1, 1, 1
        d = np.array([at @ self.mean])
        tau = np.exp(log_tau)
        yes, no = 1 / (1 + np.exp(tau - d)), 1 / (1 + np.exp(tau + d))
        weight = -float(terms(d, log_tau, np.stack([yes, no, 1 - yes - no], axis=1)).dd[0])
        toward = self.covariance @ at
        self.covariance = self.covariance - np.outer(toward, toward) * (weight / (1 + weight * float(at @ toward)))
        self.chosen[question.source, question.target] = True
        self.asked[question.source, question.target] += 1
        self.answers[[question.source, question.target]] += 1
        self.total += 1

    def _draw(self) -> tuple[Reals, Ints]:
        """(k + 1, draws) strengths and β, and which card is the best in each draw."""
        size = len(self.mean)
        root = np.linalg.cholesky(self.covariance + 1e-9 * np.eye(size))
        draws = self.mean[:, None] + root @ _opposites(size, _DRAWS)
        return draws.astype(np.float32), draws[:-1].argmax(axis=0)


def ask_next(counts: pa.Table, calibration: Calibration, n: int = 20) -> pa.Table:
    """The `n` questions to ask next, of all contexts of the table.

    Every ordered pair of a context's cards may be asked, also one that never was, but none twice in a batch. A row
    without answers (an upgrade that nobody voted on) makes its cards candidates, with the prior's strength. Large
    contexts are searched among their 24 most promising cards and those with fewest answers.

    While a card has fewer than 5 answers, one question in five goes to the card of its context with fewest. Of a pair's
    two directions the one with the larger gain is asked, or the one that was asked less if it gains nearly as much.

    Args:
        counts: COUNTS, in any row order.
        calibration: From `calibrate`.
        n: How many; fewer come back when nothing is left to learn or all was asked.

    Returns:
        QUESTIONS, the most useful first.

    Raises:
        RankingError: If `n` is below 1, or the table is not COUNTS.

    Example:
        >>> from graphengine import tables
        >>> from graphengine.ranking import calibrate
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 5, "not_wiser": 5, "unsure": 0},
        ...     {"context_id": "c", "from_id": "z", "to_id": "a", "wiser": 9, "not_wiser": 1, "unsure": 0},
        ...     {"context_id": "c", "from_id": "z", "to_id": "b", "wiser": 9, "not_wiser": 1, "unsure": 0},
        ... ])
        >>> row = ask_next(counts, calibrate(counts), n=1).to_pylist()[0]
        >>> sorted([row["from_id"], row["to_id"]])
        ['a', 'b']
    """
    if n < 1:
        raise RankingError(f"n must be at least 1, not {n}", hint="graphengine ask-next --n 20", value=n)
    layout = lay_out(counts, unanswered=True)
    tau = calibration.tau
    beliefs = [belief for belief in _beliefs(layout, calibration) if len(belief.nodes) > 1]
    waiting: list[tuple[float, int, int, Question]] = []
    for at, belief in enumerate(beliefs):
        if (question := belief.best(tau)) is not None:
            waiting.append((-question.priority, belief.context, at, question))
    heapq.heapify(waiting)
    # What rows say of the cards is what was known before any of them.
    first = [(belief.p_top, belief.answers.copy(), belief.asked.copy()) for belief in beliefs]
    rows: list[dict[str, object]] = []
    contexts, cards = layout.contexts.to_pylist(), layout.cards
    while waiting and len(rows) < n:
        _, _, at, question = waiting[0]
        belief = beliefs[at]
        ends = layout.node_card[belief.nodes[[question.source, question.target]]]
        p_top, answers, asked = first[at]
        rows.append({
            "context_id": contexts[belief.context], "from_id": cards[int(ends[0])].as_py(),
            "to_id": cards[int(ends[1])].as_py(), "gain": question.gain,
            "p_top_from": float(p_top[question.source]), "p_top_to": float(p_top[question.target]),
            "asked": int(asked[question.source, question.target]),
            "asked_reverse": int(asked[question.target, question.source]), "few_answers": question.few,
            "fewest": int(min(answers[question.source], answers[question.target])),
        })
        belief.narrow(question, calibration.log_tau)
        found = belief.best(tau)
        if found is None:
            heapq.heappop(waiting)
        else:
            # What follows in a batch never comes before what led to it.
            heapq.heapreplace(waiting, (max(-found.priority, waiting[0][0]), belief.context, at, found))
    return QUESTIONS.table(rows)


def _beliefs(layout: Layout, calibration: Calibration) -> Iterator[Belief]:
    c = np.array(calibration.covariance)
    asked = layout.answers.sum(axis=1)
    answers = layout.answers_per_node()
    for block in blocks(layout):
        found = posterior(block, weigh(block.answers, calibration.not_wiser), calibration)
        variance = found.variance()
        for place, context in enumerate(block.contexts.tolist()):
            first, last = int(layout.start[context]), int(layout.start[context + 1])
            own = answers[first:last]
            chosen = _chosen(found.theta[place, : last - first], variance[place, : last - first], own)
            move = found.shared[place, chosen]
            k = len(chosen)
            covariance = np.empty((k + 1, k + 1))
            if isinstance(found, Exact):
                covariance[:k, :k] = found.covariance[place][np.ix_(chosen, chosen)]
            else:
                drawn = found.draws[chosen]
                lean = found.root[place, chosen]
                covariance[:k, :k] = drawn @ drawn.T / drawn.shape[1] + np.outer(lean, lean) + move @ c @ move.T
            bias = found.bias
            shared = c @ bias.move[place]
            covariance[:k, k] = covariance[k, :k] = bias.covariance[place, chosen] + move @ shared
            covariance[k, k] = bias.variance[place] + bias.move[place] @ shared
            rows = slice(int(layout.row_start[context]), int(layout.row_start[context + 1]))
            total = asked[rows]
            between = np.zeros((k, k), np.int64)
            at = np.full(last - first, -1)
            at[chosen] = np.arange(k)
            source, target = at[layout.source[rows] - first], at[layout.target[rows] - first]
            both = (source >= 0) & (target >= 0)
            between[source[both], target[both]] = total[both]
            yield Belief(
                context, chosen + first, np.append(found.theta[place, chosen], bias.mean[place]), covariance, between,
                own[chosen].copy(), int(total.sum()), np.zeros(k), np.zeros((k, k), bool),
            )


def _chosen(theta: Reals, variance: Reals, answers: Ints) -> Ints:
    """The cards to look at: the highest upper ends of 90% intervals, and the fewest answers; by falling upper end."""
    order = np.argsort(-(theta + 1.645 * np.sqrt(variance)), kind="stable")
    if len(order) <= CARDS:
        return order
    rest = order[CARDS - FEWEST :]
    fewest = np.sort(np.argsort(answers[rest], kind="stable")[:FEWEST])
    return np.concatenate([order[: CARDS - FEWEST], rest[fewest]])
