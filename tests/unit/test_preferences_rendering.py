"""How prompts and cards become text."""

from __future__ import annotations

import pytest

from graphengine.preferences import render_card, render_prompt
from graphengine.preferences.rendering import parts_of

CALM = {"title": "Calm", "description": "Stay calm.", "policies": ["MOMENTS of calm", "SIGNS of haste"]}


def test_a_card_shows_all_its_parts_in_order() -> None:
    """Title, description and one line per policy, with a blank line between the parts."""
    assert render_card(CALM) == "Calm\n\nStay calm.\n\n- MOMENTS of calm\n- SIGNS of haste"


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"title"}, "Calm"),
        ({"title", "policies"}, "Calm\n\n- MOMENTS of calm\n- SIGNS of haste"),
        ({"description"}, "Stay calm."),
        (set(), ""),
    ],
)
def test_only_the_parts_asked_for_are_shown(parts: set[str], expected: str) -> None:
    """A part that is not asked for leaves no trace, not even a blank line."""
    assert render_card(CALM, parts) == expected


@pytest.mark.parametrize("missing", [None, "", "  \n"])
def test_a_missing_part_leaves_no_trace(missing: str | None) -> None:
    """A null, empty or blank description is no part."""
    card = CALM | {"description": missing}
    assert render_card(card) == "Calm\n\n- MOMENTS of calm\n- SIGNS of haste"
    assert parts_of(card) == {"title", "policies"}


@pytest.mark.parametrize("policies", [None, [], ["", " "]])
def test_a_card_without_policies(policies: list[str] | None) -> None:
    """No policies, or blank ones only, are no part."""
    card = CALM | {"policies": policies}
    assert render_card(card) == "Calm\n\nStay calm."
    assert parts_of(card) == {"title", "description"}


def test_nothing_is_known_of_a_stub() -> None:
    """A card that is known only by its id has no part and no text."""
    assert parts_of({"id": "x", "title": None, "description": None, "policies": None}) == set()
    assert render_card({"id": "x"}) == ""


def test_white_space_around_texts_goes() -> None:
    """Blanks around a part don't reach the text; those within stay."""
    assert render_card({"title": " A  b ", "description": "\nc\n", "policies": ["  d"]}) == "A  b\n\nc\n\n- d"


def test_no_words_are_added_to_another_language() -> None:
    """The text of a Chinese card and prompt is Chinese only."""
    assert render_card({"title": "听懂", "description": "留意。", "policies": ["停顿"]}) == "听懂\n\n留意。\n\n- 停顿"
    assert render_prompt("我该怎么办？", "当父母年老时") == "我该怎么办？\n\n当父母年老时"


@pytest.mark.parametrize("scenario", [None, "", " \n"])
def test_the_context_alone_where_no_scenario_is_known(scenario: str | None) -> None:
    """Without a scenario the prompt is the text of the context."""
    assert render_prompt(scenario, " When grieving ") == "When grieving"
