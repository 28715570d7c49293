"""Words and numbers as a page shows them: escaped, cut, wrapped to a width."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from datetime import UTC, datetime
from functools import lru_cache
from html import escape

LONGEST = 300
"""People's texts are cut here, so that a page stays readable and its size bounded."""

# What XML can't hold, and marks that turn the direction of the writing around them.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")


def clean(text: str, longest: int = LONGEST) -> str:
    r"""One line of text without control characters and marks that turn the writing's direction, cut to a length.

    Example:
        >>> clean("a\x00b\n  c"), clean("abcdef", 4)
        ('a b c', 'abc…')
    """
    line = " ".join(_UNFIT.sub(" ", text[: longest * 4]).split())
    return line if len(line) <= longest else line[: longest - 1] + "…"


def plain(text: str) -> str:
    """Text for element content or a quoted attribute.

    Example:
        >>> plain('<b>"x"&')
        '&lt;b&gt;&quot;x&quot;&amp;'
    """
    return escape(clean(text, 10 * LONGEST), quote=True)


def said(text: str, longest: int = LONGEST) -> str:
    """A person's words in HTML: escaped, of unknown language, their writing direction kept to themselves.

    Example:
        >>> said("<script>")
        '<bdi lang="">&lt;script&gt;</bdi>'
    """
    return f'<bdi lang="">{escape(clean(text, longest), quote=True)}</bdi>'


def wide(text: str) -> float:
    """About how wide a text is set in a sans-serif face, in ems; rather too much than too little.

    Example:
        >>> wide("iii") < wide("abc") < wide("静静地")
        True
    """
    return sum(map(_em, text))


@lru_cache(4096)
def _em(letter: str) -> float:
    if unicodedata.combining(letter) or unicodedata.category(letter) in {"Cf", "Mn", "Me"}:
        return 0.0
    if unicodedata.east_asian_width(letter) in {"W", "F"}:
        return 1.0
    if letter in "iljtfrI.,;:!|'()[] -":
        return 0.38
    if letter in "mwMW@%—…":
        return 0.95
    return 0.72 if letter.isupper() else 0.6


def wrapped(text: str, ems: float, most: int) -> list[str]:
    """Lines of at most `ems` each, at most so many; where more would be needed the last is cut.

    Breaks between words, and within what has no spaces (Chinese, a long id).

    Example:
        >>> wrapped("walk beside, not ahead", 8, 3)
        ['walk beside,', 'not ahead']
        >>> wrapped("one two three four", 6, 1)
        ['one two…']
    """
    lines, line = [], ""
    for piece in _pieces(clean(text, round(4 * ems * most)), ems):  # more letters than that never fit
        if line and wide(line + piece.rstrip()) > ems:
            lines.append(line.rstrip())
            if len(lines) > most:
                break
            line = ""
        line += piece if line else piece.lstrip()
    lines += [line.rstrip()] if line.strip() or not lines else []
    if len(lines) <= most:
        return lines
    last = lines[most - 1]
    while last and wide(last) + wide("…") > ems:
        last = last[:-1].rstrip()
    return [*lines[: most - 1], last.rstrip() + "…"]


def _pieces(text: str, ems: float) -> list[str]:
    pieces: list[str] = []
    for word in re.findall(r"\S+\s*", text):
        piece, width = "", 0.0
        for letter in word:
            breakable = unicodedata.east_asian_width(letter) in {"W", "F"}
            if piece and (breakable or width + wide(letter.rstrip()) > ems):
                pieces.append(piece)
                piece, width = "", 0.0
            piece += letter
            width += _em(letter)
        pieces.append(piece)
    return pieces


def probability(value: float | None) -> str:
    """A probability; one that is neither 0 nor 1 never reads as if it were.

    Example:
        >>> probability(0.831), probability(0.9996), probability(0.001), probability(None)
        ('0.83', '>0.99', '<0.01', '–')
    """
    if value is None:
        return "–"
    if 0.995 <= value < 1:
        return ">0.99"
    return "<0.01" if 0 < value < 0.005 else f"{value:.2f}"


def real(value: float | None) -> str:
    """A score, small ones in more digits.

    Example:
        >>> real(-0.0001), real(1.234), real(0.0123), real(None)
        ('-0.0001', '1.23', '0.0123', '–')
    """
    if value is None:
        return "–"
    return f"{value:.3g}" if 1e-4 <= abs(value) < 0.1 else f"{value:z.2f}"


def day(milliseconds: int | None) -> str:
    """The UTC day of a time.

    Example:
        >>> day(0), day(None)
        ('1970-01-01', 'not known')
    """
    if milliseconds is None:
        return "not known"
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime("%Y-%m-%d")
    except (OverflowError, ValueError, OSError):
        return "not known"


def days(first: int | None, last: int | None) -> str:
    """From which day to which.

    Example:
        >>> days(0, 86_400_000), days(0, 1), days(None, None)
        ('1970-01-01 to 1970-01-02', '1970-01-01', 'no vote has a date')
    """
    if first is None:
        return "no vote has a date"
    return day(first) if day(first) == day(last) else f"{day(first)} to {day(last)}"


def file_stem(text: str) -> str:
    """A file name for a context that is safe everywhere and its own: its words, and the first digits of a hash.

    Example:
        >>> file_stem("../When lost?")
        'When-lost-47b470e3'
    """
    words = "-".join(re.findall(r"\w+", unicodedata.normalize("NFC", clean(text))))[:40].strip("-_")
    return f"{words or 'context'}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
