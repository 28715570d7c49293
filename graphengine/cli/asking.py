"""Asking the graph."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from graphengine.answers import PairExplanation
from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import EDGE_RULES, as_of_option, graph_option, json_option, method_options, opened

if TYPE_CHECKING:
    from graphengine.answers import Explanation, Wisest
    from graphengine.graph import MoralGraph

_PLACES = {
    "rank": "rank", "id": "id", "title": "title", "score": "score", "lower": "from", "upper": "to", "p_top": "P(top)",
    "tied_top": "wisest",
}


@click.command()
@click.argument("context")
@method_options
@as_of_option
@json_option
@graph_option
def wisest(
    context: str, method: str, edge_rule: str, not_wiser: str, variable: str, as_of: str, as_json: bool, graph: str
) -> None:
    """The wisest value in a CONTEXT.

    CONTEXT is an id or a text. Where the votes leave several values open, all of them, and why.

    \b
      graphengine wisest "When in distress"
      graphengine wisest "When in distress" --method pagerank --json
    """  # noqa: D301
    with opened(graph) as store:
        answer = store.wisest(context, method=method, edge_rule=edge_rule, not_wiser=not_wiser, variable=variable,
                              as_of=as_of)
    if as_json:
        output.show_json(answer.as_json())
        return
    show_wisest(answer)


def show_wisest(answer: Wisest) -> None:
    """Say what is the wisest, with its text, how sure that is, and why."""
    if answer.stale:
        output.warn("the votes of this context changed since the ranking was made: graphengine rank")
    if answer.single_winner:
        says = "one value is the wisest"
    elif answer.cards:
        says = f"no single winner, {count(len(answer.cards), 'value')} may be the wisest"
    else:
        says = "nothing is ranked"
    say(f"{answer.context.text}: {says}")
    for card in answer.cards:
        say(f"  {card['rank']}. {card['title'] or card['id']} (id {card['id']}): {_place(card)}")
        for text in (card["description"], *(f"- {policy}" for policy in card["policies"] or ())):
            if text:
                say(f"     {text}")
    if answer.reason:
        say(f"  because: {answer.reason}")


def _place(card: dict[str, Any]) -> str:
    between = "" if card["lower"] is None else f" [{card['lower']:.2f}, {card['upper']:.2f}]"
    sure = "" if card["p_top"] is None else f", P(top) {output.probability(card['p_top'])}"
    return f"score {card['score']:.3f}{between}{sure}"


@click.command()
@click.argument("context")
@method_options
@as_of_option
@json_option
@graph_option
def ranking(
    context: str, method: str, edge_rule: str, not_wiser: str, variable: str, as_of: str, as_json: bool, graph: str
) -> None:
    """All ranked values of a CONTEXT.

    With their uncertainty, and with those that nobody was asked about. CONTEXT is an id or a text.

    \b
      graphengine ranking "When in distress"
    """  # noqa: D301
    with opened(graph) as store:
        view = store.ranking(context, method=method, edge_rule=edge_rule, not_wiser=not_wiser, variable=variable,
                             as_of=as_of)
    if as_json:
        output.show_json(view.as_json())
        return
    if view.stale:
        output.warn("the votes of this context changed since the ranking was made: graphengine rank")
    say(view.context.text)
    output.show_rows(view.cards, _PLACES, empty="nothing is ranked here")
    if view.reason:
        say(f"because: {view.reason}")
    if view.never_asked:
        say("nobody was asked about: " + ", ".join(row["title"] or row["id"] for row in view.never_asked))


@click.command()
@click.argument("context")
@click.argument("card", required=False)
@method_options
@json_option
@graph_option
def explain(
    context: str, card: str | None, method: str, edge_rule: str, not_wiser: str, variable: str, as_json: bool,
    graph: str,
) -> None:
    """Why a CARD stands where it does in a CONTEXT.

    Its edges, the upgrades behind them, and their votes. CARD is an id or a title, CONTEXT an id or a text. With a
    PAIR_ID of an exported dataset instead: the votes behind that pair, one by one, under pseudonyms.

    \b
      graphengine explain "When in distress" "Staying with"
      graphengine explain p0c1d5a7f20b4c33e9a1b2c3d
    """  # noqa: D301
    with opened(graph) as store:
        answer = store.explain_pair(context) if card is None else store.explain(
            context, card, method=method, edge_rule=edge_rule, not_wiser=not_wiser, variable=variable)
        titles = {} if as_json else {row["id"]: row["title"] or row["id"] for row in store.query("cards").to_pylist()}
    if as_json:
        output.show_json(answer.as_json())
    elif isinstance(answer, PairExplanation):
        _show_pair(answer, titles)
    else:
        _show_explanation(answer, titles)


def _show_pair(answer: PairExplanation, titles: dict[str, str]) -> None:
    from graphengine.ranked.when import told

    if answer.stale:
        output.warn("the votes of this context changed since the ranking was made: graphengine rank")
    wiser, less = (titles[card["id"]] for card in (answer.wiser, answer.less_wise))
    say(f"{wiser} (id {answer.wiser['id']}) is wiser than {less} (id {answer.less_wise['id']}) in "
        f"“{answer.context.text}”")
    if answer.scenario:
        say(f"  scenario {answer.scenario['id']}: {answer.scenario['text']}")
    _show_values(answer, wiser, less)
    if answer.edge is None:
        say("  nobody was asked to compare the two: their order follows from comparisons with others")
        return
    edge = answer.edge
    say(f"  P(wiser) {output.probability(edge['p_model'])}, yes-bias removed; margin {edge['margin']:.2f} (sd "
        f"{edge['margin_sd']:.2f})")
    say("\nupgrades: is the second wiser than the first?")
    output.show_rows(
        [_titled(row, titles) for row in answer.upgrades],
        {"id": "upgrade", "from": "first", "to": "second", "wiser": "wiser", "not_wiser": "not wiser",
         "unsure": "unsure"}, empty="none",
    )
    say("\nvotes, by pseudonym")
    votes = [{**row, "at": None if row["at"] is None else told(row["at"])} for row in answer.votes]
    output.show_rows(votes, {"user_id": "who", "upgrade_id": "upgrade", "answer": "answer", "at": "at"},
                     empty="none: the counts were published without them")


def _show_values(answer: PairExplanation, wiser: str, less: str) -> None:
    """What the context's value targets say of the two cards; nothing where there are none."""
    for found in answer.values:
        told = {None: "both cards are equally far from it", True: "it agrees with the votes",
                False: "it disagrees with the votes"}[found["agrees"]]
        say(f"  value target “{found['target']}” (cards read by {found['evaluator']}): {told}"
            + ("; its votes changed since" if found["stale"] else ""))
        rows = [{"value": value, **{name: found[name][value] for name in ("vector", "wiser", "less_wise")}}
                for value in found["vector"] if any(found[name][value] for name in ("vector", "wiser", "less_wise"))]
        rows.append({"value": "distance", "vector": None, "wiser": found["distance_wiser"],
                     "less_wise": found["distance_less_wise"]})
        output.show_rows(rows, {"value": "value", "vector": "target", "wiser": wiser, "less_wise": less})


