"""Plan joins: which kind it is, on what, which key comes out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ksqlengine import tree as t
from ksqlengine.catalog import FormatInfo, Source
from ksqlengine.codegen.expressions import Code
from ksqlengine.codegen.names import columns, format_expression, rewrite
from ksqlengine.errors import KsqlError
from ksqlengine.planner.builder import PlanBuilder
from ksqlengine.planner.formats import contains_map, map_key
from ksqlengine.planner.projection import canonical
from ksqlengine.planner.properties import default_format
from ksqlengine.planner.relation import KeyColumn, Relation, Scope, Slot, windowed_rekeying

_KIND_TEXT = {"INNER": "[INNER] JOIN", "LEFT": "LEFT [OUTER] JOIN", "RIGHT": "RIGHT [OUTER] JOIN",
              "OUTER": "[FULL] OUTER JOIN"}  # fmt: skip


def plan(
    join: t.Join,
    aliases: dict[str, Source],
    wanted: set[tuple[str | None, str]],
    builder: PlanBuilder,
    prefix: str = "",
) -> Relation:
    """Plan a join and all joins to its left; `prefix` keeps the names of their stores and topics apart."""
    if isinstance(join.left, t.Join):
        left = plan(join.left, aliases, wanted, builder, f"L_{prefix}")
    else:
        left = builder.scan(aliases[join.left.alias], join.left.alias, wanted, f"KafkaTopic_{prefix}Left-Reduce")
    right = builder.scan(aliases[join.right.alias], join.right.alias, wanted, f"KafkaTopic_{prefix}Right-Reduce")
    left_expr, right_expr = sides(join, left, right, aliases)
    left_code = Scope(left, "JOIN ON", builder.constants).compiler.compile(left_expr)
    right_code = Scope(right, "JOIN ON", builder.constants).compiler.compile(right_expr)
    got = _got(join, left, right)
    if left_code.type != right_code.type:
        raise KsqlError(
            "Invalid join condition: types don't match. Got "
            f"{format_expression(left_expr)}{{{left_code.type}}} = "
            f"{format_expression(right_expr)}{{{right_code.type}}}."
        )
    check_formats(left, right)
    kind = (left.kind, right.kind)
    left_is_key = _is_key(left_expr, left)
    right_is_key = _is_key(right_expr, right)
    step: dict[str, Any] = {
        "op": "join",
        "join": join.kind,
        "name": f"{prefix}Join",
        "store": builder.name(f"{prefix}Join"),
        "left_on": format_expression(left_expr),
        "right_on": format_expression(right_expr),
    }
    fmt = left.key_format
    if kind[0] == "STREAM" and not left_is_key and (right_is_key or fmt.name == "NONE"):
        fmt = right.key_format
    if fmt.name == "NONE":
        fmt = FormatInfo(default_format(builder.config, "KEY") or "KAFKA")
    single = kind != ("TABLE", "TABLE") or left_is_key
    foreign = False
    names = f"{_name(left)} {_KIND_TEXT[join.kind]} {right.sources[0][1].name}"
    if kind == ("STREAM", "STREAM"):
        if join.before_ms is None:
            raise KsqlError(
                "Stream-Stream joins must have a WITHIN clause specified. None was provided. To learn about how to "
                "specify a WITHIN clause with a stream-stream join, please visit: "
                "https://docs.confluent.io/current/ksql/docs/syntax-reference.html#create-stream-as-select"
            )
        check_windows(left, right)
        step.update(type="stream-stream", before_ms=join.before_ms, after_ms=join.after_ms, grace_ms=join.grace_ms)
        left = rekey(left, left_expr, left_code, left_is_key, builder, fmt)
        right = rekey(right, right_expr, right_code, right_is_key, builder, fmt)
    elif kind == ("STREAM", "TABLE"):
        if join.before_ms is not None:
            raise KsqlError(
                "A window definition was provided for a Stream-Table join. These joins are not windowed. Please drop "
                "the window definition (ie. the WITHIN clause) and try to execute your join again."
            )
        if join.kind == "OUTER":
            raise KsqlError(f"Invalid join type: full-outer join not supported for stream-table join. Got {names}.")
        if join.kind == "RIGHT":
            raise KsqlError(f"Invalid join type: right-outer join not supported for stream-table join. Got {names}.")
        if not right_is_key:
            raise KsqlError(
                f"Invalid join condition: stream-table joins require to join on the table's primary key. Got {got}."
            )
        check_windows(left, right)
        step.update(type="stream-table")
        left = rekey(left, left_expr, left_code, left_is_key, builder, fmt)
    elif kind == ("TABLE", "STREAM"):
        raise KsqlError(
            f"Invalid join order: table-stream joins are not supported; only stream-table joins. Got {names}."
        )
    else:
        if join.before_ms is not None:
            raise KsqlError(
                "A window definition was provided for a Table-Table join. These joins are not windowed. Please drop "
                "the window definition (i.e. the WITHIN clause) and try to execute your Table-Table join again."
            )
        if not right_is_key:
            raise KsqlError(
                "Invalid join condition: table-table joins require to join on the primary key of the right input table."
                f" Got {got}."
            )
        foreign = not left_is_key
        if foreign:
            if left.joined:
                raise KsqlError(
                    "Invalid join condition: foreign-key table-table joins are not supported as part of n-way joins."
                    f" Got {got}."
                )
            if join.kind in ("RIGHT", "OUTER"):
                what = "RIGHT OUTER JOIN" if join.kind == "RIGHT" else "FULL OUTER JOIN"
                raise KsqlError(f"{what} on a foreign key is not supported")
            for c in columns(left_expr):
                for slot in (left.slots[i] for i in left.find(c)):
                    slot.used = True
            function = builder.row_function([(left_code.java, format_expression(left_expr))])
            step.update(type="foreign-key", function=function)
        else:
            check_windows(left, right)
            step.update(type="table-table")
    if not foreign:
        check_partitions(left, right)  # also where a side is re-keyed: its own topic decides the number of partitions
    if single:
        left = reformat(left, fmt, f"{prefix}LeftSourceKeyed")
        right = reformat(right, fmt, f"{prefix}RightSourceKeyed")
    slots = [*left.slots, *right.slots]
    for slot in slots:
        slot.used = True  # rows are put side by side as they stand
    step.update(
        {"left": left.step, "right": right.step, "left_width": len(left.slots), "right_width": len(right.slots)}
    )
    synthetic = False
    if foreign:
        keys = left.keys
    else:
        expressions: list[t.Expr] = [*(left.keys[0].expressions if _is_key(left_expr, left) else [left_expr])]
        expressions += [e for e in right.keys[0].expressions if e not in expressions]
        if right_expr not in expressions:
            expressions.append(right_expr)
        both = [e for e in (left_expr, right_expr) if isinstance(e, t.Column)]
        synthetic = join.kind == "OUTER" or not both
        plain: list[t.Expr] = [e for e in expressions if isinstance(e, t.Column)]
        expressions = plain or expressions
        if contains_map(left_code.type):
            first = expressions[0]
            label = f"{first.source}_{first.name}" if isinstance(first, t.Column) else "KSQL_COL_0"
            raise map_key(label, left_code.type)
        if synthetic:
            name = "ROWKEY"
            expressions = [t.Column(name)]
            step["key_slot"] = len(slots)
            slots.append(Slot(None, name, left_code.type, "SYNTHETIC"))
        else:
            name = expressions[0].name if isinstance(expressions[0], t.Column) else "KSQL_COL_0"
        keys = [KeyColumn(name, left_code.type, expressions)]
    step["types"] = [[k.name, str(k.type)] for k in keys]
    return Relation(
        step, "TABLE" if left.kind == "TABLE" else "STREAM", slots, keys, fmt if single else left.key_format,
        left.value_format, left.window,
        [*left.sources, *right.sources], True, synthetic, "foreign" if foreign else "join",
    )  # fmt: skip


def _got(join: t.Join, left: Relation, right: Relation) -> str:
    condition = join.condition
    assert isinstance(condition, t.Compare)  # noqa: S101 - `sides` refused all else
    first, second = (_canonical_both(e, left, right) for e in (condition.left, condition.right))
    return f"{format_expression(first)} = {format_expression(second)}"


def _name(left: Relation) -> str:
    return left.sources[-1][1].name if not left.joined else left.sources[0][1].name


def sides(join: t.Join, left: Relation, right: Relation, aliases: dict[str, Source]) -> tuple[t.Expr, t.Expr]:
    """Return the condition's side over the left relation and the one over the right."""
    condition = join.condition
    if isinstance(condition, t.Logical):
        condition = _canonical_both(condition, left, right)
        raise KsqlError(
            "Invalid join condition: joins on multiple conditions are not yet supported. "
            f"Got {format_expression(condition)}."
        )
    if not isinstance(condition, t.Compare) or condition.op != "=":
        raise KsqlError(
            f"Unsupported join expression: {format_expression(_canonical_both(condition, left, right))}. "
            "Only equality is supported."
        )
    first, second = (_canonical_both(e, left, right) for e in (condition.left, condition.right))
    known = {a for a, _ in (*left.sources, *right.sources)}
    for e in (first, second):
        for c in columns(e):
            if c.source is not None and c.source not in aliases:
                raise KsqlError(f"'{c.source}' is not a valid stream/table name or alias.")
            if c.source is None or c.source not in known:
                _unresolved(c, left, right)
    sources = [{c.source for c in columns(e)} for e in (first, second)]
    lefts, rights = {a for a, _ in left.sources}, {a for a, _ in right.sources}
    for e, found in zip((first, second), sources, strict=True):
        if len(found) != 1:
            raise _bad_sides(e, first, second)
    if sources[0] <= lefts and sources[1] <= rights:
        return first, second
    if sources[1] <= lefts and sources[0] <= rights:
        return second, first
    raise KsqlError(
        f"Invalid comparison expression '{format_expression(first)} = {format_expression(second)}' in join. "
        "Each side of the join must reference exactly one source and not the same source."
    )


