"""Plan any statement."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ksqlengine import tree as t
from ksqlengine.catalog import Catalog, FormatInfo, QueryInfo, Source, WindowInfo
from ksqlengine.engine import ParsedStatement, Plan
from ksqlengine.errors import KsqlError
from ksqlengine.functions.registry import parse_pattern
from ksqlengine.planner import ddl, formats, inserts, upgrades
from ksqlengine.planner.properties import (
    CREATE_AS,
    check_format,
    check_insert,
    check_properties,
    default_format,
    make_format,
    topic_details,
)
from ksqlengine.planner.query import PlannedQuery, plan_query
from ksqlengine.planner.statement_text import format_create_as
from ksqlengine.types import Column, Schema, SqlType


def plan(statement: ParsedStatement, catalog: Catalog, config: dict[str, Any]) -> Plan:
    """Plan a statement against a catalog. Raises KsqlError in ksqlDB's words."""
    node, text = statement.node, statement.text
    match node:
        case t.CreateSource():
            return _create(node, catalog, config, text)
        case t.InsertSelect():
            return _insert_select(node, catalog, config, text)
        case t.InsertValues():
            return inserts.plan_insert_values(node, catalog, text)
        case t.DropSource():
            dropped = ddl.plan_drop(node, catalog)
            details = {
                "name": node.name,
                "kind": node.kind,
                "delete_topic": node.delete_topic,
                "topic": dropped.topic if dropped else None,
            }
            message = (
                f"Source `{node.name}` (topic: {dropped.topic}) was dropped."
                if dropped
                else f"Source `{node.name}` does not exist."
            )
            return Plan("drop", text, details=details, no_op=dropped is None, message=message)
        case t.AlterSource():
            return Plan("alter", text, sink=ddl.plan_alter(node, catalog), message=f"{node.kind.title()} altered")
        case t.CreateType():
            exists = node.name in catalog.types
            if exists and not node.if_not_exists:
                raise KsqlError(
                    f"Cannot register custom type '{node.name}' since it is already registered with type: "
                    f"{catalog.types[node.name]}"
                )
            details = {"name": node.name, "type": str(node.type)}
            message = f"Registered custom type with name '{node.name}' and SQL type {node.type}"
            if exists:
                message = f"{node.name} is already registered with type {catalog.types[node.name]}"
            return Plan("create_type", text, details=details, no_op=exists, message=message)
        case t.DropType():
            exists = node.name in catalog.types
            if not exists and not node.if_exists:
                raise KsqlError(f"Type {node.name} does not exist.")
            message = f"Dropped type '{node.name}'" if exists else f"Type '{node.name}' does not exist"
            return Plan("drop_type", text, details={"name": node.name}, no_op=not exists, message=message)
        case t.Select():
            return Plan("select", text)
        case _:
            return Plan("admin", text)


def _existing(node: t.CreateSource, catalog: Catalog, text: str) -> Plan | None:
    existing = catalog.get(node.name)
    if existing is None or not node.if_not_exists:
        return None
    message = (
        f"Cannot add {node.kind.lower()} `{node.name}`: A {existing.kind.lower()} with the same name already exists."
    )
    return Plan("create", text, sink=existing, no_op=True, message=message)


def _create(node: t.CreateSource, catalog: Catalog, config: dict[str, Any], text: str) -> Plan:
    done = _existing(node, catalog, text)
    if done is not None:
        return done
    if node.query is not None:
        return _create_as(node, catalog, config, text)
    source = ddl.plan_create(node, config, text)
    existing = catalog.get(node.name)
    if node.read_only and node.or_replace:
        ddl.refuse_replace(node.kind, node.name)
    if existing is not None:
        ddl.check_replace(existing, source, node.or_replace)
    topic = topic_details(check_properties(node.properties), node.kind, source.window is not None)
    return Plan(
        "create", text, sink=source, message=f"{node.kind.title()} created",
        details={"replaces": existing is not None} | topic,
    )  # fmt: skip


