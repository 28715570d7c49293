"""Tables in HTML."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from graphengine.report.words import plain, probability, real, said

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Column(NamedTuple):
    """A heading, and whether what stands below it is a number."""

    heading: str
    number: bool = False


def table(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], caption: str, *, marked: Sequence[bool] = (),
    kind: str = "",
) -> str:
    """A table whose first column heads the rows.

    Args:
        columns: One for each cell of a row.
        rows: Cells, as safe HTML.
        caption: What the table holds.
        marked: Rows that stand out.
        kind: A class for the style sheet.
    """
    head = "".join(f'<th scope="col"{_number(column)}>{plain(column.heading)}</th>' for column in columns)
    body = []
    for at, row in enumerate(rows):
        cells = [f'<th scope="row"{_number(columns[0])}>{row[0]}</th>']
        cells += [f"<td{_number(column)}>{cell}</td>" for column, cell in zip(columns[1:], row[1:], strict=True)]
        mark = _class("top" if at < len(marked) and marked[at] else "")
        body.append(f"<tr{mark}>{''.join(cells)}</tr>")
    return _framed(kind, caption, body, f"\n<thead><tr>{head}</tr></thead>")


def facts(rows: Mapping[str, str], caption: str) -> str:
    """A table of names and what they are (safe HTML)."""
    body = [f'<tr><th scope="row">{plain(name)}</th><td>{value}</td></tr>' for name, value in rows.items()]
    return _framed("facts", caption, body)


def _framed(kind: str, caption: str, rows: Sequence[str], head: str = "") -> str:
    return "\n".join([
        f'<div class="wide" tabindex="0" role="group" aria-label="{plain(caption)}"><table{_class(kind)}>'
        f"<caption>{plain(caption)}</caption>{head}", "<tbody>", *rows, "</tbody></table></div>",
    ])


def cell(value: Any, name: str = "") -> str:
    """Any value as safe HTML; `p_…` names a probability.

    Example:
        >>> cell(None), cell(True), cell(0.12345), cell(3), cell("<b>")
        ('–', 'yes', '0.12', '3', '<bdi lang="">&lt;b&gt;</bdi>')
    """
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return plain(probability(value) if name.startswith("p_") else real(value))
    if isinstance(value, (list, tuple)):
        return "; ".join(cell(item) for item in value) or "–"
    return said(str(value))


def _class(name: str) -> str:
    return f' class="{name}"' if name else ""


def _number(column: Column) -> str:
    return _class("num" if column.number else "")
