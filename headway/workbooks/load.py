"""Load a feed's sheet: read it, check it by column, reject bad rows without losing the good ones."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from headway.core.clock import DAY_TYPES, service_day_start_ms, to_ms
from headway.core.contracts import Contract
from headway.core.feeds import Column, DatedCalendar, DayTypeCalendar, Feed, MonthDayHourCalendar
from headway.core.table import Coded, Ints, Rejected, Table, grouped
from headway.core.units import convert
from headway.errors import WorkbookError
from headway.workbooks.cells import BadCellError, parse, whole_seconds
from headway.workbooks.sheet import RawColumn, RawSheet, read_sheet

Bools = NDArray[np.bool_]
NO_DATES = Coded(np.zeros(0, dtype=np.int32), [])


@dataclass
class _Checked:
    """A column under inspection: values by code (None where bad) and the reasons of the bad ones."""

    codes: NDArray[np.int32]
    values: list[Any]
    reasons: dict[int, str] = field(default_factory=dict)

    def bad(self) -> Bools:
        lookup = np.zeros(len(self.values), dtype=bool)
        lookup[list(self.reasons)] = True
        return lookup[self.codes]


def load_table(feed: Feed, data_dir: Path, timezone: str) -> Table:
    """Load and check a feed's sheet.

    Every row is either in the table or in ``rejected``, which names row, column, value and reason. Raises
    :class:`WorkbookError` when the workbook cannot be read, or holds no usable row.
    """
    path = feed.workbook_path(data_dir)
    raw = read_sheet(path, feed.sheet, header_row=feed.header_row, headers=feed.headers)
    table = check_sheet(feed, raw, ZoneInfo(feed.timezone or timezone), file_sha256(path))
    if not len(table):
        first = table.rejected[0] if table.rejected else None
        raise WorkbookError(
            f"The sheet {feed.sheet!r} holds no usable row"
            + (f": row {first.row}, column {first.column!r}, {first.value!r} {first.reason}." if first else "."),
            where=f"workbook {path}, sheet {feed.sheet!r}",
            next_step="correct the sheet, or the feed's description in feeds.toml",
        )
    return table


def file_sha256(path: Path) -> str:
    """Give a file's SHA-256 in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sheet(feed: Feed, raw: RawSheet, zone: ZoneInfo, sha256: str) -> Table:
    """Check a read sheet against the feed and its contract."""
    contract = feed.schema_
    checked = {name: _check_column(raw.columns[c.header], name, c, contract) for name, c in feed.columns.items()}
    _check_calendar(feed, checked)
    size = len(raw)
    bad = np.zeros(size, dtype=bool)
    culprit: dict[int, tuple[str, str]] = {}
    for name, column in checked.items():
        if column.reasons:
            rows = column.bad() & ~bad
            culprit |= {row: (name, column.reasons[int(column.codes[row])]) for row in np.flatnonzero(rows).tolist()}
            bad |= rows
    times, dates = _times(feed, checked, zone, size, bad, culprit)
    good = np.flatnonzero(~bad)
    identity = _identity(feed, checked, times, good)
    _, first, inverse = np.unique(identity, return_index=True, return_inverse=True)
    repeats = np.flatnonzero(first[inverse] != np.arange(len(good)))
    for index in repeats.tolist():
        earlier = int(raw.row_numbers[good[first[inverse[index]]]])
        culprit[int(good[index])] = (feed.business_key[0], f"repeats the business key and time of row {earlier}")
    good = np.delete(good, repeats)
    return Table(
        columns={name: Coded(column.codes[good], column.values) for name, column in checked.items()},
        row_numbers=raw.row_numbers[good],
        time_ms=times[good],
        service_dates=dates.take(good) if len(dates) else dates,
        order=np.delete(identity, repeats),
        rejected=[_rejected(feed, raw, checked, times, row, *culprit[row]) for row in sorted(culprit)],
        workbook_sha256=sha256,
    )


def _check_column(raw: RawColumn, name: str, column: Column, contract: Contract) -> _Checked:
    cells: list[Any]
    if raw.numbers is not None:
        distinct, inverse = np.unique(raw.numbers, return_inverse=True)
        cells, codes = distinct.tolist(), inverse.astype(np.int32)
    else:
        cells, codes = raw.distinct, raw.codes
    in_contract = name in contract.schema["properties"]
    if not in_contract and raw.numbers is not None and (times := whole_seconds(cells, column)) is not None:
        return _Checked(codes, times)
    asked = contract.unit(name) if in_contract else None
    checked = _Checked(codes, [None] * len(cells))
    for code, cell in enumerate(cells):
        try:
            value = parse(cell, column)
        except BadCellError as error:
            checked.reasons[code] = str(error)
            continue
        if value is not None and asked and column.unit:
            value = convert(value, column.unit, asked)
            if column.type == "integer" and float(value).is_integer():
                value = int(value)
        if isinstance(value, (date, datetime)) and in_contract:
            value = value.isoformat()
        reason = contract.reason_against(name, value) if in_contract else None
        if reason:
            checked.reasons[code] = reason
        else:
            checked.values[code] = value
    return checked


def _check_calendar(feed: Feed, checked: dict[str, _Checked]) -> None:
    calendar = feed.calendar
    if isinstance(calendar, DayTypeCalendar):
        _restrict(checked[calendar.day_type], set(DAY_TYPES), f"is none of {', '.join(DAY_TYPES)}")
    elif isinstance(calendar, MonthDayHourCalendar):
        _restrict(checked[calendar.month], set(range(1, 13)), "is no month (1 to 12)")
        _restrict(checked[calendar.day], set(range(1, 32)), "is no day of a month (1 to 31)")
        _restrict(checked[calendar.hour], set(range(24)), "is no hour (0 to 23)")


