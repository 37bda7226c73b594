"""Evaluate single rows outside a topology: INSERT VALUES, and the WHERE and SELECT of pull queries."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import jpype

from ksqlengine import jvm
from ksqlengine import tree as t
from ksqlengine.catalog import Source
from ksqlengine.codegen.expressions import Code, Compiler
from ksqlengine.codegen.names import format_expression
from ksqlengine.engine import Plan
from ksqlengine.errors import KsqlError, KsqlStatementError
from ksqlengine.planner.builder import PlanBuilder
from ksqlengine.planner.relation import Slot, slot_code
from ksqlengine.topology.build import codec, instance, load
from ksqlengine.types import BIGINT, INTEGER, Schema, SqlType

PSEUDO_ORDER = (("ROWTIME", BIGINT), ("ROWPARTITION", INTEGER), ("ROWOFFSET", BIGINT), ("WINDOWSTART", BIGINT),
                ("WINDOWEND", BIGINT))  # fmt: skip


_loaded = lru_cache(maxsize=256)(load)  # pull queries repeat: what they select, and often what they look for


def compile_row_function(expressions: list[t.Expr], schema: Schema, source: Source | None) -> tuple[Any, list[SqlType]]:
    """Compile expressions over a schema's columns and the pseudo columns behind them."""
    slots = [Slot(source.name if source else None, c.name, c.type) for c in schema.columns]
    slots += [Slot(source.name if source else None, n, ty) for n, ty in PSEUDO_ORDER]

    def resolve(column: t.Column) -> Code:
        for i, slot in enumerate(slots):
            if slot.name == column.name:
                return Code(slot_code(slot, i), slot.type)
        raise KsqlError(f"Column '{format_expression(column)}' cannot be resolved.")

    builder = PlanBuilder("pull")
    compiler = Compiler(resolve, builder.constants)
    codes = [compiler.compile(e) for e in expressions]
    name = builder.row_function([(c.java, format_expression(e)) for c, e in zip(codes, expressions, strict=True)])
    return instance(_loaded(builder.code()), name), [c.type for c in codes]


def insert_record(plan: Plan) -> tuple[bytes | None, bytes | None, int | None]:
    """Serialise the record of an INSERT VALUES."""
    assert plan.steps is not None  # noqa: S101 - such plans always have steps
    assert plan.sink is not None  # noqa: S101 - such plans always have a target
    loader = load(plan.steps["code"])
    empty = jpype.JArray(jvm.java("java.lang.Object"))(0)
    schema = plan.sink.schema
    key_codec = codec(plan.sink.key_format, [[c.name, str(c.type)] for c in schema.key], key=True)
    value_codec = codec(plan.sink.value_format, [[c.name, str(c.type)] for c in schema.value])
    value = None
    try:
        key = key_codec.write(instance(loader, plan.steps["key"]).apply(empty)) if schema.key else None
        if not plan.details.get("tombstone"):
            value = value_codec.write(instance(loader, plan.steps["value"]).apply(empty))
        time = instance(loader, plan.steps["time"]).apply(empty)[0]
    except jpype.JException as error:
        said = str(error.getMessage())
        raise KsqlStatementError(f"Failed to insert values into '{plan.sink.name}'. {said}", plan.statement) from error
    if time is not None and int(time) < 0:
        raise KsqlStatementError(
            f"Failed to insert values into '{plan.sink.name}'. Invalid timestamp: {time}. Timestamp should always be "
            "non-negative or null.",
            plan.statement,
        )
    return (
        bytes(key) if key is not None else None,
        bytes(value) if value is not None else None,
        int(time) if time is not None else None,
    )
