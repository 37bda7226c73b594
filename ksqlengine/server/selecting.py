"""The SELECT list of a pull query, and what ``*`` gives of a windowed source."""

from __future__ import annotations

from dataclasses import replace

from ksqlengine import tree as t
from ksqlengine.catalog import Source
from ksqlengine.codegen.names import bare
from ksqlengine.planner.projection import expand, star_columns
from ksqlengine.planner.relation import Relation, check_known


def select_items(query: t.Query, relation: Relation) -> tuple[tuple[str, t.Expr], ...]:
    """Give (output name, expression) for each output column, named as a query that stays would name them."""
    ((_, source),) = relation.sources
    items = expand(with_bounds(query, source).items, relation, None)
    for item in items:
        check_known(item.expr, relation, "SELECT")
    return tuple((item.name, bare(item.expr)) for item in items)


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
