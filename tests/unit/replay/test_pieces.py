"""The replay's pieces that need no broker: pacing, ledger records, dead letters, truth, checksums."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.core.plan import DeadLetter
from headway.errors import FeedError, LedgerError, RangeError, ReplayStoppedError
from headway.replay import replay
from headway.replay.ledger import LedgerEntry, check_checksums, feed_named, parse_entry
from headway.replay.pacing import Pace
from headway.replay.prepare import prepare
from headway.replay.sinks import KafkaSink, dead_letter_record
from headway.replay.topics import feed_topics
from headway.replay.truth import truth
from headway.settings import Settings
from tests.replay_feeds import good_rows, make_feed, write_workbook

HOUR = datetime(2026, 3, 2, 13, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_at_a_speed_of_60_a_simulated_hour_is_due_after_a_minute() -> None:
    clock = Clock()
    pace = Pace(60, clock)
    pace.start(0)
    pace.start(999)  # only the first start counts
    assert pace.seconds_until(3_600_000) == 60
    clock.now += 59
    assert pace.seconds_until(3_600_000) == pytest.approx(1)
    clock.now += 11
    assert pace.seconds_until(3_600_000) == 0
    pace.sent(3_600_000)
    pace.sent(4_200_000)
    assert pace.max_lag_s == pytest.approx(10)
    assert pace.lag_s == 0


def test_at_the_maximum_everything_is_due_and_nothing_lags() -> None:
    pace = Pace(None, Clock())
    pace.start(0)
    pace.sent(10**12)
    assert (pace.due_ms(), pace.seconds_until(10**15), pace.max_lag_s) == (None, 0, 0)


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_a_speed_that_makes_no_sense_is_refused(speed: float) -> None:
    with pytest.raises(RangeError):
        Pace(speed)


def entry(**over: object) -> LedgerEntry:
    values = {"feed": "f", "generation": 1, "hour": HOUR, "ordinal": 5, "planned": 9, "delivered": 4, "rejected": 1}
    return LedgerEntry(**{**values, "checksum": "abc", "seed": 7, **over})  # type: ignore[arg-type]


@given(st.integers(1, 99), st.integers(0, 10**6), st.integers(0, 10**6))
def test_a_ledger_entry_survives_its_record(generation: int, hours: int, ordinal: int) -> None:
    written = entry(generation=generation, hour=HOUR + timedelta(hours=hours), ordinal=ordinal)
    assert parse_entry(written.value()) == written


def test_a_ledger_key_names_feed_generation_and_hour() -> None:
    assert entry().key() == b"f|1|2026-03-02T13:00Z"


def test_a_checksum_that_differs_is_red_in_its_own_generation_only(tmp_path: Path) -> None:
    made = make_feed(Settings(), tmp_path)
    feed = feed_named(made.settings, made.name)
    ledger = {(1, HOUR): entry()}
    check_checksums(ledger, feed, 1, "abc", 7)
    check_checksums(ledger, feed, 2, "other", 7)
    with pytest.raises(LedgerError, match="another workbook or feed description"):
        check_checksums(ledger, feed, 1, "other", 7)
    with pytest.raises(LedgerError, match="seed 7, now 9"):
        check_checksums(ledger, feed, 1, "other", 9)


def test_a_dead_letter_is_the_row_as_it_came_with_why_where_and_when(tmp_path: Path) -> None:
    made = make_feed(Settings(), tmp_path, [*good_rows(2), ("weekday", 60, "x", "A", "red", 2)])
    prepared = prepare(made.settings, made.name)
    (rejected,) = prepared.table.rejected
    key, value, headers = dead_letter_record(prepared.feed, DeadLetter(rejected, "2026-03-02"))
    assert orjson.loads(value) == {
        "day_type": "weekday",
        "slot start (s of service day)": 60,
        "station_id": "x",
        "station_name": "A",
        "line": "red",
        "entries (persons)": 2,
    }
    assert headers["why"] == b"column 'station_id': 'x' is not a number"
    assert headers["where"].decode().endswith(f"sheet 'Turnstile', row {rejected.row}, column 'station_id'")
    assert headers["when"] == b"2026-03-02"
    assert key == f"{made.name}|2026-03-02|{rejected.row}".encode()


def test_more_dead_letters_than_the_queue_holds_are_all_sent(tmp_path: Path) -> None:
    class FullAtFirst:
        """A producer whose queue is full for each record's first try."""

        def __init__(self) -> None:
            self.refused: set[bytes] = set()
            self.sent: list[tuple[bytes, list[str]]] = []

        def begin_transaction(self) -> None:
            self.sent.clear()

        def produce(
            self, _topic: str, _value: bytes, key: bytes, *, headers: list[tuple[str, bytes]], **_: int
        ) -> None:
            if key not in self.refused:
                self.refused.add(key)
                raise BufferError
            self.sent.append((key, [name for name, _ in headers]))

        def poll(self, _timeout: float) -> int:
            return 0

    made = make_feed(Settings(), tmp_path, [*good_rows(2), *[("weekday", 60, "x", "A", "red", 2)] * 3])
    prepared = prepare(made.settings, made.name)
    sink, producer = object.__new__(KafkaSink), FullAtFirst()
    sink.__dict__ |= {"_settings": made.settings, "_feed": prepared.feed, "_producer": producer, "_open": False}
    sink.__dict__["_headers"] = [("run", b"r")]
    sink.add_dead([DeadLetter(row, "2026-03-02") for row in prepared.table.rejected], 0)
    assert len({key for key, _ in producer.sent}) == 3
    assert all(names == ["why", "where", "when", "feed", "run"] for _, names in producer.sent)


