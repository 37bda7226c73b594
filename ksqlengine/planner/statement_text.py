"""Print CREATE … AS SELECT as ksqlDB does in messages."""

from __future__ import annotations

from collections.abc import Callable

from ksqlengine import tree as t
from ksqlengine.codegen.names import format_expression, ident, rewrite
from ksqlengine.planner.references import froms


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) else f"'{value}'"


def _source(source: t.From | t.Join, full: Callable[[t.Expr], str]) -> str:
    if isinstance(source, t.From):
        return f"{ident(source.name)} {ident(source.alias)}"
    kind = source.kind if source.kind == "INNER" else f"{'FULL' if source.kind == 'OUTER' else source.kind} OUTER"
    return f"{_source(source.left, full)}\n{kind} JOIN {_source(source.right, full)} ON ({full(source.condition)})"


def format_create_as(node: t.CreateSource) -> str:
    """Return the statement's text with each column's source written out."""
    query = node.query
    assert query is not None  # noqa: S101 - the caller has one
    sources = froms(query)
    only = sources[0].alias if len(sources) == 1 else None

    def full(e: t.Expr) -> str:
        changed = rewrite(e, lambda x: t.Column(x.name, x.source or only) if isinstance(x, t.Column) else None)
        return format_expression(changed).replace("COUNT(ROWTIME)", "COUNT(*)")

    lines = []
    generated = 0
    for item in query.items:
        if item.kind != "expr" or item.expr is None:
            lines.append(f"  {item.source + '.' if item.source else ''}*")
            continue
        name = item.alias or (item.expr.name if isinstance(item.expr, t.Column | t.Deref) else None)
        if name is None:
            name = f"KSQL_COL_{generated}"
            generated += 1
        lines.append(f"  {full(item.expr)} {ident(name)}")
    with_ = ", ".join(f"{k}={_value(v)}" for k, v in node.properties.items())
    listed = " " + lines[0].strip() if len(lines) == 1 else "\n" + ",\n".join(lines)
    text = f"CREATE {node.kind} {ident(node.name)}{f' WITH ({with_})' if with_ else ''} AS SELECT{listed}"
    text += f"\nFROM {_source(query.source, full)}"
    if query.where is not None:
        text += f"\nWHERE {full(query.where)}"
    if query.group_by:
        text += f"\nGROUP BY {', '.join(map(full, query.group_by))}"
    if query.partition_by:
        text += f"\nPARTITION BY {', '.join(map(full, query.partition_by))}"
    if query.having is not None:
        text += f"\nHAVING {full(query.having)}"
    return text + f"\nEMIT {query.emit or 'CHANGES'}"
