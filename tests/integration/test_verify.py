"""Verify on real parts: equal to the unit, or the station and hour that are not."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from confluent_kafka import Producer

from headway.adapters.kafka import delete_topics, producer_config, read_all
from headway.adapters.ksql import KsqlClient
from headway.core.topics import dead_letters
from headway.errors import ReplayStoppedError, VerificationError
from headway.replay import Progress, generation, replay
from headway.settings import PROJECT_DIR, Settings
from headway.spark.submit import application_args, submit_command, submit_environment
from headway.verify import VerifyReport, verify
from tests.replay_feeds import TestFeed, good_rows, make_feed

START = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
END = START + 6 * HOUR


@pytest.fixture
def feed(platform: Settings, tmp_path: Path) -> Iterator[TestFeed]:
    """Give a feed of this test's own, with one bad row, replayed for six hours."""
    rows = good_rows()
    bad = ("weekday", 7 * 3600, 40000, "Station 0", "red", -1)
    made = make_feed(platform, tmp_path, [*rows, bad])
    replay(made.settings, made.name, START, END)
    yield made
    delete_topics(platform, [made.topic, dead_letters(made.topic)])


def check(feed: TestFeed, start: datetime = START, end: datetime = END) -> VerifyReport:
    """Verify the feed alone: workbook, ledger, topic and dead letters."""
    return verify(feed.settings, start, end, feeds=[feed.name], parts=[])


def test_agrees_and_counts_what_it_compared_and_the_rejected_row(feed: TestFeed) -> None:
    report = check(feed)
    by_name = {line.name: line for line in report.checks}
    assert by_name[f"workbook and ledger, {feed.name}"].expected >= 6 * 4 * 12 - 1
    assert by_name[f"ledger and topic {dead_letters(feed.topic)}"].observed == 1
    assert by_name[f"workbook and topic {feed.topic}"].expected > 1000
    assert report.equal and len(report.checks) == 5


def test_names_the_station_and_hour_of_a_record_that_nobody_delivered(feed: TestFeed) -> None:
    value = orjson.loads(next(iter(read_all(feed.settings, feed.topic))).value() or b"")
    value |= {"event_id": "stray", "event_time": "2026-03-02T13:15:00.000Z", "num_entries": 7, "station_id": 40030}
    producer = Producer(producer_config(feed.settings))
    producer.produce(feed.topic, orjson.dumps(value), b"40030")
    assert producer.flush(10) == 0
    with pytest.raises(VerificationError) as error:
        check(feed)
    assert f"workbook and topic {feed.topic}: Station 3 (40030), 2026-03-02T13:00Z: expected entries" in str(
        error.value
    )
    assert f"ledger and topic {feed.topic}: 2026-03-02T13:00Z: expected 48, found 49" in str(error.value)
    assert "workbook and ledger" not in error.value.what, "what was delivered by the ledger is right"


def test_names_the_hours_that_were_not_replayed_and_blames_nothing_else(feed: TestFeed) -> None:
    with pytest.raises(VerificationError) as error:
        check(feed, START, END + 2 * HOUR)
    assert error.value.what.startswith("1 of 5 checks differ: workbook and ledger")
    assert "2026-03-02T18:00Z" in error.value.where and "2026-03-02T19:00Z" in error.value.where
    assert "headway replay" in error.value.next_step


def test_a_replay_that_was_stopped_midway_lacks_rows_in_the_ledger_only(feed: TestFeed) -> None:
    settings = feed.settings.model_copy(
        update={"replay": feed.settings.replay.model_copy(update={"commit_rows": 30, "commit_ms": 10})}
    )
    seen: list[Progress] = []
    with pytest.raises(ReplayStoppedError):
        replay(settings, feed.name, END, END + 4 * HOUR, on_progress=seen.append, should_stop=lambda: bool(seen))
    with pytest.raises(VerificationError) as error:
        check(feed, START, END + 4 * HOUR)
    assert error.value.what.startswith("1 of 5 checks differ: workbook and ledger")
    replay(settings, feed.name, END, END + 4 * HOUR)
    assert check(feed, START, END + 4 * HOUR).equal


# A Thursday; the week before it has Independence Day, a Tuesday that runs as a Sunday. No other test is in this year.
DAY = datetime(2028, 7, 6, 5, tzinfo=UTC)  # Chicago's midnight
SHIPPED = ("turnstile", "arrivals", "weather")


def test_a_day_then_the_week_before_it_then_the_day_again_all_agree(platform: Settings) -> None:
    day, week = (DAY, DAY + timedelta(days=1)), (DAY - timedelta(days=7), DAY)
    with KsqlClient(platform) as client:
        client.run_file(PROJECT_DIR / "ksql")
    deliver(platform, *day)
    run_spark(platform)
    before = verify(platform, *day, parts=["ksql", "spark"])
    assert {"KSQL, each station and hour", "Spark, ridership by station, line and window (Parquet)"} <= {
        line.name for line in before.checks
    }
    deliver(platform, *week, feeds=("turnstile", "weather"))
    deliver(platform, DAY - timedelta(days=1), DAY, feeds=("arrivals",))  # the biggest feed: one day back will do
    assert deliver(platform, *day) == 0, "the day again adds nothing"
    run_spark(platform)
    after = verify(platform, week[0], day[1], feeds=("turnstile", "weather"), parts=["ksql", "spark"])
    entries = [line.observed for line in after.checks if line.name.startswith("KSQL")]
    assert len(entries) == 3 and min(entries) > 3_500_000, "a week and a day of riders"
    assert verify(platform, DAY - timedelta(days=1), day[1], parts=[]).equal


def deliver(settings: Settings, start: datetime, end: datetime, feeds: tuple[str, ...] = SHIPPED) -> int:
    """Replay some of the shipped feeds and give how many events that added."""
    return sum(replay(settings, feed, start, end).delivered for feed in feeds)


def run_spark(settings: Settings) -> None:
    """Submit the bounded job to the cluster, as the DAG does, and wait for its end."""
    args = application_args(trigger="available-now", generation=generation.current(settings))
    command = submit_command(settings, args)
    environment = os.environ | submit_environment(settings)
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
