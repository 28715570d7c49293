"""Votes files of the fault tests: small, made up, and the same every time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "participant,context,from_value,to_value,answer"
ANSWERS = ("wiser", "not_wiser", "unsure")


def rows(people: int, contexts: int, shift: int = 0) -> list[str]:
    """One vote per person and context, on one of five pairs of cards; `shift` changes the answers."""
    return [
        f"P{person:04},When in need {context},card {(person + context) % 5},card {5 + context % 3},"
        f"{ANSWERS[(person * 7 + context + shift) % 3]}"
        for person in range(people) for context in range(contexts)
    ]


def write(path: Path, lines: list[str], header: str = HEADER) -> Path:
    """A CSV file of these rows."""
    path.write_text("\n".join([header, *lines, ""]), encoding="utf-8")
    return path
