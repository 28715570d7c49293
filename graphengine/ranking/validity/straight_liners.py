"""Careless voters: people who gave the same answer to everything, more often than chance would have it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.ranking.layout import lay_out
from graphengine.ranking.validity.copies import rank_as_is, rank_variants, same_leader
from graphengine.ranking.validity.finding import Finding, counted, share
from graphengine.ranking.validity.votes import answers_of, read_votes
from graphengine.tables import ANSWERS

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.layout import Layout
    from graphengine.ranking.validity.finding import Level

FEWEST = 5
IMPROBABLE = 0.01
"""A straight-liner has at least `FEWEST` answers, all the same; it is improbable where the probability of that is below
`IMPROBABLE`."""

_TITLE = "Careless voters"


def careless(
    said: pa.Table, counts: pa.Table, calibration: Calibration, *, show_people: bool = False
) -> Finding:
    """People with at least 5 answers who gave the same answer to everything, against what the base rates let expect.

    The probability that a person answers a to everything is Π_q r(q, a) over the person's questions q; r(q, a) = the
    share of a among all answers in the context of q, drawn towards that of the whole survey by one answer. Its sum over
    a and all people with 5 or more answers is the number of straight-liners that chance gives. A straight-liner is
    flagged where the probability of the answer that was given is below .01.

    Args:
        said: SAID.
        counts: COUNTS.
        calibration: Of the default, to see who leads without those who are flagged.
        show_people: Whether `rows` hold the pseudonyms of those who are flagged; otherwise `rows` is by answer.

    Returns:
        Figures: people (with 5 or more answers), straight_liners, expected, share, flagged, flagged_share,
        flagged_expected (how many of so many people chance would flag), flagged_votes (share of all votes),
        same_leader_without (share of contexts where the leader stays without the flagged people; None if nobody is
        flagged). Rows by answer, or by person: user_id, answer, answers, probability.

    Example:
        >>> from graphengine import ranking, tables
        >>> rows = [{"user_id": f"p{p}", "context_id": "c", "from_id": f"v{q}", "to_id": f"v{q + 1}",
        ...          "answer": "unsure" if p == 0 else tables.ANSWERS[(p + q) % 2]}
        ...         for p in range(20) for q in range(8)]
        >>> said = tables.SAID.table(rows)
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": f"v{q}", "to_id": f"v{q + 1}", "wiser": 10, "not_wiser": 9, "unsure": 1}
        ...     for q in range(8)])
        >>> careless(said, counts, ranking.calibrate(counts)).figures["flagged"]
        1
    """
    layout = lay_out(counts)
    votes = read_votes(said, layout)
    people = len(votes.users)
    many = np.bincount(votes.user, minlength=people)
    eligible = many >= FEWEST
    if not eligible.any():
        return Finding(_TITLE, f"Nobody gave {FEWEST} answers or more, so careless voters can't be told from others.",
                       "unknown", {"people": 0, "straight_liners": 0, "flagged": 0})
    log_rate = np.log(_rates(layout))[layout.row_context[votes.row]]
    each = np.stack([np.bincount(votes.user, log_rate[:, a], people) for a in range(3)], axis=1)
    given = np.stack([np.bincount(votes.user, votes.answer == a, people) for a in range(3)], axis=1)
    straight = eligible & (given.max(axis=1) == many)
    answer = given.argmax(axis=1)
    probability = np.exp(each[np.arange(people), answer])
    flagged = straight & (probability < IMPROBABLE)
    stays = None
    if flagged.any():
        left = np.maximum(layout.answers - answers_of(votes, flagged[votes.user], len(layout.source)), 0)
        without = rank_variants(layout, left[None], "bradley-terry", calibration)
        stays = float(same_leader(rank_as_is(layout, "bradley-terry", calibration), layout, without).mean())
    number_of, expected = int(straight.sum()), float(np.exp(each[eligible]).sum())
    figures = {
        "people": int(eligible.sum()), "straight_liners": number_of, "expected": expected,
        "share": float(straight.sum() / eligible.sum()), "flagged": int(flagged.sum()),
        "flagged_share": float(flagged.sum() / eligible.sum()),
        "flagged_expected": float(np.where(each < np.log(IMPROBABLE), np.exp(each), 0)[eligible].sum()),
        "flagged_votes": float(many[flagged].sum() / many.sum()), "same_leader_without": stays,
    }
    if show_people:
        columns = {"user_id": "person", "answer": "always", "answers": "answers", "probability": "probability"}
        rows = [{"user_id": votes.users[at].as_py(), "answer": ANSWERS[answer[at]], "answers": int(many[at]),
                 "probability": float(probability[at])}
                for at in sorted(np.nonzero(flagged)[0].tolist(), key=lambda at: (probability[at], at))]
    else:
        columns = {"answer": "always", "straight_liners": "straight-liners", "flagged": "improbable"}
        rows = [{"answer": name, "straight_liners": int((straight & (answer == a)).sum()),
                 "flagged": int((flagged & (answer == a)).sum())} for a, name in enumerate(ANSWERS)]
    return Finding(_TITLE, *_said(figures, number_of, expected, stays), figures, columns, rows)


def _rates(layout: Layout) -> Reals:
    """(contexts, 3) share of each answer, drawn towards the whole survey's by one answer."""
    total = layout.answers.sum(axis=0) + 1 / 3
    own: Ints = np.add.reduceat(layout.answers, layout.row_start[:-1])
    return (own + total / total.sum()) / (own.sum(axis=1, keepdims=True) + 1)


def _said(figures: dict[str, float | None], straight: int, expected: float, stays: float | None) -> tuple[str, Level]:
    flagged, part = int(figures["flagged"] or 0), figures["flagged_share"] or 0.0
    verdict = (
        f"Of {counted(int(figures['people'] or 0), 'person', 'people')} with {FEWEST} or more answers {straight} gave "
        f"the same answer to everything; {expected:.1f} would by chance. "
    )
    if not flagged:
        return verdict + "Nobody's answers look careless.", "fine"
    by_chance = figures["flagged_expected"] or 0.0
    if flagged <= by_chance + 2 * by_chance**0.5:
        return verdict + (f"For {counted(flagged, 'person', 'people')} chance is an improbable reason, but among so "
                          "many people no more than chance gives."), "fine"
    verdict += f"For {counted(flagged, 'person', 'people')} chance is an improbable reason ({by_chance:.1f} by chance)"
    if stays is not None:
        verdict += f"; without them the same card leads in {share(stays)} of the contexts"
    level: Level = "caution" if part <= 0.1 and (stays is None or stays >= 0.7) else "warning"
    return verdict + ".", level
