"""Dates and times as a person writes them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from graphengine.errors import InputError


def _read(text: str) -> tuple[datetime, bool]:
    text = text.strip()
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is not a date", hint="write it as 2026-01-31 (the whole day counts) or 2026-01-31T14:30:00Z",
            value=text,
        ) from None
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    return found, len(text) <= len("2026-01-31")


def spelled(text: str) -> str:
    """A date or time in one spelling, without spaces; "" stays.

    Raises:
        InputError: If it is neither an ISO date nor a time.

    Example:
        >>> spelled("2026-01-31"), spelled("2026-01-31 14:30+02:00"), spelled("")
        ('2026-01-31', '2026-01-31T12:30:00Z', '')
    """
    if not text:
        return ""
    found, day = _read(text)
    if day:
        return found.date().isoformat()
    return found.isoformat(timespec="milliseconds" if found.microsecond else "seconds").replace("+00:00", "Z")


def moment(text: str) -> int:
    """The last millisecond (UTC) that a date or time covers: a day counts to its end.

    Example:
        >>> moment("1970-01-01"), moment("1970-01-01T00:00:01Z")
        (86399999, 1000)
    """
    found, day = _read(text)
    end = found + timedelta(days=1) - timedelta(milliseconds=1) if day else found
    return round((end - datetime(1970, 1, 1, tzinfo=UTC)) / timedelta(milliseconds=1))


def told(at: int) -> str:
    """Milliseconds UTC for a person.

    Example:
        >>> told(0)
        '1970-01-01 00:00 UTC'
    """
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).strftime("%Y-%m-%d %H:%M UTC")
