"""What every command shares: the graph that is meant, `--json`, errors, exit codes."""

from __future__ import annotations

import difflib
import io
import os
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from graphengine.cli import output
from graphengine.errors import GraphEngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from types import FrameType

    from graphengine.graph import MoralGraph

DEFAULT_GRAPH = "./moral.graph"


class Program(click.Group):
    """The program: turns every error into one shape, and every outcome into an exit code."""

    def main(self, args: Sequence[str] | None = None, *rest: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command line; see `click.Group.main`."""
        given = list(sys.argv[1:] if args is None else args)
        as_json = "--json" in given
        for stream in (sys.stdout, sys.stderr):  # a terminal that can't show a character is no reason to fail
            if isinstance(stream, io.TextIOWrapper):
                stream.reconfigure(errors="backslashreplace")
        with _ctrl_c() as pressed:
            try:
                code = super().main(given, *rest, standalone_mode=False, **extra) or output.DONE
            except (Exception, KeyboardInterrupt) as error:
                # What runs below may turn Ctrl-C into an error of its own: DuckDB raises a RuntimeError.
                code = _tell(KeyboardInterrupt() if pressed else error, as_json=as_json)
        if standalone_mode:
            sys.exit(code)
        return code


@contextmanager
def _ctrl_c() -> Iterator[list[int]]:
    """A list that is no longer empty once Ctrl-C was pressed; the rest is as always: KeyboardInterrupt."""
    pressed: list[int] = []

    def press(number: int, frame: FrameType | None) -> None:
        pressed.append(number)
        signal.default_int_handler(number, frame)

    try:
        before = signal.getsignal(signal.SIGINT)
        if before is signal.default_int_handler:  # a parent that ignores Ctrl-C for us knows why
            signal.signal(signal.SIGINT, press)
    except ValueError:  # not the main thread
        before = None
    try:
        yield pressed
    finally:
        if before is signal.default_int_handler:
            signal.signal(signal.SIGINT, before)


def _tell(error: BaseException, *, as_json: bool) -> int:
    """Print an error that a user can act on; anything else is a fault of the program and goes on.

    Returns:
        The exit code.
    """
    if isinstance(error, GraphEngineError):
        shape, code = error.as_json(), error.exit_code
    elif isinstance(error, (KeyboardInterrupt, click.Abort)):
        hint = "run the same command again: what was committed is kept"
        shape, code = {"error": "interrupted", "message": "interrupted", "hint": hint}, output.INTERRUPTED
    elif isinstance(error, click.ClickException):
        if not as_json:
            error.show()
            return error.exit_code
        hint = f"{error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        shape, code = {"error": "usage", "message": error.format_message(), "hint": hint}, error.exit_code
    elif isinstance(error, OSError):
        what = f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")
        hint = "check the place, the disk and your rights"
        shape, code = {"error": "system", "message": what, "hint": hint}, output.FAILED
    else:
        raise error
    output.show_error({"ok": False, **shape}, as_json=as_json)
    return code


def graph_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--graph`, which may also stand before the command's name."""
    return click.option(
        "--graph", "graph", metavar="URL_OR_FOLDER", callback=_which_graph, expose_value=True,
        help=f"The graph: a folder, or neo4j://… [default: GRAPHENGINE_GRAPH, else {DEFAULT_GRAPH}]",
    )(command)


def _which_graph(context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    return value or named_graph(context) or os.environ.get("GRAPHENGINE_GRAPH") or DEFAULT_GRAPH


def named_graph(context: click.Context) -> str | None:
    """The graph named before the command, on the command line."""
    return context.find_root().params.get("graph")


def json_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")(command)


class _Known(click.Choice):
    """A choice that says which name may have been meant."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        close = difflib.get_close_matches(str(value), self.choices, n=1)
        if value not in self.choices and close:
            self.fail(f"{value!r} is unknown; did you mean {close[0]!r}? One of: {', '.join(self.choices)}", param, ctx)
        return super().convert(value, param, ctx)


def method_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that name a ranking."""
    for option in (
        click.option("--variable", default="", metavar="NAME",
                     help="For bradley-terry-groups: the variable that tells its groups apart."),
        click.option("--not-wiser", type=click.Choice(["against", "tie"]), default="against", show_default=True,
                     help="What a “not wiser” says: for the card asked from, or for neither."),
        click.option("--edge-rule", type=_Known(EDGE_RULES), default="mai-2023", show_default=True,
                     metavar="RULE", help="For pagerank: " + ", ".join(EDGE_RULES) + "."),
        click.option("--method", type=_Known(METHODS), default="bradley-terry", show_default=True,
                     help="How cards are ranked."),
    ):
        command = option(command)
    return command


def as_of_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--as-of`, for what reads a ranking."""
    return click.option("--as-of", default="", metavar="DATE", help="The ranking made as of this date.")(command)


# Written out, since `graphengine --help` must not load the ranking; a test holds them against it.
METHODS = (
    "bradley-terry", "bradley-terry-groups", "pagerank", "win-rate", "copeland", "hodgerank", "schulze",
)
EDGE_RULES = (
    "mai-2023", "mai-2023-context", "mai-2023-four-counters", "mai-2023-no-entropy", "likelihood-only", "any-wiser",
    "majority-per-pair", "majority-of-decided-per-pair", "paper-majority",
)


@contextmanager
def opened(graph: str, *, create: bool = False) -> Iterator[MoralGraph]:
    """The graph, open."""
    import graphengine

    with graphengine.open(graph, create=create) as found:
        yield found
