"""Who could take a win away: is there one person without whose answers the rule no longer names the winner?

Everybody is left out in turn, as a context of its own with the counts of all others, the calibration as it is, and the
same rule asks again. People who answered the same are one case. Where many people answered, cases are taken in the
order of what a Newton step says of them (the strengths move by -H⁻¹ g, g = gradient of the person's answers), until
those just taken moved P(top) by less than one `SAFETY`th of what the win can lose: all that are left are weaker. (It
is a rule of thumb, not a proof; against leaving out everybody it erred in none of some hundred simulated winners.)
Whoever could break another condition (few people, few answers, the only one to tie cards together) comes first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from graphengine.ranking.arrays import compute
from graphengine.ranking.judging import MIN_ANSWERS, MIN_PEOPLE, RIVAL, verdicts
from graphengine.ranking.keys import ranges, unordered
from graphengine.ranking.layout import blocks, lay_out, sum_at
from graphengine.ranking.model import terms, weigh
from graphengine.ranking.posterior import most_probable
from graphengine.ranking.validity.votes import read_votes
from graphengine.tables import ANSWERS, COUNTS, INFLUENCE, PEOPLE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from graphengine.ranking.arrays import Ints, Reals
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.layout import Layout


SAFETY = 2.0
FIRST = 4
"""So many cases of a context are left out before the bound is asked for the first time; then four times as many."""

_WIDER = 0.2
_RIVALS = 8
_ROWS_AT_ONCE = 400_000


def influence(
    said: pa.Table, ranks: pa.Table, counts: pa.Table, calibration: Calibration, *, confidence: float = 0.8
) -> pa.Table:
    """Of each context where a single winner would be named: the person whose removal costs the winner most.

    Args:
        said: SAID: the single votes behind the counts, of these contexts at least, any row order.
        ranks: RANKS by bradley-terry.
        counts: COUNTS that they were made from.
        calibration: That they were made with; it stays as it is.
        confidence: The least P(top) of a single winner.

    Returns:
        INFLUENCE sorted by context: only contexts with a single winner by the rule of `verdicts`.

    Example:
        >>> from graphengine import ranking, tables
        >>> vote = {"context_id": "c", "from_id": "a", "to_id": "b", "answer": "wiser"}
        >>> said = tables.SAID.table([{**vote, "user_id": f"p{n}"} for n in range(31)])
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 31, "not_wiser": 0, "unsure": 0}])
        >>> shared = ranking.calibrate(counts)
        >>> found = influence(said, ranking.rank_counts(counts, calibration=shared), counts, shared)
        >>> found.select(["card_id", "takes_win", "people", "checked"]).to_pylist()
        [{'card_id': 'b', 'takes_win': False, 'people': 31, 'checked': 31}]
    """
    people = people_of(said)
    judged = verdicts(ranks, counts, people, confidence=confidence)
    named = judged.filter(judged.column("single_winner")).column("context_id").combine_chunks()
    ranks, counts, said = (_of(table, named) for table in (ranks, counts, said))
    if not len(named) or not said.num_rows:
        return INFLUENCE.empty()
    world = _World(ranks, counts, said, calibration, confidence)
    world.run()
    return world.table()


def people_of(said: pa.Table) -> pa.Table:
    """PEOPLE from SAID: how many different people answered about a card in a context."""
    both = pa.concat_tables([
        said.select(["context_id", side, "user_id"]).rename_columns(["context_id", "card_id", "user_id"])
        for side in ("from_id", "to_id")])
    found = both.group_by(["context_id", "card_id"]).aggregate([("user_id", "count_distinct")])
    return found.rename_columns({"user_id_count_distinct": "people"}).select(PEOPLE.schema.names).cast(PEOPLE.schema)


def _of(table: pa.Table, contexts: pa.Array) -> pa.Table:
    return table.filter(compute().is_in(table.column("context_id").cast(pa.string()), value_set=contexts))


@dataclass(frozen=True)
class _Votes:
    """Single votes, sorted by voter (a person in a context), as rows of a layout."""

    row: Ints
    answer: Ints
    voter: Ints
    context: Ints  # of each voter
    user: Ints  # of each voter
    users: pa.Array


def _read(said: pa.Table, layout: Layout) -> _Votes:
    user, row, answer, users = read_votes(said, layout)
    voters, voter = np.unique(layout.row_context[row] * len(users) + user, return_inverse=True)
    order = np.argsort(voter, kind="stable")
    return _Votes(row[order], answer[order], voter[order], voters // len(users), voters % len(users), users)


def _find(sorted_keys: Ints, wanted: Ints) -> tuple[Ints, NDArray[np.bool_]]:
    at = np.minimum(np.searchsorted(sorted_keys, wanted), max(len(sorted_keys) - 1, 0))
    return at, sorted_keys[at] == wanted


class _World:
    """The contexts with a winner, their voters, and what is known so far of leaving each of them out."""

    def __init__(
        self, ranks: pa.Table, counts: pa.Table, said: pa.Table, calibration: Calibration, confidence: float
    ) -> None:
        self.calibration, self.confidence = calibration, confidence
        self.layout = layout = lay_out(counts)
        self.votes = votes = _read(said, layout)
        number, nodes = len(layout.contexts), len(layout.node_card)
        place, _ = _find(layout.node_context * len(layout.cards) + layout.node_card, self._keys(ranks))
        self.p_top = np.zeros(nodes)
        self.p_top[place] = ranks.column("p_top").to_numpy()
        component = np.zeros(nodes, np.int64)
        component[place] = ranks.column("component").to_numpy()
        order = np.lexsort((-self.p_top, layout.node_context))
        self.leader = order[layout.start[:-1]]  # above .5 it is the only one; ties are never named
        leads = self.leader[layout.node_context]
        elsewhere = np.where(component != component[leads], self.p_top, 0.0)
        rival = np.maximum.reduceat(np.where(np.arange(nodes) == leads, 0.0, self.p_top), layout.start[:-1])
        lead = self.p_top[self.leader]
        self.slack = np.minimum.reduce([
            lead - confidence, RIVAL - np.maximum.reduceat(elsewhere, layout.start[:-1]), (lead - rival) / 2])
        sides = np.unique(np.concatenate([
            votes.voter * nodes + layout.source[votes.row], votes.voter * nodes + layout.target[votes.row]]))
        self.side_voter, self.side_node = sides // nodes, sides % nodes
        self.people = np.bincount(self.side_node, minlength=nodes)
        self.cases, self.size = self._cases()
        step, must = self._step(order), self._must(rival)
        self.step, order = step[self.cases], np.lexsort(
            (self.cases, -step[self.cases], ~must[self.cases], votes.context[self.cases]))
        self.must, self.cases, self.size, self.step = (
            part[order] for part in (must[self.cases], self.cases, self.size, self.step))
        self.begin = np.searchsorted(votes.context[self.cases], np.arange(number + 1))
        self.done = np.zeros(number, np.int64)  # cases left out so far
        self.moved, self.strongest = np.zeros(number), np.zeros(number)  # of the last cases: move of P(top), step
        self.worst = np.full(number, -1)  # case
        self.worst_p, self.why = np.ones(number), [""] * number
        self.taken = np.zeros(number, bool)

    def _keys(self, ranks: pa.Table) -> Ints:
        pc = compute()
        context = pc.index_in(ranks.column("context_id").cast(pa.string()), value_set=self.layout.contexts)
        card = pc.index_in(ranks.column("card_id").cast(pa.string()), value_set=self.layout.cards)
        return context.to_numpy().astype(np.int64) * len(self.layout.cards) + card.to_numpy()

    def _cases(self) -> tuple[Ints, Ints]:
        """One voter for all voters of a context who answered the same, and how many they are."""
        votes = self.votes
        random = np.random.Generator(np.random.PCG64(19)).integers(0, 2**63, 3 * len(self.layout.source), np.uint64)
        first = np.searchsorted(votes.voter, np.arange(len(votes.user)))
        same = np.add.reduceat(random[votes.row * 3 + votes.answer], first)
        order = np.lexsort((votes.user, same, votes.context))
        new = np.ones(len(order), bool)
        new[1:] = (np.diff(votes.context[order]) != 0) | (same[order][1:] != same[order][:-1])
        at = np.nonzero(new)[0]
        return order[at], np.diff(np.append(at, len(order)))

    def _must(self, rival: Reals) -> NDArray[np.bool_]:
        """(voters,) Could leaving them out break a condition other than P(top), whatever the step?"""
        layout, votes = self.layout, self.votes
        number, leads = len(votes.user), self.leader[layout.row_context[votes.row]]
        about = (layout.source[votes.row] == leads) | (layout.target[votes.row] == leads)
        mine = np.bincount(votes.voter, about, number)
        answers = layout.answers_per_node()[self.leader[votes.context]]
        few = (mine > 0) & ((answers - mine < MIN_ANSWERS) | (self.people[self.leader[votes.context]] <= MIN_PEOPLE))
        pairs, _, pair = unordered(layout.source, layout.target)
        total = sum_at(pair, layout.answers.sum(axis=1), len(pairs))
        both = votes.voter * len(pairs) + pair[votes.row]
        keys, own = np.unique(both, return_counts=True)
        only = np.bincount(keys // len(pairs), own >= total[keys % len(pairs)], number) > 0
        return few | (only & (rival[votes.context] > RIVAL / 2))  # the only one who ties two cards together

    def _step(self, order: Ints) -> Reals:
        """(voters,) How far the winner falls against a rival without them, at most: by a Newton step, in log odds."""
        layout, votes, calibration = self.layout, self.votes, self.calibration
        unit = weigh(np.eye(3), calibration.not_wiser)
        effect = np.zeros((len(layout.source), 3, _RIVALS))
        for block in blocks(layout):
            state, last = most_probable(
                block, weigh(block.answers, calibration.not_wiser), calibration.beta, calibration.log_tau,
                calibration.sigma, calibration.omega)
            theta = (state.theta + last.theta).ravel()
            bias = calibration.beta + calibration.omega * (state.bias + last.bias)
            d = theta[block.target] - theta[block.source] + bias[block.owner]
            slope = np.stack([terms(d, calibration.log_tau, np.broadcast_to(one, (len(d), 3))).d for one in unit], 1)
            m, width = block.nodes.shape
            right, at = np.zeros((m, width, _RIVALS)), np.arange(m)
            start, size = layout.start[block.contexts], layout.sizes[block.contexts]
            for which in range(min(_RIVALS, width - 1)):
                has = size > which + 1
                right[at[has], order[(start + which + 1)[has]] - start[has], which] = -1
                right[at[has], (self.leader[block.contexts] - start)[has], which] = 1
            lean = np.matmul(last.root[:, None, :], right)  # (m, 1, rivals): through the context's own yes-bias
            pull = (state.curvature.solve(right) + last.root[:, :, None] * lean).reshape(m * width, _RIVALS)
            lean = (calibration.omega / np.sqrt(last.complement))[:, None] * lean[:, 0]
            effect[block.rows] = slope[:, :, None] * (
                pull[block.target] - pull[block.source] + lean[block.owner])[:, None, :]
        each = effect[votes.row, votes.answer]
        first = np.searchsorted(votes.voter, np.arange(len(votes.user)))
        pull = np.add.reduceat(each, first, axis=0)
        # Who speaks for the winner comes first; a person's leaving also widens what is not known, hence the rest.
        return np.maximum(pull.max(axis=1), 0) + _WIDER * np.abs(pull).max(axis=1)

    def run(self) -> None:
        """Leave out case after case, until each context is decided."""
        many = FIRST
        total = np.diff(self.begin)
        live = np.nonzero(total)[0]
        while len(live):
            ends = np.minimum(self.done[live] + many, total[live])
            case = np.concatenate([np.arange(self.begin[c] + self.done[c], self.begin[c] + end)
                                   for c, end in zip(live, ends, strict=True)])
            self.moved[live] = self.strongest[live] = 0.0
            rows = np.diff(self.layout.row_start)[self.votes.context[self.cases[case]]]
            for part in np.split(case, np.searchsorted(
                    np.cumsum(rows), np.arange(_ROWS_AT_ONCE, int(rows.sum()), _ROWS_AT_ONCE))):
                self._leave_out(part)
            self.done[live] = ends
            following = np.minimum(self.begin[live] + ends, len(self.cases) - 1)
            weaker = self.step[following] <= self.strongest[live]
            bounded = ~self.must[following] & weaker & (SAFETY * self.moved[live] < self.slack[live])
            live = live[~(self.taken[live] | (ends == total[live]) | bounded)]
            many *= 4

    def _leave_out(self, case: Ints) -> None:
        """Rank the contexts of some cases without them, all at once, and note what the rule says."""
        from graphengine.ranking.methods import rank_counts

        if not len(case):
            return
        counts, people, names = self._without(case)
        ranks = rank_counts(counts, calibration=self.calibration, people=people, confidence=self.confidence)
        judged = {row["context_id"]: row for row in verdicts(
            ranks, counts, people, confidence=self.confidence).to_pylist()}
        owner = compute().index_in(ranks.column("context_id").cast(pa.string()), value_set=names).to_numpy()
        context = self.votes.context[self.cases[case]]
        card = compute().index_in(ranks.column("card_id").cast(pa.string()), value_set=self.layout.cards).to_numpy()
        cards = len(self.layout.cards)
        node, _ = _find(self.layout.node_context * cards + self.layout.node_card, context[owner] * cards + card)
        p_top = ranks.column("p_top").to_numpy()
        moved, p_leader = np.zeros(len(case)), np.zeros(len(case))
        np.maximum.at(moved, owner, np.abs(p_top - self.p_top[node]))
        leads = node == self.leader[context[owner]]
        p_leader[owner[leads]] = p_top[leads]
        single = np.zeros(len(case), bool)
        single[owner[leads & ranks.column("tied_top").to_numpy(zero_copy_only=False)]] = True
        np.maximum.at(self.moved, context, moved)
        np.maximum.at(self.strongest, context, self.step[case])
        for at, (number, name) in enumerate(zip(context.tolist(), names.to_pylist(), strict=True)):
            said = judged.get(name, {"single_winner": False, "reason": "no single winner: nothing is left to rank; "})
            takes = not (said["single_winner"] and single[at])
            if (takes, -p_leader[at]) > (bool(self.taken[number]), -float(self.worst_p[number])) or (
                    self.worst[number] < 0):
                self.worst[number], self.worst_p[number], self.taken[number] = case[at], p_leader[at], takes
                self.why[number] = _why(said) if takes else ""

    def _without(self, case: Ints) -> tuple[pa.Table, pa.Table, pa.Array]:
        """COUNTS and PEOPLE in which each case is a context of its own, and their names."""
        layout, votes, voter = self.layout, self.votes, self.cases[case]
        names = pa.array([f"{at:09d}" for at in range(len(case))])
        context = votes.context[voter]
        owner, rows, shift = ranges(layout.row_start[context], layout.row_start[context + 1])
        answers = layout.answers[rows]
        mine, which, _ = ranges(np.searchsorted(votes.voter, voter), np.searchsorted(votes.voter, voter + 1))
        np.subtract.at(answers, (votes.row[which] + shift[mine], votes.answer[which]), 1)
        answers = np.maximum(answers, 0)
        columns: dict[str, Any] = {
            "context_id": names.take(pa.array(owner)),
            "from_id": layout.cards.take(pa.array(layout.node_card[layout.source[rows]])),
            "to_id": layout.cards.take(pa.array(layout.node_card[layout.target[rows]])),
            **{answer: answers[:, at] for at, answer in enumerate(ANSWERS)},
        }
        counts = pa.table(columns, schema=COUNTS.schema)
        owner, nodes, shift = ranges(layout.start[context], layout.start[context + 1])
        left = self.people[nodes]
        mine, which, _ = ranges(np.searchsorted(self.side_voter, voter), np.searchsorted(self.side_voter, voter + 1))
        left[self.side_node[which] + shift[mine]] -= 1
        people = pa.table({
            "context_id": names.take(pa.array(owner)),
            "card_id": layout.cards.take(pa.array(layout.node_card[nodes])), "people": left}, schema=PEOPLE.schema)
        return counts, people, names

    def table(self) -> pa.Table:
        """INFLUENCE."""
        known = np.nonzero(self.worst >= 0)[0]
        people = np.bincount(self.votes.context, minlength=len(self.done))
        checked = np.append(0, np.cumsum(self.size))
        return INFLUENCE.table([
            {"context_id": self.layout.contexts[c].as_py(),
             "card_id": self.layout.cards[int(self.layout.node_card[self.leader[c]])].as_py(),
             "user_id": self.votes.users[int(self.votes.user[self.cases[self.worst[c]]])].as_py(),
             "p_top": float(self.p_top[self.leader[c]]), "p_top_without": float(self.worst_p[c]),
             "takes_win": bool(self.taken[c]), "why": self.why[c], "people": int(people[c]),
             "checked": int(checked[self.begin[c] + self.done[c]] - checked[self.begin[c]])}
            for c in known.tolist()])


def _why(said: dict[str, Any]) -> str:
    """What the rule says without the person, less what it says of the set that is left open."""
    if said["single_winner"]:
        return "another card would be named"
    return "without them, " + "; ".join(said["reason"].removeprefix("no single winner: ").split("; ")[:-1])
