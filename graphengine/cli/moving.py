"""What moved between two dates or rankings, and what differs between groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import count, probability, say
from graphengine.cli.running import graph_option, json_option, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.answers_time import Diff, Drift, Groups, GroupsOfContext, Moved

_WHY = {
    "new": "answered only later", "gone": "no answers any more", "winner": "another winner is named, or none",
    "leader": "another card leads", "p_top": "P(top) moved", "rank": "ranks moved",
}
_MOST = 20

_not_wiser = click.option("--not-wiser", type=click.Choice(["against", "tie"]), default="against", show_default=True,
                          help="What a “not wiser” says: for the card asked from, or for neither.")
_confidence = click.option("--confidence", type=click.FloatRange(0.5, 1, max_open=True), default=0.8,
                           show_default=True, help="The least P(top) of a single winner.")


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@click.option("--least", type=click.FloatRange(0, 1), default=0.1, show_default=True,
              help="The least move of P(top) that counts.")
@_not_wiser
@_confidence
@json_option
@graph_option
def drift(
    *, before: str, after: str, least: float, not_wiser: str, confidence: float, as_json: bool, graph: str
) -> None:
    """What moved between two dates, A and B.

    Answers are taken as they stood at each date (the whole day counts, UTC; answers without a time count from their
    import on) and ranked with one calibration. Nothing is stored.

    \b
      graphengine drift 2026-01-31 2026-02-28
    """  # noqa: D301
    with opened(graph) as store, output.working("ranking both dates"):
        answer = store.drift(before, after, not_wiser=not_wiser, confidence=confidence, least=least)
    if as_json:
        output.show_json(answer.as_json())
    else:
        show_drift(answer)


def show_drift(answer: Drift) -> None:
    """Say what moved between two dates."""
    say(f"{len(answer.moved)} of {count(answer.compared, 'context')} moved between {answer.before} and {answer.after} "
        f"(calibration of both: {answer.calibration['source']})")
    _show_moved(answer.moved)
    for note in answer.notes:
        output.warn(note)


def show_diff(answer: Diff) -> None:
    """Say what differs between two rankings."""
    votes = "made from the same votes" if answer.same_votes else "made from different votes"
    say(f"{len(answer.moved)} of {count(answer.compared, 'context')} differ between {answer.before['id']} and "
        f"{answer.after['id']}, {votes}")
    _show_moved(answer.moved)


def _show_moved(moved: Sequence[Moved]) -> None:
    for one in moved[:_MOST]:
        say()
        say(f"{one.context.text}: {', '.join(_WHY[why] for why in one.why)}")
        for side, reason in (("before", one.reason_before), ("after", one.reason_after)):
            if reason and "winner" in one.why:
                say(f"  {side}: {reason}")
        rows = [{
            "card": card["title"] or card["id"], "rank": _pair(card, _rank), "p": _pair(card, _p_top),
            "score": _pair(card, _score),
        } for card in one.cards]
        output.show_rows(rows, {"card": "card", "rank": "rank", "p": "P(top)", "score": "score"},
                         empty="  no card is ranked first")
    if len(moved) > _MOST:
        say(f"… and {count(len(moved) - _MOST, 'more context')}: --json has all")


def _pair(card: dict[str, Any], shown: Any) -> str:
    before, after = shown(card, "_before"), shown(card, "_after")
    return before if before == after else f"{before} → {after}"


def _rank(card: dict[str, Any], side: str) -> str:
    rank, low, high = (card[f"{name}{side}"] for name in ("rank", "rank_lower", "rank_upper"))
    return "-" if rank is None else f"{rank}" if low is None else f"{rank} [{low}, {high}]"


def _p_top(card: dict[str, Any], side: str) -> str:
    return probability(card[f"p_top{side}"])


def _score(card: dict[str, Any], side: str) -> str:
    score, low, high = (card[f"{name}{side}"] for name in ("score", "lower", "upper"))
    return "-" if score is None else f"{score:z.2f}" if low is None else f"{score:z.2f} [{low:z.2f}, {high:z.2f}]"


@click.command()
@click.argument("variable")
@click.argument("context", required=False)
@click.option("--k", type=click.IntRange(1), default=5, show_default=True,
              help="Groups of fewer people in a context are masked.")
@click.option("--least", type=click.FloatRange(0, 1), default=0.5, show_default=True,
              help="The least probability of a flip that is told.")
@_not_wiser
@_confidence
@json_option
@graph_option
def groups(
    *, variable: str, context: str | None, k: int, least: float, not_wiser: str, confidence: float, as_json: bool,
    graph: str,
) -> None:
    """Rankings per group of a VARIABLE, and the pairs that flip.

    Each group's answers are ranked on their own, with the calibration of all. Nothing is stored.

    \b
      graphengine import votes.csv --group age
      graphengine groups age "When grieving"
    """  # noqa: D301
    with opened(graph) as store, output.working("ranking every group"):
        answer = store.groups(variable, context, k=k, least=least, not_wiser=not_wiser, confidence=confidence)
    if as_json:
        output.show_json(answer.as_json())
    else:
        show_groups(answer)


def show_groups(answer: Groups) -> None:
    """Say how groups rank, and where they differ."""
    say(f"{count(len(answer.contexts), 'context')} by {answer.variable} (calibration: {answer.calibration['source']})")
    # Where groups differ is what somebody looks for.
    ordered = sorted(answer.contexts, key=lambda one: -max((flip["p_flip"] for flip in one.flips), default=0.0))
    for one in ordered[:_MOST]:
        _show_context(one)
    if len(ordered) > _MOST:
        say(f"… and {count(len(ordered) - _MOST, 'more context')}: --json has all")
    for note in answer.notes:
        output.warn(note)


def _show_context(one: GroupsOfContext) -> None:
    say()
    say(one.context.text)
    rows = []
    for group in one.groups:
        first = group.cards[0] if group.cards else {}
        top = " | ".join(card["title"] or card["id"] for card in group.cards if card["tied_top"])
        rows.append({
            "group": group.value, "people": "masked" if group.masked else str(group.people), "wisest": top or None,
            "p_top": first.get("p_top"), "score": _score(first, "") if first else None, "single": group.single_winner,
        })
    output.show_rows(rows, {"group": "group", "people": "people", "wisest": "wisest", "p_top": "P(top)",
                            "score": "score of the first [90%]", "single": "single winner"})
    for flip in one.flips[:_MOST]:
        start, end = flip["from_title"] or flip["from_id"], flip["to_title"] or flip["to_id"]
        say(f"  {flip['group_id']}: {end} is wiser than {start}; {flip['other_group_id']}: the other way round, with "
            f"probability {probability(flip['p_flip'])}")
    if len(one.flips) > _MOST:
        say(f"  … and {count(len(one.flips) - _MOST, 'more pair')}: --json has all")
