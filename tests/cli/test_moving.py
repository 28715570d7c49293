"""`rank` again, as of a date and `--diff`; `drift`; `groups`: what they say and the keys that stay stable."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.cli.conftest import Said

pytestmark = pytest.mark.slow

_MOVED = ["context", "why", "before", "after", "named_before", "named_after", "reason_before", "reason_after", "cards"]


@pytest.fixture
def dated(cli: Callable[..., Said], folder: Path) -> Path:
    """Votes with dates and ages, in which the young turned a pair around in February; imported, not ranked."""
    lines = ["participant,context,from_value,to_value,answer,at,age"]
    for n in range(16):
        age = "young" if n < 8 else "old" if n < 14 else "rare"
        for first, day in (("wiser", "2026-01-10"), ("not_wiser" if age == "young" else "wiser", "2026-02-10")):
            lines.append(f"p{n},When lost,map,compass,{first},{day},{age}")
        lines.append(f"p{n},When home,map,compass,wiser,2026-01-10,{age}")
    path = folder / "dated.csv"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert 0 == cli("import", path, "--group", "age").code
    return path


def test_ranking_again_says_what_it_did(cli: Callable[..., Said], dated: Path, folder: Path) -> None:
    """First everything, then nothing, then what an import touched; `--full` does everything again."""
    first = cli("rank", "--json").json
    assert (2, 2, False, False, None) == tuple(
        first[k] for k in ("contexts", "covered", "incremental", "unchanged", "as_of"))
    nothing = cli("rank")
    assert "no votes changed in any of its 2 contexts" in nothing.out
    assert cli("rank", "--json").json["unchanged"]
    more = folder / "more.csv"
    more.write_text("participant,context,from_value,to_value,answer\nx,When home,map,compass,wiser\n")
    cli("import", more)
    again = cli("rank")
    assert "ranked again by bradley-terry" in again.out
    assert not cli("rank", "--full", "--json").json["unchanged"]


def test_rank_as_of_and_diff(cli: Callable[..., Said], dated: Path) -> None:
    """A ranking as of a date has its own id, and `--diff` says what differs from today's."""
    cli("rank")
    then = cli("rank", "--as-of", "2026-01-31", "--json").json
    assert ("bradley-terry as-of=2026-01-31", "2026-01-31") == (then["ranking_id"], then["as_of"])
    shown = cli("ranking", "When lost", "--as-of", "2026-01-31", "--json").json
    assert (False, ["compass", "map"]) == (shown["stale"], [card["id"] for card in shown["cards"]])
    assert not cli("wisest", "When lost", "--as-of", "2026-01-31", "--json").json["stale"]
    missing = cli("wisest", "When lost", "--as-of", "2026-02-01", "--json").json
    assert "make it: graphengine rank --as-of 2026-02-01" == missing["hint"]
    answer = cli("rank", "--diff", then["ranking_id"], "bradley-terry", "--json").json
    assert ["ok", "before", "after", "same_votes", "compared", "least", "moved"] == list(answer)
    assert {"id", "method", "edge_rule", "parameters", "calibration", "data_hash", "at", "version"} == set(
        answer["after"])
    (moved,) = (one for one in answer["moved"] if one["context"]["id"] == "When lost")
    assert _MOVED == list(moved)
    told = cli("rank", "--diff", then["ranking_id"], "bradley-terry")
    assert "When lost: " in told.out and "→" in told.out


def test_drift(cli: Callable[..., Said], dated: Path) -> None:
    """`drift` names the dates, the calibration and where it is from, and the contexts that moved."""
    answer = cli("drift", "2026-01-31", "2026-02-28", "--json").json
    assert ["ok", "before", "after", "calibration", "compared", "least", "moved", "notes"] == list(answer)
    assert ("2026-01-31", "2026-02-28", 2) == tuple(answer[k] for k in ("before", "after", "compared"))
    assert "the answers as of 2026-02-28" == answer["calibration"]["source"]
    assert ["When lost"] == [one["context"]["id"] for one in answer["moved"]]
    assert _MOVED == list(answer["moved"][0])
    card = answer["moved"][0]["cards"][0]
    assert {"id", "title"} <= set(card)
    assert {f"{k}_{s}" for s in ("before", "after")
            for k in ("rank", "rank_lower", "rank_upper", "p_top", "score", "lower", "upper")} <= set(card)
    assert "1 of 2 contexts moved" in cli("drift", "2026-01-31", "2026-02-28").out


def test_groups(cli: Callable[..., Said], dated: Path) -> None:
    """`groups` gives a ranking per group with intervals, masks the small, and tells the pairs that flip."""
    answer = cli("groups", "age", "When lost", "--json").json
    assert ["ok", "variable", "k", "least", "calibration", "contexts", "notes"] == list(answer)
    (context,) = answer["contexts"]
    assert ["context", "groups", "flips"] == list(context)
    keys = ["group", "value", "masked", "people", "single_winner", "reason", "cards"]
    assert {tuple(keys)} == {tuple(group) for group in context["groups"]}
    assert [("old", 6), ("rare", None), ("young", 8)] == [(g["value"], g["people"]) for g in context["groups"]]
    (flip,) = context["flips"]
    assert {"group_id", "other_group_id", "from_id", "to_id", "p_flip", "margin", "margin_sd"} <= set(flip)
    said = cli("groups", "age")
    assert "masked" in said.out and "the other way round" in said.out
    assert "2 of 6 rankings" in said.err


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (["drift", "2026-02-28", "2026-01-31"], "bad_input", "graphengine drift 2026-01-31 2026-02-28"),
        (["drift", "2025-01-01", "2026-01-31"], "bad_ranking", "the first answer is of 2026-01-10"),
        (["drift", "January", "2026-01-31"], "bad_input", "2026-01-31"),
        (["rank", "--as-of", "31.1.2026"], "bad_input", "2026-01-31"),
        (["rank", "--diff", "bradley-terry", "copeland"], "not_ranked", "graphengine rank"),
        (["groups", "ages"], "not_found", "did you mean 'age'?"),
        (["groups", "age", "When losd"], "not_found", "When lost"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_can_not_be_answered_says_what_can(
    cli: Callable[..., Said], dated: Path, arguments: list[str], error: str, hint: str
) -> None:
    """Each error says what to type in its place."""
    said = cli(*arguments, "--json")
    assert (1, error) == (said.code, said.json["error"])
    assert hint in said.json["hint"]
