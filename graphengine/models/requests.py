"""What is asked of a language model, and what comes back.

Text that a model wrote is untrusted: `readable` takes out what could harm a terminal, a chat template or a reader,
and `strict_json` accepts exactly the object that was asked for.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from graphengine.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

LONGEST = 20_000
"""The most characters of an answer that are kept."""

END, CUT_OFF, TOO_LONG, NO_TEXT = "end", "cut off", "too long to ask", "no text"
"""How an answer stopped: by itself; at the limit of tokens; the request does not fit the model; nothing was said."""


@dataclass(frozen=True)
class Request:
    """One question to a model.

    Attributes:
        messages: (role, content) of each message; the last one is the user's.
        temperature: 0 takes the likeliest token each time.
        max_tokens: The longest answer.
        seed: Another seed asks for another answer.
        json: The answer shall be a JSON object (endpoints are told so).

    Example:
        >>> Request.of("Be brief.", "My dog died.").messages
        (('system', 'Be brief.'), ('user', 'My dog died.'))
    """

    messages: tuple[tuple[str, str], ...]
    temperature: float = 1.0
    max_tokens: int = 512
    seed: int = 0
    json: bool = False

    @classmethod
    def of(cls, system: str, user: str, **more: Any) -> Request:
        """A request of an instruction and one message of the user."""
        return cls((("system", system), ("user", user)), **more)

    def as_chat(self) -> list[dict[str, str]]:
        """The messages as chat templates and endpoints take them."""
        return [{"role": role, "content": content} for role, content in self.messages]

    def key(self, identity: Mapping[str, Any]) -> str:
        """The sha256 of the request to one generator: the name of its answer.

        Args:
            identity: What makes the generator: model, address, options.
        """
        asked = [self.as_chat(), float(self.temperature), self.max_tokens, self.seed, self.json]
        text = json.dumps([identity, asked], sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class Answer:
    """What a model said.

    Attributes:
        text: Made `readable`; empty if it said nothing.
        stopped: Why it ended: `END`, `CUT_OFF`, `TOO_LONG` or `NO_TEXT`.
        key: Of the request.
    """

    text: str
    stopped: str
    key: str


class Generator(Protocol):
    """Whatever answers requests: a chat client, a model on this machine, a class of the user's."""

    @property
    def name(self) -> str:
        """For people, and for the column `generator` of a dataset."""
        ...

    @property
    def identity(self) -> Mapping[str, Any]:
        """What makes it, as JSON: two generators with the same one give the same answers."""
        ...

    def complete(
        self, requests: Sequence[Request], *, progress: Callable[[int, int], None] | None = None
    ) -> list[Answer]:
        """The answer to each request, in order; equal requests are asked once.

        Args:
            requests: What to ask.
            progress: Called with (answered, all) as answers come.
        """
        ...


_BREAKS = re.compile("\r\n?|[\u0085\u2028\u2029]")
_TOKENS = re.compile(r"<\|[^<>|\s]{1,40}\|>")
# Marks that turn the direction of what follows, so that a reader sees another text than a program.
_TURNING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def readable(text: str, longest: int = LONGEST) -> str:
    r"""A model's text without control characters, marks of direction and special tokens of chat templates.

    Args:
        text: As it came.
        longest: What is longer, in characters, is cut.

    Example:
        >>> readable("Rest\x1b[31m first.\r\nThen talk.<|im_end|> ")
        'Rest[31m first.\nThen talk.'
    """
    kept = _BREAKS.sub("\n", text[: 2 * longest])
    kept = "".join(each for each in kept if each in "\n\t" or not _harmful(each))
    while (shorter := _TOKENS.sub("", kept)) != kept:  # taking one out may put another one together
        kept = shorter
    return kept[:longest].strip()


def _harmful(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cs", "Cn", "Co") or character in _TURNING


def strict_json(text: str, fields: Mapping[str, type | tuple[type, ...]]) -> dict[str, Any]:
    """The JSON object that a model was asked for, with exactly these fields.

    A fence of ``` around the whole answer is taken off; everything else that is not the object is an error: text
    beside it, a field too many, too few or twice, another type, NaN.

    Args:
        text: The answer.
        fields: Name -> type or types (`bool` is no `int` here).

    Raises:
        ModelError: Saying what is wrong, with the beginning of the text.

    Example:
        >>> strict_json('{"rating": 4}', {"rating": int})
        {'rating': 4}
    """
    fenced = re.fullmatch(r"\s*```(?:json)?\s*\n(.*)\n\s*```\s*", text, flags=re.DOTALL)
    try:
        found = json.loads(
            fenced[1] if fenced else text, object_pairs_hook=_no_twins, parse_constant=_no_constant
        )
        if not isinstance(found, dict):
            raise ValueError("it is not an object")
        if unknown := sorted(set(found) - set(fields)):
            raise ValueError(f"it has the field {unknown[0]!r}")
        for name, kind in fields.items():
            if name not in found:
                raise ValueError(f"it lacks the field {name!r}")
            kinds = kind if isinstance(kind, tuple) else (kind,)
            if not isinstance(found[name], kinds) or (isinstance(found[name], bool) and bool not in kinds):
                raise ValueError(f"its field {name!r} is of another type")
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"the answer is not the JSON that was asked for ({error}): {readable(text, 80)!r}",
            hint="another model may follow the instruction better", value=readable(text, 200),
        ) from error
    return found


def _no_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) < len(pairs):
        raise ValueError("a field is there twice")
    return dict(pairs)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
