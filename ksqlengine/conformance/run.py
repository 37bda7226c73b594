"""Run one case: statements through the engine, records through TopologyTestDriver, results compared."""

from __future__ import annotations

import functools
import tempfile
from dataclasses import dataclass
from typing import Any

import jpype

from ksqlengine import jvm, parser
from ksqlengine.catalog import Catalog, FormatInfo, Source
from ksqlengine.conformance import records
from ksqlengine.conformance.cases import Case
from ksqlengine.conformance.post import PREFIX, check, internal_topics
from ksqlengine.engine import Engine, ParsedStatement, Plan, parse_one
from ksqlengine.errors import KsqlError
from ksqlengine.types import SqlType


class Mismatch(Exception):  # noqa: N818 - it is a finding, not an error of the program
    """Say how a result differs from what the case expects."""


@dataclass
class Record:
    """Be one record of a topic."""

    key: bytes | None
    value: bytes | None
    timestamp: int
    headers: list[tuple[str, bytes | None]]


def statements(case: Case) -> list[tuple[str, int, int]]:
    """Return the pieces of all statements, placed as if they stood in one text."""
    return parser.split("\n".join(case.statements))


def run_case(case: Case) -> None:
    """Run a case. Raises Mismatch when it does not do what it should."""
    engine = Engine(Catalog(), {**case.properties})
    plans: list[Plan] = []
    types: dict[str, SqlType] = {}
    pieces = statements(case)
    error: Exception | None = None
    inserted: list[Plan] = []
    started: list[Plan] = []
    for i, piece in enumerate(pieces):
        try:
            plan = _plan(engine, piece, types, case)
            engine.apply(plan)
            if plan.kind == "query":
                plans = [p for p in plans if p.query_id != plan.query_id]
                plans.append(plan)
                started.append(plan)
            elif plan.kind == "insert_values":
                inserted.append(plan)
        except KsqlError as problem:
            if case.expected_error is None or i < len(pieces) - 1:
                raise Mismatch(f"statement {i + 1} was refused: {problem.message}") from problem
            error = problem
            break
    if case.expected_error is not None and error is not None:
        _check_error(case, error)
        return
    if case.expected_error is not None and not str(case.expected_error.get("type", "")).endswith("StreamsException"):
        raise Mismatch(f"it should be refused: {case.expected_error.get('message')}")
    topics = _feed(case, engine, inserted)
    internal: set[str] = set()
    try:
        for plan in plans:
            _run_query(engine, plan, topics, case, internal)
    except Exception as problem:
        if case.expected_error is not None:
            _check_error(case, problem)
            return
        raise
    if case.expected_error is not None:
        raise Mismatch(f"it should fail: {case.expected_error.get('message')}")
    _compare(case, engine, topics)
    check(case, engine, internal, Mismatch)


def _plan(engine: Engine, piece: tuple[str, int, int], types: dict[str, SqlType], case: Case) -> Plan:
    statement: ParsedStatement = parse_one(piece, types, {})
    partitions = {t["name"]: t["partitions"] for t in case.topics if t.get("partitions")}
    return engine.plan(statement, {"ksql.topic.partitions": partitions})


def _check_error(case: Case, error: Exception) -> None:
    wanted = (case.expected_error or {}).get("message")
    text = error.message if isinstance(error, KsqlError) else str(error)
    forms = (text, "Failed to prepare statement: " + text, "Exception while preparing statement: " + text)
    if wanted and not any(wanted in form for form in forms):
        raise Mismatch(f"message differs\n      expected: {wanted}\n      actual:   {text}")


def _sources_of(engine: Engine, topic: str) -> Source | None:
    found = [s for s in engine.catalog.sources.values() if s.topic == topic]
    return found[0] if found else None


def _feed(case: Case, engine: Engine, inserted: list[Plan]) -> dict[str, list[Record]]:
    topics: dict[str, list[Record]] = {}
    for plan in inserted:
        assert plan.sink is not None  # noqa: S101 - INSERT VALUES always has a target
        key, value, time = engine.insert_record(plan)
        topics.setdefault(plan.sink.topic, []).append(Record(key, value, time or 0, []))
    for item in case.inputs:
        source = _sources_of(engine, item["topic"])
        if source is None:
            continue
        key = records.encode(item.get("key"), source.key_format, source.schema.key)
        if item.get("window"):
            key = records.window_bytes(key, item["window"])
        value = records.encode(item.get("value"), source.value_format, source.schema.value)
        made = Record(key, value, item.get("timestamp") or 0, records.headers(item))
        topics.setdefault(item["topic"], []).append(made)
    return topics


@functools.cache
def _state_folder() -> tempfile.TemporaryDirectory[str]:
    """Return this process's folder for what Kafka Streams keeps in files whatever it is told (foreign-key joins)."""
    return tempfile.TemporaryDirectory(prefix="ksqlengine-conformance-")


