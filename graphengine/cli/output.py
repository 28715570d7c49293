"""How the command line speaks: one JSON object, tables on a terminal, aligned text elsewhere, errors in one shape."""

from __future__ import annotations

import math
import re
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

DONE, FAILED, USAGE, REJECTED, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 4, 130
"""Exit codes."""


# People's texts may hold what steers a terminal: escape sequences, backspaces, marks that turn the writing's direction.
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def say(text: str = "", *, err: bool = False, **style: Any) -> None:
    """Print words, without what steers a terminal."""
    click.secho(_CONTROL.sub(" ", text), err=err, **style)


def show_json(answer: Mapping[str, Any]) -> None:
    """Print one JSON object; a number that JSON does not know (infinity) is null."""
    import json

    # Where the terminal can't show every character, escapes keep the JSON valid.
    ascii_only = (sys.stdout.encoding or "").lower().replace("-", "") not in {"utf8", "utf8sig"}
    indent = 2 if sys.stdout.isatty() else None
    click.echo(json.dumps(_finite(answer), ensure_ascii=ascii_only, indent=indent, default=str))


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def show_error(shape: Mapping[str, Any], *, as_json: bool) -> None:
    """Print an error: as the one object on stdout, or as two lines on stderr."""
    if as_json:
        show_json(shape)
        return
    say(f"error: {shape['message']}", err=True, fg="red")
    if shape.get("hint"):
        say(f"  try: {shape['hint']}", err=True)


def warn(text: str) -> None:
    """Say on stderr what to look at."""
    say(f"note: {text}", err=True, fg="yellow")


def show_rows(rows: Sequence[Mapping[str, Any]], columns: Mapping[str, str], *, empty: str = "nothing") -> None:
    """Print rows as a table.

    Args:
        rows: What to show.
        columns: Key in the rows, and the heading that stands over it.
        empty: What to say where there are no rows.
    """
    if not rows:
        say(empty)
        return
    cells = [[(probability if key.startswith("p_") else _cell)(row.get(key)) for key in columns] for row in rows]
    numbers = [
        all(isinstance(row.get(key), (int, float, type(None))) and not isinstance(row.get(key), bool) for row in rows)
        for key in columns
    ]
    if sys.stdout.isatty():
        _rich_table(cells, list(columns.values()), numbers)
    else:
        _plain_table(cells, list(columns.values()), numbers)


def probability(value: Any) -> str:
    """A probability in three digits; one that is neither 0 nor 1 never reads as if it were.

    Example:
        >>> probability(0.99962), probability(0.0002), probability(1.0), probability(None)
        ('>0.999', '<0.001', '1.000', '-')
    """
    if not isinstance(value, float):
        return _cell(value)
    if 0.9995 <= value < 1:
        return ">0.999"
    return "<0.001" if 0 < value < 0.0005 else f"{value:.3f}"


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.2g}" if 1e-9 < abs(value) < 1e-3 else f"{value:z.3f}"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_cell(item)}" for key, item in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "; ".join(map(_cell, value))
    return " ".join(_CONTROL.sub(" ", str(value)).split())


def _rich_table(cells: list[list[str]], headings: list[str], numbers: list[bool]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading, number in zip(headings, numbers, strict=True):
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    for row in cells:
        table.add_row(*map(Text, row))  # Text: brackets in people's words are not markup
    Console().print(table)


def _plain_table(cells: list[list[str]], headings: list[str], numbers: list[bool]) -> None:
    from rich.cells import cell_len  # Chinese characters are two columns wide

    lines = [headings, *cells]
    widths = [max(cell_len(line[i]) for line in lines) for i in range(len(headings))]
    for line in lines:
        padded = [
            " " * (width - cell_len(text)) + text if number else text + " " * (width - cell_len(text))
            for text, width, number in zip(line, widths, numbers, strict=True)
        ]
        say("  ".join(padded).rstrip())


def count(number: int, name: str, plural: str = "") -> str:
    """A number with its noun: `1 vote`, `2 votes`, `1,500 votes`."""
    return f"{number:,} {name if number == 1 else plural or name + 's'}"


def amounts(numbers: Mapping[str, int]) -> str:
    """What there is how much of, without what there is none of: `1,535 votes, 93 upgrades`.

    Example:
        >>> amounts({"votes": 1, "tallies": 2, "train": 60, "cards": 0})
        '1 vote, 2 tallies, 60 train'
    """
    return ", ".join(_amount(number, name) for name, number in numbers.items() if number) or "nothing"


# Tables that are not called what their rows are, and what does not lose its s like others.
_NOUNS = {
    "articulated": "authorship", "members": "group membership", "raises": "raised context",
    "votes_before": "superseded vote",
}


def _amount(number: int, name: str) -> str:
    if name == "tallies":
        return count(number, "tally", name)
    if name in _NOUNS or name.endswith("s"):
        return count(number, _NOUNS.get(name) or name.removesuffix("s"))
    return f"{number:,} {name}"


@contextmanager
def working(doing: str) -> Iterator[Callable[[str], None]]:
    """While something takes time: a spinner on stderr if that is a terminal.

    Yields:
        A function that prints a line on stderr, beside the spinner.
    """
    if not sys.stderr.isatty():
        yield lambda line: say(line, err=True)
        return
    from rich.console import Console

    console = Console(stderr=True)
    with console.status(doing):
        yield lambda line: console.print(line, markup=False, highlight=False)
