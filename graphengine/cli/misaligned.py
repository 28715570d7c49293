"""How far a model's utilities are from people's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import graph_option, json_option, opened

if TYPE_CHECKING:
    from graphengine.alignment import Misalignment
    from graphengine.alignment.measuring import Measured

# Written out, since `--help` must not load the room; a test holds them against it.
TIES = ("half", "wrong", "skip")
_TABLE = click.Path(path_type=Path)
_FIGURES = {
    "loss_1": "loss 1, distinct pairs", "loss_1_with_self": "loss 1, with self-pairs", "loss_2": "loss 2",
    "loss_1_affine": "loss 1 after the fit", "loss_1_with_self_affine": "… with self-pairs",
    "loss_2_affine": "loss 2 after the fit", "agreement": "pairs ordered alike", "kendall_tau_b": "Kendall's tau-b",
    "spearman": "Spearman's rho",
}


@click.command()
@click.argument("tables", nargs=-1, type=_TABLE, metavar="[HUMAN MODEL]")
@click.option("--by", default="", metavar="COLUMN", help="Intervals draw whole values of it, such as prompts.  "
                                                         "[default: single texts]")
@click.option("--within", default="", metavar="COLUMN", help="Only pairs inside one value of it count.  [default: all]")
@click.option("--groups", default="", metavar="COLUMN", help="Groups of people in HUMAN; each is measured, too.")
@click.option("--ties", type=click.Choice(TIES), default="half", show_default=True,
              help="What a pair that people order and the model doesn't counts in the agreement.")
@click.option("--tolerance", type=click.FloatRange(0), default=1e-9, show_default=True,
              help="The largest difference of utilities that still is equal.")
@click.option("--common", is_flag=True, help="Leave out texts that only one table has.")
@click.option("--draws", type=click.IntRange(0), default=1000, show_default=True, help="Draws behind the intervals.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of the draws.")
@click.option("--context", metavar="C", help="With --reward: the cards of this context.  [default: all contexts]")
@click.option("--reward", metavar="DIR", help="Instead of tables: cards of a graph, by their Bradley-Terry scores, "
                                              "against this reward model, or module:function.")
@json_option
@graph_option
def misalignment(
    *, tables: tuple[Path, ...], context: str | None, reward: str | None, as_json: bool, graph: str, **asked: Any
) -> None:
    """How far a model's utilities are from people's.

    HUMAN and MODEL are CSV, JSONL or Parquet: `id` and `utility`, a row for each text. Loss 1 is the mean difference of
    utility differences over pairs of texts, loss 2 that of utilities (as they are, and after the best affine fit of the
    model's to people's); beside them the order: agreement, Kendall's tau-b, Spearman's rho. With 90% intervals, what a
    model reaches that says the same of every text, and the ten worst pairs.

    \b
      graphengine misalignment human.parquet model.parquet --by prompt
      graphengine misalignment human.parquet model.parquet --by prompt --within prompt --groups party
      graphengine misalignment --graph moral.graph --context "When grieving" --reward runs/reward
    """  # noqa: D301
    from graphengine.alignment import misalignment as measure
    from graphengine.alignment import read_utilities

    if reward is None:
        if len(tables) != 2:
            raise click.UsageError("give two tables, HUMAN and MODEL, or a graph and --reward")
        if context is not None:
            raise click.UsageError("--context goes with --reward")
        with output.working("measuring"):
            found = measure(*map(read_utilities, tables), names=(str(tables[0]), str(tables[1])), **asked)
        of: dict[str, Any] = {"human": str(tables[0]), "model": str(tables[1])}
    else:
        if tables:
            raise click.UsageError("--reward takes the place of the tables")
        if taken := [name for name in ("by", "within", "groups") if asked.pop(name)]:
            raise click.UsageError(f"--{taken[0]} goes with tables; cards are compared inside their context")
        from graphengine.training.utilities import reward_utilities

        with opened(graph) as store, output.working("scoring the cards") as tell:
            human = store.utilities(context)
            where = None if context is None else store.context(context)
            model = reward_utilities(human, reward, progress=tell)
            found = measure(human, model, by="" if where else "context_id", within="component",
                            names=("the ranking", "the reward model"), **asked)
        of = {"graph": graph, "context": None if where is None else {"id": where.id, "text": where.text},
              "reward": reward}
    if as_json:
        output.show_json({"ok": True, "of": of, **found.as_json()})
        return
    _show(found)


def _show(found: Misalignment) -> None:
    whole = found.whole
    by = found.settings["by"]
    say(f"{count(whole.n, 'text')}, {count(whole.pairs['all'], 'pair')}"
        + (f" inside one {found.settings['within']}" if found.settings["within"] else ""))
    say(_verdict(whole))
    say()
    output.show_rows(
        [{"what": told, "value": whole.figures[name], "lower": whole.interval[name][0],
          "upper": whole.interval[name][1], "constant": whole.constant.get(name)} for name, told in _FIGURES.items()],
        {"what": "", "value": "value", "lower": "lower", "upper": "upper", "constant": "a constant model"},
    )
    drawn = f"whole values of {by}" if by else "single texts"
    say(f"intervals: 90%, from {found.settings['draws']:,} draws of {drawn}; the fit: "
        f"{whole.fit.slope:.3g} x model {whole.fit.intercept:+.3g}, least squares")
    if found.groups:
        say()
        shown = {name: _FIGURES[name] for name in ("loss_1", "loss_1_affine", "agreement", "kendall_tau_b")}
        output.show_rows([{"group": name, "n": each.n, **{key: _told(each, key) for key in shown}}
                          for name, each in found.groups.items()], {"group": "group", "n": "texts", **shown})
        worst = found.worst_group
        say("served worst: " + ", ".join(f"{worst[key]['group']} by {shown[key]}" for key in shown if key in worst))
    if whole.worst_pairs:
        say()
        say("the pairs that are furthest off, with utilities of the first less the second:")
        output.show_rows(
            [{"one": each["ids"][0], "other": each["ids"][1], **each} for each in whole.worst_pairs],
            {"one": "people put", "other": "above", "human": "people", "model": "model", "gap": "gap",
             "turned": "turned round"},
        )
    for note in found.notes:
        output.warn(note)


def _verdict(whole: Measured) -> str:
    if whole.aligned_equal:
        return "aligned: the utilities are equal within the tolerance"
    wrong = whole.pairs["discordant"] + whole.pairs["tied_model"] - whole.pairs["tied_both"]
    if whole.aligned_order:
        return f"aligned in order, in every pair; utilities differ by up to {whole.largest_difference:.3g}"
    return f"not aligned in order: the model does not follow people in {count(wrong, 'pair')}"


def _told(measured: Measured, key: str) -> str:
    value, (lower, upper) = measured.figures[key], measured.interval[key]
    if value is None:
        return "-"
    return f"{value:.3f}" + ("" if lower is None or upper is None else f" [{lower:.3f}, {upper:.3f}]")
