"""The plan and its bytes: the same alone or within a year, exactly JSON, and never changed by accident."""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from headway.core.clock import HOUR_MS, from_ms, hours_of
from headway.core.encode import Encoder
from headway.core.feeds import DatedCalendar, Delays, Feed
from headway.core.plan import Plan
from headway.core.table import Table

MakeTable = Callable[[Feed, Sequence[Sequence[Any]]], Table]
ZONE = "America/Chicago"
DAY_TYPES = ("weekday", "saturday", "sunday")
# every kind of night: clocks forward, clocks back, a holiday, a leap day, a common week
STARTS = [(2026, 3, 7), (2026, 10, 31), (2026, 11, 25), (2028, 2, 28), (2026, 6, 1)]


@pytest.fixture(scope="module")
def turnstile(feeds: dict[str, Feed], make_table: MakeTable) -> Plan:
    rows = [
        (day, second, 40000 + station, f'Sta/\u00e9 "{station}"', ("red", "blue")[station % 2], (second // 900) % 40)
        for day in DAY_TYPES
        for second in range(-1800, 90000, 900)
        for station in range(3)
    ]
    random.Random(1).shuffle(rows)
    return Plan(feeds["turnstile"], make_table(feeds["turnstile"], rows), 7, ZONE)


@pytest.fixture(scope="module")
def arrivals(feeds: dict[str, Feed], make_table: MakeTable) -> Plan:
    rows = [
        (day, 300 * trip + 120 * stop, f"T{trip % 9}", f"{day}-{trip}", stop, "red", "N", 41000 + stop,
         41000 + stop - 1 if stop else "")
        for day in DAY_TYPES
        for trip in range(300)
        for stop in range(12)
    ]  # fmt: skip
    return Plan(feeds["arrivals"], make_table(feeds["arrivals"], rows), 7, ZONE)


@pytest.fixture(scope="module")
def weather(feeds: dict[str, Feed], make_table: MakeTable) -> Plan:
    rows = [
        ("MDW", at.month, at.day, at.hour, at.hour / 2 - 10, "sunny", 0, 1.5)
        for number in range(8760)
        for at in [datetime(2025, 1, 1, tzinfo=UTC) + timedelta(hours=number)]
    ]
    return Plan(feeds["weather"], make_table(feeds["weather"], rows), 7, ZONE)


def hours_from(start: tuple[int, int, int], count: int) -> list[int]:
    first = datetime(*start, tzinfo=UTC)
    return list(hours_of(first, first + timedelta(hours=count)))


def encoded(plan: Plan, hours: list[int]) -> list[bytes]:
    return Encoder(plan.feed, plan.table).encode(plan.chunk(hours)).values


@pytest.mark.parametrize("name", ["turnstile", "arrivals", "weather"])
@pytest.mark.parametrize("start", STARTS)
def test_hours_apart_give_the_bytes_of_the_range_at_once(
    name: str, start: tuple[int, int, int], request: pytest.FixtureRequest
) -> None:
    plan: Plan = request.getfixturevalue(name)
    hours = hours_from(start, 48)
    shuffled = random.Random(2).sample(hours, len(hours))
    encoder = Encoder(plan.feed, plan.table)
    apart = {hour: encoder.encode(plan.chunk([hour])).values for hour in shuffled}
    whole = encoded(plan, hours)
    assert len(whole) >= 48
    assert [value for hour in hours for value in apart[hour]] == whole


@pytest.mark.parametrize("name", ["turnstile", "arrivals", "weather"])
def test_the_bytes_are_exactly_those_of_orjson(name: str, request: pytest.FixtureRequest) -> None:
    plan: Plan = request.getfixturevalue(name)
    values = [value for start in STARTS for value in encoded(plan, hours_from(start, 30))]
    assert len(values) >= 150
    for value in values:
        event = orjson.loads(value)
        assert orjson.dumps(event) == value
        assert tuple(event) == plan.feed.schema_.fields


@pytest.mark.parametrize("name", ["turnstile", "arrivals", "weather"])
def test_events_keep_their_contract_and_their_hour(name: str, request: pytest.FixtureRequest) -> None:
    from jsonschema import Draft202012Validator

    plan: Plan = request.getfixturevalue(name)
    validator = Draft202012Validator(plan.feed.schema_.schema)
    for hour in hours_from((2026, 3, 2), 3):
        chunk = plan.chunk([hour])
        values = Encoder(plan.feed, plan.table).encode(chunk)
        assert values.values
        for value, timestamp in zip(values.values, values.timestamps, strict=True):
            event = orjson.loads(value)
            validator.validate(event)
            assert from_ms(timestamp) == datetime.fromisoformat(event["event_time"])
            assert hour <= timestamp < hour + HOUR_MS


def test_every_service_day_has_its_whole_template_once(turnstile: Plan) -> None:
    hours = hours_from((2026, 3, 5), 24 * 7)  # clocks go forward in it
    events = [orjson.loads(value) for value in encoded(turnstile, hours)]
    assert len({event["event_id"] for event in events}) == len(events) > 0
    counts = Counter(event["service_date"] for event in events)
    template = len(turnstile.table) // 3
    assert [counts[f"2026-03-{day:02}"] for day in range(6, 11)] == [template] * 5


def test_the_order_is_event_time_then_date_then_business_key(turnstile: Plan) -> None:
    events = [orjson.loads(value) for value in encoded(turnstile, hours_from((2026, 3, 2), 30))]
    order = [(e["event_time"], e["service_date"], e["station_id"], e["line"]) for e in events]
    assert order == sorted(order)


def test_the_weather_has_one_row_each_hour_of_every_night(weather: Plan) -> None:
    for start in STARTS:
        hours = hours_from(start, 72)
        chunk = weather.chunk(hours)
        assert chunk.event_ms.tolist() == hours
        assert len(set(encoded(weather, hours))) == 72
    leap = [orjson.loads(value) for value in encoded(weather, hours_from((2028, 2, 28), 72))]
    assert [e["temperature_c"] for e in leap[6:30]] == [e["temperature_c"] for e in leap[30:54]]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**63), day=st.dates(date(2020, 1, 1), date(2035, 1, 1)))