def _create_as(node: t.CreateSource, catalog: Catalog, config: dict[str, Any], text: str) -> Plan:
    assert node.query is not None  # noqa: S101 - the caller asked
    prefix = "CTAS" if node.kind == "TABLE" else "CSAS"
    existing = catalog.get(node.name)
    if existing is not None and not node.or_replace:
        raise KsqlError(
            f"Cannot add {node.kind.lower()} '{node.name}': A {existing.kind.lower()} with the same name already exists"
        )
    query_id = f"{prefix}_{node.name}_{catalog.next_query_number}"
    replaced = _replaced(node, existing, catalog)
    if replaced is not None:
        query_id = replaced.id  # the new one goes on where the old one is
    if existing is not None and existing.read_only:
        ddl.refuse_replace(node.kind, node.name)
    if node.query.limit is not None:
        raise KsqlError(f"CREATE {node.kind} AS SELECT statements don't support LIMIT clause.")
    with_ = check_properties(node.properties, CREATE_AS)
    for which in ("KEY", "VALUE"):
        name = with_.format_name(which)
        if name is not None:
            check_format(name)
    planned = plan_query(node.query, catalog, query_id, node.name, config)
    if node.kind == "STREAM" and planned.kind == "TABLE":
        raise KsqlError(
            "Invalid result type. Your SELECT query produces a TABLE. Please use CREATE TABLE AS SELECT "
            "statement instead."
        )
    if node.kind == "TABLE" and planned.kind == "STREAM":
        raise KsqlError(
            "Invalid result type. Your SELECT query produces a STREAM. Please use CREATE STREAM AS SELECT "
            "statement instead."
        )
    schema = planned.schema
    key_name = with_.format_name("KEY")
    if with_.get("KEY_FORMAT") is not None and not schema.key and key_name != "NONE":
        raise KsqlError("Key format specified for stream without key columns.")
    key_format = _sink_format("KEY", with_, planned.key_format, config, bool(schema.key))
    value_format = _sink_format("VALUE", with_, planned.value_format, config, True)
    value_format = ddl.settle_wrap(value_format, schema, config)
    topic = with_.get("KAFKA_TOPIC") or str(config.get("ksql.output.topic.name.prefix", "")) + node.name
    first = catalog.sources[planned.sources[0]]
    partitions = with_.get("PARTITIONS") or config.get("ksql.sink.partitions") or first.partitions
    replicas = with_.get("REPLICAS") or config.get("ksql.sink.replicas") or first.replicas
    _check_source_formats(planned, catalog)
    _check_states(planned, value_format)
    try:
        formats.check_key(key_format, schema)
        formats.check_value(value_format, schema)
    except KsqlError as error:
        raise KsqlError(f"{error.message}\nStatement: {format_create_as(node)}") from error
    ddl.check_timestamp(with_, schema)
    sink = Source(
        node.name, node.kind, str(topic), schema, key_format, value_format, planned.window,
        ddl.timestamp_name(with_), with_.get("TIMESTAMP_FORMAT"), False, query_id, text,
        int(partitions), int(replicas), node.kind == "TABLE",
    )  # fmt: skip
    if existing is not None:
        ddl.check_replace(existing, sink, True)
    details = {"creates": True, "replaces": existing is not None}
    details |= topic_details(with_, node.kind, planned.window is not None)
    made = _query_plan(planned, sink, query_id, text, config, details)
    if replaced is not None and replaced.steps is not None and made.steps is not None:
        upgrades.check(replaced.steps, made.steps)
    return made


def _replaced(node: t.CreateSource, existing: Source | None, catalog: Catalog) -> QueryInfo | None:
    """Return the query whose place a CREATE OR REPLACE … AS SELECT takes."""
    if existing is None:
        return None
    writers = catalog.writers(existing.name)
    if len(writers) > 1:
        raise KsqlError(
            f"CREATE OR REPLACE for sink {node.name} is not supported because there are multiple queries writing into "
            f"it: {sorted(writers)}"
        )
    return catalog.queries[writers[0]] if writers else None


def _check_source_formats(planned: PlannedQuery, catalog: Catalog) -> None:
    grouped = any(s["op"] == "aggregate" for s in steps(planned.relation.step))
    bad = [n for n in planned.sources if catalog.sources[n].value_format.name in ("NONE", "KAFKA")]
    if grouped and bad:
        raise KsqlError(
            f"Source(s) {', '.join(bad)} are using the '{catalog.sources[bad[0]].value_format.name}' value "
            f"format. This format does not yet support GROUP BY."
        )


def _check_states(planned: PlannedQuery, value_format: FormatInfo) -> None:
    """Refuse aggregates whose intermediate values the value format cannot hold."""
    if value_format.name == "JSON":
        return
    for _, state in planned.builder.states:
        type_ = parse_pattern(state)
        if value_format.name in ("DELIMITED", "KAFKA") and type_.base in ("ARRAY", "MAP", "STRUCT"):
            raise KsqlError(
                "One of the functions used in the statement has an intermediate type that the value format can "
                "not handle. "
                "Please remove the function or change the format."
            )


def steps(step: dict[str, Any]) -> list[dict[str, Any]]:
    """Return a step and all before it."""
    found = [step]
    for name in ("in", "left", "right"):
        if isinstance(step.get(name), dict):
            found += steps(step[name])
    return found


def _sink_format(
    which: str, with_: Any, inherited: FormatInfo, config: dict[str, Any], has_columns: bool
) -> FormatInfo:
    name = with_.format_name(which)
    if which == "KEY" and not has_columns:
        return FormatInfo("NONE")
    if name is None or name == inherited.name:
        if which == "KEY" and inherited.name == "NONE" and name is None:
            return make_format(default_format(config, "KEY") or "KAFKA", with_, which)
        own = (
            make_format(inherited.name, with_, which) if name or _has_own(with_, which) else FormatInfo(inherited.name)
        )
        return replace(
            own, properties=own.properties or inherited.properties,
            wrap=with_.wrap() if which == "VALUE" else None,
        )  # fmt: skip
    return make_format(name, with_, which)


