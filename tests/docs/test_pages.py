"""The pages of docs/ run: their files are written, their commands give what they show."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests import doc_pages
from tests.doc_pages import PROJECT

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.slow
@pytest.mark.parametrize("name", ["importing"])
def test_commands_print_what_the_page_says(name: str, tmp_path: Path) -> None:
    """Every command of the page prints what stands under it; none ends in a traceback."""
    ran = doc_pages.run(PROJECT / "docs" / f"{name}.md", tmp_path)

    assert ran
    assert [] == [found for command in ran if (found := doc_pages.differs(command))]
