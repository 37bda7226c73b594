"""Replays that are killed: nothing acknowledged is lost, nothing is doubled, a retry goes on where the ledger is."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import pytest

from headway.adapters.kafka import delete_topics, read_all
from headway.core.topics import dead_letters
from headway.errors import UnavailableError
from headway.replay import replay
from headway.replay.truth import truth
from headway.runtime.platform import Platform
from headway.settings import PROJECT_DIR, KafkaSettings, RestProxySettings, Settings
from tests.replay_feeds import TestFeed, good_rows, make_feed

MONDAY = datetime(2026, 3, 2, 6, tzinfo=UTC)
HOURS = 12
END = MONDAY + timedelta(hours=HOURS)
CHILD = """
import sys
from datetime import datetime
from headway.replay import replay
from headway.settings import load
feed, start, end, speed = sys.argv[1:]
tell = lambda progress: print(progress.already + progress.delivered, flush=True)
replay(load(), feed, datetime.fromisoformat(start), datetime.fromisoformat(end), speed=float(speed), on_progress=tell)
"""


def start_replay(feed: TestFeed, speed: float) -> subprocess.Popen[str]:
    """Start a replay in a process of its own; it prints how many rows are committed after each commit."""
    settings = feed.settings
    environment = {
        **os.environ,
        "PYTHONPATH": str(PROJECT_DIR),
        "HEADWAY__KAFKA__BOOTSTRAP_SERVERS": settings.kafka.bootstrap_servers,
        "HEADWAY__REST_PROXY__URL": settings.rest_proxy.url,
        "HEADWAY__DATA_DIR": str(settings.data_dir),
        "HEADWAY__REPLAY__FEEDS_FILE": str(settings.replay.feeds_file),
        "HEADWAY__REPLAY__COMMIT_MS": str(settings.replay.commit_ms),
        "HEADWAY__REPLAY__COMMIT_ROWS": str(settings.replay.commit_rows),
    }
    command = [sys.executable, "-c", CHILD, feed.name, MONDAY.isoformat(), END.isoformat(), str(speed)]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def kill_after(process: subprocess.Popen[str], commits: int, pause_s: float) -> int:
    """Kill a replay a moment after its n-th commit; give the rows that it had acknowledged."""
    assert process.stdout is not None
    acknowledged = 0
    for _ in range(commits):
        line = process.stdout.readline()
        assert line, process.communicate()[1]
        acknowledged = int(line)
    time.sleep(pause_s)  # not a wait for anything: the kill falls at different places of a transaction
    os.kill(process.pid, signal.SIGKILL)
    rest = process.communicate()[0].split()
    return int(rest[-1]) if rest else acknowledged


def ids_of(feed: TestFeed) -> Counter[str]:
    values = [message.value() or b"" for message in read_all(feed.settings, feed.topic)]
    return Counter(orjson.loads(value)["event_id"] for value in values)


def planned_ids(feed: TestFeed) -> set[str]:
    hours = [MONDAY + timedelta(hours=number) for number in range(HOURS)]
    return set(truth(feed.settings, feed.name, hours).column("event_id").tolist())


def test_a_replay_killed_three_times_delivers_every_event_exactly_once(platform: Settings, tmp_path: Path) -> None:
    bad = [("weekday", 3600 * hour, "no number", "Nowhere", "red", 1) for hour in range(10)]
    feed = make_feed(platform, tmp_path, [*good_rows(), *bad], commit_ms=100, commit_rows=37)
    acknowledged = []
    for commits, pause_s in ((1, 0.0), (3, 0.05), (2, 0.11)):
        acknowledged.append(kill_after(start_replay(feed, speed=7200), commits, pause_s))
    expected = planned_ids(feed)
    assert len(expected) >= 500
    assert 0 < acknowledged[0] <= acknowledged[1] <= acknowledged[2] < len(expected), "the kills came too late or early"
    result = replay(feed.settings, feed.name, MONDAY, END)
    found = ids_of(feed)
    assert result.already >= acknowledged[-1], "a row that was acknowledged is lost"
    assert result.already + result.delivered + result.rejected == result.planned == len(expected) + 10
    assert [event for event, count in found.items() if count > 1] == []
    assert set(found) == expected
    letters = [message.key() for message in read_all(feed.settings, dead_letters(feed.topic))]
    assert len(letters) == len(set(letters)) == 10
    delete_topics(platform, [feed.topic, dead_letters(feed.topic)])


def test_a_killed_replay_over_http_repeats_only_the_same_ids(platform: Settings, tmp_path: Path) -> None:
    feed = make_feed(platform, tmp_path, transport="rest-proxy", commit_ms=100)
    acknowledged = kill_after(start_replay(feed, speed=7200), 2, 0.05)
    result = replay(feed.settings, feed.name, MONDAY, END)
    found = ids_of(feed)
    expected = planned_ids(feed)
    assert len(expected) >= 500
    assert 0 < acknowledged <= result.already < result.planned
    assert set(found) == expected, "every event is there, and none that is not planned"
    repeats = sum(found.values()) - len(found)
    assert repeats <= 200, "at most what one commit holds was on the wire twice"
    delete_topics(platform, [feed.topic, dead_letters(feed.topic)])


@pytest.mark.skipif(os.environ.get("HEADWAY_TEST_USE_RUNNING") == "1", reason="stops a platform that is not the test's")
def test_a_platform_stopped_in_the_middle_of_a_replay_loses_and_doubles_nothing(
    platform: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    feed = make_feed(platform, tmp_path, commit_ms=100, commit_rows=37)
    monkeypatch.setenv("HEADWAY__REPLAY__WAIT_S", "5")
    process = start_replay(feed, speed=600)
    assert process.stdout is not None
    acknowledged = int(process.stdout.readline())
    running = Platform(platform)
    running.down()
    rest, said = process.communicate(timeout=120)
    acknowledged = int(rest.split()[-1]) if rest.split() else acknowledged
    assert process.returncode != 0, "the replay ended before the platform did"
    assert "UnavailableError" in said
    assert "Next:" in said
    running.up()
    assert [part.part.name for part in running.health() if part.part.started_by_up and not part.healthy] == []
    result = replay(feed.settings, feed.name, MONDAY, END)
    found = ids_of(feed)
    expected = planned_ids(feed)
    assert len(expected) >= 500
    assert 0 < acknowledged <= result.already < result.planned == len(expected)
    assert [event for event, count in found.items() if count > 1] == []
    assert set(found) == expected
    delete_topics(platform, [feed.topic, dead_letters(feed.topic)])


def dead_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_a_broker_that_is_away_is_named_within_the_limit(tmp_path: Path) -> None:
    port = dead_port()
    base = Settings(kafka=KafkaSettings(bootstrap_servers=f"127.0.0.1:{port}"))
    feed = make_feed(base, tmp_path, wait_s=1.5)
    began = time.monotonic()
    with pytest.raises(UnavailableError, match=r"Kafka did not answer within 1\.5 s") as caught:
        replay(feed.settings, feed.name, MONDAY, END)
    assert f"127.0.0.1:{port}" in str(caught.value)
    assert time.monotonic() - began < 20


def test_a_proxy_that_is_away_is_named_and_nothing_counts_as_delivered(platform: Settings, tmp_path: Path) -> None:
    away = platform.model_copy(update={"rest_proxy": RestProxySettings(port=dead_port())})
    feed = make_feed(away, tmp_path, transport="rest-proxy", wait_s=2)
    with pytest.raises(UnavailableError, match="REST proxy has not answered"):
        replay(feed.settings, feed.name, MONDAY, END)
    back = TestFeed(feed.name, feed.topic, feed.settings.model_copy(update={"rest_proxy": platform.rest_proxy}))
    result = replay(back.settings, feed.name, MONDAY, END)
    assert (result.already, result.delivered) == (0, result.planned)
    assert ids_of(feed) == Counter(planned_ids(feed))
    assert result.planned >= 500
    delete_topics(platform, [feed.topic, dead_letters(feed.topic)])
