"""Replay to a real broker: exactly once, whatever is asked twice, overlaps, or comes before."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest
from confluent_kafka import KafkaException

from headway.adapters.kafka import delete_topics, read_all
from headway.core.plan import Chunk
from headway.core.topics import dead_letters
from headway.errors import DeliveryError, LedgerError, ReplayStoppedError
from headway.replay import Progress, replay
from headway.replay.ledger import read_ledger
from headway.replay.prepare import prepare
from headway.replay.sinks import FENCED, open_sink
from headway.replay.truth import truth
from headway.settings import PROJECT_DIR, Settings
from tests.replay_feeds import TestFeed, good_rows, make_feed

MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)  # Chicago's midnight
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def feed(platform: Settings, tmp_path: Path) -> Iterator[TestFeed]:
    """Give a feed of this test's own."""
    made = make_feed(platform, tmp_path)
    yield made
    delete_topics(platform, [made.topic, dead_letters(made.topic)])


def ids_of(feed: TestFeed) -> Counter[str]:
    """Count the committed events of a feed's topic by id."""
    return Counter(
        orjson.loads(message.value() or b"{}")["event_id"] for message in read_all(feed.settings, feed.topic)
    )


def expected_ids(feed: TestFeed, start: datetime, end: datetime, least: int = 100) -> Counter[str]:
    """Count the events that the workbook says a range has."""
    hours = [start + HOUR * number for number in range(round((end - start) / HOUR))]
    found = Counter(truth(feed.settings, feed.name, hours).column("event_id").tolist())
    assert sum(found.values()) >= least, "too few events to prove anything"
    return found


def test_every_planned_event_arrives_once_with_its_key_and_time(feed: TestFeed) -> None:
    result = replay(feed.settings, feed.name, MONDAY, MONDAY + DAY)
    expected = truth(feed.settings, feed.name, [MONDAY + HOUR * number for number in range(24)])
    assert (result.planned, result.delivered, result.rejected, result.already) == (len(expected), len(expected), 0, 0)
    found = {}
    for message in read_all(feed.settings, feed.topic):
        event = orjson.loads(message.value() or b"")
        assert (message.key() or b"").decode() == str(event["station_id"])
        assert message.timestamp()[1] == int(datetime.fromisoformat(event["event_time"]).timestamp() * 1000)
        assert event["event_id"] not in found
        found[event["event_id"]] = event
    assert len(found) == len(expected) >= 1000
    for number, event_id in enumerate(expected.column("event_id").tolist()):
        for field, value in found[event_id].items():
            assert expected.column(field)[number] == value


def test_overlaps_and_repeats_add_nothing(feed: TestFeed) -> None:
    first = replay(feed.settings, feed.name, MONDAY, MONDAY + 3 * HOUR)
    overlap = replay(feed.settings, feed.name, MONDAY + HOUR, MONDAY + 6 * HOUR)
    repeat = replay(feed.settings, feed.name, MONDAY, MONDAY + 6 * HOUR)
    assert 0 < overlap.already < first.delivered
    assert overlap.already + overlap.delivered == overlap.planned
    assert (repeat.delivered, repeat.already) == (0, repeat.planned)
    assert ids_of(feed) == expected_ids(feed, MONDAY, MONDAY + 6 * HOUR)


def test_a_day_then_the_week_before_then_the_day_again_is_exact(feed: TestFeed) -> None:
    replay(feed.settings, feed.name, MONDAY, MONDAY + DAY)
    week = replay(feed.settings, feed.name, MONDAY - 7 * DAY, MONDAY)
    again = replay(feed.settings, feed.name, MONDAY, MONDAY + DAY)
    assert week.delivered > 7000
    assert again.delivered == 0
    assert ids_of(feed) == expected_ids(feed, MONDAY - 7 * DAY, MONDAY + DAY)
    entries = read_ledger(feed.settings, feed.name)
    assert len(entries) == 8 * 24
    assert all(entry.complete for entry in entries.values())


def test_hours_replayed_one_by_one_equal_the_day_at_once(platform: Settings, feed: TestFeed, tmp_path: Path) -> None:
    hours = [MONDAY + HOUR * number for number in (2, 0, 1, 3)]
    for hour in hours:
        replay(feed.settings, feed.name, hour, hour + HOUR)
    apart = {m.value() for m in read_all(feed.settings, feed.topic)}
    whole = prepare(feed.settings, feed.name)
    chunk: Chunk = whole.plan.chunk([int(hour.timestamp()) * 1000 for hour in sorted(hours)])
    assert apart == set(whole.encoder.encode(chunk).values)
    assert len(apart) >= 150


def test_an_asked_stop_commits_and_the_next_replay_goes_on(feed: TestFeed) -> None:
    reports: list[Progress] = []
    with pytest.raises(ReplayStoppedError, match="are committed"):
        replay(
            feed.settings,
            feed.name,
            MONDAY,
            MONDAY + 2 * HOUR,
            speed=3600,  # two hours in two seconds
            on_progress=reports.append,
            should_stop=lambda: bool(reports),
        )
    sent = reports[-1].delivered
    rest = replay(feed.settings, feed.name, MONDAY, MONDAY + 2 * HOUR)
    assert 0 < sent < rest.planned
    assert (rest.already, rest.delivered) == (sent, rest.planned - sent)
    assert ids_of(feed) == expected_ids(feed, MONDAY, MONDAY + 2 * HOUR)


