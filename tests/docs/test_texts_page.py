"""docs/texts.md runs: its commands print what it says, and it names every column and default as it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from graphengine.preferences import adherence, orderings, responses, sft, texts
from graphengine.preferences.adherence import HIGHEST, LOWEST, Rule
from graphengine.preferences.evidence import evidence_of
from graphengine.preferences.responses_file import COLUMNS
from graphengine.preferences.texts import WRITTEN
from tests import doc_pages
from tests.doc_pages import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

PAGE = PROJECT / "docs" / "texts.md"


@pytest.mark.slow
def test_commands_print_what_the_page_says(tmp_path: Path) -> None:
    """Every command of the page prints what stands under it, and the rejected row is told as it says."""
    ran = doc_pages.run(PAGE, tmp_path)
    assert ran
    assert [] == [found for command in ran if (found := doc_pages.differs(command))]
    assert "row 7, prompt_id 'When greiving'" in ran[-1].stderr
    assert "did you mean 'When grieving'?" in ran[-1].stderr


def test_the_page_names_what_there_is() -> None:
    """Kinds, columns, defaults and example figures are those of the code."""
    page = PAGE.read_text(encoding="utf-8")
    first_cells = set(re.findall(r"`(\w+)`", "\n".join(re.findall(r"^\| (.+?) \|", page, re.MULTILINE))))
    assert {*WRITTEN, *COLUMNS} <= first_cells
    for reason in (
        responses.NO_RESPONSE, responses.SAME_RESPONSE, orderings.EVEN, orderings.ALONE, adherence.TOO_CLOSE,
        adherence.NO_RATING, adherence.NO_TARGET, sft.NO_LOSER, texts.REJECTED,
    ):
        assert f"| {reason} |" in page
    rule = Rule()
    assert (1.0, 2.0, 3) == (rule.threshold, rule.full, rule.times)
    assert (1, 5) == (LOWEST, HIGHEST)
    assert (0.75, 0.94) == (evidence_of(1, 0).p_chosen, round(evidence_of(3, 0).p_chosen, 2))
