"""From the moral graph to value targets: drawn from contexts, compared, merged, exported beside the votes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.exporting import show_export
from graphengine.cli.output import count, say
from graphengine.cli.running import graph_option, json_option, opened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from graphengine.graph import MoralGraph
    from graphengine.schwartz.bridge import CardVectors, Compared, Drawn
    from graphengine.schwartz.target import Target

# Written out, since `--help` must not load the room; a test holds them against it.
MARGINS = ("graph", "target", "both")
DISTANCES = ("weighted", "l1", "l2", "l2_squared", "l1_weighted", "l1_masked", "paper_masked", "cosine", "spearman")
SAMPLE = "sample"
_SHOWN = 20
_USUAL = {"--system": "schwartz-10", "--ranking": "bradley-terry", "--name": "merged", "--scale": "1",
          "--distance": "weighted"}
"""What is not told, since it need not be given."""


@click.command()
@click.option("--vectors", metavar="FILE",
              help="What each card says about values: id, and a number from -1 to 1 for each value (CSV, JSONL, "
                   f"Parquet). `{SAMPLE}`: hand labels of the sample graph's cards.")
@click.option("--evaluator", metavar="WHICH", help="Reads the cards' texts instead: a folder of train-evaluator, "
              "MODEL@http://host/v1, module:function or file.py:function.")
@click.option("--budget", type=click.IntRange(1), metavar="TOKENS", help="The most tokens that an endpoint may use.")
@click.option("--system", default="schwartz-10", show_default=True, metavar="NAME", help="The values of the vectors.")
@click.option("--context", "contexts", multiple=True, metavar="NAME", help="Only this context (may be given again).")
@click.option("--ranking", default="bradley-terry", show_default=True, metavar="ID", help="Whose P(top).")
@click.option("--compare", "compared", multiple=True, metavar="TARGET",
              help="Compare with a target: a preset, a file, or one of the graph (may be given again).")
@click.option("--merge", "merged", multiple=True, metavar="NAME=WEIGHT",
              help="Merge targets into one and store it; `context` stands for all contexts together.")
@click.option("--name", default="merged", show_default=True, metavar="NAME", help="What the merged target is called.")
@click.option("--export", "out", type=click.Path(path_type=Path), metavar="FOLDER",
              help="Write pairs with graph evidence and target distances.")
@click.option("--target", "exported", metavar="TARGET",
              help="The target of the export.  [default: each context's own, the merged one where there is one]")
@click.option("--margin", type=click.Choice(MARGINS), default="both", show_default=True,
              help="Whose margin stands in `margin`.")
@click.option("--scale", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True, metavar="X",
              help="What the target's margin is multiplied by where both count.")
@click.option("--distance", type=click.Choice(DISTANCES), default="weighted", show_default=True,
              help="From a card to the target.")
@click.option("--svg", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
              help="Draw each target, beside those it is compared with.")
@click.option("--force", is_flag=True, help="Replace an older export.")
@json_option
@graph_option
def bridge(
    *, vectors: str | None, evaluator: str | None, budget: int | None, system: str, contexts: tuple[str, ...],
    ranking: str, compared: tuple[str, ...], merged: tuple[str, ...], name: str, out: Path | None,
    exported: str | None, margin: str, scale: float,
    distance: str, svg: Path | None, force: bool, as_json: bool, graph: str,
) -> None:
    """Draw value targets from the contexts of the graph.

    A context's target is the mean of its cards' vectors, weighted by P(top). Targets are stored in the graph, compared,
    merged, and exported beside the votes.

    \b
      graphengine schwartz bridge --vectors sample --compare UK --export both
      graphengine schwartz bridge --vectors cards.csv --merge context=2 --merge NL=1 --export both
    """  # noqa: D301
    from graphengine.schwartz.bridge import Drawn, compare, merge, named_weights
    from graphengine.schwartz.target import warning

    if (vectors is None) == (evaluator is None):
        raise click.UsageError("What the cards say is known from one: --vectors or --evaluator.")
    read = None if vectors is None else _vectors(vectors, system)
    with opened(graph) as store:
        if read is None:
            assert evaluator is not None
            read = _read_by(store, evaluator, system, budget)
        others = [store.target(each) for each in compared]
        weights = named_weights(merged)
        drawn, without = store.draw_targets(read, contexts, ranking_id=ranking, keep=False)
        whole = drawn[-1].target
        made = None
        if weights:
            parts = {each: (whole if each == "context" else store.target(each), weight)
                     for each, weight in weights.items()}
            made = merge(name, parts)
        found = [compare(each.target, other) for each in drawn for other in others]
        named = {each.target.name: each.target for each in drawn} | ({made.name: made} if made else {})
        wanted = (named.get(exported) or store.target(exported)) if exported else made
        done = None
        if out is not None:
            own = {each.contexts[0]: each.target for each in drawn if each.parts}
            done = store.export_valued(
                out, read, {"": wanted} if wanted else own, margin=margin, scale=scale, distance=distance, force=force,
                command=_told(vectors, contexts, exported, merged, margin, {
                    "--system": system, "--ranking": ranking, "--name": name if merged else None,
                    "--scale": f"{scale:g}", "--distance": distance,
                }),
            )
        if made is not None and "context" not in weights:
            store.add_target(made)
        elif made is not None:
            drawn.append(Drawn(made, drawn[-1].contexts, (), drawn[-1].left_out, drawn[-1].evaluator))
        store.keep_targets(drawn, ranking)
        drawn = [each for each in drawn if each.target is not made]
        pictures = [] if svg is None else _drawings(svg, list(named.values()), others)
    targets = [*(each.target for each in drawn), *([made] if made else []), *([wanted] if wanted else [])]
    warnings = list(dict.fromkeys(told for each in targets if (told := warning(each))))
    if as_json:
        output.show_json({
            "ok": True, "targets": [_json(each) for each in drawn], "without": without,
            "compared": [each.as_json() for each in found], "merged": made and made.as_json(), "warnings": warnings,
            "export": done and done.as_json(), "disagreeing": _disagreeing(out) if out and done else [],
            "pictures": pictures,
        })
        return
    _show(drawn, made, found, without)
    if out is not None and done is not None:
        show_export(done)
        _show_disagreeing(_disagreeing(out), out)
    if pictures:
        say(f"drew {count(len(pictures), 'picture')} into {svg}")
    for each in warnings:
        if done is None or each not in done.notes:
            output.warn(each)


def _vectors(name: str, system: str) -> CardVectors:
    from graphengine.sample import sample_card_values
    from graphengine.schwartz.bridge import CardVectors
    from graphengine.schwartz.scores import read_scores

    if name == SAMPLE:
        return CardVectors.of_scores(read_scores(sample_card_values(), system), "hand labels of the sample")
    return CardVectors.of_scores(read_scores(name, system), Path(name).name)


def _read_by(store: MoralGraph, evaluator: str, system: str, budget: int | None) -> CardVectors:
    """What an evaluator says of the texts of the canonical cards."""
    from graphengine.preferences import render_card
    from graphengine.schwartz.bridge import CardVectors
    from graphengine.training.evaluators import load_evaluator

    texts = {row["id"]: render_card(row) for row in store.query("cards").to_pylist() if not row["canonical_id"]}
    with output.working("reading the cards"):
        reader = load_evaluator(evaluator, system, budget=budget)
        return CardVectors.by(reader, {card: text for card, text in texts.items() if text})


def _told(
    vectors: str | None, contexts: Sequence[str], exported: str | None, merged: Sequence[str], margin: str,
    more: dict[str, str | None],
) -> str:
    """The command for the dataset card; files are told without their places."""
    read = ["--vectors", Path(vectors).name] if vectors else ["--evaluator", "WHICH"]
    told = ["graphengine", "schwartz", "bridge", *read, "--export", "OUT", "--margin", margin]
    told += [part for each in contexts for part in ("--context", each)]
    told += ["--target", _placeless(exported)] if exported else []
    told += [part for each in merged for part in ("--merge", _placeless(each))]
    told += [part for option, value in more.items() if value not in (None, _USUAL[option]) for part in (option, value)]
    return shlex.join(told)


def _placeless(target: str) -> str:
    """A target, perhaps with its weight; a file by its name alone. Other names may hold a slash."""
    name, equals, weight = target.rpartition("=") if "=" in target else (target, "", "")
    return (Path(name).name if name.endswith((".toml", ".json")) else name) + equals + weight


def _json(drawn: Drawn) -> dict[str, Any]:
    return {
        "target": drawn.target.as_json(), "contexts": list(drawn.contexts), "left_out": drawn.left_out,
        "evaluator": drawn.evaluator,
        "cards": [{"card_id": part.card_id, "p_top": part.p_top,
                   "vector": dict(zip(drawn.target.values.ids, part.vector, strict=True))} for part in drawn.parts],
    }


def _show(
    drawn: Sequence[Drawn], made: Target | None, found: Sequence[Compared], without: dict[str, str]
) -> None:
    shorts = drawn[0].target.values.shorts
    targets = [*(each.target for each in drawn), *([made] if made else [])]
    output.show_rows(
        [{"name": each.name, **{short: f"{number:z.2f}" for short, number in zip(shorts, each.vector, strict=True)}}
         for each in targets], {"name": "target", **{short: short for short in shorts}})
    for text, why in without.items():
        say(f"no target: {text}: {why}")
    for each in drawn:
        if each.left_out > 0.005:
            say(f"{each.target.name}: cards with {each.left_out:.0%} of P(top) have no vector")
    if found:
        say()
        output.show_rows([{"first": each.first, "second": each.second, **each.distances} for each in found],
                         {"first": "target", "second": "compared with", **{key: key for key in found[0].distances}})
    for each in found:
        for clash in each.clashes:
            other = "" if clash.value == clash.other_value else f" {clash.other_value}"
            say(f"  {each.first} and {each.second} clash: {clash.value} {clash.number:.2f} against{other} "
                f"{clash.other_number:.2f}")


def _disagreeing(out: Path) -> list[dict[str, Any]]:
    """The pairs on which graph and target disagree, as the export's manifest lists them."""
    import json

    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    return manifest["kinds"]["cards"]["made_with"]["disagreeing_pairs"]


def _show_disagreeing(pairs: Sequence[dict[str, Any]], out: Path) -> None:
    if pairs:
        say(f"\npairs on which graph and target disagree: {len(pairs)} (graphengine explain PAIR_ID)")
        output.show_rows(pairs[:_SHOWN], {"pair_id": "pair", "chosen_id": "wiser in the graph", "rejected_id": "other",
                                          "graph_margin": "graph", "target_margin": "target"})
        if len(pairs) > _SHOWN:
            say(f"  and {len(pairs) - _SHOWN} more in {out / 'manifest.json'}")


def _drawings(folder: Path, targets: Sequence[Target], others: Sequence[Target]) -> list[str]:
    from graphengine.report import file_stem
    from graphengine.report.value_circle import value_circle
    from graphengine.schwartz.target_files import write_whole

    folder.mkdir(parents=True, exist_ok=True)
    made: list[str] = []
    for target in targets:
        for other in others or [None]:
            stem = file_stem(target.name) + (f"-{file_stem(other.name)}" if other else "")
            text = value_circle(target.values, target.vector, target.name, other.vector if other else None,
                                other.name if other else "")
            write_whole(folder / f"{stem}.svg", text + "\n")
            made.append(str(folder / f"{stem}.svg"))
    return made
