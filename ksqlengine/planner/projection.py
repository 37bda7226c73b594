"""Plan SELECT's list: stars, names, which columns are the key's, and the function that makes the value."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace

from ksqlengine import tree as t
from ksqlengine.catalog import Source
from ksqlengine.codegen.expressions import UNTYPED_NULL, Constants
from ksqlengine.codegen.names import format_bare, format_expression, rewrite
from ksqlengine.errors import KsqlError
from ksqlengine.planner.builder import PlanBuilder
from ksqlengine.planner.relation import PSEUDO, WINDOW_BOUNDS, KeyColumn, Relation, Scope, Slot
from ksqlengine.types import NULL, Column, Schema, SqlType

DOCS = "https://cnfl.io/2LV7ouS"


@dataclass(frozen=True)
class Item:
    """Be one column of the result."""

    expr: t.Expr
    name: str
    explicit: bool = False


def canonical(e: t.Expr, relation: Relation) -> t.Expr:
    """Write an expression with the source on each column, so that equal means the same."""

    def change(x: t.Expr) -> t.Expr | None:
        if isinstance(x, t.Column):
            return relation.canonical(x)
        return x if isinstance(x, t.Lambda) else None

    return rewrite(e, change)


def default_name(e: t.Expr) -> str | None:
    """Return the name that an expression gives by itself: a column's or a field's."""
    if isinstance(e, t.Column):
        return e.name
    return e.name if isinstance(e, t.Deref) else None


def star_columns(source: Source, joined: bool) -> list[Column]:
    """Return the columns that `*` gives of a source; in a join a windowed one shows its bounds behind its key."""
    bounds = [Column(n, type_) for n, type_ in WINDOW_BOUNDS.items()] if joined and source.window else []
    return [*source.schema.key, *bounds, *source.schema.value, *source.schema.headers]


def expand(items: tuple[t.SelectItem, ...], relation: Relation, partition: tuple[t.Expr, ...] | None) -> list[Item]:
    """Write out stars and give every column its name. `partition` holds PARTITION BY's expressions, which come "
    "first."""
    found: list[Item] = []
    taken = {c.name for _, s in relation.sources for c in s.schema.columns}
    names = [c.name for _, s in relation.sources for c in (*s.schema.columns,)]
    counts = Counter(names)
    generated = 0
    aliases = [a for a, _ in relation.sources]
    for item in items:
        if item.kind in ("all", "source_all"):
            if item.source is not None and item.source not in aliases:
                raise KsqlError(f"'{item.source}' is not a valid stream/table name or alias.")
            if relation.synthetic_key and item.kind == "all":
                found.append(Item(t.Column(relation.keys[0].name), relation.keys[0].name))
            if partition is not None and item.kind == "all":
                found += _partition_star(partition, relation)
                continue
            for alias, source in relation.sources:
                if item.source in (None, alias):
                    for column in star_columns(source, relation.joined):
                        name = f"{alias}_{column.name}" if relation.joined else column.name
                        found.append(Item(t.Column(column.name, alias), name))
            continue
        assert item.expr is not None  # noqa: S101 - the grammar gives all other kinds an expression
        if item.kind == "struct_all":
            code = Scope(relation, "SELECT", Constants()).compiler.compile(item.expr)
            if code.type.base != "STRUCT":
                raise KsqlError(f"Cannot apply '->*' to {format_expression(item.expr)}: it is {code.type}")
            found += [Item(t.Deref(item.expr, n), n) for n, _ in code.type.fields]
            continue
        expr = item.expr
        if item.alias is not None:
            found.append(Item(expr, item.alias, True))
        elif isinstance(expr, t.Column):
            clash = relation.joined and counts[expr.name] > 1
            if (expr.source is not None and clash) or (
                expr.name in PSEUDO and expr.source is not None and relation.joined
            ):
                found.append(Item(expr, f"{expr.source}_{expr.name}"))
            else:
                found.append(Item(expr, expr.name))
        elif isinstance(expr, t.Deref):
            name, n = expr.name, 0
            while name in taken or name in {i.name for i in found}:
                n += 1
                name = f"{expr.name}_{n}"
            found.append(Item(expr, name))
        else:
            while f"KSQL_COL_{generated}" in taken or f"KSQL_COL_{generated}" in {i.name for i in found}:
                generated += 1
            found.append(Item(expr, f"KSQL_COL_{generated}"))
            generated += 1
    return found


