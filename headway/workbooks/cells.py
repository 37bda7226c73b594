"""Make a feed's typed values out of a sheet's cells; each distinct cell is looked at once."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Any

from headway.core.feeds import Column
from headway.workbooks.sheet import Cell

CLOCK = re.compile(r"^(-?)(\d{1,3}):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,3}))?)?$")
TRUE, FALSE = {"true", "yes", "1", "t", "y"}, {"false", "no", "0", "f", "n"}
WEEK_S = 7 * 86_400
WHOLE = re.compile(r"^[+-]?\d+(?:\.0+)?$")


class BadCellError(ValueError):
    """A cell is not what its column must be; the text is the reason."""


def parse(cell: Cell, column: Column) -> Any:
    """Give a cell's value as the column's type, or None for an empty cell of an optional column.

    service-time gives ms of the service day (below 0 and beyond 24 h allowed), datetime and date Python's own.
    Raises :class:`BadCellError` with the reason.
    """
    if isinstance(cell, str):
        cell = cell.strip()
        if not cell:
            if column.optional:
                return None
            raise BadCellError("is empty")
    return PARSERS[column.type](cell, column)


def whole_seconds(cells: list[Any], column: Column) -> list[int] | None:
    """Give a whole column of plain service seconds in ms at once; None when any cell needs a closer look."""
    if column.type != "service-time" or column.format not in {"", "seconds"} or column.unit not in {None, "s"}:
        return None
    if not cells or min(cells) < -WEEK_S or max(cells) > WEEK_S or not all(map(float.is_integer, cells)):
        return None
    return [1000 * second for second in map(int, cells)]


def _text(cell: Cell, column: Column) -> str:
    if isinstance(cell, str):
        return cell
    if isinstance(cell, bool):
        return "true" if cell else "false"
    if isinstance(cell, (int, float)):  # codes that are numbers in one row and text in the next
        return str(int(cell)) if float(cell).is_integer() else repr(cell)
    raise BadCellError("is a date or time, not text")


def _number(cell: Cell, column: Column) -> float:
    if isinstance(cell, str):
        text = cell.replace(".", "").replace(",", ".") if column.decimal == "," else cell
        try:
            value = float(text)
        except ValueError as error:
            raise BadCellError("is not a number") from error
    elif isinstance(cell, bool) or not isinstance(cell, (int, float)):
        raise BadCellError("is not a number")
    else:
        value = float(cell)
    if value != value or value in (float("inf"), float("-inf")):
        raise BadCellError("is not a number")
    return value


def _integer(cell: Cell, column: Column) -> int:
    if isinstance(cell, str) and WHOLE.match(cell):
        return int(cell.split(".")[0])
    value = _number(cell, column)
    if not value.is_integer() or abs(value) >= 2**53:
        raise BadCellError("is not a whole number")
    return int(value)


def _boolean(cell: Cell, column: Column) -> bool:
    if isinstance(cell, bool):
        return cell
    text = _text(cell, column).lower()
    if text in TRUE or text in FALSE:
        return text in TRUE
    raise BadCellError("is neither true nor false")


def _service_time(cell: Cell, column: Column) -> int:
    if column.format in {"", "seconds", "minutes"} and not isinstance(cell, (time, timedelta, datetime)):
        unit = 60_000 if column.format == "minutes" or column.unit == "min" else 1000
        value = _number(cell, column) * unit
        if abs(value) > WEEK_S * 1000:
            raise BadCellError("is more than a week")
        return round(value)
    if isinstance(cell, datetime):  # a time that Excel keeps as a date has its date at 1899-12-30 or -31
        days = (cell.date() - date(1899, 12, 31)).days
        if not 0 <= days <= 7:
            raise BadCellError("is a date, not a time of the service day")
        return days * 86_400_000 + _service_time(cell.time(), column)
    if isinstance(cell, time):
        return ((cell.hour * 60 + cell.minute) * 60 + cell.second) * 1000 + cell.microsecond // 1000
    if isinstance(cell, timedelta):
        return round(cell.total_seconds() * 1000)
    match = CLOCK.match(cell) if isinstance(cell, str) else None
    if match is None:
        raise BadCellError("is not a time like 25:10 or 07:05:30")
    sign, hours, minutes, seconds, fraction = match.groups()
    ms = (int(hours) * 60 + int(minutes)) * 60_000 + int(seconds or 0) * 1000 + int((fraction or "0").ljust(3, "0"))
    return -ms if sign else ms


def _datetime(cell: Cell, column: Column) -> datetime:
    if isinstance(cell, datetime):
        return cell
    if isinstance(cell, date):  # Excel's midnight arrives as a date
        return datetime.combine(cell, time())
    if not isinstance(cell, str):
        raise BadCellError("is not a date with a time")
    try:
        # a time zone, where there is one, is kept; without one it is the feed's (noqa: that is decided by the caller)
        return datetime.strptime(cell, column.format) if column.format else datetime.fromisoformat(cell)  # noqa: DTZ007
    except ValueError as error:
        raise BadCellError(f"is not a date with a time like {column.format or '2026-03-02T13:00'}") from error


def _date(cell: Cell, column: Column) -> date:
    value = _datetime(cell, column)
    if value.time() != time():
        raise BadCellError("is a date with a time, not a date")
    return value.date()


PARSERS = {
    "text": _text,
    "integer": _integer,
    "number": _number,
    "boolean": _boolean,
    "service-time": _service_time,
    "datetime": _datetime,
    "date": _date,
}
