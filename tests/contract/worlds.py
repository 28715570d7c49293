"""Small graphs for the contract: one by hand, and any that hypothesis comes up with."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from graphengine.store.base import Load
from graphengine.tables import TRUTH, group_id, upgrade_id

if TYPE_CHECKING:
    import pyarrow as pa

    from graphengine.store.base import Appended, Store

Tables = dict[str, "pa.Table"]
LOAD = Load("votes.csv", "csv")


def rows(name: str, *given: dict[str, Any]) -> pa.Table:
    """Rows of a truth table as an import hands them over: without load ids."""
    table = TRUTH[name].table(list(given))
    return table.drop_columns(["load_id"]) if "load_id" in table.column_names else table


def world(votes: list[tuple[str, str, str, str, str, int | None]], **more: pa.Table) -> Tables:
    """Votes (user, context, from, to, answer, at) with everything that they refer to."""
    contexts = dict.fromkeys(v[1] for v in votes)
    cards = dict.fromkeys(card for v in votes for card in v[2:4])
    upgrades = dict.fromkeys(v[1:4] for v in votes)
    return {
        "contexts": rows("contexts", *({"id": c, "text": c} for c in contexts)),
        "cards": rows("cards", *({"id": c} for c in cards)),
        "users": rows("users", *({"id": u} for u in dict.fromkeys(v[0] for v in votes))),
        "upgrades": rows("upgrades", *({"id": upgrade_id(*u), "context_id": u[0], "from_id": u[1], "to_id": u[2]}
                                       for u in upgrades)),
        "votes": rows("votes", *({"user_id": v[0], "upgrade_id": upgrade_id(*v[1:4]), "answer": v[4], "at": v[5]}
                                 for v in votes)),
        **more,
    }


def append(store: Store, tables: Tables, **options: Any) -> Appended:
    """Append with a load that has nothing to say."""
    return store.append(LOAD, tables, **options)


# Quotes, a lone backslash, other scripts, something that looks like Cypher: texts of people.
_TEXTS = st.one_of(
    st.sampled_from(["Höflichkeit", "悲伤时", "it's", 'say "no"', "a\\b", "x'}) DETACH DELETE n //", " ", "a\nb"]),
    st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=12),
)
_POLICIES = st.one_of(st.none(), st.lists(_TEXTS, max_size=3))


@st.composite
def worlds(draw: st.DrawFn) -> Tables:
    """Any small graph: texts or none, duplicates, scenarios, groups, tallies, votes with times or none."""
    contexts = draw(st.lists(_TEXTS, min_size=1, max_size=3, unique=True))
    cards = [f"v{i}" for i in range(draw(st.integers(3, 6)))]
    users = [f"p{i:024x}" for i in range(draw(st.integers(1, 5)))]
    pair = st.tuples(st.sampled_from(cards), st.sampled_from(cards)).filter(lambda p: p[0] != p[1])
    said = draw(st.dictionaries(
        st.tuples(st.sampled_from(users), st.sampled_from(contexts), pair),
        st.tuples(st.sampled_from(["wiser", "not_wiser", "unsure"]), st.one_of(st.none(), st.integers(1, 9))),
        min_size=1, max_size=12,
    ))
    tables = world([(u, c, *p, answer, at) for (u, c, p), (answer, at) in said.items()])
    told = [{"id": c, "title": draw(st.one_of(st.none(), _TEXTS)), "description": draw(st.one_of(st.none(), _TEXTS)),
             "policies": draw(_POLICIES)} for c in cards]
    tables["cards"] = rows("cards", *told)
    tables["contexts"] = rows("contexts", *({"id": c, "text": draw(_TEXTS)} for c in contexts))
    if draw(st.booleans()):
        tables["duplicates"] = rows("duplicates", {"card_id": cards[0], "canonical_id": cards[1]})
    tables["scenarios"] = rows("scenarios", {"id": "s", "text": draw(_TEXTS), "image": None})
    tables["raises"] = rows("raises", {"scenario_id": "s", "context_id": contexts[0]})
    tables["groups"] = rows("groups", {"id": group_id("age", "30"), "variable": "age", "value": "30"})
    tables["users"] = rows("users", *({"id": u} for u in users))
    tables["members"] = rows("members", {"user_id": users[0], "group_id": group_id("age", "30")})
    tables["articulated"] = rows("articulated", {"user_id": users[0], "card_id": cards[2]})
    if draw(st.booleans()):
        numbers = {k: draw(st.integers(0, 9)) for k in ("wiser", "not_wiser", "less_wise", "unsure", "impressions")}
        tables["tallies"] = rows("tallies", {"id": "t", "from_id": cards[1], "to_id": cards[2],
                                             "contexts": sorted(contexts), **numbers})
    return tables
