"""KSQL on a real broker: our statements, pull and push queries, errors, limits, restarts."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from headway.adapters.ksql import KsqlClient
from headway.core.topics import HOURLY, LINE_HOURLY, SUMMARY, TURNSTILE
from headway.errors import NotAsExpectedError, UnavailableError
from headway.settings import PROJECT_DIR, KsqlSettings, Settings
from tests.ksql_servers import KsqlServer, Topics, topics_of

HOUR_MS = 3_600_000
FIRST_MS = 1_772_460_000_000  # 2026-03-02T14:00:00Z


@pytest.fixture(scope="module")
def topics(platform: Settings) -> Iterator[Topics]:
    with topics_of(platform) as made:
        yield made


@pytest.fixture(scope="module")
def server(platform: Settings, topics: Topics, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KsqlServer]:
    running = KsqlServer(platform, topics.service, tmp_path_factory.mktemp("ksql"))
    try:
        running.wait_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def client(platform: Settings, server: KsqlServer) -> Iterator[KsqlClient]:
    settings = platform.model_copy(update={"ksql": KsqlSettings(port=server.port)})
    with KsqlClient(settings) as made:
        yield made


@pytest.fixture(scope="module")
def statements(topics: Topics, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Copy our statements onto topics of this test."""
    folder = tmp_path_factory.mktemp("sql")
    names = {TURNSTILE: topics.create("in", 3)}
    names |= {name: topics.create(name.split(".", 1)[1], 3) for name in (SUMMARY, HOURLY, LINE_HOURLY)}
    for file in sorted((PROJECT_DIR / "ksql").glob("*.sql")):
        text = file.read_text(encoding="utf-8")
        for old, new in names.items():
            text = text.replace(f"'{old}'", f"'{new}'")
        (folder / file.name).write_text(text, encoding="utf-8")
    return folder


def _event(station: int, when: int, entries: int, line: str = "red") -> dict[str, object]:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(when / 1000))
    return {
        "event_id": f"{station}-{when}-{line}",
        "event_time": stamp,
        "service_date": stamp[:10],
        "station_id": station,
        "station_name": f"Station {station}",
        "line": line,
        "num_entries": entries,
    }


