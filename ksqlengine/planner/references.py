"""Find which columns a query names, before anything is planned."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from ksqlengine import tree as t
from ksqlengine.codegen.names import columns, rewrite
from ksqlengine.functions.library import AGGREGATES


def expressions(query: t.Query) -> Iterator[t.Expr]:
    """Yield all expressions of a query, join conditions too."""
    for item in query.items:
        if item.expr is not None:
            yield item.expr
    for expr in (query.where, query.having):
        if expr is not None:
            yield expr
    yield from query.group_by or ()
    yield from query.partition_by or ()
    source = query.source
    while isinstance(source, t.Join):
        yield source.condition
        source = source.left


def with_row_times(query: t.Query) -> t.Query:
    """Give ROWTIME to the aggregates that are called with nothing or `*`; COUNT counts records then."""

    def given(e: t.Expr) -> t.Expr | None:
        if isinstance(e, t.Call) and e.name in AGGREGATES and e.name != "COUNT" and not e.args:
            return dataclasses.replace(e, args=(t.Column("ROWTIME"),))
        return None

    items = tuple(dataclasses.replace(i, expr=rewrite(i.expr, given)) if i.expr is not None else i for i in query.items)
    having = rewrite(query.having, given) if query.having is not None else None
    return dataclasses.replace(query, items=items, having=having)


def froms(query: t.Query) -> list[t.From]:
    """Return the sources of a query from left to right."""
    found: list[t.From] = []
    source = query.source
    while isinstance(source, t.Join):
        found.append(source.right)
        source = source.left
    return [source, *reversed(found)]


def wanted_columns(query: t.Query, star: dict[str, list[str]]) -> set[tuple[str | None, str]]:
    """Return (alias or None, column) of all that the query names; `star` holds each alias's columns for `*`."""
    wanted: set[tuple[str | None, str]] = set()
    for expr in expressions(query):
        wanted.update((c.source, c.name) for c in columns(expr))
    for item in query.items:
        if item.kind == "all":
            wanted.update((a, n) for a, names in star.items() for n in names)
        elif item.kind == "source_all" and item.source in star:
            wanted.update((item.source, n) for n in star[item.source])
    return wanted
