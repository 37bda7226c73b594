"""What the planner accepts, Java's compiler must accept too: every type beside every other, under every operator."""

from __future__ import annotations

import itertools

from ksqlengine.engine import Engine
from ksqlengine.errors import KsqlError
from ksqlengine.topology.build import load

DECLARED = (
    "CREATE STREAM a (k VARCHAR KEY, i INT, d DOUBLE, s VARCHAR, t BOOLEAN, e DECIMAL(6, 2), ts TIMESTAMP, dt DATE, "
    "arr ARRAY<INT>, m MAP<VARCHAR, INT>, st STRUCT<x INT>) WITH (kafka_topic='a', value_format='json');"
)
ATOMS = ("i", "s", "t", "e", "ts", "arr", "m", "st", "NULL", "ROWTIME")
FORMS = (
    "{0} + {1}", "{0} / {1}", "{0} = {1}", "{0} <= {1}", "{0} IS DISTINCT FROM {1}", "{0} IN ({1}, {0})",
    "{0} BETWEEN {1} AND {0}", "CASE WHEN t THEN {0} ELSE {1} END", "CASE {0} WHEN {1} THEN 1 END",
    "ARRAY[{0}, {1}]", "MAP({0} := {1})", "STRUCT(a := {0}, b := {1})", "arr[{0}]", "m[{0}]",
)  # fmt: skip


def test_every_expression_that_is_planned_compiles(test_driver_jvm: None) -> None:
    engine = Engine()
    for statement in Engine().parse(DECLARED):
        engine.apply(engine.plan(statement))
    accepted = []
    for form, one, two in itertools.product(FORMS, ATOMS, ATOMS):
        text = form.format(one, two)
        try:
            engine.plan_select(Engine().parse(f"SELECT {text} AS x FROM a EMIT CHANGES;")[0])
        except KsqlError:
            continue  # refused in words: fine
        accepted.append(text)
    assert 300 < len(accepted) < len(FORMS) * len(ATOMS) ** 2
    for start in range(0, len(accepted), 200):
        batch = accepted[start : start + 200]
        items = ", ".join(f"{text} AS c{i}" for i, text in enumerate(batch))
        plan = engine.plan_select(Engine().parse(f"SELECT {items} FROM a EMIT CHANGES;")[0])
        assert plan.steps is not None
        load(plan.steps["code"])
