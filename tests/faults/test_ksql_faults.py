"""The KSQL server is killed in the middle of its work: counts stay exact, another server takes over."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from headway.settings import Settings
from tests.ksql_servers import KsqlServer, Topics, topics_of

KEYS = [f"k{n}" for n in range(20)]
ROUNDS = 300
EXPECTED = dict.fromkeys(KEYS, ROUNDS)


def _declare(server: KsqlServer, topics: Topics, source: str) -> str:
    out = f"{topics.prefix}.counts"
    server.ksql(
        f"CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');"
        f"CREATE TABLE counts WITH (KAFKA_TOPIC='{out}') AS SELECT k, COUNT(*) AS n, SUM(v) AS total FROM s GROUP BY k;"
    )
    return out


def _feed(topics: Topics, source: str, sent: list[int], stop: threading.Event) -> None:
    """Write ROUNDS records a key over about eight seconds."""
    for number in range(ROUNDS):
        for key in KEYS:
            topics.send(source, key, {"v": 1})
        sent.append(number)
        if stop.wait(0.025):
            return
    topics.producer.flush(20)


def _counts(latest: dict[str, dict[str, object]]) -> dict[str, object]:
    return {key: value["N"] for key, value in latest.items()}


def test_counts_are_exact_when_the_server_is_killed_and_started_again(platform: Settings, tmp_path: Path) -> None:
    with topics_of(platform) as topics:
        source = topics.create("in", 2)
        server = KsqlServer(platform, topics.service, tmp_path / "one")
        try:
            server.wait_ready()
            out = _declare(server, topics, source)
            sent: list[int] = []
            stop = threading.Event()
            feeder = threading.Thread(target=_feed, args=(topics, source, sent, stop))
            feeder.start()
            topics.latest(out, 15, lambda seen: len(seen) == len(KEYS))  # it works on them
            server.kill()
            killed_at = len(sent)
            server.start()
            server.wait_ready()
            feeder.join()
            latest = topics.latest(out, 40, lambda seen: _counts(seen) == EXPECTED)
            assert 0 < killed_at < ROUNDS, "the kill must fall into the input"
            assert _counts(latest) == EXPECTED
            assert {str(k): n for k, n in server.pull("SELECT k, n FROM counts;")} == EXPECTED
        finally:
            server.stop()


def test_second_server_takes_over_the_work_of_a_killed_one(platform: Settings, tmp_path: Path) -> None:
    with topics_of(platform) as topics:
        source = topics.create("in", 2)
        one = KsqlServer(platform, topics.service, tmp_path / "one")
        two = KsqlServer(platform, topics.service, tmp_path / "two")
        try:
            one.wait_ready()
            two.wait_ready()
            out = _declare(one, topics, source)
            sent: list[int] = []
            stop = threading.Event()
            feeder = threading.Thread(target=_feed, args=(topics, source, sent, stop))
            feeder.start()
            topics.latest(out, 20, lambda seen: len(seen) == len(KEYS))
            one.kill()
            killed_at = len(sent)
            feeder.join()
            latest = topics.latest(out, 40, lambda seen: _counts(seen) == EXPECTED)
            assert 0 < killed_at < ROUNDS, "the kill must fall into the input"
            assert _counts(latest) == EXPECTED
            deadline = time.monotonic() + 20
            rows: dict[str, object] = {}
            while rows != EXPECTED and time.monotonic() < deadline:
                rows = {str(k): n for k, n in two.pull("SELECT k, n FROM counts;")}
            assert rows == EXPECTED
        finally:
            one.stop()
            two.stop()