def test_a_newer_replay_fences_the_zombie(feed: TestFeed) -> None:
    prepared = prepare(feed.settings, feed.name)
    replay(feed.settings, feed.name, MONDAY, MONDAY + HOUR)  # the topics exist from here on
    zombie = open_sink(feed.settings, prepared.feed, {"run": "zombie"})
    chunk = prepared.plan.chunk([int((MONDAY + HOUR).timestamp()) * 1000])
    encoded = prepared.encoder.encode(chunk)
    assert len(encoded.values) >= 40
    zombie.add(encoded.keys, encoded.values, encoded.timestamps)
    replay(feed.settings, feed.name, MONDAY, MONDAY + 4 * HOUR)
    with pytest.raises(KafkaException) as caught:
        zombie.commit([])
    assert caught.value.args[0].code() in FENCED
    zombie.close()
    assert ids_of(feed) == expected_ids(feed, MONDAY, MONDAY + 4 * HOUR)


def test_two_replays_of_one_feed_at_once_still_deliver_each_event_once(feed: TestFeed) -> None:
    outcomes: list[BaseException | None] = []

    def run() -> None:
        try:
            replay(feed.settings, feed.name, MONDAY, MONDAY + 6 * HOUR, speed=3600 * 4)
            outcomes.append(None)
        except DeliveryError as error:  # the one that was fenced
            outcomes.append(error)

    replay(feed.settings, feed.name, MONDAY - HOUR, MONDAY)
    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(outcomes) == 2
    assert None in outcomes
    assert ids_of(feed) == expected_ids(feed, MONDAY - HOUR, MONDAY + 6 * HOUR)


def test_another_seed_in_the_same_generation_is_refused(feed: TestFeed) -> None:
    replay(feed.settings, feed.name, MONDAY, MONDAY + HOUR, seed=7)
    with pytest.raises(LedgerError, match="seed 7, now 8"):
        replay(feed.settings, feed.name, MONDAY + HOUR, MONDAY + 2 * HOUR, seed=8)


def test_bad_rows_go_to_the_dead_letters_once_and_the_good_ones_are_not_lost(
    platform: Settings, tmp_path: Path
) -> None:
    rows = [
        *good_rows(),
        ("weekday", 8 * 3600, "no number", "Nowhere", "red", 5),
        ("weekday", 9 * 3600, 40000, "Station 0", "magenta", 5),
        ("weekday", "at noon", 40000, "Station 0", "red", 5),
    ]
    feed = make_feed(platform, tmp_path, rows)
    result = replay(feed.settings, feed.name, MONDAY, MONDAY + DAY)
    replay(feed.settings, feed.name, MONDAY, MONDAY + DAY)
    assert result.rejected == 3
    assert result.planned == result.delivered + 3
    assert ids_of(feed) == expected_ids(feed, MONDAY, MONDAY + DAY)
    letters = list(read_all(feed.settings, dead_letters(feed.topic)))
    headers = [
        {name: value.decode() for name, value in dict(letter.headers() or []).items() if isinstance(value, bytes)}
        for letter in letters
    ]
    assert sorted(one["why"] for one in headers) == [
        "column 'line': 'magenta' is none of red, blue, green, brown, orange, pink, purple, yellow",
        "column 'slot start (s of service day)': 'at noon' is not a number",
        "column 'station_id': 'no number' is not a number",
    ]
    assert {one["when"] for one in headers} == {"2026-03-02"}
    assert all("sheet 'Turnstile', row " in one["where"] for one in headers)
    assert any(orjson.loads(message.value() or b"")["station_id"] == "no number" for message in letters)
    delete_topics(platform, [feed.topic, dead_letters(feed.topic)])


def test_a_feed_over_the_rest_proxy_is_complete_and_repeats_add_nothing(platform: Settings, tmp_path: Path) -> None:
    feed = make_feed(platform, tmp_path, transport="rest-proxy")
    first = replay(feed.settings, feed.name, MONDAY, MONDAY + 6 * HOUR)
    again = replay(feed.settings, feed.name, MONDAY, MONDAY + 6 * HOUR)
    assert (first.delivered, again.delivered) == (first.planned, 0)
    assert ids_of(feed) == expected_ids(feed, MONDAY, MONDAY + 6 * HOUR)
    keys = {message.key() for message in read_all(feed.settings, feed.topic)}
    assert all(orjson.loads(key or b"").isdigit() for key in keys), "a key over HTTP is JSON text in quotes"
    delete_topics(platform, [feed.topic, dead_letters(feed.topic)])


def test_the_command_line_sends_what_its_range_lacks(feed: TestFeed) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_DIR),
        "HEADWAY__DATA_DIR": str(feed.settings.data_dir),
        "HEADWAY__REPLAY__FEEDS_FILE": str(feed.settings.replay.feeds_file),
    }
    range_ = ["--from", "2026-03-02T06:00Z", "--to", "2026-03-02T09:00Z"]
    command = [sys.executable, "-m", "headway.cli", "replay", feed.name, *range_]
    for already in (0, 1):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        words = done.stdout.replace(",", "").split()
        planned, there = int(words[words.index("planned") + 1]), int(words[words.index("there") + 1])
        assert planned >= 100
        assert there == planned * already