def _until(check: object, timeout_s: float = 120.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not check():  # type: ignore[operator]
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def test_our_statements_give_exact_tables_even_when_time_goes_backwards(
    client: KsqlClient, topics: Topics, statements: Path
) -> None:
    client.run_file(statements)
    client.wait_query_running(timeout_s=120)
    source = f"{topics.prefix}.in"
    for days_back in (0, 7, 400):
        for hour in range(3):
            for station in (40010, 40020):
                when = FIRST_MS - days_back * 24 * HOUR_MS + hour * HOUR_MS + 5 * 60_000
                for line in ("red", "blue"):
                    topics.send(source, str(station), _event(station, when, 10 + hour, line), when)
    topics.producer.flush(60)
    total = 3 * 2 * (10 + 11 + 12)
    expected = [{"STATION_ID": str(s), "NUM_RECORDS": 18, "TOTAL_ENTRIES": total} for s in (40010, 40020)]
    sql = "SELECT * FROM turnstile_summary;"
    _until(lambda: sorted(client.pull(sql), key=str) == expected)

    def sum_of(sql: str) -> int:
        return sum(row["TOTAL_ENTRIES"] for row in client.pull(sql))

    # each table is a query of its own, which reads at its own pace
    hourly = "SELECT * FROM turnstile_hourly WHERE station_id = '40010';"
    _until(lambda: sum_of(hourly) == total)
    assert len(client.pull(hourly)) == 9
    oldest = FIRST_MS - 400 * 24 * HOUR_MS
    one = client.pull(f"SELECT * FROM turnstile_hourly WHERE station_id = '40010' AND WINDOWSTART = {oldest};")
    assert [(r["WINDOWSTART"], r["WINDOWEND"], r["TOTAL_ENTRIES"]) for r in one] == [(oldest, oldest + HOUR_MS, 20)]
    _until(lambda: sum_of("SELECT * FROM line_hourly WHERE line = 'red';") == total)


def test_running_the_files_again_changes_nothing(client: KsqlClient, statements: Path) -> None:
    before = client.queries()
    results = client.run_file(statements)
    assert {r.kind for r in results} == {"warning_entity"}
    assert client.queries() == before


def test_an_edited_statement_is_not_taken_for_the_old_one(client: KsqlClient, statements: Path) -> None:
    text = (statements / "02_summary.sql").read_text(encoding="utf-8").replace("COUNT(*)", "COUNT(*) + 1")
    with pytest.raises(NotAsExpectedError, match="made by another statement"):
        client.run(text)


def test_push_query_ends_at_its_limit_and_when_its_client_leaves(client: KsqlClient, server: KsqlServer) -> None:
    earliest = {"auto.offset.reset": "earliest"}
    rows = list(client.push("SELECT station_id, line FROM turnstile EMIT CHANGES LIMIT 3;", properties=earliest))
    assert len(rows) == 3
    for _ in client.push("SELECT station_id FROM turnstile EMIT CHANGES;", limit=1, properties=earliest):
        pass
    _until(lambda: not [q for q in server.ksql("SHOW QUERIES;")[0]["queries"] if q["queryType"] == "PUSH"])  # type: ignore[attr-defined]


def test_push_query_sees_what_comes_after_it(client: KsqlClient, topics: Topics) -> None:
    got: list[dict[str, object]] = []
    ready = threading.Event()

    def follow() -> None:
        for row in client.push("SELECT station_id, total_entries FROM turnstile_summary EMIT CHANGES;", limit=1):
            got.append(row)
            ready.set()

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    number = 0
    while not ready.wait(0.5) and number < 240:
        number += 1
        when = FIRST_MS + 30 * 24 * HOUR_MS + number
        topics.send(f"{topics.prefix}.in", "49999", _event(49999, when, 1), when)
        topics.producer.flush(60)
    thread.join(60)
    assert got[0]["STATION_ID"] == "49999"


def test_pull_query_reads_a_stream_to_its_end(client: KsqlClient) -> None:
    rows = client.pull("SELECT station_id, num_entries FROM turnstile WHERE line = 'blue';")
    assert len(rows) == 18


def test_statement_that_is_wrong_is_refused_with_its_place(client: KsqlClient, server: KsqlServer) -> None:
    with pytest.raises(NotAsExpectedError, match="refused a statement"):
        client.run("CREATE STREAM broken (a INT) WITH (KAFKA_TOPIC=;")
    body = httpx.post(f"{server.url}/ksql", json={"ksql": "SHOW STREEMS x FROM;"}, timeout=60).json()
    assert body["@type"] == "statement_error"
    assert body["error_code"] == 40001
    assert body["line"] == 1


def test_statements_of_a_request_run_all_or_none(server: KsqlServer, topics: Topics) -> None:
    good = (
        f"CREATE STREAM never_made (a INT) WITH (KAFKA_TOPIC='{topics.prefix}.n', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    server.ksql(good + "CREATE STREAM wrong AS SELECT nothing FROM nowhere;", status=400)
    names = [s["name"] for s in server.ksql("SHOW STREAMS;")[0]["streams"]]  # type: ignore[attr-defined]
    assert "NEVER_MADE" not in names


def test_insert_values_and_drop_with_topic(server: KsqlServer, topics: Topics, platform: Settings) -> None:
    topic = f"{topics.prefix}.inserted"
    server.ksql(
        f"CREATE STREAM ins (k VARCHAR KEY, n INT) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON', PARTITIONS=1);"
    )
    server.ksql("INSERT INTO ins (k, n) VALUES ('a', 1);")
    assert topics.latest(topic, 120, lambda seen: "a" in seen)["a"] == {"N": 1}
    server.ksql("DROP STREAM ins DELETE TOPIC;")
    assert topic not in topics.admin.list_topics(timeout=60).topics


def test_bodies_that_are_too_large_or_not_json_are_refused(server: KsqlServer) -> None:
    large = httpx.post(f"{server.url}/ksql", json={"ksql": "x" * 5_000_000}, timeout=60)
    assert (large.status_code, large.json()["error_code"]) == (413, 41300)
    assert httpx.post(f"{server.url}/ksql", content=b"{", timeout=60).status_code == 400
    xml = httpx.post(f"{server.url}/ksql", content=b"<a/>", headers={"Content-Type": "text/xml"}, timeout=60)
    assert xml.status_code == 415
    assert httpx.get(f"{server.url}/nowhere", timeout=60).json()["error_code"] == 40400


def test_a_reader_that_is_slower_than_its_query_holds_it_back(server: KsqlServer, topics: Topics) -> None:
    source = topics.create("wide")
    for number in range(30_000):
        topics.send(source, "k", {"t": f"{number:0200d}"})
    topics.producer.flush(60)
    server.ksql(f"CREATE STREAM wide (t VARCHAR) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');")
    body = {"sql": "SELECT t FROM wide EMIT CHANGES LIMIT 30000;", "properties": {"auto.offset.reset": "earliest"}}
    with httpx.stream("POST", f"{server.url}/query-stream", json=body, timeout=60) as answer:
        lines = answer.iter_lines()
        next(lines)
        time.sleep(1.0)
        rows = [json.loads(line) for line in lines if line]
    assert [int(row[0]) for row in rows] == list(range(30_000))


def test_terminate_pause_and_resume(server: KsqlServer, topics: Topics) -> None:
    source = topics.create("paused")
    server.ksql(f"CREATE STREAM ps (k VARCHAR KEY, n INT) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');")
    made = server.ksql(f"CREATE STREAM pc WITH (KAFKA_TOPIC='{topics.prefix}.pc') AS SELECT * FROM ps;")
    query = made[0]["commandStatus"]["queryId"]  # type: ignore[index]
    server.ksql(f"PAUSE {query};")
    shown = {q["id"]: q["state"] for q in server.ksql("SHOW QUERIES;")[0]["queries"]}  # type: ignore[attr-defined]
    assert shown[query] == "PAUSED"
    server.ksql(f"RESUME {query};")
    topics.send(source, "a", {"n": 1})
    topics.producer.flush(60)
    assert topics.latest(f"{topics.prefix}.pc", 120, lambda seen: "a" in seen)["a"] == {"N": 1}
    server.ksql(f"TERMINATE {query};")
    assert query not in [q["id"] for q in server.ksql("SHOW QUERIES;")[0]["queries"]]  # type: ignore[attr-defined]


def test_everything_is_there_after_a_restart(client: KsqlClient, server: KsqlServer) -> None:
    before, queries = client.pull("SELECT * FROM turnstile_summary;"), {q.id for q in client.queries()}
    server.stop()
    with pytest.raises(UnavailableError):
        client.queries()
    server.start()
    server.wait_ready()
    assert {q.id for q in client.wait_query_running(timeout_s=120)} == queries
    assert sorted(client.pull("SELECT * FROM turnstile_summary;"), key=str) == sorted(before, key=str)


def test_api_describes_itself(server: KsqlServer) -> None:
    paths = httpx.get(f"{server.url}/openapi.json", timeout=60).json()["paths"]
    assert {"/ksql", "/query", "/query-stream", "/healthcheck"} <= paths.keys()
    assert httpx.get(f"{server.url}/info", timeout=60).json()["KsqlServerInfo"]["serverStatus"] == "RUNNING"
    with contextlib.closing(httpx.Client(base_url=server.url, timeout=60)) as http:
        assert list(http.get("/clusterStatus").json()["clusterStatus"]) == [f"127.0.0.1:{server.port}"]
