"""The plan: which events an hour of simulated time has, in their total order.

The order is (event time, service date, business key, service time); an hour's rejected rows come after its events.
Nothing here depends on the range that is asked: an hour's plan is the same alone or within a year.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from zoneinfo import ZoneInfo

import numpy as np

from headway.core.clock import (
    DAY_MS,
    HOUR_MS,
    dates_between,
    day_type,
    from_ms,
    runs_of,
    service_day_start_ms,
)
from headway.core.delays import TripDelays
from headway.core.feeds import DayTypeCalendar, Feed, MonthDayHourCalendar
from headway.core.table import Coded, Ints, Rejected, Table

KEPT_DAYS = 4
NONE: Ints = np.zeros(0, dtype=np.int64)


@dataclass(frozen=True)
class DeadLetter:
    """A rejected row on the service date on which it would have occurred."""

    rejected: Rejected
    service_date: str


@dataclass(frozen=True)
class Chunk:
    """The events of some hours in their order, by column.

    Hour ``i`` has the events ``bounds[i]`` to ``bounds[i + 1]`` and the dead letters ``dead[i]``. ``days`` has what is
    constant on a service day: (service date, suffix of the event ids).
    """

    hours: list[int]
    bounds: Ints
    event_ms: Ints
    rows: Ints
    day: Ints
    delay_s: Ints  # empty unless the feed has delays
    days: list[tuple[str, str]]
    dead: list[list[DeadLetter]]

    def planned(self, index: int) -> int:
        """Give how much hour number ``index`` has, events and rejected rows."""
        return int(self.bounds[index + 1] - self.bounds[index]) + len(self.dead[index])


@dataclass
class _Day:
    """One service day (or another unit of a calendar), sorted by event time and order."""

    label: tuple[str, str]
    event_ms: Ints
    rows: Ints
    delay_s: Ints = field(default_factory=lambda: NONE)
    dead: list[tuple[int, DeadLetter]] = field(default_factory=list)


class Plan:
    """The events of a feed for any hours, from its table and a seed."""

    def __init__(self, feed: Feed, table: Table, seed: int, timezone: str) -> None:
        self.feed, self.table, self.seed = feed, table, seed
        self.zone = ZoneInfo(feed.timezone or timezone)
        self._days: OrderedDict[object, _Day] = OrderedDict()
        calendar = feed.calendar
        if isinstance(calendar, DayTypeCalendar):
            self._init_day_types(calendar)
        elif isinstance(calendar, MonthDayHourCalendar):
            columns = [table.columns[name].ints().tolist() for name in calendar.columns]
            self._by_hour: dict[tuple[int, int, int], list[int]] = {}
            for row in np.argsort(table.order, kind="stable").tolist():
                self._by_hour.setdefault((columns[0][row], columns[1][row], columns[2][row]), []).append(row)
            self._dead_by_hour: dict[tuple[int, int, int], list[Rejected]] = {}
            for rejected in table.rejected:
                self._dead_by_hour.setdefault(rejected.month_day_hour or (1, 1, 0), []).append(rejected)
        else:
            self._init_dated()

    def chunk(self, hours: Sequence[int]) -> Chunk:
        """Plan some hours (sorted starts in ms since the epoch)."""
        if isinstance(self.feed.calendar, MonthDayHourCalendar):
            return self._yearly_chunk(hours)
        pieces: list[tuple[_Day, int, int]] = []
        for start, end in runs_of(hours):
            for day in self._days_within(start, end):
                first, last = np.searchsorted(day.event_ms, [start, end]).tolist()
                if last > first or day.dead:
                    pieces.append((day, first, last))
        return self._merged(hours, pieces)

    def hours_of_table(self) -> range | None:
        """Give the hours that a dated feed covers, from its first event's to its last's; None for a template."""
        if not hasattr(self, "_dated"):
            return None
        first, last = int(self._dated.event_ms[0]), int(self._dated.event_ms[-1])
        return range(first - first % HOUR_MS, last - last % HOUR_MS + HOUR_MS, HOUR_MS)

    def _init_day_types(self, calendar: DayTypeCalendar) -> None:
        table, delays = self.table, self.feed.delays
        types = table.columns[calendar.day_type]
        self._rows_of: dict[str, Ints] = {}
        for code, name in enumerate(types.values):
            rows = np.flatnonzero(types.codes == code)
            if name is not None and len(rows):
                self._rows_of[name] = rows[np.lexsort((table.order[rows], table.time_ms[rows]))]
        self._delays = (
            TripDelays(delays, table.columns[delays.trip], table.columns[delays.sequence].ints()) if delays else None
        )
        known = [r.time_ms for r in table.rejected if r.time_ms is not None]
        self._first = min([int(table.time_ms.min()), 0, *known])
        self._last = max([int(table.time_ms.max()), 0, *known]) + (self._delays.cap_ms if self._delays else 0)

    def _init_dated(self) -> None:
        table = self.table
        rows = np.lexsort((table.order, table.service_dates.ranks(), table.time_ms))
        self._dated = _Day(("", ""), table.time_ms[rows], rows)
        for rejected in table.rejected:
            at = rejected.time_ms if rejected.time_ms is not None else int(self._dated.event_ms[0])
            local = from_ms(at).astimezone(self.zone).date().isoformat()
            self._dated.dead.append((at, DeadLetter(rejected, local)))

    def _days_within(self, start: int, end: int) -> list[_Day]:
        if not isinstance(self.feed.calendar, DayTypeCalendar):
            return [self._dated]
        first = from_ms(start - self._last - DAY_MS).date()
        last = from_ms(end - self._first + DAY_MS).date()
        days = []
        for service_date in dates_between(first, last):
            begins = service_day_start_ms(service_date, self.zone)
            if begins + self._first < end and begins + self._last >= start:
                days.append(self._service_day(service_date, begins))
        return days

    def _service_day(self, service_date: date, begins: int) -> _Day:
        if service_date in self._days:
            self._days.move_to_end(service_date)
            return self._days[service_date]
        kind = day_type(service_date)
        rows = self._rows_of.get(kind, np.zeros(0, dtype=np.int64))
        event_ms = self.table.time_ms[rows] + begins
        delay_s = NONE
        if self._delays:
            delay_s = self._delays.of(service_date, self.seed)[rows]
            event_ms = event_ms + delay_s * 1000
            order = np.lexsort((self.table.order[rows], event_ms))
            event_ms, rows, delay_s = event_ms[order], rows[order], delay_s[order]
        text = service_date.isoformat()
        day = _Day((text, f"-{service_date:%Y%m%d}"), event_ms, rows, delay_s)
        for rejected in self.table.rejected:
            if rejected.day_type in (None, kind):
                day.dead.append((begins + (rejected.time_ms or 0), DeadLetter(rejected, text)))
        self._days[service_date] = day
        while len(self._days) > KEPT_DAYS:
            self._days.popitem(last=False)
        return day

    def _merged(self, hours: Sequence[int], pieces: list[tuple[_Day, int, int]]) -> Chunk:
        """Put the days' pieces into one order; a day's piece is sorted, and days come in their order."""
        event_ms = _concatenated([day.event_ms[a:b] for day, a, b in pieces])
        rows = _concatenated([day.rows[a:b] for day, a, b in pieces])
        labels = {id(day): day.label for day, _, _ in pieces}
        numbers = {key: number for number, key in enumerate(labels)}
        days = _concatenated([np.full(b - a, numbers[id(day)], dtype=np.int64) for day, a, b in pieces])
        delay_s = _concatenated([day.delay_s[a:b] for day, a, b in pieces])
        if len(numbers) > 1:
            order = np.argsort(event_ms, kind="stable")
            event_ms, rows, days = event_ms[order], rows[order], days[order]
            delay_s = delay_s[order] if len(delay_s) else NONE
        names = list(labels.values())
        if hasattr(self, "_dated"):
            names, days = self._dated_days(rows)
        dead: dict[int, list[DeadLetter]] = {hour: [] for hour in hours}
        for day in {id(day): day for day, _, _ in pieces}.values():
            for at, letter in day.dead:
                if (hour := at - at % HOUR_MS) in dead:
                    dead[hour].append(letter)
        return _chunk(hours, event_ms, rows, days, delay_s, names, dead)

    def _dated_days(self, rows: Ints) -> tuple[list[tuple[str, str]], Ints]:
        dates: Coded = self.table.service_dates
        used, codes = np.unique(dates.codes[rows], return_inverse=True)
        return [(dates.values[code], "") for code in used.tolist()], codes.astype(np.int64)

    def _yearly_chunk(self, hours: Sequence[int]) -> Chunk:
        event_ms, rows, days = [], [], []
        names: list[tuple[str, str]] = []
        dead: dict[int, list[DeadLetter]] = {hour: [] for hour in hours}
        for hour in hours:
            local = from_ms(hour).astimezone(self.zone)
            place = (local.month, local.day, local.hour)
            if place[:2] == (2, 29) and place not in self._by_hour:
                place = (2, 28, local.hour)
            found = self._by_hour.get(place, [])
            event_ms += [hour] * len(found)
            rows += found
            days += [len(names)] * len(found)
            names.append((local.date().isoformat(), f"-{from_ms(hour):%Y%m%d%H}"))
            dead[hour] = [DeadLetter(r, names[-1][0]) for r in self._dead_by_hour.get(place, [])]
        arrays = [np.asarray(numbers, dtype=np.int64) for numbers in (event_ms, rows, days)]
        return _chunk(hours, arrays[0], arrays[1], arrays[2], NONE, names, dead)


def _concatenated(arrays: list[Ints]) -> Ints:
    if len(arrays) == 1:
        return arrays[0]
    return np.concatenate(arrays) if arrays else NONE


def _chunk(
    hours: Sequence[int],
    event_ms: Ints,
    rows: Ints,
    days: Ints,
    delay_s: Ints,
    names: list[tuple[str, str]],
    dead: dict[int, list[DeadLetter]],
) -> Chunk:
    starts = np.searchsorted(event_ms, np.asarray(hours, dtype=np.int64))
    bounds = np.append(starts, len(event_ms)).astype(np.int64)
    letters = [sorted(dead[hour], key=lambda one: (one.service_date, one.rejected.row)) for hour in hours]
    return Chunk(list(hours), bounds, event_ms, rows, days, delay_s, names, letters)
