"""Plan a SELECT: sources and joins, filter, re-keying, table functions, aggregation, projection."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ksqlengine import tree as t
from ksqlengine.catalog import Catalog, FormatInfo, Source, WindowInfo
from ksqlengine.codegen.names import format_expression, walk
from ksqlengine.errors import KsqlError
from ksqlengine.functions.library import AGGREGATES, TABLE_FUNCTIONS
from ksqlengine.planner import aggregation, joins, projection, table_functions
from ksqlengine.planner.builder import PlanBuilder
from ksqlengine.planner.references import expressions, froms, wanted_columns, with_row_times
from ksqlengine.planner.relation import (
    PSEUDO,
    WINDOW_BOUNDS,
    KeyColumn,
    Relation,
    Scope,
    similar_name,
    truth,
    windowed_rekeying,
)
from ksqlengine.types import NULL, Schema


@dataclass
class PlannedQuery:
    """Be the outcome: the last relation, its schema (key columns first) and the sources read."""

    relation: Relation
    schema: Schema
    sources: tuple[str, ...]
    builder: PlanBuilder
    kind: str
    window: WindowInfo | None
    key_format: FormatInfo
    value_format: FormatInfo


def plan_query(
    query: t.Query, catalog: Catalog, query_id: str, sink: str | None, config: dict[str, Any], persistent: bool = True
) -> PlannedQuery:
    """Plan a query. Raises KsqlError in ksqlDB's words."""
    builder = PlanBuilder(query_id, config)
    query = with_row_times(query)
    aliases: list[tuple[str, Source]] = []
    for item in froms(query):
        source = catalog.get(item.name)
        if source is None:
            raise KsqlError(f"{item.name} does not exist.{similar_name(item.name, catalog)}")
        if source.name in [s.name for _, s in aliases]:
            if len(froms(query)) > 2:
                raise KsqlError(
                    f"N-way joins do not support multiple occurrences of the same source. Source: '{source.name}'."
                )
            raise KsqlError(f"Can not join '{source.name}' to '{source.name}': self joins are not yet supported.")
        if any(a == item.alias for a, _ in aliases):
            raise KsqlError(f"Duplicate alias: {item.alias}")
        aliases.append((item.alias, source))
    star = {a: [c.name for c in projection.star_columns(s, joined=len(aliases) > 1)] for a, s in aliases}
    if query.partition_by is not None and len(aliases) > 1:
        star = {a: names + list(PSEUDO) for a, names in star.items()}
    wanted = wanted_columns(query, star)
    check(query, aliases, persistent)
    if isinstance(query.source, t.Join):
        relation = joins.plan(query.source, dict(aliases), wanted, builder)
    else:
        relation = builder.scan(aliases[0][1], aliases[0][0], wanted, "KsqlTopic-Reduce")
    items = projection.expand(query.items, relation, query.partition_by)
    calls = [x for e in _all(query, items) for x in walk(e) if isinstance(x, t.Call)]
    aggregates = [c for c in calls if c.name in AGGREGATES]
    tables = [c for c in calls if c.name in TABLE_FUNCTIONS]
    for group in query.group_by or ():
        _check_bounds(group, relation, "GROUP BY")
    if query.where is not None:
        _check_bounds(query.where, relation, "WHERE")
        if any(isinstance(x, t.Call) and x.name in AGGREGATES for x in walk(query.where)):
            raise KsqlError("WHERE clause cannot contain aggregate functions")
        relation = where(query.where, relation, builder)
    if query.partition_by is not None:
        relation = partition_by(query.partition_by, relation, builder)
    if tables:
        if relation.kind == "TABLE":
            raise KsqlError("Table source is not supported with table functions")
        if aggregates:
            raise KsqlError("Table functions cannot be used with aggregations.")
        items, relation = table_functions.plan(items, relation, builder)
    if query.group_by is not None or aggregates or query.having is not None:
        items, relation = aggregation.plan(query, items, relation, builder, sink)
    elif query.window is not None:
        raise KsqlError("WINDOW clause requires a GROUP BY clause.")
    keyless = str(config.get("ksql.new.query.planner.enabled", "false")).lower() == "true"
    if keyless and persistent and relation.kind == "STREAM":
        relation = _keys_as_selected(items, relation, builder)
    final, schema = projection.plan(items, relation, builder, sink, persistent, keyless)
    builder.settle()
    names = tuple(s.name for _, s in aliases)
    return PlannedQuery(
        final, schema, names, builder, final.kind, final.window, relation.key_format, relation.value_format
    )


