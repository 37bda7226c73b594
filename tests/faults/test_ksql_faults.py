"""The KSQL server is killed again and again, at moments drawn by a seed: counts stay exact, statements whole or absent.

Each test checks three things, as Kafka's own system tests do: everything acknowledged is counted, nothing is counted
twice, and there was enough of it that the test cannot pass empty.
"""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from headway.settings import Settings
from tests.ksql_servers import KsqlServer, Topics, pull_until, servers, topics_of

KEYS = [f"k{n}" for n in range(20)]
MINIMUM = 2_000
T0 = 1_772_460_000_000
MINUTE_MS = 60_000
ON_DISK = "ksql.streams.default.dsl.store=rocksDB\n"


class Feed:
    """Records written all the while until it is told to stop; only what the broker acknowledged is counted."""

    def __init__(self, topics: Topics, source: str, *, pause_s: float = 0.02) -> None:
        self._topics, self._source, self._pause_s = topics, source, pause_s
        self.acknowledged: Counter[str] = Counter()
        self.failed = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        number = 0
        while not self._stop.wait(self._pause_s):
            for key in KEYS:
                self._send(key, number)
            number += 1
        self._topics.producer.flush(60)

    def _send(self, key: str, number: int) -> None:
        def done(error: object, _: object) -> None:
            if error is None:
                self.acknowledged[key] += 1
            else:
                self.failed += 1

        # event time goes on a second each round: some windows, one long session
        self._topics.send(self._source, key, {"v": 1, "n": number}, T0 + number * 1000, done)

    def __enter__(self) -> Feed:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Stop, and wait for all acknowledgements."""
        self._stop.set()
        self._thread.join()
        assert self.failed == 0

    def until(self, total: int) -> None:
        """Wait until so many records are acknowledged."""
        deadline = time.monotonic() + 120
        while self.acknowledged.total() < total:
            assert time.monotonic() < deadline, "the feed is too slow"
            time.sleep(0.01)


@pytest.fixture
def topics(platform: Settings) -> Iterator[Topics]:
    with topics_of(platform) as made:
        yield made


@pytest.mark.parametrize(("config", "seed"), [("", 1), (ON_DISK, 2)], ids=["in-memory", "on-disk"])
def test_tables_are_exact_when_the_server_is_killed_many_times(
    topics: Topics, platform: Settings, tmp_path: Path, config: str, seed: int
) -> None:
    """Plain, windowed and session tables, a join, and a table of a table, which takes back what it had counted."""
    source, place = topics.create("in", 2), topics.create("place", 2)
    chance = random.Random(seed)
    with servers(platform, topics, tmp_path, config=config) as (server,):
        server.ksql(_statements(topics, source, place))
        for number, key in enumerate(KEYS):
            topics.send(place, key, {"line": "red" if number % 2 else "blue"}, T0 - 1)
        topics.producer.flush(60)
        pull_until(server, "SELECT k, 1 FROM places;", dict.fromkeys(KEYS, 1))
        with Feed(topics, source) as feed:
            feed.until(MINIMUM // 4)
            # in the middle of the work, during the replay and the restore, just when it is ready, again in the middle
            for wait_s in (chance.uniform(0.3, 1), chance.uniform(0.8, 1.6), chance.uniform(1.6, 2.6), None):
                if wait_s is None:
                    server.wait_ready()
                    time.sleep(chance.uniform(0.2, 0.6))
                else:
                    time.sleep(wait_s)
                server.kill()
                server.start()
            feed.until(MINIMUM)
        server.wait_ready()
        expected = dict(feed.acknowledged)
        assert sum(expected.values()) >= MINIMUM
        pull_until(server, "SELECT k, n FROM counts;", expected)
        pull_until(server, "SELECT k, n FROM minutes;", expected)
        pull_until(server, "SELECT k, n FROM visits;", expected)
        lines = {"red": sum(expected[k] for k in KEYS[1::2]), "blue": sum(expected[k] for k in KEYS[::2])}
        pull_until(server, "SELECT line, n FROM joined;", lines)
        pull_until(server, "SELECT one, n FROM everything;", {"1": sum(expected.values())})
        # the sink's topic, as others read it: committed, and nothing beyond
        latest = topics.latest(f"{topics.prefix}.counts", 120, lambda seen: _n(seen) == expected)
        assert _n(latest) == expected


def _n(latest: dict[str, dict[str, object]]) -> dict[str, int]:
    return {key: int(str(value["N"])) for key, value in latest.items()}


def _statements(topics: Topics, source: str, place: str) -> str:
    def sink(name: str) -> str:
        return f"WITH (KAFKA_TOPIC='{topics.prefix}.{name}')"

    return f"""
        CREATE STREAM s (k VARCHAR KEY, v INT, n INT) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');
        CREATE SOURCE TABLE places (k VARCHAR PRIMARY KEY, line VARCHAR)
          WITH (KAFKA_TOPIC='{place}', VALUE_FORMAT='JSON');
        CREATE TABLE counts {sink("counts")} AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;
        CREATE TABLE minutes {sink("minutes")} AS SELECT k, COUNT(*) AS n FROM s WINDOW TUMBLING (SIZE 1 MINUTE)
          GROUP BY k;
        CREATE TABLE visits {sink("visits")} AS SELECT k, COUNT(*) AS n FROM s WINDOW SESSION (30 SECONDS) GROUP BY k;
        CREATE TABLE joined {sink("joined")} AS SELECT p.line AS line, COUNT(*) AS n FROM s JOIN places p ON s.k = p.k
          GROUP BY p.line;
        CREATE TABLE everything {sink("everything")} AS SELECT '1' AS one, SUM(n) AS n FROM counts GROUP BY '1';"""


def test_statement_is_there_after_a_kill_when_it_was_answered_and_whole_or_absent_when_not(
    topics: Topics, platform: Settings, tmp_path: Path
) -> None:
    source = topics.create("in")
    chance = random.Random(3)
    answered: set[str] = set()
    with servers(platform, topics, tmp_path) as (server,):
        server.ksql(f"CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');")
        asked: list[str] = []
        for _ in range(4):
            server.wait_ready()
            enough = len(answered) + chance.randint(2, 4)
            killer = threading.Thread(target=_kill_after, args=(server, answered, enough, chance.uniform(0, 0.3)))
            killer.start()
            _ask_until_dead(server, topics, asked, answered)
            killer.join()
            server.start()
        server.wait_ready()
        streams = {s["name"] for s in server.ksql("SHOW STREAMS;")[0]["streams"]} - {"S"}  # type: ignore[attr-defined]
        queries = list(server.ksql("SHOW QUERIES;")[0]["queries"])  # type: ignore[call-overload]
        assert len(answered) >= 8
        assert answered <= streams <= set(asked), "answered, yet not there"
        assert sorted(q["sinks"][0] for q in queries) == sorted(streams), "a stream without its query, or one twice"
        assert {q["state"] for q in queries} == {"RUNNING"}
        topics.send(source, "a", {"v": 1})
        topics.producer.flush(60)
        for name in (min(streams), max(streams)):
            assert topics.latest(f"{topics.prefix}.{name}", 120, lambda seen: "a" in seen) == {"a": {"V": 1}}


def _kill_after(server: KsqlServer, answered: set[str], enough: int, more_s: float) -> None:
    """Kill at some moment of the statement after so many answers: before it is written, after it, while it starts."""
    deadline = time.monotonic() + 120
    while len(answered) < enough and time.monotonic() < deadline:
        time.sleep(0.001)
    time.sleep(more_s)
    server.kill()


def _ask_until_dead(server: KsqlServer, topics: Topics, asked: list[str], answered: set[str]) -> None:
    while True:
        name = f"O{len(asked)}"
        asked.append(name)
        text = f"CREATE STREAM {name} WITH (KAFKA_TOPIC='{topics.prefix}.{name}') AS SELECT * FROM s;"
        try:
            done = server.ksql(text)
        except (httpx.HTTPError, AssertionError):
            return
        if done[0]["commandStatus"]["status"] == "SUCCESS":  # type: ignore[index]
            answered.add(name)


def test_second_server_takes_over_the_work_of_a_killed_one(topics: Topics, platform: Settings, tmp_path: Path) -> None:
    """Also: the second joins while the first works, so the first kill falls into a rebalance."""
    source = topics.create("in", 4)
    with servers(platform, topics, tmp_path / "a") as (one,):
        one.ksql(
            f"CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');"
            f"CREATE TABLE counts WITH (KAFKA_TOPIC='{topics.prefix}.counts') AS SELECT k, COUNT(*) AS n, SUM(v) AS t "
            "FROM s GROUP BY k;"
        )
        with Feed(topics, source) as feed:
            feed.until(MINIMUM // 4)
            with servers(platform, topics, tmp_path / "b") as (two,):  # the late one
                one.kill()
                begun = time.monotonic()
                answer = httpx.post(f"{two.url}/query-stream", json={"sql": "SELECT k, n FROM counts;"}, timeout=60)
                waited = time.monotonic() - begun
                # rows of all partitions, or an error that says why; never some of the rows, never for ever
                if answer.status_code == httpx.codes.OK:
                    assert len(answer.text.splitlines()) == 1 + len(KEYS)
                else:
                    assert "COUNTS" in answer.json()["message"]
                assert waited < 45  # 20 s, and what a busy machine adds
                feed.until(MINIMUM)
                feed.end()
                assert feed.acknowledged.total() >= MINIMUM
                pull_until(two, "SELECT k, n FROM counts;", dict(feed.acknowledged))
                latest = topics.latest(f"{topics.prefix}.counts", 120, lambda seen: _n(seen) == feed.acknowledged)
                assert _n(latest) == feed.acknowledged