def _bad_sides(e: t.Expr, first: t.Expr, second: t.Expr) -> KsqlError:
    return KsqlError(
        f"Invalid comparison expression '{format_expression(e)}' in join "
        f"'({format_expression(first)} = {format_expression(second)})'. "
        "Each side of the join comparision must contain references from exactly one source."
    )


def _unresolved(c: t.Column, left: Relation, right: Relation) -> None:
    found = [s for r in (left, right) for s in (r.slots[i] for i in r.find(c))]
    if len(found) > 1:
        could = " or ".join(f"{s.source}.{s.name}" for s in found)
        raise KsqlError(f"Line: {c.line}, Col: {c.column}: Column '{c.name}' is ambiguous. Could be {could}.")
    raise KsqlError(f"Line: {c.line}, Col: {c.column}: JOIN ON column '{format_expression(c)}' cannot be resolved.")


def _canonical_both(e: t.Expr, left: Relation, right: Relation) -> t.Expr:
    def change(x: t.Expr) -> t.Expr | None:
        if not isinstance(x, t.Column):
            return None
        hits = [r for r in (left, right) if r.find(x)]
        if len(hits) == 1:
            return hits[0].canonical(x)
        return x

    return rewrite(e, change)


def _is_key(e: t.Expr, relation: Relation) -> bool:
    return len(relation.keys) == 1 and canonical(e, relation) in relation.keys[0].expressions