def test_delays_are_non_negative_smooth_and_the_same_each_time(arrivals: Plan, seed: int, day: date) -> None:
    assert arrivals._delays is not None
    delay = arrivals._delays.of(day, seed)
    assert (delay == arrivals._delays.of(day, seed)).all()
    delays = arrivals.feed.delays
    assert isinstance(delays, Delays)
    assert (delay >= 0).all()
    assert (delay <= delays.cap_s).all()
    by_trip = delay.reshape(-1, 12)  # the rows are trip by trip, in stop order
    steps = np.diff(by_trip, axis=1)
    assert (steps >= -delays.recovery_s).all(), "a train wins back no more than it may at a stop"
    assert (by_trip > 0).any(axis=1).mean() < 0.2


def test_seed_and_date_change_the_delays(arrivals: Plan) -> None:
    assert arrivals._delays is not None
    draws = [arrivals._delays.of(date(2026, 3, day), seed) for day, seed in ((2, 7), (3, 7), (2, 8))]
    assert all(draw.any() for draw in draws)
    assert not (draws[0] == draws[1]).all()
    assert not (draws[0] == draws[2]).all()


def test_input_and_seed_give_the_bytes_they_always_gave(turnstile: Plan, arrivals: Plan, weather: Plan) -> None:
    """A golden hash: whoever changes it changes every event that was ever replayed."""
    found = {}
    for plan in (turnstile, arrivals, weather):
        values = encoded(plan, hours_from((2026, 3, 6), 72))
        found[plan.feed.name] = hashlib.sha256(b"\n".join(values)).hexdigest()[:16]
    assert found == GOLDEN