def _has_own(with_: Any, which: str) -> bool:
    return with_.get(f"{which}_DELIMITER") is not None or with_.get(f"{which}_SCHEMA_FULL_NAME") is not None


def _query_plan(
    planned: PlannedQuery,
    sink: Source | None,
    query_id: str,
    text: str,
    config: dict[str, Any],
    details: dict[str, Any],
) -> Plan:
    key_format = sink.key_format if sink is not None else _transient_key_format(planned)
    made = {
        "root": planned.relation.step,
        "kind": planned.kind,
        "code": planned.builder.code(),
        "key_format": key_format.to_json(),
    }
    kept = {k: v for k, v in config.items() if k.startswith("ksql.")}
    return Plan(
        "query", text, sink, planned.sources, query_id, made, kept, details, message=f"Created query with ID {query_id}"
    )


def _insert_select(node: t.InsertSelect, catalog: Catalog, config: dict[str, Any], text: str) -> Plan:
    target = catalog.get(node.target)
    if target is None:
        place = f"Line: {node.line}, Col: {node.column}: " if node.line else ""
        raise KsqlError(f"{place}Source `{node.target}` does not exist.")
    if target.is_table:
        raise KsqlError(f"INSERT INTO can only be used to insert into a stream. {node.target} is a table.")
    if target.read_only:
        raise KsqlError(f"Cannot insert into read-only {target.kind.lower()}: {node.target}")
    if target.schema.headers:
        raise KsqlError(f"Cannot insert into {node.target} because it has header columns")
    if node.query.limit is not None:
        raise KsqlError("INSERT INTO ... SELECT statements don't support LIMIT clause.")
    custom = check_insert(node.properties, catalog.queries)
    query_id = custom or f"INSERTQUERY_{catalog.next_query_number}"
    planned = plan_query(_with_implicit_casts(node.query, target.schema), catalog, query_id, node.target, config)
    if planned.kind == "TABLE":
        raise KsqlError(
            f"Incompatible data sink and query result. Data sink ({node.target}) type is KSTREAM but select query "
            "result is KTABLE."
        )
    if not _compatible(planned.schema, target.schema):
        raise KsqlError(
            "Incompatible schema between results and sink.\n"
            f"Result schema is {planned.schema}\nSink schema is {target.schema}"
        )
    if _key_shape(planned.window) != _key_shape(target.window):
        raise KsqlError(
            "Incompatible windows of results and sink: who reads the sink could not read the keys.\n"
            f"Results are {_key_shape(planned.window)}\nSink is {_key_shape(target.window)}"
        )
    return _query_plan(planned, target, query_id, text, config, {"creates": False, "custom_id": bool(custom)})


def _key_shape(window: WindowInfo | None) -> str:
    """Say how a window is written behind a key."""
    if window is None:
        return "not windowed"
    return "SESSION windowed" if window.kind == "SESSION" else "time windowed"


def _compatible(result: Schema, sink: Schema) -> bool:
    if len(result.key) != len(sink.key) or len(result.value) != len(sink.value):
        return False
    for a, b in zip((*result.key, *result.value), (*sink.key, *sink.value), strict=True):
        if a.name != b.name or not (a.type == b.type or _holds(b.type, a.type)):
            return False
    return True


def _holds(wide: SqlType, narrow: SqlType) -> bool:
    """Tell whether a decimal has room for every value of another."""
    both = wide.base == narrow.base == "DECIMAL"
    return both and narrow.scale <= wide.scale and narrow.precision - narrow.scale <= wide.precision - wide.scale


def _with_implicit_casts(query: t.Query, sink: Schema) -> t.Query:
    """Let number literals take the type of the sink's decimal or wider number column, as ksqlDB does."""

    def cast(item: t.SelectItem) -> t.SelectItem:
        column = sink.find(item.alias) if item.alias else None
        literal = item.expr
        if column is None or not isinstance(literal, t.Literal) or not literal.type.is_numeric:
            return item
        if column.type.base != "DECIMAL" or literal.type.base == "DOUBLE":
            return item
        return replace(item, expr=t.Cast(literal, column.type))

    return replace(query, items=tuple(map(cast, query.items)))


def _transient_key_format(planned: PlannedQuery) -> FormatInfo:
    """Return the format of a push query's keys; one that cannot hold the new key gives way to JSON."""
    columns = tuple(Column(k.name, k.type, "KEY") for k in planned.relation.keys)
    try:
        formats.check_key(planned.key_format, Schema(columns))
    except KsqlError:
        if any(formats.contains_map(c.type) for c in columns):
            raise
        return FormatInfo("JSON")
    return planned.key_format


def plan_push(statement: ParsedStatement, catalog: Catalog, config: dict[str, Any]) -> Plan:
    """Plan a push query as a transient query whose rows hold all selected columns."""
    node = statement.node
    planned = plan_query(node.query, catalog, "transient", None, config, persistent=False)
    columns = tuple(Column(c.name, c.type) for c in planned.schema.value)
    schema = Schema(columns)
    details = {"schema": schema.to_json(), "key_names": [c.name for c in planned.schema.key]}
    return _query_plan(planned, None, "transient", statement.text, config, details)
