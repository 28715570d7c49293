"""Placebo: answers shuffled within their context; who was asked about stays, what was answered is lost.

A method that hears what people say names another card then; one that counts who was asked about keeps its winner.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.ranking.layout import Layout, lay_out
from graphengine.ranking.validity.copies import rank_as_is, rank_copies, same_leader, subset
from graphengine.ranking.validity.finding import Finding, share

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.validity.finding import Level

PER_CONTEXT_RULE = "mai-2023-context"
"""Of the study's rules the one that needs no other context, so that copies can stand side by side."""

_TITLE = "Placebo: answers shuffled"
_MOST_ROWS, _MOST_COPIES = 2_000_000, 20_000


def placebo(counts: pa.Table, calibration: Calibration, *, shuffles: int = 200) -> Finding:
    """How often the leading card still leads after the answers of its context are shuffled among the votes.

    Every question keeps its number of votes, every context its answers. Chance is 1 / (candidates of the context): what
    a method would reach that knows nothing of who was asked about. Methods: the default (leader: highest P(top)) and
    PageRank (rule mai-2023-context). Contexts with only one kind of answer are left out: nothing can be shuffled there.

    Args:
        counts: COUNTS.
        calibration: Of the default.
        shuffles: Per context; fewer on many contexts or questions (`figures["shuffles"]` says how many).

    Returns:
        Figures: shuffles, contexts, left_out, chance, survival, survival_sd (of the mean, from the contexts),
        pagerank_survival, excess ((survival - chance) / (1 - chance)). Rows by context.

    Example:
        >>> from graphengine import ranking, tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 30, "not_wiser": 30, "unsure": 3},
        ...     {"context_id": "c", "from_id": "b", "to_id": "c", "wiser": 60, "not_wiser": 1, "unsure": 1},
        ... ])
        >>> placebo(counts, ranking.calibrate(counts), shuffles=20).figures["chance"]
        0.333...
    """
    layout = lay_out(counts)
    kinds = (np.add.reduceat(layout.answers, layout.row_start[:-1]) > 0).sum(axis=1)
    usable = kinds > 1
    contexts = np.nonzero(usable)[0]
    if not len(contexts):
        return Finding(
            _TITLE, "Every context has only one kind of answer, so shuffling can't change anything: there is nothing "
            "to check here yet.", "unknown", {"shuffles": 0, "contexts": 0, "left_out": len(usable)},
        )
    rows, size = subset(layout, contexts)
    shuffles = max(min(shuffles, 10), min(shuffles, _MOST_ROWS // len(rows), _MOST_COPIES // len(contexts)))
    answers = np.concatenate([shuffled(layout, int(c), shuffles) for c in contexts], axis=1)
    copy = (np.arange(shuffles)[:, None] * len(contexts) + np.repeat(np.arange(len(contexts)), size)).ravel()
    survival: dict[str, Reals] = {}
    for method, fitted, parameters in (
        ("bradley-terry", calibration, {}), ("pagerank", None, {"edge_rule": PER_CONTEXT_RULE}),
    ):
        real = rank_as_is(layout, method, fitted, **parameters)
        copies = rank_copies(layout, np.tile(contexts, shuffles), np.tile(rows, shuffles), copy,
                             answers.reshape(-1, 3), method, fitted, **parameters)
        survival[method] = same_leader(real, layout, copies).reshape(shuffles, len(contexts)).mean(axis=0)
    return _said(layout, contexts, shuffles, survival, len(usable))


def shuffled(layout: Layout, context: int, shuffles: int) -> Ints:
    """(shuffles, rows of the context, 3) answers dealt out anew to the votes of a context.

    The numbers of answers per question are hypergeometric: each is drawn given what was dealt out before, which is the
    same as permuting single votes and takes no longer for a million of them. The draws follow from the context's id and
    answers alone.
    """
    at = slice(layout.row_start[context], layout.row_start[context + 1])
    own = layout.answers[at]
    seed = hashlib.sha256(layout.contexts[context].as_py().encode() + own.astype("<i8").tobytes()).digest()
    random = np.random.Generator(np.random.PCG64(int.from_bytes(seed[:16], "little")))
    left = np.tile(own.sum(axis=0), (shuffles, 1))
    result = np.empty((shuffles, len(own), 3), np.int64)
    for row, votes in enumerate(own.sum(axis=1).tolist()):
        wiser = random.hypergeometric(left[:, 0], left[:, 1] + left[:, 2], votes)
        not_wiser = random.hypergeometric(left[:, 1], left[:, 2], votes - wiser)
        result[:, row] = np.stack([wiser, not_wiser, votes - wiser - not_wiser], axis=1)
        left = left - result[:, row]
    return result


def _said(layout: Layout, contexts: Ints, shuffles: int, survival: dict[str, Reals], known: int) -> Finding:
    own, pagerank = survival["bradley-terry"], survival["pagerank"]
    by_chance = 1 / layout.sizes[contexts]
    kept, chance = float(own.mean()), float(by_chance.mean())
    excess = max(0.0, (kept - chance) / (1 - chance))
    level: Level = "fine" if excess < 0.1 else "caution" if excess < 0.35 else "warning"
    means = {
        "fine": "Who leads follows from what people answered.",
        "caution": "A part of the lead comes from who was asked about, not from what was answered: ask about all cards "
                   "about equally often, and in both directions.",
        "warning": "Much of the lead comes from who was asked about, not from what was answered: don't name winners "
                   "from these votes.",
    }[level]
    verdict = (
        "With the answers shuffled among the votes, the card that leads now still leads in "
        f"{share(kept)} of the cases; by chance it would be {share(chance)}. {means} "
        f"(PageRank, for comparison, keeps its winner in {share(float(pagerank.mean()))}.)"
    )
    names = layout.contexts.take(pa.array(contexts)).to_pylist()
    votes = np.add.reduceat(layout.answers.sum(axis=1), layout.row_start[:-1])[contexts]
    return Finding(
        _TITLE, verdict, level,
        {"shuffles": shuffles, "contexts": len(contexts), "left_out": known - len(contexts), "chance": chance,
         "survival": kept, "survival_sd": float(own.std(ddof=1) / np.sqrt(len(own))) if len(own) > 1 else None,
         "pagerank_survival": float(pagerank.mean()), "excess": excess},
        {"context_id": "context", "cards": "cards", "votes": "votes", "chance": "chance",
         "survival": "default keeps its leader", "pagerank_survival": "PageRank keeps its leader"},
        [{"context_id": name, "cards": int(layout.sizes[c]), "votes": int(v), "chance": float(by_chance[at]),
          "survival": float(own[at]), "pagerank_survival": float(pagerank[at])}
         for at, (name, c, v) in enumerate(zip(names, contexts.tolist(), votes.tolist(), strict=True))],
    )

