"""Lists in one cell, such as the policies of a card."""

from __future__ import annotations

import json

FIX = 'write a JSON list (["first", "second"]), or one item per line, or items separated by | or ;'


def split_list(cell: str) -> list[str]:
    """The items of a cell.

    A cell that starts with `[` is a JSON list of texts. Otherwise the first of line break, `|` and `;` that occurs in
    the cell separates its items. Blank items are left out.

    Raises:
        ValueError: If it starts like a JSON list and is none.

    Example:
        >>> split_list('["MOMENTS of calm; really", "SIGNS of trust"]')
        ['MOMENTS of calm; really', 'SIGNS of trust']
        >>> split_list("MOMENTS of calm; really | SIGNS of trust")
        ['MOMENTS of calm; really', 'SIGNS of trust']
    """
    cell = cell.strip()
    if cell.startswith("["):
        items = json.loads(cell)
        if not all(isinstance(item, (str, int)) for item in items):
            raise ValueError("the list holds something other than texts")
    else:
        mark = next((mark for mark in ("\n", "|", ";") if mark in cell), "\n")
        items = cell.replace("\r", "\n" if mark == "\n" else "").split(mark)
    return [text for text in (str(item).strip() for item in items) if text]
