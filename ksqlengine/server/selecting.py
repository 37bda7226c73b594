"""The SELECT list of a pull query: stars expanded, columns named, expressions printed."""

from __future__ import annotations

from ksqlengine import tree as t
from ksqlengine.catalog import Source
from ksqlengine.codegen.names import columns, format_expression, rewrite
from ksqlengine.errors import KsqlStatementError
from ksqlengine.planner.relation import WINDOW_BOUNDS, unknown_column


def select_items(query: t.Query, source: Source, alias: str, *, windowed: bool) -> tuple[tuple[str, t.Expr], ...]:
    """Give (output name, expression) for each output column."""
    out: list[tuple[str, t.Expr]] = []
    taken = {c.name for c in source.schema.columns}
    used = (
        taken
        | {i.alias for i in query.items if i.alias}
        | {i.expr.name for i in query.items if isinstance(i.expr, t.Column) and not i.alias}
    )
    number = 0
    for item in query.items:
        if item.kind in {"all", "source_all"}:
            if item.kind == "source_all" and item.source != alias:
                raise KsqlStatementError(f"'{item.source}' is not a valid stream/table name or alias.")
            names = [c.name for c in source.schema.key]
            names += list(WINDOW_BOUNDS) if windowed else []
            names += [c.name for c in (*source.schema.value, *source.schema.headers)]
            out += [(name, t.Column(name)) for name in names]
        elif item.kind == "struct_all" and item.expr is not None:
            out += _struct_fields(item.expr, source)
        elif item.expr is not None:
            check_known(item.expr, source, alias, "SELECT", windowed=windowed)
            expr = strip_alias(item.expr, {alias})
            name = item.alias or _own_name(expr, taken | {n for n, _ in out})
            if name is None:
                while f"KSQL_COL_{number}" in used:
                    number += 1
                name = f"KSQL_COL_{number}"
                number += 1
            out.append((name, expr))
    return tuple(out)


def _struct_fields(expr: t.Expr, source: Source) -> list[tuple[str, t.Expr]]:
    kind = None
    base = expr
    path: list[str] = []
    while isinstance(base, t.Deref):
        path.insert(0, base.name)
        base = base.base
    if isinstance(base, t.Column):
        column = source.schema.find(base.name)
        kind = column.type if column else None
        for name in path:
            kind = kind.field(name) if kind else None
    if kind is None or kind.base != "STRUCT":
        raise KsqlStatementError(f"{format_expression(expr)} is not a STRUCT")
    return [(name, t.Deref(expr, name)) for name, _ in kind.fields]


def _own_name(expr: t.Expr, taken: set[str]) -> str | None:
    """Give the name that a column or a struct's field brings along; a field's gives way to others."""
    if isinstance(expr, t.Column):
        return expr.name
    if isinstance(expr, t.Deref):
        name, number = expr.name, 0
        while name in taken:
            number += 1
            name = f"{expr.name}_{number}"
        return name
    return None


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