def _show_explanation(answer: Explanation, titles: dict[str, str]) -> None:
    if answer.stale:
        output.warn("the votes of this context changed since the ranking was made: graphengine rank")
    card, place = answer.card, answer.place
    say(f"{card['title'] or card['id']} (id {card['id']}) in “{answer.context.text}”")
    if place is None:
        say("  is not ranked here: nobody has answered anything about it")
    else:
        say(f"  rank {place['rank']}, {_place(place)}")
    say("\nedges, each to the wiser card")
    output.show_rows(
        [_titled(row, titles) for row in answer.edges],
        {"from": "less wise", "to": "wiser", "p_model": "P(wiser)", "p_majority": "share", "shown": "certain"},
        empty="none",
    )
    say("\nupgrades: is the second wiser than the first?")
    output.show_rows(
        [_titled(row, titles) for row in answer.upgrades],
        {"from": "first", "to": "second", "wiser": "wiser", "not_wiser": "not wiser", "unsure": "unsure",
         "story": "story"}, empty="none",
    )


def _titled(row: dict[str, Any], titles: dict[str, str]) -> dict[str, Any]:
    return {**row, "from": titles.get(row["from_id"], row["from_id"]), "to": titles.get(row["to_id"], row["to_id"])}


@click.command()
@click.argument("context", required=False)
@click.option("--edge-rule", type=click.Choice(EDGE_RULES), metavar="RULE",
              help="The edges of a published study: " + ", ".join(EDGE_RULES) + ".")
