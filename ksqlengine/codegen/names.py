"""Print expressions as ksqlDB does in messages, and walk them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator
from decimal import Decimal

from ksqlengine import tree as t

_PLAIN = re.compile(r"^[A-Z_][A-Z0-9_]*$")


def ident(name: str) -> str:
    """Return a name, in back quotes where it needs them."""
    return name if _PLAIN.match(name) else f"`{name}`"


def format_expression(e: t.Expr) -> str:
    """Return an expression's text in ksqlDB's form."""
    f = format_expression
    match e:
        case t.Literal():
            if e.value is None:
                return "null"
            if isinstance(e.value, bool):
                return str(e.value).lower()
            if isinstance(e.value, str):
                return "'" + e.value.replace("'", "''") + "'"
            if isinstance(e.value, float):
                return repr(e.value).upper().replace("E+", "E")
            return f"{e.value:f}" if isinstance(e.value, Decimal) else str(e.value)
        case t.Column():
            return e.shown or (f"{ident(e.source)}.{ident(e.name)}" if e.source else ident(e.name))
        case t.Unit():
            return e.name
        case t.Deref():
            return f"{f(e.base)}->{ident(e.name)}"
        case t.Subscript():
            return f"{f(e.base)}[{f(e.index)}]"
        case t.Call():
            args = ", ".join(map(f, e.args))
            return f"{e.name}({args if args or e.name != 'COUNT' else 'ROWTIME'})"
        case t.Cast():
            return f"CAST({f(e.value)} AS {e.type})"
        case t.Arithmetic() | t.Compare() | t.Logical():
            return f"({f(e.left)} {e.op} {f(e.right)})"
        case t.Negate():
            return f"-{f(e.value)}"
        case t.Not():
            return f"(NOT {f(e.value)})"
        case t.IsNull():
            return f"({f(e.value)} IS {'NOT ' if e.negated else ''}NULL)"
        case t.Between():
            text = f"({f(e.value)} BETWEEN {f(e.low)} AND {f(e.high)})"
        case t.InList():
            text = f"({f(e.value)} IN ({', '.join(map(f, e.items))}))"
        case t.Like():
            escape = f" ESCAPE '{e.escape}'" if e.escape else ""
            text = f"({f(e.value)} LIKE {f(e.pattern)}{escape})"
        case t.Case():
            whens = " ".join(f"WHEN {f(c)} THEN {f(r)}" for c, r in e.whens)
            operand = f" {f(e.operand)}" if e.operand else ""
            default = f" ELSE {f(e.default)}" if e.default else ""
            return f"(CASE{operand} {whens}{default} END)"
        case t.ArrayOf():
            return f"ARRAY[{', '.join(map(f, e.items))}]"
        case t.MapOf():
            return f"MAP({', '.join(f'{f(k)}:={f(v)}' for k, v in e.entries)})"
        case t.StructOf():
            return f"STRUCT({', '.join(f'{ident(n)}:={f(v)}' for n, v in e.fields)})"
        case t.Lambda():
            params = ", ".join(e.params)
            return f"({params}) => {f(e.body)}" if len(e.params) > 1 else f"{params} => {f(e.body)}"
        case _:
            return str(e)
    return f"(NOT {text})" if e.negated else text


def format_bare(e: t.Expr) -> str:
    """Return an expression's text without the sources of its columns."""
    return format_expression(bare(e))


def bare(e: t.Expr) -> t.Expr:
    """Copy an expression without the sources of its columns."""
    return rewrite(e, lambda x: dataclasses.replace(x, source=None) if isinstance(x, t.Column) and x.source else None)


def children(e: t.Expr) -> Iterator[t.Expr]:
    """Yield the expressions directly inside one."""
    for f in dataclasses.fields(e):
        yield from _expressions(getattr(e, f.name))


def _expressions(value: object) -> Iterator[t.Expr]:
    if isinstance(value, t.Expr):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _expressions(item)


def walk(e: t.Expr) -> Iterator[t.Expr]:
    """Yield an expression and all inside it."""
    yield e
    for child in children(e):
        yield from walk(child)


def columns(e: t.Expr, hidden: frozenset[str] = frozenset()) -> Iterator[t.Column]:
    """Yield the columns that an expression reads; a lambda's parameters are none."""
    if isinstance(e, t.Column):
        if e.source or e.name not in hidden:
            yield e
        return
    if isinstance(e, t.Lambda):
        hidden = hidden | set(e.params)
    for child in children(e):
        yield from columns(child, hidden)


def rewrite(e: t.Expr, change: Callable[[t.Expr], t.Expr | None]) -> t.Expr:
    """Copy an expression; where `change` returns something, that stands instead. A lambda's parameters stay."""
    changed = change(e)
    if changed is not None:
        return changed
    if isinstance(e, t.Lambda):
        own, outer = set(e.params), change

        def change(x: t.Expr) -> t.Expr | None:
            return x if isinstance(x, t.Column) and not x.source and x.name in own else outer(x)

    updates = {}
    for f in dataclasses.fields(e):
        value = getattr(e, f.name)
        copied = _rewrite_value(value, change)
        if copied is not value:
            updates[f.name] = copied
    return dataclasses.replace(e, **updates) if updates else e


def _rewrite_value(value: object, change: Callable[[t.Expr], t.Expr | None]) -> object:
    if isinstance(value, t.Expr):
        return rewrite(value, change)
    if isinstance(value, tuple):
        copied = tuple(_rewrite_value(v, change) for v in value)
        return copied if any(a is not b for a, b in zip(copied, value, strict=True)) else value
    return value
