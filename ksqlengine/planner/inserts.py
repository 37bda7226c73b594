"""Plan INSERT INTO … VALUES."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ksqlengine import tree as t
from ksqlengine.catalog import Catalog, Source
from ksqlengine.codegen import coercion
from ksqlengine.codegen.expressions import Compiler
from ksqlengine.codegen.java_types import cast_code
from ksqlengine.codegen.names import format_expression
from ksqlengine.engine import Plan
from ksqlengine.errors import KsqlError
from ksqlengine.planner.builder import PlanBuilder
from ksqlengine.planner.relation import similar_name
from ksqlengine.types import BIGINT, Column, SqlType, quote


def plan_insert_values(node: t.InsertValues, catalog: Catalog, text: str) -> Plan:
    """Plan the record: generated code computes key and value columns. Raises KsqlError."""
    source = catalog.get(node.target)
    if source is None:
        raise KsqlError(
            f"Cannot insert values into an unknown stream/table: `{node.target}`{similar_name(node.target, catalog)}"
        )
    if source.read_only:
        raise KsqlError(f"Cannot insert values into read-only {source.kind.lower()}: {node.target}")
    if source.window is not None:
        raise KsqlError("Cannot insert values into windowed stream/table")
    schema = source.schema
    headers = [c.name for c in schema.headers]
    named = [n for n in node.columns if n in headers]
    if named:
        raise KsqlError(f"Cannot insert into HEADER columns: {', '.join(named)}")
    if not node.columns and headers and len(node.values) == len(schema.columns):
        raise KsqlError(f"Cannot insert into HEADER columns: {', '.join(headers)}")
    try:
        return _plan_record(node, source, text)
    except KsqlError as error:
        if error.message.startswith("Failed to prepare"):
            raise
        message = f"Failed to insert values into '{node.target}'. {error.message}"
        raise KsqlError(message, line=error.line, column=error.column) from error


def _plan_record(node: t.InsertValues, source: Source, text: str) -> Plan:
    schema = source.schema
    names = list(node.columns) or [c.name for c in (*schema.key, *schema.value)]
    for name in names:
        if name in ("ROWPARTITION", "ROWOFFSET") and schema.find(name) is None:
            raise KsqlError(f"Inserting into column `{name}` is not allowed.")
    if len(names) != len(node.values):
        if not node.columns:
            raise KsqlError(
                f"Expected a value for each column. Expected Columns: {_listed(quote(n) for n in names)}. "
                f"Got {_listed(map(format_expression, node.values))}"
            )
        raise KsqlError(
            f"Expected number columns and values to match: {_listed(quote(n) for n in names)}, "
            f"{_listed(map(format_expression, node.values))}"
        )
    builder = PlanBuilder("insert", strict=True)
    compiler = Compiler(_no_columns, builder.constants)
    given: dict[str, str] = {}
    nulls = {n for n, v in zip(names, node.values, strict=True) if isinstance(v, t.Literal) and v.value is None}
    for name, value in zip(names, node.values, strict=True):
        column = schema.find(name)
        if column is None:
            if name != "ROWTIME":
                raise KsqlError(f"Column name `{name}` does not exist.")
            column = Column(name, BIGINT)
        code = compiler.compile(value)
        try:
            _check_implicit(value, code.type, column.type, compiler)
            given[name] = cast_code(code.java, code.type, column.type, builder.constants.sql_type)
        except KsqlError as error:
            given_text = value.value if isinstance(value, t.Literal) else None
            shown = given_text if isinstance(given_text, str) else format_expression(value)
            raise KsqlError(
                f"Expected type {column.type} for field `{name}` but got {code.type.base}({shown})"
            ) from error
    missing = [k.name for k in schema.key if k.name not in given or k.name in nulls]
    if source.is_table and missing:
        raise KsqlError(f"Value for primary key column(s) {', '.join(missing)} is required for tables")
    key_fn = builder.row_function([(given.get(c.name, "null"), c.name) for c in schema.key])
    value_fn = builder.row_function([(given.get(c.name, "null"), c.name) for c in schema.value])
    time_fn = builder.row_function([(given.get("ROWTIME", "null"), "ROWTIME")])
    values_given = any(c.name in given for c in schema.value)
    made = {"code": builder.code(), "key": key_fn, "value": value_fn, "time": time_fn}
    return Plan(
        "insert_values", text, sink=source, steps=made, details={"tombstone": source.is_table and not values_given}
    )


def _listed(texts: Iterable[str]) -> str:
    return "[" + ", ".join(texts) + "]"


def _check_implicit(value: t.Expr, type_: SqlType, wanted: SqlType, compiler: Compiler) -> None:
    """Refuse what only a CAST may convert: a number that loses digits, a text that is no number."""
    wide = {"DOUBLE": ("INTEGER", "BIGINT"), "DECIMAL": ("INTEGER", "BIGINT"), "BIGINT": ("INTEGER",)}
    if wanted.base in wide.get(type_.base, ()):
        raise KsqlError(f"{type_} does not fit into {wanted}")
    doubtful = wanted.base in ("ARRAY", "MAP", "STRUCT") or (type_.base == "STRING" and wanted.is_numeric)
    if doubtful and not coercion.fits(value, wanted, compiler):
        raise KsqlError(f"{type_} is no {wanted}")


def _no_columns(column: t.Column) -> Any:
    if column.source:
        raise KsqlError(f"Failed to prepare statement: '{column.source}' is not a valid stream/table name or alias.")
    raise KsqlError(f"Encountered a column reference in VALUES: {column.name}. Only constants are supported.")