def test_the_truth_counts_each_hour_and_sums_to_the_workbook(tmp_path: Path) -> None:
    made = make_feed(Settings(), tmp_path, [*good_rows(2), ("weekday", 7 * 3600, "x", "A", "red", 2)])
    hours = [HOUR + timedelta(hours=number) for number in range(3)]
    found = truth(made.settings, made.name, hours)
    assert found.events == dict.fromkeys(hours, 8)
    assert list(found.rejected.values()) == [1, 0, 0]
    assert found.planned == 25
    slots = range(7 * 4, 10 * 4)
    assert found.column("num_entries").sum() == sum(slot + slot + 1 for slot in slots)
    with pytest.raises(RangeError):
        truth(made.settings, made.name, [HOUR + timedelta(minutes=1)])


def test_checksum_changes_with_workbook_and_seed_only(tmp_path: Path) -> None:
    made = make_feed(Settings(), tmp_path)
    first = prepare(made.settings, made.name)
    assert prepare(made.settings, made.name).checksum == first.checksum
    assert prepare(made.settings, made.name, seed=8).checksum != first.checksum
    write_workbook(tmp_path / f"{made.name}.xlsx", good_rows(3))
    assert prepare(made.settings, made.name).checksum != first.checksum


def test_a_feed_that_does_not_exist_and_a_bad_range_fail_before_any_connection(tmp_path: Path) -> None:
    made = make_feed(Settings(), tmp_path)
    with pytest.raises(FeedError, match=f"there are: {made.name}"):
        feed_named(made.settings, "turnstyle")
    with pytest.raises(RangeError):
        replay(made.settings, made.name, HOUR, HOUR)


def test_a_feed_with_a_new_topic_brings_its_topics_along(tmp_path: Path) -> None:
    made = make_feed(Settings(), tmp_path)
    names = {topic.name: topic for topic in feed_topics({made.name: feed_named(made.settings, made.name)})}
    assert names[made.topic].partitions == 3
    assert names[made.topic].kind == names[f"{made.topic}.dlq"].kind == "event"
    assert "headway.replays" in names


def test_a_stopped_replay_survives_the_way_between_processes() -> None:
    error = ReplayStoppedError("stopped", where="here", next_step="again")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # noqa: S301