def _restrict(column: _Checked, allowed: set[Any], reason: str) -> None:
    for code, value in enumerate(column.values):
        if code not in column.reasons and value not in allowed:
            column.reasons[code] = reason


def _times(
    feed: Feed,
    checked: dict[str, _Checked],
    zone: ZoneInfo,
    size: int,
    bad: Bools,
    culprit: dict[int, tuple[str, str]],
) -> tuple[Ints, Coded]:
    """Give each row's time in ms (0 where bad) and, for a dated feed, its service date."""
    calendar = feed.calendar
    if isinstance(calendar, MonthDayHourCalendar):
        month, day = (_lookup(checked[name]) for name in (calendar.month, calendar.day))
        for row in np.flatnonzero(~bad & ((month == 2) | (day > 30))).tolist():
            try:
                date(2024, int(month[row]), int(day[row]))
            except ValueError:
                bad[row], culprit[row] = True, (calendar.day, "is no day of that month")
        return np.zeros(size, dtype=np.int64), NO_DATES
    column = checked[calendar.time]
    if isinstance(calendar, DayTypeCalendar):
        return _lookup(column), NO_DATES
    shift = timedelta(days=calendar.shift_days)
    if calendar.date is None:
        local = [_local(value, zone) + shift if value is not None else None for value in column.values]
        instants = [to_ms(value.replace(tzinfo=zone)) if value else 0 for value in local]
        days = [value.date().isoformat() if value else "" for value in local]
        return np.asarray(instants, dtype=np.int64)[column.codes], Coded(column.codes, days)
    dates = checked[calendar.date]
    shifted = [_as_date(value) + shift if value is not None else None for value in dates.values]
    starts = [service_day_start_ms(value, zone) if value else 0 for value in shifted]
    texts = [value.isoformat() if value else "" for value in shifted]
    return np.asarray(starts, dtype=np.int64)[dates.codes] + _lookup(column), Coded(dates.codes, texts)


def _lookup(column: _Checked) -> Ints:
    return np.asarray([value or 0 for value in column.values], dtype=np.int64)[column.codes]


def _local(value: datetime | str, zone: ZoneInfo) -> datetime:
    value = datetime.fromisoformat(value) if isinstance(value, str) else value
    return value.astimezone(UTC).astimezone(zone).replace(tzinfo=None) if value.tzinfo else value


def _as_date(value: date | str) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def _identity(feed: Feed, checked: dict[str, _Checked], times: Ints, good: NDArray[np.int64]) -> Ints:
    """Give each good row a number: equal for equal identities, ordered by (business key, service time)."""
    keys = [Coded(checked[name].codes[good], checked[name].values) for name in feed.business_key]
    ranks = [_known_ranks(key) for key in keys]
    calendar = feed.calendar
    if isinstance(calendar, DayTypeCalendar):
        day = checked[calendar.day_type]
        ranks.append(_known_ranks(Coded(day.codes[good], day.values)))
    elif isinstance(calendar, MonthDayHourCalendar):
        ranks += [_lookup(checked[name])[good] for name in calendar.columns]
    return grouped([*ranks, times[good]])


def _known_ranks(column: Coded) -> Ints:
    """Rank a column whose unused values may be None (those of rejected rows)."""
    used = np.unique(column.codes)
    dense = np.searchsorted(used, column.codes).astype(np.int32)
    return Coded(dense, [column.values[code] for code in used.tolist()]).ranks()


def _rejected(
    feed: Feed, raw: RawSheet, checked: dict[str, _Checked], times: Ints, row: int, name: str, reason: str
) -> Rejected:
    cells = {column.header: raw.columns[column.header].cell(row) for column in feed.columns.values()}
    calendar = feed.calendar
    known = {key: checked[key].values[checked[key].codes[row]] for key in calendar.columns}
    usable = all(int(checked[key].codes[row]) not in checked[key].reasons for key in calendar.columns)
    header = feed.columns[name].header
    place: dict[str, Any] = {}
    if isinstance(calendar, DayTypeCalendar):
        in_time = int(checked[calendar.time].codes[row]) not in checked[calendar.time].reasons
        day = known[calendar.day_type]
        place = {"day_type": day if day in DAY_TYPES else None, "time_ms": int(times[row]) if in_time else None}
    elif isinstance(calendar, MonthDayHourCalendar):
        if usable and reason != "is no day of that month":
            place = {"month_day_hour": tuple(known[key] for key in calendar.columns)}
    elif isinstance(calendar, DatedCalendar) and usable:
        place = {"time_ms": int(times[row])}
    return Rejected(
        row=int(raw.row_numbers[row]),
        column=header,
        value=_shown(cells[header]),
        reason=reason,
        cells={key: _plain(cell) for key, cell in cells.items()},
        **place,
    )


def _plain(cell: Any) -> Any:
    """Give a cell as JSON can hold it, whole numbers without their point."""
    if isinstance(cell, float) and cell.is_integer():
        return int(cell)
    return cell if isinstance(cell, (str, bool, int, float)) else _shown(cell)


def _shown(cell: Any) -> str:
    if isinstance(cell, (datetime, date, time)):
        return cell.isoformat()
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)
