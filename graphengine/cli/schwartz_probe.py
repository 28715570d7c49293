"""Whether a few numbers are enough to tell which card is wiser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphengine.cli import output
from graphengine.cli.output import count, say
from graphengine.cli.running import json_option

if TYPE_CHECKING:
    from graphengine.preferences.audit.probe import Probed

_FILE = click.Path(path_type=Path)
_SAMPLE = "sample"
_FEW = 10  # contexts, below which next to nothing can be told from a coin
# Written out, since `--help` must not load the room; a test holds them against it.
KINDS = ("cards", "responses", "adherence")


@click.command()
@click.argument("folder", type=_FILE)
@click.option("--scores", multiple=True, required=True, metavar="SCORES",
              help="Values of the cards: `id` and a column for each value; may be given again. `sample`: those of the "
                   "sample graph.")
@click.option("--system", default="", metavar="NAME", help="The values of SCORES.  [default: told by the columns]")
@click.option("--embeddings", multiple=True, type=_FILE, metavar="FILE",
              help="Embeddings of the cards: `id` and `embedding`, or a column for each number; may be given again.")
@click.option("--kind", type=click.Choice(KINDS), default="cards", show_default=True, help="Which of its datasets.")
@json_option
def probe(
    *, folder: Path, scores: tuple[str, ...], system: str, embeddings: tuple[Path, ...], kind: str, as_json: bool
) -> None:
    """Are a few numbers enough to tell which card is wiser?

    Learns from the train pairs of a dataset FOLDER and measures on the held-out ones: the values of SCORES (nineteen
    also rolled up to ten), embeddings, a bag of words, the length. None sees the prompt. With 90% intervals, and what
    each has over the words on the same pairs. Needs scikit-learn.

    \b
      graphengine schwartz probe my-preferences --scores ten.csv --scores nineteen.csv --embeddings cards.parquet
    """  # noqa: D301
    from graphengine.errors import InputError
    from graphengine.preferences.audit.numbers import embedding_features, value_features
    from graphengine.preferences.audit.probe import probe as measure
    from graphengine.preferences.audit.reading import read_splits
    from graphengine.sample import sample_card_values

    files = [sample_card_values() if name == _SAMPLE else Path(name) for name in scores]
    features = [each for file in files for each in value_features(file, system)]
    # Ten values of their own take the place of those rolled up from nineteen.
    features = list({each.name: each for each in features[::-1]}.values())[::-1]
    features += [embedding_features(file, f"embeddings ({file.stem})" if len(embeddings) > 1 else "embeddings")
                 for file in embeddings]
    splits = read_splits(folder, kind)
    split = next((name for name in ("test", "validation") if name in splits), "")
    if "train" not in splits or not split:
        raise InputError(f"{folder} has no pairs to learn from and others held out", file=folder,
                         hint="export a graph with more contexts: graphengine export preferences")
    with output.working("probing"):
        found = measure(splits["train"], splits[split], features)
    if as_json:
        output.show_json({"ok": True, "folder": str(folder), "kind": kind, "train": splits["train"].num_rows,
                          "held_out": split, "rows": [each.as_json() for each in found]})
        return
    say(f"{count(splits['train'].num_rows, 'pair')} to learn from, {count(found[0].measured.pairs, 'pair')} of "
        f"{count(found[0].measured.contexts, 'context')} held out ({split})")
    for each in found[:-2]:
        say(_verdict(each))
    say()
    output.show_rows(
        [{**each.as_json(), "over": each.over_words, "from": each.over_words_interval[0],
          "to": each.over_words_interval[1]} for each in found],
        {"name": "from", "numbers": "numbers", "accuracy": "accuracy", "lower": "lower", "upper": "upper",
         "over": "over words", "from": "lower", "to": "upper"},
    )


def _verdict(each: Probed) -> str:
    lower, upper = each.over_words_interval
    if each.measured.lower <= 0.5 <= each.measured.upper:
        return f"{each.name}: on so few contexts it can't be told from a coin." if each.measured.contexts < _FEW else (
            f"{each.name}: can't be told from a coin.")
    told = f"{each.name}: right in {each.measured.accuracy:.1%}"
    if lower is None or upper is None:
        return f"{told}."
    if lower > 0:
        return f"{told}, better than a bag of words."
    return f"{told}, worse than a bag of words." if upper < 0 else f"{told}; nor can it be told from a bag of words."