GOLDEN = {"turnstile": "4f7b7990db2d5afa", "arrivals": "94248e3113aa1345", "weather": "b94e666eebd8e7af"}


def dated(feed: Feed, shift_days: int = 0) -> Feed:
    columns = {**feed.columns, "slot_start": feed.columns["slot_start"].model_copy(update={"type": "datetime"})}
    calendar = DatedCalendar(kind="dated", time="slot_start", shift_days=shift_days)
    return feed.model_copy(update={"columns": columns, "calendar": calendar})


SHIFTS = [(0, "2026-03-02T13:00"), (-7, "2026-02-23T13:00"), (7, "2026-03-09T12:00")]


@pytest.mark.parametrize(("shift", "first"), SHIFTS)
def test_a_dated_workbook_replays_as_dated_or_shifted(
    feeds: dict[str, Feed], make_table: MakeTable, shift: int, first: str
) -> None:
    feed = dated(feeds["turnstile"], shift)
    rows = [("x", datetime(2026, 3, 2, 7, minute), 40000, "A", "red", minute) for minute in range(60)]  # noqa: DTZ001
    plan = Plan(feed, make_table(feed, rows), 7, ZONE)
    hours = plan.hours_of_table()
    assert hours is not None
    events = [orjson.loads(value) for value in encoded(plan, list(hours))]
    assert len(events) == len({event["event_id"] for event in events}) == 60
    assert events[0]["event_time"] == f"{first}:00.000Z"
    assert events[0]["service_date"] == first[:10]


def test_rejected_rows_are_planned_once_each_day_on_which_they_would_occur(
    feeds: dict[str, Feed], make_table: MakeTable
) -> None:
    feed = feeds["turnstile"]
    rows = [
        ("weekday", 3600, 40000, "A", "red", 1),
        ("weekday", 7200, 40000, "A", "red", -1),  # on weekdays, at 02:00
        ("caturday", 7200, 40000, "A", "red", 1),  # who knows when: every day at 02:00
        ("weekday", "x", 40000, "A", "red", 1),  # on weekdays, at 00:00
        ("weekday", 3600, 40000, "A", "red", 9),  # repeats the first
    ]
    plan = Plan(feed, make_table(feed, rows), 7, ZONE)
    assert [rejected.row for rejected in plan.table.rejected] == [3, 4, 5, 6]
    assert "row 2" in plan.table.rejected[3].reason
    friday_to_sunday = hours_from((2026, 6, 5), 24 * 3)
    chunk = plan.chunk(friday_to_sunday)
    where = [
        ((from_ms(hour) - timedelta(hours=5)).strftime("%a %H"), letter.rejected.row)
        for hour, letters in zip(chunk.hours, chunk.dead, strict=True)
        for letter in letters
    ]
    assert where == [("Fri 00", 5), ("Fri 01", 6), ("Fri 02", 3), ("Fri 02", 4), ("Sat 02", 4), ("Sun 02", 4)]
    assert sum(plan.chunk([hour]).planned(0) for hour in friday_to_sunday) == 6 + len(chunk.rows)


def test_a_day_that_no_month_has_is_rejected_and_a_leap_day_is_not(
    feeds: dict[str, Feed], make_table: MakeTable
) -> None:
    rows = [("MDW", *day, 0, 1.5, "sunny", 0, 1.5) for day in [(2, 29), (2, 30), (4, 31), (12, 31), (13, 1)]]
    table = make_table(feeds["weather"], rows)
    assert [(r.row, r.column) for r in table.rejected] == [(3, "day"), (4, "day"), (6, "month")]
    plan = Plan(feeds["weather"], table, 7, ZONE)
    new_year = plan.chunk(hours_from((2026, 1, 1), 24))
    assert sum(map(len, new_year.dead)) == 3, "a row without a date is rejected at the year's beginning"
