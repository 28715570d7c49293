"""The options of `export preferences` for texts that a model writes or people made elsewhere."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from graphengine.models.requests import Generator
    from graphengine.preferences import Form, Rows, Source
    from graphengine.preferences.responses_file import Reject

# Written out, since `graphengine export --help` must not load the room; a test holds them against it.
WRITTEN = ("responses", "adherence", "sft")
_NAMES = (
    "generator", "endpoint", "model", "budget", "parallel", "answers", "temperature", "max_tokens", "responses",
    "ratings", "to_rate", "threshold", "negatives", "per_context",
)
_EVERY = 5.0  # seconds between two lines of progress
_FILE = click.Path(path_type=Path, dir_okay=False)


def text_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Who writes, who rates, what comes from files."""
    for option in (
        click.option("--per-context", type=click.IntRange(1), metavar="N",
                     help="sft: rows of each context.  [default: what the context with the fewest can give]"),
        click.option("--negatives", is_flag=True, help="sft: add the loser's answer, a critique and its revision."),
        click.option("--threshold", type=click.FloatRange(0, min_open=True), default=1.0, show_default=True,
                     metavar="X", help="adherence: the least difference of mean ratings that makes a pair."),
        click.option("--to-rate", type=_FILE, metavar="FILE",
                     help="adherence: write the responses into FILE, for people to rate, and stop."),
        click.option("--ratings", type=_FILE, metavar="FILE", help="adherence: ratings by people."),
        click.option("--responses", type=_FILE, metavar="FILE",
                     help="responses, adherence: responses made elsewhere, perhaps ordered by people."),
        click.option("--max-tokens", type=click.IntRange(1), default=512, show_default=True, metavar="N",
                     help="The longest text, in tokens."),
        click.option("--temperature", type=click.FloatRange(0, 2), default=1.0, show_default=True, metavar="T",
                     help="How much chance is in a text."),
        click.option("--answers", type=_FILE, metavar="FILE",
                     help="Where answers are kept, so that nothing is asked twice.  [default: in the user's cache]"),
        click.option("--parallel", type=click.IntRange(1), default=4, show_default=True, metavar="N",
                     help="Requests to the endpoint at once."),
        click.option("--budget", type=click.IntRange(0), default=1_000_000, show_default=True, metavar="TOKENS",
                     help="The most tokens that the endpoint may be asked for in this run."),
        click.option("--model", metavar="NAME", help="The endpoint's name of the model."),
        click.option("--endpoint", metavar="URL",
                     help="Texts are written by this endpoint; its key is in GRAPHENGINE_API_KEY."),
        click.option("--generator", type=click.Path(path_type=Path, file_okay=False), metavar="FOLDER",
                     help="Texts are written by the model in FOLDER."),
    ):
        command = option(command)
    return command


def taken_out(asked: dict[str, Any]) -> dict[str, Any]:
    """The values of `text_options`, taken out of the values of a command."""
    return {name: asked.pop(name) for name in _NAMES}


def check_texts(kinds: Sequence[str], texts: dict[str, Any]) -> None:
    """See that the options fit the kinds.

    Args:
        kinds: The kinds of `WRITTEN` that are wanted.
        texts: From `taken_out`.

    Raises:
        click.UsageError: If not.
    """
    if (texts["endpoint"] is None) != (texts["model"] is None):
        raise click.UsageError("--endpoint and --model go together: where to ask, and which model.")
    if texts["endpoint"] and texts["generator"]:
        raise click.UsageError("Texts are written by one: --generator or --endpoint.")
    needed = {"responses": ("responses", "adherence"), "ratings": ("adherence",), "to_rate": ("adherence",),
              "negatives": ("sft",), "per_context": ("sft",), "generator": WRITTEN, "endpoint": WRITTEN}
    for name, wanted in needed.items():
        if texts[name] and not {*wanted} & {*kinds}:
            told = " or ".join(f"--kind {each}" for each in wanted)
            raise click.UsageError(f"--{name.replace('_', '-')} needs {told}.")


def told_options(texts: dict[str, Any]) -> str:
    """The options as the dataset card tells them: files and folders without their places, endpoints without address."""
    shown = {"generator": "FOLDER", "endpoint": "URL", "responses": "FILE", "ratings": "FILE"}
    told = "".join(f" --{name} {shown.get(name) or texts[name]}" for name in ("generator", "endpoint", "model",
                   "responses", "ratings") if texts[name])
    for name, default in (("temperature", 1.0), ("max_tokens", 512), ("threshold", 1.0), ("per_context", None)):
        if texts[name] != default:
            told += f" --{name.replace('_', '-')} {texts[name]}"
    return told + (" --negatives" if texts["negatives"] else "")


@contextmanager
def text_rows(
    kinds: Sequence[str], form: Form, out: Path, texts: dict[str, Any], *, force: bool, line: Callable[[str], None]
) -> Iterator[Callable[[Source], Sequence[Rows]] | None]:
    """What makes the rows of the written kinds, for `export_preferences(…, more=…)`; None where none are wanted.

    Args:
        kinds: The kinds of `WRITTEN` that are wanted.
        form: How the dataset is written.
        out: Where: it is looked at before anything is asked.
        texts: From `taken_out`.
        force: Whether an older export may be replaced.
        line: Prints a line on stderr.
    """
    if not kinds:
        yield None
        return
    from graphengine.preferences.adherence import Rule
    from graphengine.preferences.folder import check
    from graphengine.preferences.texts import Texts
    from graphengine.preferences.writer import Writer

    check(out.resolve(), force=force)
    rule = Rule(threshold=texts["threshold"], full=max(Rule().full, texts["threshold"]))
    with ExitStack() as stack:
        generator = _generator(texts, stack)
        writer = None
        if generator is not None:
            writer = Writer(generator, texts["temperature"], texts["max_tokens"], _Progress(line))
        made = Texts(
            writer=writer, responses=texts["responses"], ratings=texts["ratings"], rule=rule,
            negatives=texts["negatives"], per_context=texts["per_context"], to_rate=texts["to_rate"],
            rejected=_tell_rejected,
        )
        yield lambda source: made.rows(source, kinds, form)


def _generator(texts: dict[str, Any], stack: ExitStack) -> Generator | None:
    if texts["generator"] is None and texts["endpoint"] is None:
        return None
    from graphengine.models.chat import Budget, ChatClient
    from graphengine.models.generator import LocalGenerator
    from graphengine.models.transcript import Transcript, cached

    if texts["generator"] is not None:
        made = LocalGenerator(texts["generator"])
    else:
        made = ChatClient(texts["model"], texts["endpoint"], budget=Budget(texts["budget"]), parallel=texts["parallel"])
    made.transcript = stack.enter_context(Transcript(texts["answers"] or cached(made.identity)))
    return made


class _Progress:
    """Says now and then how many answers are there."""

    def __init__(self, line: Callable[[str], None]) -> None:
        self.line = line
        self.last = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self.last >= _EVERY:
            self.last = time.monotonic()
            self.line(f"{done:,} of {total:,} answers")


def _tell_rejected(path: Path, rejects: Sequence[Reject]) -> None:
    output.warn(f"{path}: {output.count(len(rejects), 'row')} rejected")
    for each in rejects[:10]:
        output.say(f"  {each}", err=True)
    if len(rejects) > 10:
        output.say(f"  and {len(rejects) - 10:,} more", err=True)
