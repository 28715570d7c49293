"""Looking at a dataset before anything is trained on it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from graphengine.cli import output
from graphengine.cli.output import amounts, count, say
from graphengine.cli.running import json_option

if TYPE_CHECKING:
    from graphengine.preferences.audit import Audit, Baseline

# Written out, since `graphengine --help` must not load the audit; a test holds them against it.
_KINDS = ("cards", "responses", "adherence")
_BASELINES = {
    "split": "held-out split", "name": "baseline", "accuracy": "accuracy", "lower": "lower", "upper": "upper",
    "pairs": "pairs", "ties": "ties", "contexts": "contexts", "rule": "what it does",
}
_SHARE = click.FloatRange(0, 1)


@click.group()
def dataset() -> None:
    """Look at a dataset folder before training on it.

    \b
      graphengine dataset audit my-preferences
    """  # noqa: D301


@dataset.command()
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(_KINDS), default="cards", show_default=True, help="Which of its datasets.")
@click.option("--max-length-accuracy", type=_SHARE, metavar="SHARE", help="Limit for the length baseline.")
@click.option("--max-words-accuracy", type=_SHARE, metavar="SHARE", help="Limit for the words baseline.")
@click.option("--max-title-accuracy", type=_SHARE, metavar="SHARE", help="Limit for the baselines of titles.")
@click.option("--max-duplicates", type=_SHARE, metavar="SHARE", help="Limit for rows that say nothing new.")
@click.option("--max-truncated", type=_SHARE, metavar="SHARE", help="Limit for rows longer than --max-length.")
@click.option("--max-length", type=click.IntRange(1), metavar="N", help="The longest row, in tokens or else words.")
@click.option("--tokenizer", type=click.Path(path_type=Path), metavar="DIR", help="Count in the tokens of this model.")
@json_option
def audit(
    *, folder: Path, kind: str, max_length_accuracy: float | None, max_words_accuracy: float | None,
    max_title_accuracy: float | None, max_duplicates: float | None, max_truncated: float | None,
    max_length: int | None, tokenizer: Path | None, as_json: bool,
) -> int:
    """What length, words and titles alone tell of a dataset in FOLDER.

    Baselines that never see the prompt, learnt from train and measured on what is held out, with 90% intervals;
    duplicates, long rows, pairs per context, what two splits share. Exit code 1 where a limit is passed, a file was
    changed after the export, or a prompt, scenario, context or pair of cards is in two splits.

    \b
      graphengine dataset audit my-preferences
      graphengine dataset audit my-preferences --max-words-accuracy 0.7 --max-duplicates 0.01
      graphengine dataset audit my-preferences --tokenizer my-model --max-length 1024 --max-truncated 0
    """  # noqa: D301
    if max_truncated is not None and max_length is None:
        raise click.UsageError("--max-truncated needs --max-length")
    from graphengine.preferences.audit import Limits, audit_folder

    limits = Limits(max_length_accuracy, max_words_accuracy, max_title_accuracy, max_duplicates, max_truncated)
    with output.working("looking at the pairs"):
        found = audit_folder(folder, kind, limits=limits, tokenizer=tokenizer, max_length=max_length)
    if as_json:
        output.show_json(found.as_json())
    else:
        _show(found)
    return output.FAILED if found.problems else output.DONE


def _show(found: Audit) -> None:
    pairs = sum(split["pairs"] for split in found.splits.values())
    spread = found.balance
    say(f"{found.kind}: {count(pairs, 'pair')} ({amounts({k: v['pairs'] for k, v in found.splits.items()})}) "
        f"of {count(spread['contexts'], 'context')}")
    say()
    for sentence in _verdicts(found):
        say(sentence)
    if found.baselines:
        say()
        rows = [{"split": split, **each.as_json()} for split, measured in found.baselines.items() for each in measured]
        output.show_rows(rows, _BASELINES)
    say()
    for sentence in _facts(found):
        say(sentence)
    for problem in found.problems:
        say(f"problem: {problem}", err=True, fg="red")


def _verdicts(found: Audit) -> list[str]:
    """What the baselines mean, in words."""
    if not found.baselines:
        return ["Nothing is held out beside train, so nothing tells what length, words and titles give away."]
    told = []
    for split, measured in found.baselines.items():
        best = max(measured, key=lambda each: each.measured.accuracy)
        words = next(each for each in measured if each.name == "words")
        told.append(
            f"On {split}, {_against_chance(words, 'words without the prompt')}; the most that a baseline reaches is "
            f"{best.measured.accuracy:.3f} ({best.name}). A reward model has to beat that."
        )
    told.append(
        "Each text starts with the card's title, so a model can learn titles." if found.shows_titles else
        "Texts don't start with titles; the baselines of titles tell what it is worth to know a text's card."
    )
    return told


def _against_chance(baseline: Baseline, what: str) -> str:
    measured = baseline.measured
    interval = f"{measured.accuracy:.3f}, 90% interval {measured.lower:.3f} to {measured.upper:.3f}"
    if measured.lower > 0.5:
        return f"{what} find the chosen side better than a coin ({interval})"
    if measured.upper < 0.5:
        return f"{what} find the chosen side worse than a coin ({interval}): what train teaches is wrong there"
    return f"{what} can't be told from a coin ({interval})"


def _facts(found: Audit) -> list[str]:
    same, long, spread, sure = found.duplicates, found.lengths, found.balance, found.certainty
    told = [
        f"duplicates: {count(same['repeated'], 'row')} with the prompt and texts of an earlier one "
        f"({same['reversed']:,} the other way round), {same['near_equal']:,} whose two sides are near copies",
        f"near copies of train in what is held out: {count(same['near_prompts'], 'prompt')}, "
        f"{count(same['near_texts'], 'text')}",
        f"length: median {long['median']:g} {long['unit']}, 95% up to {long['p95']:,}, the longest {long['longest']:,}"
        + ("" if long["longer"] is None else f"; {count(long['longer'], 'row')} longer than {long['limit']:,}"),
        f"pairs per context: {spread['least']:,} to {spread['most']:,}, median {spread['median']:g}; the largest has "
        f"{spread['largest_share']:.1%}",
        f"{spread['one_sided_cards']:,} of {count(spread['cards'], 'card')} in train are always chosen or never, in "
        "two pairs or more",
    ]
    if "mean" in sure:
        bins = ", ".join(f"{name.replace('_', ' ')}: {number:,}" for name, number in sure.items()
                         if name not in ("mean", "missing"))
        told.append(f"p_chosen: mean {sure['mean']:.3f} ({bins})")
    for both, shared in found.overlap.items():
        told.append(f"{' and '.join(both.split('/'))} share: {amounts(shared)}")
    return told
