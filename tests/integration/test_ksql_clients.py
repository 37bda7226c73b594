"""What ksqlDB's clients do, on a real broker and the real Connect: streams of inserts, connectors, consumers, abuse."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from headway.settings import Settings
from tests.http2_client import Http2Client
from tests.ksql_servers import KsqlServer, Topics, topics_of

FILE_SOURCE = "org.apache.kafka.connect.file.FileStreamSourceConnector"
FILE_SINK = "org.apache.kafka.connect.file.FileStreamSinkConnector"
STRINGS = "org.apache.kafka.connect.storage.StringConverter"


@pytest.fixture(scope="module")
def topics(platform: Settings) -> Iterator[Topics]:
    with topics_of(platform) as made:
        yield made


@pytest.fixture(scope="module")
def server(platform: Settings, topics: Topics, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KsqlServer]:
    folder = tmp_path_factory.mktemp("ksql")
    settings = folder / "server.properties"
    settings.write_text("ksql.lag.reporting.enable=true\nksql.max.push.queries=3\n", encoding="ascii")
    running = KsqlServer(
        platform, topics.service, folder, "--connect-url", platform.connect.url, "--config", str(settings)
    )
    try:
        running.wait_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def readings(server: KsqlServer, topics: Topics) -> str:
    """Give a stream with a table on it."""
    server.ksql(
        "CREATE STREAM readings (k VARCHAR KEY, n INT, price DECIMAL(6, 2), at TIMESTAMP, tags MAP<STRING, BIGINT>) "
        f"WITH (KAFKA_TOPIC='{topics.prefix}.readings', VALUE_FORMAT='JSON', PARTITIONS=2);"
        f"CREATE TABLE counts WITH (KAFKA_TOPIC='{topics.prefix}.counts') AS "
        "SELECT k, COUNT(*) AS c FROM readings GROUP BY k;"
    )
    return "readings"


def until(check: Callable[[], Any], timeout_s: float = 120.0) -> Any:
    deadline = time.monotonic() + timeout_s
    while not (found := check()):
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)
    return found


def line(**fields: Any) -> bytes:
    return json.dumps(fields).encode() + b"\n"


def test_rows_are_acknowledged_and_followed_while_their_request_is_open(server: KsqlServer, readings: str) -> None:
    with Http2Client(server.port) as client:
        push = client.open("/query-stream", line(sql="SELECT k, n, price, at, tags FROM readings EMIT CHANGES;"))
        assert json.loads(client.pieces_of(push, 1)[0])["columnNames"] == ["K", "N", "PRICE", "AT", "TAGS"]
        inserts = client.open("/inserts-stream", line(target=readings), end=False)
        until(lambda: _is_following(server))
        number = 0
        while len(client.pieces[push]) < 2:  # a push query from "latest" sees what comes once it has its place
            row = {"k": "a", "n": number, "PRICE": 1.5, "at": "2026-03-02T14:00:00", "tags": {"x": 7}}
            client.send(inserts, line(**row))
            acks = client.pieces_of(inserts, number + 1)
            assert json.loads(acks[number]) == {"status": "ok", "seq": number}
            number += 1
            time.sleep(0.1)
        first = json.loads(client.pieces[push][1])
        assert first == ["a", first[1], 1.5, "2026-03-02T14:00:00.000", {"x": 7}]
        client.send(inserts, line(k="b", n="many"), end=False)
        wrong = json.loads(client.answer(inserts).splitlines()[-1])
        assert (wrong["status"], wrong["seq"], wrong["error_code"]) == ("error", number, 40000)
        assert "into type INTEGER" in wrong["message"]
        query = json.loads(client.pieces[push][0])["queryId"]
        assert client.answer(client.open("/close-query", line(queryId=query))) == b""
        client.answer(push)
    until(lambda: [["a", number]] == server.pull("SELECT * FROM counts;"))


def _is_following(server: KsqlServer) -> bool:
    shown: Any = server.ksql("SHOW QUERIES;")[0]["queries"]
    return any(q["queryType"] == "PUSH" and q["state"] == "RUNNING" for q in shown)


def test_inserts_into_nowhere_are_refused_before_any_row(server: KsqlServer) -> None:
    answer = httpx.post(f"{server.url}/inserts-stream", content=line(target="nowhere") + line(k="a"), timeout=60)
    assert (answer.status_code, answer.json()["error_code"]) == (400, 40001)
    answer = httpx.post(f"{server.url}/inserts-stream", content=b"[1]\n", timeout=60)
    assert answer.status_code == 400


def test_status_is_found_with_and_without_back_quotes(server: KsqlServer, readings: str) -> None:
    for name in ("stream/`READINGS`/create", "stream/READINGS/create"):
        assert httpx.get(f"{server.url}/status/{name}", timeout=60).json()["status"] == "SUCCESS"
    missing = httpx.get(f"{server.url}/status/stream/NOWHERE/create", timeout=60)
    assert (missing.status_code, missing.json()["error_code"]) == (404, 40400)


def test_topics_extended_counts_those_who_read(server: KsqlServer, topics: Topics, readings: str) -> None:
    def row() -> Any:
        listed: Any = server.ksql("SHOW TOPICS EXTENDED;")[0]["topics"]
        return next(t for t in listed if t["name"] == f"{topics.prefix}.readings")

    until(lambda: (row()["consumerCount"], row()["consumerGroupCount"]) == (1, 1))


def test_cluster_status_shows_partitions_and_lags(server: KsqlServer, topics: Topics, readings: str) -> None:
    def here() -> Any:
        status = httpx.get(f"{server.url}/clusterStatus", timeout=60).json()["clusterStatus"]
        return status[f"127.0.0.1:{server.port}"]

    placed = until(lambda: next((q for i, q in here()["activeStandbyPerQuery"].items() if "COUNTS" in i), None))
    assert {"topic": f"{topics.prefix}.readings", "partition": 1} in placed["activePartitions"]
    assert placed["activeStores"] == ["Aggregate-Aggregate-Materialize"]
    lags = here()["hostStoreLags"]["stateStoreLags"]
    name = next(n for n in lags if n.endswith("#Aggregate-Aggregate-Materialize"))
    assert lags[name]["size"] == 2
    assert lags[name]["lagByPartition"]["0"].keys() == {"currentOffsetPosition", "endOffsetPosition", "offsetLag"}


def test_connectors_of_the_real_connect(server: KsqlServer, topics: Topics, tmp_path: Path) -> None:
    lines, out = tmp_path / "in.txt", tmp_path / "out.txt"
    lines.write_text("one\ntwo\n", encoding="ascii")
    source, sink, topic = f"{topics.prefix}-in", f"{topics.prefix}-out", topics.create("lines")
    plugins: Any = server.ksql("SHOW CONNECTOR PLUGINS;")[0]["connectorsPlugins"]
    assert FILE_SOURCE in [p["className"] for p in plugins]
    with_ = f"'tasks.max'=1, 'key.converter'='{STRINGS}', 'value.converter'='{STRINGS}'"
    statement = (
        f"CREATE SOURCE CONNECTOR IF NOT EXISTS `{source}` WITH ('connector.class'='{FILE_SOURCE}', "
        f"'file'='{lines}', 'topic'='{topic}', {with_});"
    )
    try:
        made: Any = server.ksql(statement)[0]
        assert (made["@type"], made["info"]["name"], made["info"]["type"]) == ("connector_info", source, "source")
        assert server.ksql(statement)[0]["@type"] == "warning_entity"
        refused: Any = server.ksql(statement.replace("IF NOT EXISTS ", ""), status=409)
        assert (refused["error_code"], refused["@type"]) == (40900, "statement_error")
        server.ksql(
            f"CREATE SINK CONNECTOR `{sink}` WITH ('connector.class'='{FILE_SINK}', 'file'='{out}', "
            f"'topics'='{topic}', {with_});"
        )
        server.ksql(f"CREATE STREAM lines (line VARCHAR) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='KAFKA');")

        def described() -> Any:
            return server.ksql(f"DESCRIBE CONNECTOR `{source}`;")[0]

        until(lambda: described()["topics"] == [topic])
        assert described()["connectorClass"] == FILE_SOURCE
        assert described()["status"]["connector"]["state"] == "RUNNING"
        assert [s["name"] for s in described()["sources"]] == ["LINES"]
        until(lambda: out.exists() and out.read_text() == "one\ntwo\n")
        shown: Any = server.ksql("SHOW SINK CONNECTORS;")[0]["connectors"]
        row = next(c for c in shown if c["name"] == sink)
        assert row == {"name": sink, "type": "sink", "className": FILE_SINK, "state": "RUNNING (1/1 tasks RUNNING)"}
        wrong: Any = server.ksql("CREATE SINK CONNECTOR bad WITH ('connector.class'='no.such.Class');", status=400)
        assert "no.such.Class" in wrong["message"]
    finally:
        for name in (source, sink):
            server.ksql(f"DROP CONNECTOR IF EXISTS `{name}`;")
    gone: Any = server.ksql(f"DROP CONNECTOR `{source}`;", status=404)
    assert gone["error_code"] == 40400


HOSTILE = {
    "nested JSON": (b'{"ksql":' + b"[" * 1_000_000, 400),
    "parentheses": (line(ksql="CREATE STREAM p AS SELECT " + "(" * 10_000 + "n" + ")" * 10_000 + " FROM s;"), 400),
    "NOT upon NOT": (line(ksql="CREATE STREAM p AS SELECT * FROM readings WHERE " + "NOT " * 20_000 + "TRUE;"), 400),
    "a nested type": (line(ksql="CREATE STREAM p (a " + "ARRAY<" * 5_000 + "INT" + ">" * 5_000 + ");"), 400),
    "a name of 4 MB": (line(ksql="DROP STREAM " + "x" * 4_000_000 + ";"), 400),
    "a comment without end": (line(ksql="SHOW STREAMS; " + "/* " * 1_300_000), 400),
    "quotes": (line(ksql="'" * 1_000_001), 400),
    "many statements": (line(ksql="SHOW STREAMS;" * 50_000), 413),
    "many columns": (line(ksql="CREATE STREAM p (" + ",".join(f"c{i} INT" for i in range(50_000)) + ");"), 413),
    "variables of variables": (
        line(ksql="DEFINE a='0123456789';" + "".join(
            f"DEFINE {chr(98 + i)}='{('${' + chr(97 + i) + '}') * 10}';" for i in range(9)) + "DROP STREAM ${j};"),
        400,
    ),
    "text where numbers belong": (line(ksql="SHOW STREAMS;", commandSequenceNumber="x"), 400),
    "a list of variables": (line(ksql="SHOW STREAMS;", sessionVariables=[1]), 400),
    "properties that are none": (line(ksql="SHOW STREAMS;", streamsProperties="x"), 400),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_request_is_answered_in_bounded_time(server: KsqlServer, readings: str, name: str) -> None:
    body, status = HOSTILE[name]
    began = time.monotonic()
    answer = httpx.post(f"{server.url}/ksql", content=body, timeout=60)
    took = time.monotonic() - began
    assert answer.status_code == status, answer.text[:300]
    assert answer.json()["@type"] in {"generic_error", "statement_error"}
    assert took < 20
    assert server.ksql("SHOW STREAMS;")


def test_too_many_push_queries_at_once_are_refused_and_the_others_go_on(server: KsqlServer, readings: str) -> None:
    sql = line(sql="SELECT * FROM readings EMIT CHANGES;")
    stay = threading.Event()
    until(lambda: not _is_following(server))  # of the tests before

    def ask(_: int) -> int:
        with httpx.stream("POST", f"{server.url}/query-stream", content=sql, timeout=60) as answer:
            if answer.status_code == httpx.codes.OK:
                lines = answer.iter_lines()  # kept: httpx closes the connection of an iterator that is dropped
                next(lines)
                stay.wait(120)  # while the others are refused
            return answer.status_code

    with ThreadPoolExecutor(12) as clients:
        asked = [clients.submit(ask, n) for n in range(12)]
        until(lambda: sum(a.done() for a in asked) >= 9)
        stay.set()
        statuses = sorted(a.result() for a in asked)
    assert statuses == [200] * 3 + [429] * 9
    until(lambda: not _is_following(server))


def test_terminating_the_cluster_leaves_only_what_was_not_named(
    platform: Settings, topics: Topics, tmp_path: Path
) -> None:
    running = KsqlServer(platform, f"{topics.prefix}_end_", tmp_path)
    try:
        running.wait_ready()
        for name in ("gone", "kept"):
            running.ksql(
                f"CREATE STREAM from_{name} (n INT) WITH (KAFKA_TOPIC='{topics.prefix}.from_{name}', "
                f"VALUE_FORMAT='JSON', PARTITIONS=1);"
                f"CREATE STREAM {name} WITH (KAFKA_TOPIC='{topics.prefix}.{name}') AS SELECT * FROM from_{name};"
            )
        wrong = httpx.post(f"{running.url}/ksql/terminate", json={"deleteTopicList": ["("]}, timeout=60)
        assert (wrong.status_code, wrong.json()["error_code"]) == (400, 40000)
        body = {"deleteTopicList": [".*gone"]}
        answer = httpx.post(f"{running.url}/ksql/terminate", json=body, timeout=60).json()
        assert answer[0]["commandStatus"]["status"] == "SUCCESS"
        assert httpx.post(f"{running.url}/ksql", json={"ksql": "SHOW STREAMS;"}, timeout=60).status_code == 503
    finally:
        running.stop()
    left = {t for t in topics.admin.list_topics(timeout=60).topics if topics.prefix in t}
    assert {f"{topics.prefix}.kept", f"{topics.prefix}.from_gone"} <= left
    assert not left & {f"{topics.prefix}.gone", f"_confluent-ksql-{topics.prefix}_end__command_topic"}