def _check_bounds(expr: t.Expr, relation: Relation, clause: str) -> None:
    """Refuse window bounds outside SELECT, unless the source itself is windowed."""
    for x in walk(expr):
        if isinstance(x, t.Column) and x.name in WINDOW_BOUNDS and not relation.find(x):
            if clause == "WHERE":
                raise KsqlError(f"Error in WHERE expression: Unknown column {x.name}.")
            raise KsqlError(
                f"Window bounds column {x.name} can only be used in the SELECT clause of windowed aggregations"
            )


def _all(query: t.Query, items: list[projection.Item]) -> list[t.Expr]:
    exprs = [i.expr for i in items]
    exprs += [e for e in (query.having,) if e is not None]
    return exprs


def check(query: t.Query, aliases: list[tuple[str, Source]], persistent: bool) -> None:
    """Apply the rules that need no types."""
    for expr in expressions(query):
        for x in walk(expr):
            if isinstance(x, t.Call) and x.name in AGGREGATES:
                inner = [y for a in x.args for y in walk(a) if isinstance(y, t.Call) and y.name in AGGREGATES]
                if inner:
                    raise KsqlError(f"Aggregate functions can not be nested: {x.name}({inner[0].name}())")
    if query.emit == "FINAL" and query.window is None:
        raise KsqlError("EMIT FINAL is only supported for windowed aggregations.")
    if persistent and len(aliases) == 1 and aliases[0][1].is_table and aliases[0][1].window:
        raise KsqlError("KSQL does not support persistent queries on windowed tables.")
    for group in query.group_by or ():
        for x in walk(group):
            if isinstance(x, t.Call) and x.name in AGGREGATES:
                raise KsqlError(f"GROUP BY does not support aggregate functions: {x.name} is an aggregate function.")


def where(condition: t.Expr, relation: Relation, builder: PlanBuilder) -> Relation:
    """Add a filter."""
    scope = Scope(relation, "WHERE", builder.constants)
    name = builder.predicate(truth(condition, scope, "WHERE"), format_expression(condition))
    return replace(relation, step={"op": "filter", "in": relation.step, "kind": relation.kind, "predicate": name})


def _keys_as_selected(items: list[projection.Item], relation: Relation, builder: PlanBuilder) -> Relation:
    """Put several key columns into the order in which the new planner's projection names them."""
    chosen = projection.choose_keys(items, relation)
    order = list(dict.fromkeys(chosen[i] for i in sorted(chosen)))
    if order == sorted(order) or len(order) < len(relation.keys) or relation.window is not None:
        return relation
    again = partition_by(tuple(relation.keys[k].expressions[0] for k in order), relation, builder)
    return replace(again, key_kind=relation.key_kind, keys=[relation.keys[k] for k in order])


def partition_by(exprs: tuple[t.Expr, ...], relation: Relation, builder: PlanBuilder) -> Relation:
    """Give a stream a new key."""
    if relation.kind == "TABLE":
        raise KsqlError("PARTITION BY clause is not supported for tables. To change a table's key use GROUP BY.")
    if not exprs:
        raise KsqlError("PARTITION BY requires at least one expression")
    scope = Scope(relation, "PARTITION BY", builder.constants)
    compiled = [scope.compiler.compile(e) for e in exprs]
    nulls = [c for c in compiled if c.type == NULL]
    if nulls and len(compiled) > 1:
        raise KsqlError("Cannot PARTITION BY multiple columns including NULL")
    if nulls:
        dropped = {"op": "drop_key", "in": relation.step}
        return replace(relation, step=dropped, keys=[], key_kind="partition", synthetic_key=False)
    canonical = [projection.canonical(e, relation) for e in exprs]
    if len(canonical) == len(relation.keys) and all(
        c in k.expressions for c, k in zip(canonical, relation.keys, strict=True)
    ):
        return replace(relation, key_kind="partition")
    if relation.window is not None:
        raise windowed_rekeying()
    function = builder.row_function([(c.java, format_expression(e)) for c, e in zip(compiled, exprs, strict=True)])
    keys = []
    names = projection.partition_names(canonical, relation)
    for name, expr, code in zip(names, canonical, compiled, strict=True):
        keys.append(KeyColumn(name, code.type, [expr], "partitioning expression"))
    step: dict[str, Any] = {
        "op": "select_key", "in": relation.step, "function": function,
        "types": [[k.name, str(k.type)] for k in keys], "old_keys": [], "width": len(relation.slots),
        "keys": [format_expression(e) for e in canonical],
    }  # fmt: skip
    if not relation.joined:
        names = [c.name for c in relation.sources[0][1].schema.key]
        step["old_keys"] = [[names.index(s.name), i] for i, s in enumerate(relation.slots) if s.kind == "KEY"]
    return replace(relation, step=step, keys=keys, key_kind="partition", synthetic_key=False)
