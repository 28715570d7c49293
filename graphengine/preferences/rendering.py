"""How prompts and values cards become text.

No words are added, so the text has the language of the graph. Both cards of a pair show the same parts: a card that
alone had policies could be told from the other by its form, and a reward model would learn the form.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

PARTS = ("title", "description", "policies")
"""The parts of a card, in the order in which they are shown."""

RENDERS = {"full": frozenset(PARTS), "policies": frozenset({"policies"})}
"""Which parts are shown: all of them, or the attentional policies alone, whose title gives nothing away."""


CONTENT = frozenset({"description", "policies"})
"""The parts that say something."""


def parts_of(card: Mapping[str, Any]) -> frozenset[str]:
    """The parts that a card has.

    Example:
        >>> sorted(parts_of({"title": "Calm", "description": "  ", "policies": ["MOMENTS of calm"]}))
        ['policies', 'title']
    """
    policies = [policy for policy in card.get("policies") or [] if policy.strip()]
    texts = {part for part in ("title", "description") if (card.get(part) or "").strip()}
    return frozenset(texts | ({"policies"} if policies else set()))


def has_text(card: Mapping[str, Any], render: str = "full") -> bool:
    """Whether what is shown of a card says something: a title alone does not.

    Example:
        >>> has_text({"title": "Calm", "description": "Stay calm."}), has_text({"title": "Calm"})
        (True, False)
    """
    return bool(parts_of(card) & RENDERS[render] & CONTENT)


def render_card(card: Mapping[str, Any], parts: Collection[str] = PARTS) -> str:
    """A values card as text: title, description, then one line per policy, with blank lines between the parts.

    Args:
        card: `title, description, policies`; what is missing or blank is left out.
        parts: The parts to show.

    Example:
        >>> print(render_card({"title": "Calm", "description": "Stay calm.", "policies": ["MOMENTS of calm", "SIGNS"]}))
        Calm
        <BLANKLINE>
        Stay calm.
        <BLANKLINE>
        - MOMENTS of calm
        - SIGNS
    """
    has = parts_of(card)
    blocks = [card[part].strip() for part in PARTS[:2] if part in has and part in parts]
    if "policies" in has and "policies" in parts:
        blocks.append("\n".join(f"- {policy.strip()}" for policy in card["policies"] if policy.strip()))
    return "\n\n".join(blocks)


def render_prompt(scenario: str | None, context: str) -> str:
    r"""A scenario and the context it raises as text; the context alone where no scenario is known.

    Example:
        >>> render_prompt("My dog died.", "When grieving")
        'My dog died.\n\nWhen grieving'
        >>> render_prompt(None, "When grieving")
        'When grieving'
    """
    return f"{scenario.strip()}\n\n{context.strip()}" if scenario and scenario.strip() else context.strip()


def said(role: str, text: str) -> list[dict[str, str]]:
    """A text as messages."""
    return [{"role": role, "content": text}]


def text_of(messages: str | Sequence[Mapping[str, str]]) -> str:
    """The text of messages, with blank lines between them; a text is its own.

    Example:
        >>> text_of(said("user", "When lost")), text_of("When lost")
        ('When lost', 'When lost')
    """
    return messages if isinstance(messages, str) else "\n\n".join(each["content"] for each in messages)
