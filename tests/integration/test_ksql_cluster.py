"""Two servers of one KSQL service: statements, state and queries are the service's, whichever server is asked."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from headway.settings import Settings
from ksqlengine import jvm
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.kafka import KafkaBackend
from tests.ksql_servers import KsqlServer, Topics, pull_until, servers, topics_of

KEYS = [f"k{n:02d}" for n in range(12)]
T0 = 1_772_460_000_000


@pytest.fixture(scope="module")
def topics(platform: Settings) -> Iterator[Topics]:
    with topics_of(platform) as made:
        yield made


@pytest.fixture(scope="module")
def both(platform: Settings, topics: Topics, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[KsqlServer]]:
    with servers(platform, topics, tmp_path_factory.mktemp("cluster"), 2) as made:
        yield made


def until(check: object, wait_s: float = 120.0) -> None:
    deadline = time.monotonic() + wait_s
    while not check():  # type: ignore[operator]
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def queries(server: KsqlServer) -> dict[str, dict[str, object]]:
    listed: list[dict[str, object]] = server.ksql("SHOW QUERIES;")[0]["queries"]  # type: ignore[assignment]
    return {str(q["id"]): q for q in listed if q["queryType"] == "PERSISTENT"}


def share(server: KsqlServer, name: str) -> set[object]:
    """Give the keys that this server has itself, as another server would ask for them."""
    found = set()
    for partition in range(4):
        wanted = {"request.ksql.query.internal.request": True, "request.ksql.query.internal.partitions": str(partition)}
        body = {"sql": f"SELECT k FROM {name};", "requestProperties": wanted}
        answer = httpx.post(f"{server.url}/query-stream", json=body, timeout=60)
        if answer.status_code == httpx.codes.OK:
            found |= {json.loads(line)[0] for line in answer.text.splitlines()[1:]}
    return found


def test_pull_queries_find_every_row_on_either_server(topics: Topics, both: list[KsqlServer]) -> None:
    one, two = both
    source = topics.create("in", 4)
    one.ksql(
        f"CREATE STREAM s (k VARCHAR KEY, v DECIMAL(8, 2)) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');"
        f"CREATE TABLE plain WITH (KAFKA_TOPIC='{topics.prefix}.plain') AS SELECT k, MAX(v) AS v, COUNT(*) AS n "
        "FROM s GROUP BY k;"
        f"CREATE TABLE windowed WITH (KAFKA_TOPIC='{topics.prefix}.windowed') AS SELECT k, COUNT(*) AS n FROM s "
        "WINDOW TUMBLING (SIZE 1 HOUR) GROUP BY k;"
        f"CREATE TABLE sessions WITH (KAFKA_TOPIC='{topics.prefix}.sessions') AS SELECT k, COUNT(*) AS n FROM s "
        "WINDOW SESSION (1 MINUTE) GROUP BY k;"
    )
    for hour in range(3):
        for key in KEYS:
            topics.send(source, key, {"v": 1.5}, T0 + hour * 3_600_000)
    topics.producer.flush(60)
    for server in both:
        for name in ("plain", "windowed", "sessions"):
            pull_until(server, f"SELECT k, n FROM {name};", dict.fromkeys(KEYS, 3))
    # the work is split, and the parts make the whole
    until(lambda: share(one, "plain") and share(two, "plain"))
    assert share(one, "plain").isdisjoint(share(two, "plain"))
    assert share(one, "plain") | share(two, "plain") == set(KEYS)
    for server in both:
        raw = httpx.post(f"{server.url}/query-stream", json={"sql": "SELECT * FROM plain;"}, timeout=60).text
        assert sorted(raw.splitlines()[1:]) == [f'["{key}",1.50,3]' for key in KEYS], "rows are forwarded as they are"
        for key in KEYS:
            assert server.pull(f"SELECT k, n FROM plain WHERE k = '{key}';") == [[key, 3]]
            assert len(server.pull(f"SELECT * FROM windowed WHERE k = '{key}' AND WINDOWSTART > {T0};")) == 2
            assert len(server.pull(f"SELECT * FROM sessions WHERE k = '{key}';")) == 3
        ranged = server.pull("SELECT k FROM plain WHERE k >= 'k03' AND k < 'k07';")
        assert sorted(str(row[0]) for row in ranged) == KEYS[3:7]
        assert len(server.pull("SELECT k FROM plain WHERE n = 3 LIMIT 5;")) == 5
        assert server.pull("SELECT k FROM plain WHERE k = 'nobody';") == []


def test_queries_are_shown_with_their_state_on_every_server(both: list[KsqlServer]) -> None:
    for server in both:
        until(lambda s=server: all(q["statusCount"] == {"RUNNING": 2} for q in queries(s).values()))
        described = server.ksql(f"EXPLAIN {min(queries(server))};")[0]["queryDescription"]
        hosts = {f"127.0.0.1:{s.port}": "RUNNING" for s in both}
        assert described["ksqlHostQueryStatus"] == hosts  # type: ignore[index]
        assert set(httpx.get(f"{server.url}/clusterStatus", timeout=60).json()["clusterStatus"]) == set(hosts)


def test_push_query_sees_all_partitions_on_either_server(topics: Topics, both: list[KsqlServer]) -> None:
    for server in both:
        body = {
            "sql": f"SELECT k FROM s EMIT CHANGES LIMIT {3 * len(KEYS)};",
            "properties": {"auto.offset.reset": "earliest"},
        }
        answer = httpx.post(f"{server.url}/query-stream", json=body, timeout=60)
        rows = [json.loads(line)[0] for line in answer.text.splitlines()[1:]]
        assert Counter(rows) == dict.fromkeys(KEYS, 3)


def test_statements_given_to_both_at_one_moment_are_neither_lost_nor_doubled(
    topics: Topics, both: list[KsqlServer]
) -> None:
    """Eight threads, four at each server; every second statement is one that all of them give."""
    turns = 16
    made: Counter[str] = Counter()
    refused: list[str] = []

    def ask(number: int, server: KsqlServer) -> None:
        for turn in range(turns):
            name = f"P{turn}" if turn % 2 else f"P{number}_{turn}"
            text = f"CREATE STREAM {name} (k VARCHAR KEY) WITH (KAFKA_TOPIC='{topics.prefix}.in', VALUE_FORMAT='JSON');"
            answer = httpx.post(f"{server.url}/ksql", json={"ksql": text}, timeout=60)
            if answer.status_code == httpx.codes.OK:
                made[name] += 1
            else:
                refused.append(answer.json()["message"])

    threads = [threading.Thread(target=ask, args=(n, both[n % 2])) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expected = {f"P{turn}" if turn % 2 else f"P{n}_{turn}" for n in range(8) for turn in range(turns)}
    assert made == dict.fromkeys(expected, 1)
    assert len(refused) == 7 * turns // 2
    assert all("already exists" in message for message in refused)
    for server in both:
        until(lambda s=server: expected <= names(s))


def test_a_statement_just_written_is_seen_by_the_next(platform: Settings, topics: Topics, tmp_path: Path) -> None:
    """The broker acknowledges a commit before its marker is there: the end that it shows is a command behind."""
    jvm.start()
    config = ServerConfig(platform.kafka.bootstrap_servers, service_id=f"{topics.prefix}_log_", state_dir=tmp_path)
    backend = KafkaBackend(config)
    log = backend.command_log()
    try:
        for number in range(100):
            assert log.append(lambda: ('"k"', "{}")) < log.end(), number
    finally:
        log.close()
        backend.delete_topic(config.command_topic)
        backend.close()


def test_topics_are_known_when_they_are_made_and_listed_while_others_go(
    platform: Settings, topics: Topics, tmp_path: Path
) -> None:
    """A broker hears of topics after its controller has made them, and may have forgotten what it has just listed."""
    jvm.start()
    backend = KafkaBackend(ServerConfig(platform.kafka.bootstrap_servers, state_dir=tmp_path))
    over = threading.Event()
    failures: list[Exception] = []

    def look() -> None:
        while not over.is_set():
            try:
                backend.topics()
            except Exception as error:
                failures.append(error)

    looking = threading.Thread(target=look)
    looking.start()
    try:
        for number in range(50):
            name = f"{topics.prefix}.short{number}"
            backend.create_topic(name, 3, 1, {})
            found = backend.topic(name)
            assert found is not None, number
            assert found.partitions == 3
            backend.delete_topic(name)
            assert backend.topic(name) is None, number
    finally:
        over.set()
        looking.join()
        backend.close()
    assert not failures


def names(server: KsqlServer) -> set[str]:
    return {s["name"] for s in server.ksql("SHOW STREAMS;")[0]["streams"]}  # type: ignore[attr-defined]


def test_what_ends_on_one_server_ends_on_the_other(topics: Topics, both: list[KsqlServer]) -> None:
    one, two = both
    before = set(queries(one))
    for name in ("ended", "dropped"):
        two.ksql(f"CREATE STREAM {name} WITH (KAFKA_TOPIC='{topics.prefix}.{name}') AS SELECT * FROM s;")
    until(lambda: len(set(queries(one)) - before) == 2)
    ended = next(i for i in set(queries(one)) - before if "ENDED" in i)
    two.ksql(f"PAUSE {ended};")
    until(lambda: queries(one)[ended]["statusCount"] == {"PAUSED": 2})
    one.ksql(f"TERMINATE {ended};")
    one.ksql("DROP STREAM dropped;")
    until(lambda: set(queries(two)) == before)
    until(lambda: not [t for t in topics.admin.list_topics(timeout=60).topics if ended in t])


def test_one_joins_late_and_one_leaves_without_an_answer_that_lacks_rows(
    topics: Topics, both: list[KsqlServer], platform: Settings, tmp_path: Path
) -> None:
    one, two = both
    seen: list[int] = []
    failures: list[str] = []
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            answer = httpx.post(f"{one.url}/query-stream", json={"sql": "SELECT k FROM plain;"}, timeout=60)
            if answer.status_code == httpx.codes.OK:
                seen.append(len(answer.text.splitlines()) - 1)
            else:
                failures.append(answer.text)

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        with servers(platform, topics, tmp_path / "late") as (three,):
            until(lambda: queries(three) and all(q["statusCount"] == {"RUNNING": 3} for q in queries(three).values()))
            pull_until(three, "SELECT k, n FROM plain;", dict.fromkeys(KEYS, 3))
            two.stop()
            pull_until(three, "SELECT k, n FROM plain;", dict.fromkeys(KEYS, 3))
        pull_until(one, "SELECT k, n FROM plain;", dict.fromkeys(KEYS, 3))
        until(lambda: all(q["statusCount"] == {"RUNNING": 1} for q in queries(one).values()))
    finally:
        over.set()
        asking.join()
    assert set(seen) == {len(KEYS)}
    assert len(seen) > 20
    assert not [text for text in failures if "PLAIN" not in text], "an error says which table and why"