def _run_query(engine: Engine, plan: Plan, topics: dict[str, list[Record]], case: Case, internal: set[str]) -> None:
    config = {k.removeprefix("ksql.streams."): v for k, v in case.properties.items() if k.startswith("ksql.streams.")}
    config.pop("default.timestamp.extractor", None)  # a class of ksqlDB's own
    config.setdefault("__emit.interval.ms.kstreams.windowed.aggregation__", 0)
    built = engine.build_topology(plan, {"application.id": "conformance", "state.dir": _state_folder().name, **config})
    internal.update(f"{PREFIX}{plan.query_id}-{n}" for n in internal_topics(built.topology))
    byte_array = jvm.java("org.apache.kafka.common.serialization.ByteArraySerializer")()
    reader = jvm.java("org.apache.kafka.common.serialization.ByteArrayDeserializer")()
    test_record = jvm.java("org.apache.kafka.streams.test.TestRecord")
    record_headers = jvm.java("org.apache.kafka.common.header.internals.RecordHeaders")
    instant = jvm.java("java.time.Instant")
    driver = jvm.java("org.apache.kafka.streams.TopologyTestDriver")(
        built.topology, built.properties, instant.ofEpochMilli(0)
    )
    try:
        assert plan.sink is not None  # noqa: S101 - persistent queries only
        names = list(
            dict.fromkeys(engine.catalog.sources[s].topic if s in engine.catalog.sources else s for s in plan.sources)
        )
        pipes = {n: driver.createInputTopic(n, byte_array, byte_array) for n in names}
        output = driver.createOutputTopic(plan.sink.topic, reader, reader)
        bytes_ = jpype.JArray(jpype.JByte)
        order = _in_order(case, topics, names)
        for name, record in order:
            headers = record_headers()
            for key, value in record.headers:
                headers.add(key, bytes_(value) if value is not None else None)
            made = test_record(
                bytes_(record.key) if record.key is not None else None,
                bytes_(record.value) if record.value is not None else None,
                headers, instant.ofEpochMilli(record.timestamp),
            )  # fmt: skip
            pipes[name].pipeInput(made)
        for made in output.readRecordsToList():
            out_headers = [(str(h.key()), bytes(h.value()) if h.value() is not None else None) for h in made.headers()]
            key, value = made.key(), made.value()
            topics.setdefault(plan.sink.topic, []).append(
                Record(
                    bytes(key) if key is not None else None, bytes(value) if value is not None else None,
                    int(made.timestamp()), out_headers,
                )
            )  # fmt: skip
    finally:
        driver.close()


def _in_order(case: Case, topics: dict[str, list[Record]], names: list[str]) -> list[tuple[str, Record]]:
    """Return the source topics' records in file order; a topic that is another query's result comes as it is."""
    positions = dict.fromkeys(names, 0)
    order: list[tuple[str, Record]] = []
    for item in case.inputs:
        name = item["topic"]
        if name in positions and positions[name] < len(topics.get(name, [])):
            order.append((name, topics[name][positions[name]]))
            positions[name] += 1
    for name in names:
        order += [(name, r) for r in topics.get(name, [])[positions[name] :]]
    return order


def _compare(case: Case, engine: Engine, topics: dict[str, list[Record]]) -> None:
    expected: dict[str, list[dict[str, Any]]] = {}
    for item in case.outputs:
        expected.setdefault(item["topic"], []).append(item)
    for topic, items in expected.items():
        actual = topics.get(topic, [])
        source = _sources_of(engine, topic)
        if source is None:
            raise Mismatch(f"no source for topic {topic}")
        shown = [_show(r) for r in actual]
        for i, (item, record) in enumerate(zip(items, actual, strict=False)):
            problem = _differs(item, record, source, bool(case.inputs))
            if problem:
                raise Mismatch(
                    f"{topic} record {i + 1}: {problem}\n      expected: {_brief(item)}\n      actual:   {shown[i]}"
                )
        if len(items) != len(actual):
            raise Mismatch(f"{topic}: expected {len(items)} records, got {len(actual)}: {shown[:12]}")


def _brief(item: dict[str, Any]) -> str:
    return records.dump_json({k: v for k, v in item.items() if k != "topic"})


def _show(record: Record) -> str:
    return f"{record.key!r} {record.value!r} @{record.timestamp}"


def _differs(item: dict[str, Any], record: Record, source: Source, timed: bool) -> str | None:
    key_bytes = record.key
    window = item.get("window")
    if window and key_bytes is not None:
        tail = records.window_bytes(b"", window)
        if not key_bytes.endswith(tail):
            return "window"
        key_bytes = key_bytes[: -len(tail)]
    elif window:
        return "window"
    key = records.decode(key_bytes, source.key_format, source.schema.key)
    if not records.same(_typed(item.get("key"), source.key_format), key):
        return "key"
    value = records.decode(record.value, source.value_format, source.schema.value)
    if not records.same(_typed(item.get("value"), source.value_format), value):
        return "value"
    if item.get("timestamp") is not None and item["timestamp"] != record.timestamp and (timed or item["timestamp"]):
        return "timestamp"
    if records.headers(item) != record.headers:
        return "headers"
    return None


def _typed(node: Any, fmt: FormatInfo) -> Any:
    if fmt.name == "DELIMITED" and node is not None and not isinstance(node, str):
        return records.dump_json(node)
    return node
