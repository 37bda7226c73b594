"""Read timestamps as texts that a statement compares with times: they may stop at any part."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from ksqlengine.errors import KsqlError

_PARTIAL = re.compile(
    r"(\d{4})(?:-(\d{1,2})(?:-(\d{1,2}))?)?(?:T(\d{1,2})(?::(\d{1,2})(?::(\d{1,2})(?:\.(\d{1,9}))?)?)?)?"
    r"(?:(Z)|([+-])(\d{2}):?(\d{2}))?"
)


def millis_of(text: str) -> int:
    """Return epoch milliseconds of `2020`, `2020-02-23`, `2020-02-23T23:45:12.000+0100`, … in UTC unless it says else.

    Raises KsqlError where the text is no timestamp.
    """
    found = _PARTIAL.fullmatch(text.strip())
    try:
        if found is None:
            raise ValueError(text)
        year, month, day, hour, minute, second = (
            int(g or d) for g, d in zip(found.groups()[:6], (1, 1, 1, 0, 0, 0), strict=True)
        )
        zone = UTC
        if found.group(9):
            offset = timedelta(hours=int(found.group(10)), minutes=int(found.group(11)))
            zone = timezone(offset if found.group(9) == "+" else -offset)
        when = datetime(year, month, day, hour, minute, second, tzinfo=zone)
    except (ValueError, OverflowError):
        raise KsqlError(
            f"Failed to parse timestamp '{text}': Required format is: \"yyyy-MM-dd'T'HH:mm:ss.SSS\", with an optional "
            "numeric 4-digit timezone, e.g. '+0100'"
        ) from None
    millis = int((found.group(7) or "0").ljust(3, "0")[:3])
    return (when - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1) + millis
