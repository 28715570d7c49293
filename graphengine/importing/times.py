"""Times: ISO 8601 and epoch numbers to milliseconds, and the clock of survey tools."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_ISO = (
    r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d{1,9})?)?( ?(Z|z|UTC|[+-][01]\d(:?[0-5]\d)?))?)?"
)
FIX = "write it as 2024-05-31T14:30:00Z (without a zone it is taken as UTC), or as epoch seconds or milliseconds"


def at_sql(column: str) -> str:
    """A DuckDB expression for milliseconds UTC; null where the text is no time.

    ISO 8601 dates and times (no zone means UTC), or epoch numbers: below 10^11 seconds, else milliseconds.
    """
    text = f"trim({column}, ' \t\r\n')"
    iso = f"replace(regexp_replace({text}, ' ?(z|UTC)$', 'Z'), ',', '.')"
    # DuckDB reads +02:00 but not +0200.
    iso = f"regexp_replace({iso}, '([+-]\\d{{2}})(\\d{{2}})$', '\\1:\\2')"
    return f"""CASE
        WHEN regexp_full_match({text}, '{_ISO}') THEN epoch_ms(TRY_CAST({iso} AS TIMESTAMPTZ))
        WHEN regexp_full_match({text}, '[+-]?\\d{{1,14}}(\\.\\d+)?') THEN
            CASE WHEN abs(CAST({text} AS DOUBLE)) < 1e11 THEN CAST(round(CAST({text} AS DOUBLE) * 1000) AS BIGINT)
            ELSE CAST(round(CAST({text} AS DOUBLE)) AS BIGINT) END
        END"""


_GOOGLE = re.compile(
    r"(?:(?P<year>\d{4})/(?P<month>\d{1,2})/(?P<day>\d{1,2})|(?P<a>\d{1,2})[/.](?P<b>\d{1,2})[/.](?P<y>\d{4}))"
    r" +(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))? ?(?P<half>[AaPp][Mm])?"
    r"(?: ?(?:GMT|UTC)?(?P<zone>[+-]\d{1,2})?(?::?(?P<part>\d{2}))?)?"
)


def google_times(texts: list[str]) -> dict[str, str] | None:
    """Times of a Google Forms export as ISO 8601.

    Form downloads write 2024/05/31 2:30:00 PM GMT+2; sheets write 5/31/2024 14:30:00 or 31/05/2024 14:30:00, whichever
    the owner's country uses. Which one it is shows only if some day is above 12; otherwise nothing is guessed.

    Args:
        texts: Distinct cells.

    Returns:
        ISO text for each cell, or nothing if any cell can't be told.

    Example:
        >>> google_times(["2024/05/31 2:30:00 PM GMT+2"])
        {'2024/05/31 2:30:00 PM GMT+2': '2024-05-31T12:30:00+00:00'}
        >>> google_times(["5/6/2024 14:30:00"]) is None
        True
    """
    found = {text: _GOOGLE.fullmatch(text.strip()) for text in texts}
    first = [int(match["a"]) for match in found.values() if match and match["a"]]
    second = [int(match["b"]) for match in found.values() if match and match["a"]]
    day_first = max(first, default=0) > 12
    if first and day_first == (max(second, default=0) > 12):
        return None
    result = {}
    for text, match in found.items():
        try:
            result[text] = datetime.fromisoformat(text.strip()).isoformat() if not match else _when(match, day_first)
        except ValueError:
            return None
    return result


def _when(match: re.Match[str], day_first: bool) -> str:
    if match["year"]:
        year, month, day = match["year"], match["month"], match["day"]
    else:
        year, month, day = match["y"], *((match["b"], match["a"]) if day_first else (match["a"], match["b"]))
    hour = int(match["hour"])
    if match["half"]:
        hour = hour % 12 + (12 if match["half"].lower() == "pm" else 0)
    zone = UTC
    if match["zone"]:
        sign = -1 if match["zone"].startswith("-") else 1
        zone = timezone(timedelta(hours=int(match["zone"]), minutes=sign * int(match["part"] or 0)))
    minute, second = int(match["minute"]), int(match["second"] or 0)
    return datetime(int(year), int(month), int(day), hour, minute, second, tzinfo=zone).astimezone(UTC).isoformat()
