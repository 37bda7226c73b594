"""Evaluate many expressions in one topology: a stream of one record, each expression a column."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import jpype

from ksqlengine import jvm
from ksqlengine.engine import Engine

# a column of each type, null in the one record that there is
STREAM = """CREATE STREAM s (k VARCHAR KEY, n_bool BOOLEAN, n_int INT, n_big BIGINT, n_dbl DOUBLE, n_dec DECIMAL(6, 2),
  n_str VARCHAR, n_bytes BYTES, n_date DATE, n_time TIME, n_ts TIMESTAMP, n_ints ARRAY<INT>, n_strs ARRAY<VARCHAR>,
  n_map MAP<VARCHAR, INT>, n_struct STRUCT<a INT>, ints ARRAY<INT>, strs ARRAY<VARCHAR>, map MAP<VARCHAR, INT>,
  empty ARRAY<INT>, empty_map MAP<VARCHAR, INT>)
  WITH (kafka_topic='s', value_format='JSON');"""
RECORD = {"ints": [1, None, 3], "strs": ["b", None, "a"], "map": {"x": 1, "y": None}, "empty": [], "empty_map": {}}
COMPUTING = "Error computing expression"
ROWTIME = 1_700_000_000_123


@dataclass
class Result:
    """Be what an expression gave: its type, its value as the JSON format writes it, what was logged."""

    type: str
    value: Any
    problems: list[str]


def engine() -> Engine:
    """Return an engine that knows the stream."""
    made = Engine()
    for statement in Engine().parse(STREAM):
        made.apply(made.plan(statement))
    return made


def refusal(expression: str) -> str | None:
    """Return why an expression is refused, None when it is not."""
    from ksqlengine.errors import KsqlError

    made = engine()
    try:
        made.plan(Engine().parse(f"CREATE STREAM o AS SELECT k, {expression} AS v FROM s;")[0])
    except KsqlError as error:
        return error.message
    return None


def evaluate(expressions: list[str]) -> list[Result]:
    """Run all expressions over the one record. Raises KsqlError when one of them is refused."""
    made = engine()
    columns = ", ".join(f"{e} AS v{i}" for i, e in enumerate(expressions))
    plan = made.plan(Engine().parse(f"CREATE STREAM o AS SELECT k, {columns} FROM s;")[0])
    made.apply(plan)
    assert plan.sink is not None
    built = made.build_topology(plan, {"application.id": "functions"})
    log = jvm.java("ksql.runtime.ProcessingLog")
    heard: list[str] = []

    class Listener:
        def problem(self, entry: Any) -> None:
            heard.append(str(entry.message))

    instant = jvm.java("java.time.Instant")
    driver = jvm.java("org.apache.kafka.streams.TopologyTestDriver")(
        built.topology, built.properties, instant.ofEpochMilli(0)
    )
    log.listen(jpype.JProxy("ksql.runtime.ProcessingLog$Listener", inst=Listener()))
    try:
        strings = jvm.java("org.apache.kafka.common.serialization.StringSerializer")()
        reader = jvm.java("org.apache.kafka.common.serialization.StringDeserializer")()
        driver.createInputTopic("s", strings, strings).pipeInput("key", json.dumps(RECORD), ROWTIME)
        (record,) = driver.createOutputTopic(plan.sink.topic, reader, reader).readRecordsToList()
        row = json.loads(str(record.value()), parse_float=Decimal)
    finally:
        log.listen(None)
        driver.close()
    texts = {c.name: str(c.type) for c in plan.sink.schema.value}
    own = {_bare(e): i for i, e in enumerate(expressions)}
    problems: dict[int, list[str]] = {}
    inner = []
    for message in heard:
        said = _bare(message).removeprefix(_bare(COMPUTING))
        expression = max((e for e in own if said.startswith(e + ":")), key=len, default=None)
        if expression is None:
            inner.append(message)
        else:
            problems.setdefault(own[expression], []).append(message)
    return [Result(texts[f"V{i}"], row[f"V{i}"], problems.get(i, []) + inner) for i in range(len(expressions))]


def _bare(text: str) -> str:
    """Return a text as it is however its expression is written: the log prints it in ksqlDB's form."""
    text = re.sub(r"\bVARCHAR\b", "STRING", re.sub(r"\bINT\b", "INTEGER", text.upper()))
    return re.sub(r"[\s()]", "", text)
