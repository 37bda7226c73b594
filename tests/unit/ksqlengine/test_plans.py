"""Plans: what is read and computed is decided before a record comes."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ksqlengine.catalog import Catalog
from ksqlengine.engine import Engine, Plan
from ksqlengine.errors import KsqlStatementError
from ksqlengine.topology.serving import source_topics

STREAM = (
    "CREATE STREAM s (k STRING KEY, a INT, b INT, unused STRUCT<x STRING>) WITH (kafka_topic='t', value_format='JSON');"
)


def plans(text: str, config: dict[str, Any] | None = None) -> list[Plan]:
    engine = Engine(Catalog(), config)
    found = []
    for statement in Engine().parse(text):
        plan = engine.plan(statement)
        engine.apply(plan)
        found.append(plan)
    return found


def source_step(plan: Plan) -> dict[str, Any]:
    assert plan.steps is not None
    step: dict[str, Any] = plan.steps["root"]
    while step["op"] != "source":
        step = step["in"]
    return step


def test_only_columns_that_are_needed_are_read() -> None:
    plan = plans(STREAM + "CREATE STREAM q AS SELECT k, a + 1 AS a FROM s WHERE b > 0;")[-1]
    assert sorted(source_step(plan)["places"]["values"]) == ["0", "1"]  # a and b, not `unused`
    assert source_step(plan)["places"]["keys"] == []  # the key passes through unread


def test_group_by_the_key_neither_repartitions_nor_reads_it() -> None:
    plan = plans(STREAM + "CREATE TABLE q AS SELECT k, COUNT(*) AS n, SUM(a) AS t FROM s GROUP BY k;")[-1]
    assert plan.steps is not None
    assert "group_key" not in plan.steps["root"]["in"]
    assert source_step(plan)["places"]["keys"] == []
    assert sorted(source_step(plan)["places"]["values"]) == ["0"]


def test_plan_survives_json_and_names_its_query() -> None:
    for plan in plans(
        STREAM + "CREATE TABLE q AS SELECT k, COUNT(*) AS n FROM s GROUP BY k; INSERT INTO s SELECT * FROM s;"
    ):
        assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan
    ids = [
        p.query_id
        for p in plans(
            STREAM + "CREATE STREAM q AS SELECT * FROM s; CREATE TABLE w AS SELECT k, COUNT(*) AS n FROM q GROUP BY k;"
        )
    ]
    assert ids == [None, "CSAS_Q_0", "CTAS_W_1"]


def test_planning_changes_nothing() -> None:
    engine = Engine(Catalog())
    for statement in Engine().parse(STREAM):
        engine.plan(statement)
    assert not engine.catalog.sources


def test_dropping_a_source_that_is_read_names_what_is_made_of_it() -> None:
    with pytest.raises(KsqlStatementError, match=r"read from this source: \[Q\]"):
        plans(STREAM + "CREATE STREAM q AS SELECT * FROM s; DROP STREAM s;")


def test_if_not_exists_meets_an_existing_source_quietly() -> None:
    plan = plans(STREAM + STREAM.replace("CREATE STREAM s", "CREATE STREAM IF NOT EXISTS s"))[-1]
    assert plan.no_op


def test_topics_of_a_topology_have_the_names_that_the_broker_knows() -> None:
    plan = plans(
        "CREATE TABLE a (k STRING PRIMARY KEY, f STRING) WITH (kafka_topic='a', value_format='JSON');"
        "CREATE TABLE b (k STRING PRIMARY KEY, v INT) WITH (kafka_topic='b', value_format='JSON');"
        "CREATE TABLE j AS SELECT a.k, b.v FROM a JOIN b ON a.f = b.k;"
    )[-1]
    read = source_topics(Engine().build_topology(plan).topology, "app")
    assert {"a", "b"} < set(read)
    assert all(topic in {"a", "b"} or topic.startswith("app-KTABLE-FK-JOIN-SUBSCRIPTION-") for topic in read)
