"""What is around the KSQL server fails: Kafka, the command topic, a topic of a query, a password."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from confluent_kafka.admin import NewTopic

from headway.settings import Settings
from tests.ksql_servers import KsqlServer, Topics, pull_until, servers, topics_of
from tests.own_broker import PASSWORD, STORE_PASSWORD, USER, WRONG, OwnBroker

KEYS = [f"k{n}" for n in range(10)]
SOON = "ksql.query.retry.backoff.initial.ms=1000\n"


@pytest.fixture
def topics(platform: Settings) -> Iterator[Topics]:
    with topics_of(platform) as made:
        yield made


def until(check: object, wait_s: float = 120.0) -> None:
    deadline = time.monotonic() + wait_s
    while not check():  # type: ignore[operator]
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.1)


def log_of(server: KsqlServer) -> str:
    return (server.folder / "server.log").read_text()


def health(server: KsqlServer) -> dict[str, object]:
    answer: dict[str, object] = httpx.get(f"{server.url}/healthcheck", timeout=60).json()
    return answer


def counting(topics: Topics, source: str) -> str:
    return (
        f"CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');"
        f"CREATE TABLE counts WITH (KAFKA_TOPIC='{topics.prefix}.counts') AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;"
    )


def send(topics: Topics, source: str, rounds: int) -> None:
    for _ in range(rounds):
        for key in KEYS:
            topics.send(source, key, {"v": 1})
    assert topics.producer.flush(60) == 0


def test_counts_are_exact_when_kafka_is_away_at_the_start_and_dies_in_the_middle(
    platform: Settings, tmp_path: Path
) -> None:
    broker = OwnBroker(platform, tmp_path / "broker")
    settings = broker.settings(platform)
    server = KsqlServer(settings, "away_", tmp_path / "server")
    try:
        until(lambda: "waiting for Kafka at" in log_of(server))
        until(lambda: _status(server) == "INITIALIZING")
        assert health(server)["isHealthy"] is False
        refused = httpx.post(f"{server.url}/ksql", json={"ksql": "SHOW STREAMS;"}, timeout=60)
        assert (refused.status_code, refused.json()["error_code"]) == (503, 50300)
        broker.start()
        server.wait_ready()
        topics = Topics(settings)
        source = topics.create("in", 2)
        server.ksql(counting(topics, source))
        send(topics, source, 50)
        pull_until(server, "SELECT k, n FROM counts;", dict.fromkeys(KEYS, 50))
        send(topics, source, 50)  # the kill falls into the work on these
        broker.kill()
        until(lambda: health(server)["isHealthy"] is False)
        broker.start()
        server.wait_ready()
        send(topics, source, 50)
        pull_until(server, "SELECT k, n FROM counts;", dict.fromkeys(KEYS, 150))
        assert {q["state"] for q in server.ksql("SHOW QUERIES;")[0]["queries"]} == {"RUNNING"}  # type: ignore[attr-defined]
    finally:
        server.stop()
        broker.stop()


def test_server_is_degraded_and_says_so_when_the_command_topic_holds_what_is_no_command(
    topics: Topics, platform: Settings, tmp_path: Path
) -> None:
    source = topics.create("in", 2)
    with servers(platform, topics, tmp_path) as (server,):
        server.ksql(counting(topics, source))
        topics.producer.produce(
            f"_confluent-ksql-{topics.service}_command_topic", b"\xff no command", b"x", partition=0
        )
        topics.producer.flush(60)
        for again in (False, True):
            if again:  # a restart does not pass over it either
                server.stop()
                server.start()
            until(lambda: _runner(server).get("status") == "DEGRADED")
            assert "record 4 of the command topic" in str(_runner(server)["error"])
            shown = server.ksql("SHOW STREAMS;")[0]
            assert [s["name"] for s in shown["streams"]] == ["S"]  # type: ignore[attr-defined]
            assert "incompatible entry in its log" in shown["warnings"][0]["message"]  # type: ignore[index]
            refused = httpx.post(f"{server.url}/ksql", json={"ksql": "DROP TABLE counts;"}, timeout=60)
            assert refused.status_code == 500
            assert "cannot process further DDL statements" in refused.json()["message"]
        send(topics, source, 3)  # the queries run on
        pull_until(server, "SELECT k, n FROM counts;", dict.fromkeys(KEYS, 3))


def _status(server: KsqlServer) -> str:
    try:
        answer = httpx.get(f"{server.url}/info", timeout=60)
    except httpx.ConnectError:  # it does not listen yet
        return ""
    return str(answer.json()["KsqlServerInfo"]["serverStatus"])


def _runner(server: KsqlServer) -> dict[str, object]:
    try:
        found: dict[str, object] = health(server)["details"]["commandRunner"]  # type: ignore[index]
    except httpx.HTTPError:
        return {}
    return found


def test_server_is_degraded_when_its_command_topic_is_deleted(
    topics: Topics, platform: Settings, tmp_path: Path
) -> None:
    source = topics.create("in", 2)
    with servers(platform, topics, tmp_path) as (server,):
        server.ksql(counting(topics, source))
        asked = topics.admin.delete_topics([f"_confluent-ksql-{topics.service}_command_topic"])
        assert asked
        until(lambda: _runner(server).get("status") == "DEGRADED")
        refused = httpx.post(f"{server.url}/ksql", json={"ksql": "DROP TABLE counts;"}, timeout=60)
        assert "corruption in the command topic" in refused.json()["message"]
        send(topics, source, 3)
        pull_until(server, "SELECT k, n FROM counts;", dict.fromkeys(KEYS, 3))


def test_query_whose_topic_is_deleted_shows_why_and_others_go_on(
    topics: Topics, platform: Settings, tmp_path: Path
) -> None:
    source, other = topics.create("in"), topics.create("other")
    with servers(platform, topics, tmp_path, config=SOON) as (server,):
        server.ksql(
            counting(topics, source)
            + f"CREATE STREAM o (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='{other}', VALUE_FORMAT='JSON');"
            f"CREATE TABLE others WITH (KAFKA_TOPIC='{topics.prefix}.others') AS SELECT k, COUNT(*) AS n FROM o "
            "GROUP BY k;"
        )
        send(topics, source, 2)
        # committed, so that no transaction is open: Kafka lets one wait a minute for a topic that is gone
        topics.latest(f"{topics.prefix}.counts", 120, lambda seen: [v["N"] for v in seen.values()] == [2] * len(KEYS))
        topics.admin.delete_topics([source])[source].result(60)
        until(lambda: _states(server) == {"COUNTS": "ERROR", "OTHERS": "RUNNING"})
        query = next(q["id"] for q in _queries(server) if q["sinks"] == ["COUNTS"])
        described = server.ksql(f"EXPLAIN {query};")[0]["queryDescription"]
        problem = described["queryErrors"][-1]  # type: ignore[index]
        assert problem["type"] == "USER"
        assert source in problem["errorMessage"] or "MissingSourceTopic" in problem["errorMessage"]
        send(topics, other, 3)
        pull_until(server, "SELECT k, n FROM others;", dict.fromkeys(KEYS, 3))
        # the topic comes back: the query is started again by itself
        topics.admin.create_topics([NewTopic(source, 1, 1)])[source].result(60)
        until(lambda: _states(server)["COUNTS"] == "RUNNING")
        # and an operator can always make it anew
        server.ksql(f"TERMINATE {query};")
        server.ksql("DROP TABLE counts DELETE TOPIC;")
        server.ksql(counting(topics, source).split(";", 1)[1])
        send(topics, source, 4)
        pull_until(server, "SELECT k, n FROM counts;", dict.fromkeys(KEYS, 4))


def _queries(server: KsqlServer) -> list[dict[str, object]]:
    found: list[dict[str, object]] = server.ksql("SHOW QUERIES;")[0]["queries"]  # type: ignore[assignment]
    return found


def _states(server: KsqlServer) -> dict[str, object]:
    return {q["sinks"][0]: q["state"] for q in _queries(server)}  # type: ignore[index]


def _login(password: str) -> str:
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return (
        f'sasl.mechanism=SCRAM-SHA-512\nsasl.jaas.config={module} required username="{USER}" password="{password}";\n'
    )


def test_server_works_with_a_password_and_over_tls_and_keeps_its_secrets(platform: Settings, tmp_path: Path) -> None:
    broker = OwnBroker(platform, tmp_path / "broker", secure=True)
    tls = (
        f"security.protocol=SASL_SSL\nssl.truststore.location={tmp_path}/broker/trust.p12\n"
        f"ssl.truststore.type=PKCS12\nssl.truststore.password={STORE_PASSWORD}\n"
    )
    clear = "security.protocol=SASL_PLAINTEXT\n"
    try:
        broker.start()
        topics = Topics(broker.settings(platform))
        source = topics.create("in", 2)
        send(topics, source, 3)
        for name, port, how in (("clear", broker.sasl_port, clear), ("tls", broker.tls_port, tls)):
            server = _secured(platform, tmp_path / name, port, how + _login(PASSWORD), name)
            try:
                server.wait_ready()
                server.ksql(counting(topics, source).replace("counts'", f"{name}'"))
                pull_until(server, "SELECT k, n FROM counts;", dict.fromkeys(KEYS, 3))
                shown = httpx.post(f"{server.url}/ksql", json={"ksql": "SHOW PROPERTIES;"}, timeout=60).text
                told = httpx.post(f"{server.url}/ksql", json={"ksql": "EXPLAIN CTAS_COUNTS_0;"}, timeout=60).text
                assert "sasl.jaas.config" in shown
            finally:
                server.stop()
            for text in (shown, told, log_of(server)):
                assert PASSWORD not in text
                assert STORE_PASSWORD not in text
        for name, how in (
            ("wrong", tls + _login(WRONG)),
            ("untrusted", "security.protocol=SASL_SSL\n" + _login(PASSWORD)),
        ):
            server = _secured(platform, tmp_path / name, broker.tls_port, how, name)
            try:
                assert server.process is not None
                assert server.process.wait(120) == 1
            except subprocess.TimeoutExpired:
                raise AssertionError(log_of(server)) from None
            finally:
                server.stop()
            told = log_of(server)
            assert "does not let this server in" in told
            assert "Traceback" not in told
            assert WRONG not in told
            assert PASSWORD not in told
    finally:
        broker.stop()


def _secured(platform: Settings, folder: Path, port: int, config: str, service: str) -> KsqlServer:
    folder.mkdir()
    file = folder / "server.properties"
    file.write_text(f"bootstrap.servers=127.0.0.1:{port}\n{config}")
    return KsqlServer(
        platform, f"{service}_", folder, "--bootstrap-servers", f"127.0.0.1:{port}", "--config", str(file)
    )
