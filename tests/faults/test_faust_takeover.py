"""Kill the active Faust worker: the standby goes on where it was, and nothing is lost."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from confluent_kafka import Producer

from faust_app.merge import merge_station
from faust_app.models import to_state
from headway.adapters import kafka
from headway.core.stations import StationRow
from headway.core.topics import Topic, dead_letters
from headway.runtime.environment import base_environment, python
from headway.settings import PREFIX, PROJECT_DIR, Settings
from headway.stations.seed import read_stations

WORKBOOK = PROJECT_DIR / "data" / "transit.xlsx"


class Worker:
    """One worker process of an application of its own."""

    def __init__(self, platform: Settings, app: str, folder: Path) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        command = [python(platform, "faust"), "-m", "faust_app", "worker", "--web-port", str(self.port)]
        command += ["--datadir", str(folder), "--app-id", app]
        command += ["--source-topic", f"{app}.in", "--target-topic", f"{app}.out"]
        env = {**base_environment(platform), f"{PREFIX}KAFKA__BOOTSTRAP_SERVERS": platform.kafka.bootstrap_servers}
        self.log = folder.with_suffix(".log")
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(command, cwd=PROJECT_DIR, env=env, stdout=out, stderr=out)

    def ask(self) -> dict[str, Any]:
        try:
            answer = httpx.get(f"http://127.0.0.1:{self.port}/health", timeout=20, trust_env=False)
            return dict(answer.json())
        except (httpx.HTTPError, ValueError):
            return {"role": "away", "processed": 0}


def _until(holds: Callable[[], object], timeout_s: float, what: Callable[[], object]) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < deadline, what()
        time.sleep(0.1)


@pytest.fixture
def app(platform: Settings, tmp_path: Path) -> Iterator[tuple[str, Callable[[str], Worker]]]:
    name = f"test.faust.{uuid.uuid4().hex[:8]}"
    topics = [Topic(f"{name}.{end}", 1, "a test's own", compacted=True) for end in ("in", "out")]
    topics.append(Topic(dead_letters(f"{name}.in"), 1, "a test's own"))
    kafka.ensure_topics(platform, topics)
    workers: list[Worker] = []

    def start(folder: str) -> Worker:
        workers.append(Worker(platform, name, tmp_path / folder))
        return workers[-1]

    yield name, start
    for worker in workers:
        worker.process.kill()
        worker.process.wait(60)
    kafka.delete_topics(platform, [*(t.name for t in topics), f"{name}-stops-changelog"])


def _send(platform: Settings, topic: str, rows: list[StationRow], gone: list[StationRow]) -> None:
    producer = Producer(kafka.producer_config(platform))
    for row in rows:
        value = json.dumps(to_state(row)).encode()
        producer.produce(topic, key=json.dumps({"stop_id": row.stop_id}).encode(), value=value)
    for row in gone:
        producer.produce(topic, key=json.dumps({"stop_id": row.stop_id}).encode(), value=None)
    assert producer.flush(20) == 0


def _result(platform: Settings, topic: str) -> dict[int, Any]:
    rows: dict[int, Any] = {}
    for message in kafka.read_all(platform, topic):
        value = message.value()
        rows[int(message.key() or b"")] = None if value is None else json.loads(value)
    return {station: row for station, row in rows.items() if row is not None}


def _expected(rows: list[StationRow]) -> dict[int, Any]:
    return {
        station: merge_station(row for row in rows if row.station_id == station)
        for station in {row.station_id for row in rows}
    }


def test_a_standby_takes_over_from_a_killed_worker_in_the_middle_of_its_work(
    platform: Settings, app: tuple[str, Callable[[str], Worker]]
) -> None:
    name, start = app
    rows = read_stations(WORKBOOK)
    assert len(rows) >= 300  # the test must not pass on nothing
    _send(platform, f"{name}.in", rows[:250], [])
    first = start("first")
    _until(lambda: first.ask()["role"] == "active" and first.ask()["processed"] >= 250, 120, first.log.read_text)
    second = start("second")
    _until(lambda: second.ask()["role"] == "standby", 120, second.log.read_text)
    _until(lambda: first.ask()["role"] == "active", 120, first.log.read_text)
    before = first.ask()["processed"]
    _send(platform, f"{name}.in", rows[250:], rows[:40])
    _until(lambda: first.ask()["processed"] > before, 120, first.log.read_text)
    os.kill(first.process.pid, signal.SIGKILL)
    _until(lambda: second.ask()["role"] == "active", 120, second.log.read_text)
    expected = _expected(rows[40:])
    _until(lambda: _result(platform, f"{name}.out") == expected, 120, second.log.read_text)
    assert list(kafka.read_all(platform, dead_letters(f"{name}.in"))) == []


def test_a_worker_that_lost_its_folder_and_its_target_makes_both_again(
    platform: Settings, app: tuple[str, Callable[[str], Worker]]
) -> None:
    name, start = app
    rows = read_stations(WORKBOOK)[:60]
    _send(platform, f"{name}.in", rows, [])
    first = start("first")
    expected = _expected(rows)
    _until(lambda: _result(platform, f"{name}.out") == expected, 120, first.log.read_text)
    _until(lambda: first.ask()["processed"] >= 60, 120, first.log.read_text)
    first.process.terminate()
    assert first.process.wait(120) == 0
    kafka.delete_topics(platform, [f"{name}.out"])
    kafka.ensure_topics(platform, [Topic(f"{name}.out", 1, "a test's own", compacted=True)])
    again = start("another-folder")
    _until(lambda: _result(platform, f"{name}.out") == expected, 120, again.log.read_text)
    assert again.ask()["processed"] == 0  # from the changelog, not from the source