def reformat(relation: Relation, fmt: FormatInfo, name: str) -> Relation:
    """Write a side's keys in the other side's format, or equal keys would lie in different partitions."""
    if relation.key_format.name == fmt.name:
        return relation
    step = {
        "op": "reformat", "in": relation.step, "kind": relation.kind, "name": name, "key_format": fmt.to_json(),
        "types": [[k.name, str(k.type)] for k in relation.keys],
    }  # fmt: skip
    return replace(relation, step=step, key_format=fmt)


def rekey(
    relation: Relation, expr: t.Expr, code: Code, is_key: bool, builder: PlanBuilder, fmt: FormatInfo
) -> Relation:
    """Give a stream the join expression as its key, unless it is that already."""
    if is_key:
        return relation
    if relation.window is not None:
        raise windowed_rekeying()
    function = builder.row_function([(code.java, format_expression(expr))])
    key = KeyColumn("KSQL_JOIN_KEY", code.type, [expr])
    step = {"op": "select_key", "in": relation.step, "function": function, "types": [[key.name, str(code.type)]],
            "key_format": fmt.to_json()}  # fmt: skip
    return replace(relation, step=step, keys=[key], key_format=fmt)


def check_partitions(left: Relation, right: Relation) -> None:
    """Refuse sources that are cut into a different number of partitions."""
    one, two = left.sources[0][1], right.sources[0][1]
    a, b = one.partitions, two.partitions
    if a and b and a != b:  # 0 where nobody said
        raise KsqlError(
            f"Can't join `{one.name}` with `{two.name}` since the number of partitions don't match. "
            f"`{one.name}` partitions "
            f"= {a}; `{two.name}` partitions = {b}. Please repartition either one so that the number of "
            f"partitions match."
        )


def check_formats(left: Relation, right: Relation) -> None:
    """Refuse formats that cannot be joined."""
    bad = [s for _, s in (*left.sources, *right.sources) if s.value_format.name in ("NONE", "KAFKA")]
    if bad:
        raise KsqlError(
            f"Source(s) {', '.join(s.name for s in bad)} are using the '{bad[0].value_format.name}' value "
            f"format. This format does not yet support JOIN."
        )


def check_windows(left: Relation, right: Relation) -> None:
    """Refuse a windowed source beside one that is not, or is windowed in another way."""
    a, b = left.window, right.window
    if (a is None) != (b is None):

        def text(r: Relation) -> str:
            how = f"{r.window.kind} windowed" if r.window else "not windowed"
            return f"`{r.sources[0][1].name}` is {how}"

        raise KsqlError(f"Can not join windowed source to non-windowed source.\n{text(left)}\n{text(right)}")
    if a is not None and b is not None and a.kind != "SESSION" and b.kind != "SESSION" and a != b:
        raise windowed_rekeying()
    if a is not None and b is not None and (a.kind == "SESSION") != (b.kind == "SESSION"):
        raise KsqlError(
            f"Incompatible windowed sources.\nLeft source: {a.kind}\nRight source: {b.kind}\n"
            "Session windowed sources can only be joined to other session windowed sources, and may still not result in"
            " expected behaviour as session bounds must be an exact match for the join to work\n"
            "Hopping and tumbling windowed sources can only be joined to other hopping and tumbling windowed sources"
        )
