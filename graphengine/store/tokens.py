r"""Cypher text cut into tokens, strictly: what two engines might read differently is refused here.

Engines disagree about where a comment or a string ends, and a text could hide a clause from a checker in that gap.
Measured on Neo4j 5.26 and ladybug 0.22:

- Neo4j replaces `\u0027` by a quote *before* it looks for strings, so the escape can end one;
- ladybug does not end a comment at `/***/`, Neo4j does;
- control characters and the wide spaces of Unicode separate words in both, invisibly;
- a few thousand nested brackets overflow the parser's stack: ladybug takes the whole process down.

So escapes of characters by number, odd comments, control characters, spaces other than the plain ones, and texts that
are too long or too deep are refused; the characters themselves, in any language, are welcome in strings.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from graphengine.errors import QueryError

if TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST = 50_000
"""Characters that a query may have."""
MOST = 10_000
"""Tokens that a query may have: engines recurse over long chains of operators."""
DEEPEST = 60
"""How deep brackets may be nested."""

_SPACE = re.compile(r"(?:[ \t\n]|\r\n)+")
_COMMENT = re.compile(r"//[^\n]*")
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_LETTER = re.compile(r"\w")
_CLOSED = (
    ("a comment", "/*", re.compile(r"/\*.*?\*/", re.DOTALL), "close it with */"),
    ("a text", "'", re.compile(r"'(?:[^'\\]|\\.)*'", re.DOTALL), "close it with '"),
    ("a text", '"', re.compile(r'"(?:[^"\\]|\\.)*"', re.DOTALL), 'close it with "'),
    ("a name in backticks", "`", re.compile(r"`(?:[^`]|``)+`"), "close it with `"),
)
_OPEN = (
    ("parameter", re.compile(r"\$(\w+|`(?:[^`]|``)+`)")),
    ("word", re.compile(r"[^\W\d]\w*")),
    ("number", re.compile(r"0[xX][0-9a-fA-F]+|(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")),
    ("operator", re.compile(r"\.\.|[()\[\]{},.:;|=<>+\-*/%^!&~]")),
)


class Token(NamedTuple):
    """One token.

    Attributes:
        kind: word, name (in backticks), string, number, parameter, operator.
        text: As written; a name or a parameter without its marks.
        line: From 1.
        column: From 1, in characters.
    """

    kind: str
    text: str
    line: int
    column: int


def refuse(message: str, token: Token, hint: str) -> NoReturn:
    """Raise the error that names a token's place.

    Raises:
        QueryError: Always.
    """
    raise QueryError(
        f"the query is refused at line {token.line}, column {token.column}: {message}",
        hint=hint, word=token.text, line=token.line, column=token.column,
    )


def _place(text: str, at: int) -> Token:
    return Token("place", text[at : at + 1], text.count("\n", 0, at) + 1, at - text.rfind("\n", 0, at))


def _check_characters(text: str) -> None:
    if len(text) > LONGEST:
        raise QueryError(
            f"the query is refused: it has {len(text):,} characters, the limit is {LONGEST:,}",
            hint="give long lists as parameters: -p ids='[\"a\", \"b\"]'",
        )
    for at, character in enumerate(text):
        kind = unicodedata.category(character)
        lone_return = character == "\r" and text[at + 1 : at + 2] != "\n"
        if lone_return or kind in {"Cs", "Zl", "Zp"} or (kind == "Cc" and character not in "\t\n\r"):
            refuse(
                f"the character U+{ord(character):04X} is not allowed", _place(text, at),
                "use plain spaces and line ends, and parameters for odd texts: -p name=value",
            )
    escape = re.search(r"\\[uU]", text)
    if escape:
        refuse(
            f"the escape {text[escape.start() : escape.start() + 6]} is not allowed, since Neo4j undoes it before it"
            " reads the text", _place(text, escape.start()),
            "type the character itself, or give the text as a parameter: -p name=value",
        )


def tokens(text: str) -> list[Token]:
    """The tokens of a Cypher text, comments and spaces left out.

    Raises:
        QueryError: If the text can't be cut in a way that every engine would agree with.

    Example:
        >>> [token.text for token in tokens("RETURN 'a; b' /* CREATE */ AS x")]
        ['RETURN', "'a; b'", 'AS', 'x']
    """
    _check_characters(text)
    found: list[Token] = []
    for token in _scan(text):
        found.append(token)
        if len(found) > MOST:
            refuse(f"it has more than {MOST:,} words and signs", token, "give long lists as parameters")
    return found


def _scan(text: str) -> Iterator[Token]:
    at, line, start = 0, 1, 0
    while at < len(text):
        here = Token("place", text[at], line, at - start + 1)
        end, kind, shown = _next(text, at, here)
        if kind:
            yield Token(kind, shown, line, here.column)
        newlines = text.count("\n", at, end)
        if newlines:
            line, start = line + newlines, text.rfind("\n", at, end) + 1
        at = end


def _next(text: str, at: int, here: Token) -> tuple[int, str, str]:
    """Where the token at a place ends, its kind ("" for what is skipped) and its text."""
    for name, start, pattern, advice in _CLOSED:
        if text.startswith(start, at):
            match = pattern.match(text, at)
            if match is None:
                refuse(f"{name} is empty or never closed", here, advice)
            return match.end(), *_check_closed(match[0], here)
    if match := _SPACE.match(text, at) or _COMMENT.match(text, at):
        return match.end(), "", ""
    for kind, pattern in _OPEN:
        if match := pattern.match(text, at):
            if kind == "number" and _LETTER.match(text, match.end()):
                refuse("a number runs into a word", here, "put a space between them, or the name in backticks")
            return match.end(), kind, match[1].strip("`") if kind == "parameter" else match[0]
    return refuse(
        f"the character {text[at]!r} (U+{ord(text[at]):04X}) has no meaning here", here,
        "put names with unusual characters in backticks, and texts in quotes",
    )


def _check_closed(text: str, here: Token) -> tuple[str, str]:
    """Kind and text of a comment, a string or a name in backticks."""
    if text.startswith("/*"):
        if text.endswith("**/") and text != "/**/":
            refuse("engines read a comment that ends in **/ differently", here, "end it with a single star: */")
        return "", ""
    if text.startswith("`"):
        return "name", text[1:-1].replace("``", "`")
    for escape in _ESCAPE.findall(text):
        if escape not in "\\'\"`ntrbf":
            refuse(rf"the escape \{escape} is not one that every engine knows", here, r"type \\ for a backslash")
    return "string", text
