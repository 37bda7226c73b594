"""Bad records on a real broker: no query stops for one, each is told of in the processing log, the good ones count."""

from __future__ import annotations

import base64
import hashlib
import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType

from headway.settings import Settings
from tests.ksql_servers import KsqlServer, Topics, pull_until, servers, topics_of

WHEN = 1_772_460_000_000
# The batch size is below what narrow takes: a record too large for it must come alone, not in a batch with good ones.
ROWS = (
    "ksql.logging.processing.rows.include=true\nksql.logging.processing.stream.auto.create=true\n"
    "ksql.streams.producer.batch.size=16384\n"
)
TYPES = ("deserializationError", "recordProcessingError", "productionError", "serializationError")


@pytest.fixture
def topics(platform: Settings) -> Iterator[Topics]:
    with topics_of(platform) as made:
        yield made


def logged(topics: Topics, enough: int) -> list[dict[str, object]]:
    """Read the processing log until it has so many entries."""
    consumer = Consumer(topics.kafka | {"group.id": f"{topics.prefix}.log", "enable.auto.commit": False})
    consumer.assign([TopicPartition(f"{topics.service}ksql_processing_log", 0, 0)])
    out: list[dict[str, object]] = []
    deadline = time.monotonic() + 120
    try:
        while len(out) < enough and time.monotonic() < deadline:
            out += [json.loads(m.value() or b"null") for m in consumer.consume(100, 0.2) if not m.error()]
    finally:
        consumer.close()
    return out


def states(server: KsqlServer) -> set[str]:
    return {q["state"] for q in server.ksql("SHOW QUERIES;")[0]["queries"]}  # type: ignore[attr-defined]


def test_no_query_stops_for_a_bad_record_and_each_is_in_the_processing_log(
    topics: Topics, platform: Settings, tmp_path: Path
) -> None:
    source, numbered = topics.create("in"), topics.create("numbered")
    prefix = topics.prefix
    with servers(platform, topics, tmp_path, config=ROWS) as (server,):
        server.ksql(
            f"CREATE STREAM s (k VARCHAR KEY, v INT, t BIGINT, w VARCHAR) WITH (KAFKA_TOPIC='{source}', "
            "VALUE_FORMAT='JSON');"
            f"CREATE STREAM timed (k VARCHAR KEY, v INT, t BIGINT) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON', "
            "TIMESTAMP='t');"
            f"CREATE TABLE numbered (k INT PRIMARY KEY, v INT) WITH (KAFKA_TOPIC='{numbered}', KEY_FORMAT='KAFKA', "
            "VALUE_FORMAT='JSON');"
            f"CREATE TABLE counts WITH (KAFKA_TOPIC='{prefix}.counts') AS SELECT k, COUNT(*) AS n, SUM(100/v) AS q "
            "FROM s GROUP BY k;"
            f"CREATE TABLE times WITH (KAFKA_TOPIC='{prefix}.times') AS SELECT k, COUNT(*) AS n FROM timed "
            "WINDOW TUMBLING (SIZE 1 DAY) GROUP BY k;"
            f"CREATE TABLE keyed WITH (KAFKA_TOPIC='{prefix}.keyed') AS SELECT k, v FROM numbered;"
            f"CREATE STREAM stamped WITH (KAFKA_TOPIC='{prefix}.stamped', TIMESTAMP='t') AS SELECT k, v, t FROM s;"
            f"CREATE STREAM large WITH (KAFKA_TOPIC='{prefix}.large') AS SELECT k, RPAD(w, v * 1000, 'x') AS w FROM s;"
            f"CREATE STREAM narrow (k VARCHAR KEY, w VARCHAR) WITH (KAFKA_TOPIC='{prefix}.narrow', "
            "VALUE_FORMAT='JSON', PARTITIONS=1);"
        )
        _limit(topics, f"{prefix}.narrow", 20_000)
        server.ksql("INSERT INTO narrow SELECT k, w FROM s;")
        good = {"v": 1, "t": WHEN, "w": "x"}

        def put(key: bytes | None, value: bytes | dict[str, object] | None, topic: str = source) -> None:
            data = json.dumps(value) if isinstance(value, dict) else value
            topics.producer.produce(topic, data, key, timestamp=WHEN)

        put(b"a", good)
        put(b"a", b"{not JSON")
        put(b"a", b"\xff\xfe\x00")
        put(b"a", good | {"v": "many"})
        put(None, good)
        put(b"a", None)
        put(b"a", good | {"v": 0})  # counted; 100/0 is null
        put(b"a", good | {"t": -5})  # a time before 1970
        put(b"a", good | {"t": None})
        put(b"m", good)
        topics.producer.flush(60)
        assert "m" in topics.latest(f"{prefix}.narrow", 120, lambda seen: "m" in seen)
        noise = hashlib.shake_256(b"noise").hexdigest(15_000)  # what does not shrink when it is compressed
        put(b"a", good | {"v": 2_000, "w": noise})  # two megabytes for large, more than narrow takes
        topics.producer.flush(60)
        pull_until(server, "SELECT k, n FROM counts;", {"a": 5, "m": 1})
        put(b"z", good)
        put(b"abc", {"v": 1}, numbered)  # no integer
        put(struct.pack(">i", 7), {"v": 2}, numbered)
        put(None, {"v": 1}, numbered)
        assert topics.producer.flush(60) == 0

        pull_until(server, "SELECT k, n FROM counts;", {"a": 5, "m": 1, "z": 1})
        assert server.pull("SELECT q FROM counts WHERE k = 'a';") == [[300]]
        pull_until(server, "SELECT k, n FROM times;", {"a": 3, "m": 1, "z": 1})
        pull_until(server, "SELECT k, v FROM keyed;", {"7": 2})
        for sink in ("large", "narrow", "stamped"):
            assert "z" in topics.latest(f"{prefix}.{sink}", 120, lambda seen: "z" in seen), sink
        assert states(server) == {"RUNNING"}
        entries = logged(topics, 25)
        bodies = [_body(entry) for entry in entries]
        assert {"level", "logger", "time", "message"} == set(entries[0])
        unread = [b for kind, b in bodies if kind == "deserializationError"]
        assert {(b["target"], b["topic"]) for b in unread} == {("value", source), ("key", numbered)}
        assert base64.b64encode(b"{not JSON").decode() in {b["recordB64"] for b in unread}
        assert all(b["cause"] and b["errorMessage"] for b in unread)
        said = json.dumps(bodies)
        for words in ("Failed to extract timestamp", "/ by zero", "Error producing to topic", "max.request.size"):
            assert words in said
        loggers = {str(e["logger"]).split(".")[1] for e in entries}
        assert loggers <= {q["id"] for q in server.ksql("SHOW QUERIES;")[0]["queries"]}, loggers  # type: ignore[attr-defined]
        # the log is a stream like any other
        shown = server.pull("SELECT message->deserializationError->target AS t FROM KSQL_PROCESSING_LOG;")
        assert ["key"] in shown


def _body(entry: dict[str, object]) -> tuple[str, dict[str, object]]:
    message: dict[str, object] = entry["message"]  # type: ignore[assignment]
    found = [(kind, body) for kind, body in message.items() if isinstance(body, dict)]
    assert len(found) == 1
    assert found[0][0] == (*TYPES, "kafkaStreamsThreadError")[int(str(message["type"]))]
    return found[0]


def _limit(topics: Topics, topic: str, size: int) -> None:
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    changed = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    for future in topics.admin.incremental_alter_configs([changed]).values():
        future.result(60)
