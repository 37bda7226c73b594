"""The SELECT list of a pull query, and what ``*`` gives of a windowed source."""

from __future__ import annotations

from dataclasses import replace

from ksqlengine import tree as t
from ksqlengine.catalog import Source
from ksqlengine.codegen.names import columns, rewrite
from ksqlengine.errors import KsqlStatementError
from ksqlengine.planner.builder import PlanBuilder
from ksqlengine.planner.projection import expand, star_columns
from ksqlengine.planner.relation import WINDOW_BOUNDS, unknown_column


def select_items(query: t.Query, source: Source, alias: str) -> tuple[tuple[str, t.Expr], ...]:
    """Give (output name, expression) for each output column, named as a query that stays would name them."""
    relation = PlanBuilder("pull").scan(source, alias, None)
    out: list[tuple[str, t.Expr]] = []
    for item in expand(with_bounds(query, source).items, relation, None):
        check_known(item.expr, source, alias, "SELECT", windowed=source.window is not None)
        out.append((item.name, strip_alias(item.expr, {alias})))
    return tuple(out)


def with_bounds(query: t.Query, source: Source) -> t.Query:
    """Let ``*`` of a windowed source give WINDOWSTART and WINDOWEND behind the key, as ksqlDB's own queries do."""
    if source.window is None:
        return query
    names = [column.name for column in star_columns(source, joined=True)]
    alias = query.source.alias if isinstance(query.source, t.From) else source.name
    items: list[t.SelectItem] = []
    for item in query.items:
        star = item.kind in {"all", "source_all"} and item.source in {None, alias}
        items += [t.SelectItem("expr", t.Column(name)) for name in names] if star else [item]
    return replace(query, items=tuple(items))


def check_known(expr: t.Expr, source: Source, alias: str, clause: str, *, windowed: bool) -> None:
    """Refuse columns that the source has not, in ksqlDB's words."""
    known = {c.name for c in source.schema.columns} | {"ROWTIME"} | set(WINDOW_BOUNDS if windowed else ())
    for column in columns(expr):
        if column.source not in {None, alias}:
            raise KsqlStatementError(f"'{column.source}' is not a valid stream/table name or alias.")
        if column.name not in known:
            error = unknown_column(column, clause)
            raise KsqlStatementError(error.message, "", error.line, error.column)


def strip_alias(expr: t.Expr, names: set[str]) -> t.Expr:
    """Take the source's name away from its columns: a pull query has one source."""
    return rewrite(expr, lambda e: t.Column(e.name) if isinstance(e, t.Column) and e.source in names else None)