def partition_names(exprs: list[t.Expr], relation: Relation) -> list[str]:
    """Return the names that PARTITION BY's expressions get by themselves: none that a source's column has."""
    taken = {c.name for _, s in relation.sources for c in s.schema.columns}
    names: list[str] = []
    for e in exprs:
        name, n = default_name(e), 0
        while name is None or (not isinstance(e, t.Column) and name in taken):
            name = f"{e.name}_{n + 1}" if isinstance(e, t.Deref) else f"KSQL_COL_{n}"
            n += 1
        taken.add(name)
        names.append(name)
    return names


def _partition_star(partition: tuple[t.Expr, ...], relation: Relation) -> list[Item]:
    """Return `*` behind PARTITION BY: the new key, the values, then what was the key before."""
    new = [canonical(e, relation) for e in partition]
    found = []
    for e, name in zip(new, partition_names(new, relation), strict=True):
        if isinstance(e, t.Column) and relation.joined and e.source:
            name = f"{e.source}_{e.name}"
        if not (isinstance(e, t.Literal) and e.value is None):
            found.append(Item(e, name))
    for alias, source in relation.sources:
        names = [c.name for c in source.schema.value]
        if relation.joined:
            names += list(PSEUDO)
        names += [c.name for c in (*source.schema.key, *source.schema.headers)]
        for name in names:
            column = t.Column(name, alias)
            if column not in new:
                found.append(Item(column, f"{alias}_{name}" if relation.joined else name))
    return found


def plan(
    items: list[Item],
    relation: Relation,
    builder: PlanBuilder,
    sink: str | None,
    persistent: bool,
    keyless: bool = False,
) -> tuple[Relation, Schema]:
    """Add the projection: key columns by name, all else computed into the value."""
    scope = Scope(relation, "SELECT", builder.constants)
    reserved = {**PSEUDO, **WINDOW_BOUNDS}
    keys: list[tuple[str, KeyColumn] | None] = [None] * len(relation.keys)
    values: list[tuple[Item, str]] = []
    columns: list[Column] = []
    chosen = choose_keys(items, relation)
    if persistent and keyless and relation.kind == "STREAM" and len(set(chosen.values())) < len(relation.keys):
        relation = replace(relation, keys=[], step={"op": "drop_key", "in": relation.step})
        keys, chosen = [], {}
    if persistent:
        check_names(items, reserved, {} if relation.key_kind != "partition" else chosen)
    for i, item in enumerate(items):
        at = chosen.get(i)
        if at is not None:
            if keys[at] is not None and persistent:
                first = keys[at]
                assert first is not None  # noqa: S101 - tested the line before
                one, two = sorted((first[0], item.name))
                if relation.key_kind == "group":
                    raise KsqlError(f"The projection contains a key column more than once: `{one}` and `{two}`.")
                label = _key_label(relation.keys[at], relation)
                raise KsqlError(
                    f"The projection contains a key column (`{label}`) more than once, aliased as: {one} and {two}."
                )
            keys[at] = (item.name, relation.keys[at])
            if not persistent:
                code = scope.compiler.compile(item.expr)
                values.append((item, code.java))
                columns.append(Column(item.name, code.type))
            continue
        try:
            code = scope.compiler.compile(item.expr)
        except KsqlError as error:
            if "resolved" in error.message or "ambiguous" in error.message or "Line:" in error.message:
                raise
            prefix = "Invalid Select: " if error.message.startswith("Cast of") else ""
            raise KsqlError(prefix + error.message) from error
        if code.type == NULL:
            raise KsqlError(UNTYPED_NULL)
        values.append((item, code.java))
        columns.append(Column(item.name, code.type))
    if persistent:
        check_keys(keys, relation, sink)
        seen = {k[0] for k in keys if k is not None}
        for column in columns:
            if column.name in seen:
                same = ", ".join(str(c) for c in columns if c.name == column.name)
                raise KsqlError(f"Duplicate value columns found in schema: {same.split(', ')[0]}")
            seen.add(column.name)
    key_columns = [Column(k[0], k[1].type, "KEY") for k in keys if k is not None]
    if persistent and not columns:
        raise KsqlError("The projection contains no value columns.")
    function = builder.row_function([(java, format_expression(item.expr)) for item, java in values])
    step = {"op": "project", "in": relation.step, "kind": relation.kind, "function": function}
    slots = [Slot(None, c.name, c.type) for c in columns]
    if persistent:
        order = [k[0] for k in keys if k is not None]
        if len(order) == len(relation.keys) and relation.keys:
            step["key_order"] = order
    return replace(relation, step=step, slots=slots), Schema((*key_columns, *columns))


