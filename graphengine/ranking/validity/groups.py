"""Leave one group out: does one part of the people decide who leads?"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from graphengine.ranking.arrays import compute
from graphengine.ranking.layout import codes, lay_out
from graphengine.ranking.validity.copies import kendall, leader_ids, rank_as_is, rank_variants, same_leader
from graphengine.ranking.validity.finding import Finding, counted, share
from graphengine.ranking.validity.votes import Votes, answers_of, people_per_context, read_votes

if TYPE_CHECKING:
    from graphengine.ranking.arrays import Ints
    from graphengine.ranking.calibration import Calibration
    from graphengine.ranking.validity.finding import Level

_TITLE = "One group left out"
_COLUMNS = {"group_id": "group", "context_id": "context", "leader": "leader", "without": "leader without the group",
            "same_leader": "same leader", "tau": "Kendall's tau"}


def without_groups(
    said: pa.Table, members: pa.Table, counts: pa.Table, calibration: Calibration, *, min_group: int = 5
) -> Finding:
    """The leader of every context when the members of one group are left out, group by group.

    A row is shown only where at least `min_group` members answered in the context and at least `min_group` other people
    did: what a smaller part answered is nobody's business. How many members a group has is never shown.

    Args:
        said: SAID.
        members: MEMBERS.
        counts: COUNTS.
        calibration: Of the default; it stays as it is.
        min_group: The fewest people that may show.

    Returns:
        Figures: groups (looked at), masked_groups (too small everywhere), min_group, cases (group and context),
        masked_cases, same_leader (share of cases). Rows by group and context: leaders with and without the group.

    Example:
        >>> from graphengine import ranking, tables
        >>> counts = tables.COUNTS.table([
        ...     {"context_id": "c", "from_id": "a", "to_id": "b", "wiser": 5, "not_wiser": 0, "unsure": 1}])
        >>> without_groups(tables.SAID.empty(), tables.MEMBERS.empty(), counts, ranking.calibrate(counts)).level
        'unknown'
    """
    layout = lay_out(counts)
    votes = read_votes(said, layout)
    groups, user, group = _members(members, votes)
    if not len(groups):
        return Finding(_TITLE, "No groups are known of the people who voted, so it can't be said whether one of them "
                       "decides.", "unknown", {"groups": 0, "masked_groups": 0, "min_group": min_group})
    first = rank_as_is(layout, "bradley-terry", calibration)
    everybody = people_per_context(votes, layout)
    answers, shown = [], []
    for at in range(len(groups)):
        belongs = np.zeros(len(votes.users), bool)
        belongs[user[group == at]] = True
        own = belongs[votes.user]
        inside = people_per_context(votes, layout, own)
        shown.append((inside >= min_group) & (everybody - inside >= min_group))
        answers.append(np.maximum(layout.answers - answers_of(votes, own, len(layout.source)), 0))
    show = np.stack(shown)
    some: Ints = show.sum(axis=1) > 0
    figures = {"groups": int(some.sum()), "masked_groups": int((~some).sum()), "min_group": min_group,
               "cases": int(show.sum()), "masked_cases": int((~show[some]).sum()), "same_leader": None}
    if not some.any():
        return Finding(_TITLE, f"No group has at least {min_group} people in a context, so nothing is shown.",
                       "unknown", figures, _COLUMNS)
    left = np.stack([one for one, there in zip(answers, some, strict=True) if there])
    without = rank_variants(layout, left, "bradley-terry", calibration)
    same = same_leader(first, layout, without).reshape(len(left), -1)
    tau = kendall(first, layout, without).reshape(len(left), -1)
    names = [groups[at] for at in np.nonzero(some)[0]]
    rows = []
    leaders, others = leader_ids(layout, first), leader_ids(layout, without)
    for at, context in zip(*np.nonzero(show[some]), strict=True):
        rows.append({
            "group_id": names[at], "context_id": layout.contexts[int(context)].as_py(), "leader": leaders[context],
            "without": others[at * len(layout.contexts) + context], "same_leader": float(same[at, context]),
            "tau": float(tau[at, context]) if np.isfinite(tau[at, context]) else None,
        })
    figures["same_leader"] = stays = float(same[show[some]].mean())
    return Finding(_TITLE, *_said(figures, stays), figures, _COLUMNS, rows)


def _said(figures: dict[str, int | None], stays: float) -> tuple[str, Level]:
    masked = figures["masked_groups"] or 0
    small = f" ({counted(masked, 'group')} with too few people not shown)" if masked else ""
    level: Level = "fine" if stays >= 0.9 else "caution" if stays >= 0.6 else "warning"
    return (
        f"When one of {counted(figures['groups'] or 0, 'group')} is left out{small}, the same card leads in "
        f"{share(stays)} of {counted(figures['cases'] or 0, 'case')}. "
    ) + {
        "fine": "No single group decides.",
        "caution": "Some results rest on one group: look at the cases beneath.",
        "warning": "Who leads depends on which groups took part: rank per group before you name anything.",
    }[level], level


def _members(members: pa.Table, votes: Votes) -> tuple[list[str], Ints, Ints]:
    """Groups that have voters, sorted; and each membership of a voter: place of the person, place of the group."""
    pc = compute()
    user = pc.index_in(members.column("user_id").cast(pa.string()), value_set=votes.users)
    known = members.filter(pc.is_valid(user))
    group, groups = codes(known.column("group_id").cast(pa.string()))
    return groups.to_pylist(), np.asarray(pc.drop_null(user).to_numpy(), np.int64), group
