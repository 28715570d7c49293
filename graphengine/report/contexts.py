"""The part of a report on single contexts: the overview, and one section for each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphengine.ranking.validity.finding import counted
from graphengine.report.html import Column, table
from graphengine.report.intervals import intervals
from graphengine.report.layered import MOST_CARDS, layered
from graphengine.report.source import Arrow
from graphengine.report.words import plain, probability, real, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.report.source import Card, View

MOST_ROWS = 40
"""Longer tables of single contexts are cut, so that the size of a report is bounded."""
MOST_NAMED = 5
_SHORT = 120
UNFOLDED = 20
"""With more contexts than this, their sections are folded."""

_OPEN = ' open=""'
_STALE = '<p class="alarm">Votes came in after this ranking was made: run <code>graphengine rank</code> again.</p>'


def overview(found: Sequence[View]) -> str:
    """A table of all contexts: who wins, and how contested that is."""
    rows = []
    for number, view in enumerate(found, 1):
        verdict = "one value" if view.single else f"open: {len(view.top)} values" if view.top else "no ranking"
        rows.append([
            f'<a href="#context-{number}">{said(view.text)}</a>', named(view.top), _bar(view),
            f"{verdict}<br/><span class=\"soft\">{plain(reason(view))}</span>", f"{view.votes:,}",
        ])
    columns = [Column("context"), Column("wisest"), Column("P(top)"), Column("how sure"), Column("votes", True)]
    return table(columns, rows, "Contexts, those with most votes first", kind="contexts")


def named(cards: Sequence[Card]) -> str:
    """Titles of cards, at most five."""
    if not cards:
        return "–"
    items = [said(card.title, _SHORT) for card in cards[:MOST_NAMED]]
    items += [f"and {len(cards) - MOST_NAMED} more"] if len(cards) > MOST_NAMED else []
    return '<ul class="plain">' + "".join(f"<li>{item}</li>" for item in items) + "</ul>" if items[1:] else items[0]


def reason(view: View) -> str:
    """Why (not) a single card is named, without the words that stand beside it anyway."""
    return view.reason.removeprefix("no single winner: ").removeprefix("single winner: ")


def _bar(view: View) -> str:
    """P(top) of the leading card in figures, and of all that may be the wisest as a bar."""
    lead = max((card.p_top for card in view.cards if card.p_top is not None), default=None)
    if lead is None:
        return "–"
    shown = sorted((card.p_top for card in view.top if card.p_top is not None), reverse=True)[:12]
    parts = "".join(
        f'<span class="{"rival" if at else "mark"}" style="width:{100 * p:.1f}%"></span>'
        for at, p in enumerate(shown)
    )
    return f'{plain(probability(lead))}<span class="bar" aria-hidden="true">{parts}</span>'


def section(view: View, number: int, *, folded: bool) -> str:
    """Everything on one context: the verdict in words, two pictures, and a table beside each."""
    drawn = layered(view, f"c{number}")
    parts = [
        f'<details class="context" id="context-{number}"{"" if folded else _OPEN}>',
        f"<summary><h3>{said(view.text)}</h3></summary>",
        f'<p class="said">{_sentence(view)}</p>',
        _STALE if view.stale else "",
        f'<p class="soft">{counted(view.votes, "vote")} by {counted(view.people, "person", "people")}; '
        f'{counted(len(view.cards), "card")} ranked.</p>',
    ]
    if not view.cards:
        return "\n".join([*filter(None, parts), "</details>"])
    if circle := [card for card in view.cards if any(a.circle and a.source == card.id for a in view.arrows)]:
        parts.append(f"<p>The answers run in a circle among {len(circle)} of the cards ({_listed(circle)}): no order "
                     "of these is supported.</p>")
    if drawn.left_out:
        parts.append(f"<p>The pictures show the first {MOST_CARDS} cards by rank; "
                     f"{counted(drawn.left_out, 'card')} left out.</p>")
    parts += [
        "<h4>Who is wiser than whom</h4>",
        _picture(drawn.svg, "Wiser values stand higher, and arrows lead to the wiser one. What no arrow ties together "
                            "is ordered by score only."),
        _edges(view),
        "<h4>Scores and how sure they are</h4>",
        _picture(intervals(view, f"i{number}"), "Green: named the wisest, or left open as perhaps the wisest. Scores "
                                                "of one context move together, so intervals may overlap although the "
                                                "order is sure: P(top) tells."),
        _ranks(view), "</details>",
    ]
    return "\n".join(filter(None, parts))


def _sentence(view: View) -> str:
    why = plain(reason(view))
    if not view.top:
        return f"No value can be named: {why}."
    if view.single:
        return f"<strong>{said(view.top[0].title)}</strong> is named the wisest: {why}."
    if len(view.top) == 1:
        return f"<strong>{said(view.top[0].title)}</strong> leads, but is not named: {why}."
    return f"No single value can be named. It may be any of {_listed(view.top)}: {why}."


def _listed(cards: Sequence[Card]) -> str:
    titles = ", ".join(f"<strong>{said(card.title, _SHORT)}</strong>" for card in cards[:MOST_NAMED])
    return titles + (f" and {len(cards) - MOST_NAMED} more" if len(cards) > MOST_NAMED else "")


def _picture(svg: str, words: str) -> str:
    return (f'<figure><div class="picture" tabindex="0" role="group" aria-label="picture">\n{svg}\n</div>'
            f"<figcaption>{plain(words)}</figcaption></figure>")


def _ranks(view: View) -> str:
    rows = [
        [said(card.title, _SHORT), _span(card.rank, card.rank_lower, card.rank_upper), real(card.score),
         f"{real(card.lower)} to {real(card.upper)}" if card.lower is not None else "–",
         plain(probability(card.p_top))]
        for card in view.cards[:MOST_ROWS]
    ]
    columns = [Column("card"), Column("rank (90%)", True), Column("score", True), Column("90% interval", True),
               Column("P(top)", True)]
    return table(columns, rows, "Cards by rank" + _cut(len(view.cards), "card"),
                 marked=[card.top for card in view.cards])


def _span(rank: int, lower: int | None, upper: int | None) -> str:
    return f"{rank}" if lower is None or (lower == upper == rank) else f"{rank} ({lower}–{upper})"


def _edges(view: View) -> str:
    if not view.arrows:
        return '<p class="soft">No wiser edge between two cards is known here.</p>'
    title = {card.id: card.title for card in view.cards}
    rows = [
        [said(title.get(a.source, a.source), _SHORT), said(title.get(a.target, a.target), _SHORT),
         plain(probability(a.p)), _standing(a), "/".join(map(str, a.answers)), "/".join(map(str, a.reverse))]
        for a in sorted(view.arrows, key=Arrow.place)[:MOST_ROWS]
    ]
    columns = [Column("card"), Column("wiser card"), Column("P(wiser)", True), Column("shown as"),
               Column("asked this way", True), Column("asked the other way", True)]
    caption = "Pairs that were compared; answers wiser/not wiser/unsure" + _cut(len(view.arrows), "pair")
    body = table(columns, rows, caption)
    return f"<details{_OPEN if len(rows) <= 12 else ''}><summary>Table of the pairs</summary>{body}</details>"


def _standing(arrow: Arrow) -> str:
    if arrow.circle:
        return "part of a circle"
    return "neither" if arrow.tie else "wiser" if arrow.sure else "perhaps wiser"


def _cut(number: int, what: str) -> str:
    return f"; the first {MOST_ROWS} of {counted(number, what)}" if number > MOST_ROWS else ""