def _key_label(key: KeyColumn, relation: Relation) -> str:
    first = key.expressions[0]
    if isinstance(first, t.Column) and relation.joined and first.source:
        return f"{first.source}_{first.name}"
    return first.name if isinstance(first, t.Column) else key.name


def choose_keys(items: list[Item], relation: Relation) -> dict[int, int]:
    """Say which items are the key columns: item index → key index."""
    chosen: dict[int, int] = {}
    exprs = [canonical(i.expr, relation) for i in items]
    for k, key in enumerate(relation.keys):
        for candidate in key.expressions:
            hits = [i for i, e in enumerate(exprs) if e == candidate]
            if hits:
                chosen.update((i, k) for i in hits)
                break
    return chosen


def check_names(items: list[Item], reserved: dict[str, SqlType], chosen: dict[int, int]) -> None:
    """Refuse names that the engine keeps for itself."""
    for i, item in enumerate(items):
        if item.name in reserved and i not in chosen:
            if item.explicit and not (isinstance(item.expr, t.Column) and item.expr.name == item.name):
                raise KsqlError(f"`{item.name}` is a reserved column name. You cannot use it as an alias for a column.")
            raise KsqlError(f"Reserved column name in select: `{item.name}`. Please remove or alias the column.")


def check_keys(keys: list[tuple[str, KeyColumn] | None], relation: Relation, sink: str | None) -> None:
    """Refuse a projection without a key column."""
    missing = [relation.keys[i] for i, k in enumerate(keys) if k is None]
    if not missing:
        return
    if relation.key_kind == "foreign":
        listed = ", ".join(f"`{k.name}`" for k in missing)
        raise KsqlError(
            "Primary key columns missing in projection. For foreign-key table-table joins, the projection must "
            "include all "
            f"primary key columns from the left input table (`{relation.sources[0][0]}`). Missing columns: {listed}."
        )
    raise missing_key(relation, sink, missing)


def missing_key(relation: Relation, sink: str | None, missing: list[KeyColumn]) -> KsqlError:
    """Return ksqlDB's error for a key that is not selected."""
    name = f"`{sink}`"
    if relation.key_kind != "group":
        missing = relation.keys
    shown = [k.label if relation.key_kind == "group" else _shown(k.expressions[0], relation) for k in missing]
    plural = "s" if len(shown) > 1 else ""
    hint = ""
    if relation.key_kind == "join":
        exprs = [_shown(e, relation) for e in relation.keys[0].expressions]
        plural = "s" if len(exprs) > 1 else ""
        what = f"the join expression{plural} " + _listed(exprs, "or")
        shown = exprs[:1]
        if relation.synthetic_key:
            hint = (
                f"\n{shown[0]} was added as a synthetic key column because the join criteria did not match any source"
                " column. This expression must be included in the projection and may be aliased."
            )
    elif relation.key_kind == "group":
        what = f"the grouping expression{plural} " + _listed(shown, "and")
    elif relation.key_kind == "partition":
        what = f"the partitioning expression{plural} " + _listed(shown, "and")
    else:
        shown = [k.name for k in missing]
        what = f"the key column{plural} " + _listed(shown, "and")
    return KsqlError(
        f"Key missing from projection (ie, SELECT). See {DOCS}.\nThe query used to build {name} must include {what} "
        f"in its projection (eg, SELECT {', '.join(shown)}...).{hint}"
    )


def _shown(e: t.Expr, relation: Relation) -> str:
    return format_expression(e) if relation.joined or relation.key_kind == "partition" else format_bare(e)


def _listed(parts: list[str], word: str) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + f" {word} " + parts[-1]