@json_option
@graph_option
def edges(context: str | None, edge_rule: str | None, as_json: bool, graph: str) -> None:
    """The wiser edges, of one CONTEXT or of all.

    Certain: P(wiser) is at least .95, or at least 3 people answered and their answers say so (Beta above .9).
    With --edge-rule those that a published study would draw. CONTEXT is an id or a text.

    \b
      graphengine edges "When in distress"
      graphengine edges --edge-rule mai-2023 --json
    """  # noqa: D301
    with opened(graph) as store:
        found = store.edges(context, edge_rule=edge_rule)
    answer = found.as_json()
    if as_json:
        output.show_json(answer)
        return
    columns = {"contexts": "contexts", "from_id": "less wise", "to_id": "wiser"}
    if edge_rule:
        columns |= {"likelihood": "likelihood", "wiser": "wiser votes", "not_wiser": "not wiser", "unsure": "unsure",
                    "less_wise": "wiser the other way"}
    else:
        columns |= {"p_model": "P(wiser)", "p_majority": "share", "shown": "certain", "asked": "wiser/not/unsure",
                    "reverse": "asked the other way"}
    shown = [{**row, "asked": _votes(row, ""), "reverse": _votes(row, "_reverse")} for row in answer["edges"]]
    output.show_rows(shown, columns, empty="none" if edge_rule else "none yet: graphengine rank makes them")


def _votes(edge: dict[str, Any], which: str) -> str:
    return "/".join(str(edge.get(answer + which)) for answer in ("wiser", "not_wiser", "unsure"))


@click.command()
@click.argument("query", metavar="NAME_OR_CYPHER")
@click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE",
              help="A parameter; may be given several times.")
@json_option
@graph_option
def query(query: str, parameters: tuple[str, ...], as_json: bool, graph: str) -> None:
    """Run a query file, or read-only Cypher.

    The name of any file in cypher/read, or a text of your own that does nothing but read. Parameters of a file are
    typed as its header says. For a text of your own they are texts; KEY:=VALUE gives numbers, lists, true, null (JSON).

    \b
      graphengine query wisest_everywhere
      graphengine query wisest_value -p context="When in distress"
      graphengine query 'MATCH (c:Context) RETURN c.id AS id LIMIT $most' -p most:=5
    """  # noqa: D301
    with opened(graph) as store:
        table = store.query(query, **_typed(store, query, *_pairs(parameters)))
    columns, rows = table.column_names, table.to_pylist()
    if table.schema.metadata:
        say(f"note: only the first {len(rows):,} rows; add LIMIT, or narrow the query", err=True)
    if as_json:
        output.show_json({"ok": True, "columns": columns, "rows": rows, "truncated": bool(table.schema.metadata)})
        return
    output.show_rows(rows, {name: name for name in columns}, empty="no rows")


def _pairs(given: tuple[str, ...]) -> tuple[dict[str, str], dict[str, Any]]:
    """Texts by name, and what was typed with `:=`, read as JSON."""
    texts: dict[str, str] = {}
    values: dict[str, Any] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name.rstrip(":"):
            raise click.BadParameter(f"{text!r} is not KEY=VALUE", param_hint="-p")
        if not name.endswith(":"):
            texts[name] = value
            continue
        try:
            values[name[:-1]] = json.loads(value)
        except ValueError:
            raise click.BadParameter(f"{value!r} is not JSON", param_hint="-p") from None
    return texts, values


def _typed(store: MoralGraph, query: str, texts: dict[str, str], values: dict[str, Any]) -> dict[str, Any]:
    """Parameters as the query's header types them; for Cypher of one's own texts stay texts: ids look like numbers."""
    from graphengine.store import queries

    name = query.strip()
    return {**(queries.find(store.store.engine, name).parse(texts) if name.isidentifier() else texts), **values}
