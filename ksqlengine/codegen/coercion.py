"""Find the type that several expressions have in common, as ksqlDB coerces literals and numbers."""

from __future__ import annotations

import re
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING

from ksqlengine import tree as t
from ksqlengine.codegen.java_types import literal_code
from ksqlengine.codegen.names import format_expression
from ksqlengine.codegen.timestamps import millis_of
from ksqlengine.errors import KsqlError
from ksqlengine.types import (
    BIGINT,
    DOUBLE,
    NULL,
    NUMERIC_ORDER,
    SqlType,
    array,
    as_decimal,
    decimal,
    map_of,
    struct,
)

if TYPE_CHECKING:
    from ksqlengine.codegen.expressions import Code, Compiler

_CLOCKS = ("ROWTIME", "WINDOWSTART", "WINDOWEND")  # compared with text, the text is a timestamp
_TIMES = ("DATE", "TIME", "TIMESTAMP")
_HINT = "\nHint: You might need to add explicit type casts."


def decimal_result(op: str, left: SqlType, right: SqlType) -> SqlType:
    """Return the type of decimal arithmetic, in the digits that SQL gives it."""
    a, b = as_decimal(left), as_decimal(right)
    p1, s1, p2, s2 = a.precision, a.scale, b.precision, b.scale
    if op in "+-":
        scale = max(s1, s2)
        return decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)
    if op == "*":
        return decimal(p1 + p2 + 1, s1 + s2)
    if op == "/":
        scale = max(6, s1 + p2 + 1)
        return decimal(p1 - s1 + s2 + scale, scale)
    scale = max(s1, s2)
    return decimal(min(p1 - s1, p2 - s2) + scale, scale)


def common_type(left: SqlType, right: SqlType) -> SqlType | None:
    """Return the narrowest type that holds both, None when there is none."""
    if left == right or right == NULL:
        return left
    if left == NULL:
        return right
    if left.is_numeric and right.is_numeric:
        if "DOUBLE" in (left.base, right.base):
            return DOUBLE
        if "DECIMAL" in (left.base, right.base):
            a, b = as_decimal(left), as_decimal(right)
            scale = max(a.scale, b.scale)
            return decimal(max(a.precision - a.scale, b.precision - b.scale) + scale, scale)
        return left if NUMERIC_ORDER[left.base] >= NUMERIC_ORDER[right.base] else right
    if left.base != right.base:
        return None
    if left.base == "ARRAY" and left.element and right.element:
        element = common_type(left.element, right.element)
        return array(element) if element else None
    if left.base == "MAP" and left.key and right.key and left.element and right.element:
        key, value = common_type(left.key, right.key), common_type(left.element, right.element)
        return map_of(key, value) if key and value else None
    if left.base == "STRUCT":
        names = [n for n, _ in left.fields] + [n for n, _ in right.fields if left.field(n) is None]
        fields = []
        for name in names:
            found = common_type(left.field(name) or NULL, right.field(name) or NULL)
            if found is None:
                return None
            fields.append((name, found))
        return struct(fields)
    return None


def _literal_type(text: str, wanted: SqlType) -> SqlType:
    """Return the type a text literal takes where `wanted` is expected."""

    def bad() -> KsqlError:
        return KsqlError(f'invalid input syntax for type {wanted.base}: "{text}".')

    if wanted.base == "BOOLEAN":
        if text.strip().lower() and any(w.startswith(text.strip().lower()) for w in ("true", "false", "yes", "no")):
            return wanted
        raise bad()
    if wanted.is_numeric:
        try:
            number = Decimal(text.strip())
        except InvalidOperation:
            raise bad() from None
        if re.fullmatch(r"[+-]?\d+", text.strip()):
            return wanted if wanted.base != "INTEGER" or abs(number) < 2**31 else BIGINT
        if wanted.base == "DOUBLE":
            return DOUBLE
        plain = Decimal(format(number, "f"))
        scale = max(-int(plain.as_tuple().exponent), 0)
        found = common_type(wanted, decimal(max(len(plain.as_tuple().digits), scale), scale))
        return found or wanted
    return wanted


def common(items: list[tuple[t.Expr, Code]], compiler: Compiler) -> tuple[list[str], SqlType]:
    """Coerce expressions to one type: (Java of each, type). Raises KsqlError `operator does not exist …`."""
    from ksqlengine.codegen.expressions import Code

    type_ = next((c.type for e, c in items if c.type != NULL and not _is_text(e)), None)
    if type_ is None:
        type_ = next((c.type for _, c in items if c.type != NULL), NULL)
    for expr, code in items:
        if _is_text(expr) and type_.base != "STRING":
            assert isinstance(expr, t.Literal)  # noqa: S101 - _is_text says so
            if type_.base in ("ARRAY", "MAP", "STRUCT", "BYTES"):
                raise KsqlError(f"operator does not exist: {type_} = STRING ({format_expression(expr)}){_HINT}")
            type_ = _literal_type(expr.value, type_)
            continue
        found = common_type(type_, code.type)
        if found is None and type_.base == "STRING" and _plain_literal(expr):
            found = type_
        if found is None:
            nested = _coerce_inside(expr, type_, compiler)
            if nested is None:
                shown = format_expression(expr)
                raise KsqlError(f"operator does not exist: {type_} = {code.type} ({shown}){_HINT}")
            found = nested
        type_ = found
    javas = []
    for expr, code in items:
        source = Code(code.java, code.type)
        if (
            code.type != NULL
            and code.type != type_
            and (code.type.base in ("ARRAY", "MAP", "STRUCT") or _is_text(expr) or type_.base == "STRING")
        ):
            javas.append(f"ksql.runtime.Casts.to({source.java}, {compiler.constants.sql_type(type_)})")
        else:
            javas.append(compiler.cast_to(source, type_) if type_ != NULL else source.java)
    return javas, type_


def _coerce_inside(expr: t.Expr, wanted: SqlType, compiler: Compiler) -> SqlType | None:
    """Let text literals inside an array, map or struct constructor take the type that is wanted there."""
    if isinstance(expr, t.ArrayOf) and wanted.base == "ARRAY" and wanted.element:
        element: SqlType | None = wanted.element
        for item in expr.items:
            element = _one(item, element, compiler) if element else None
        return array(element) if element else None
    if isinstance(expr, t.MapOf) and wanted.base == "MAP" and wanted.element and wanted.key:
        key: SqlType | None = wanted.key
        value: SqlType | None = wanted.element
        for k, v in expr.entries:
            key = _one(k, key, compiler) if key else None
            value = _one(v, value, compiler) if value else None
        return map_of(key, value) if key and value else None
    if isinstance(expr, t.StructOf) and wanted.base == "STRUCT":
        fields = []
        given = dict(expr.fields)
        for name, type_ in wanted.fields:
            found = _one(given[name], type_, compiler) if name in given else type_
            if found is None:
                return None
            fields.append((name, found))
        return struct(fields)
    return None


def _one(expr: t.Expr, wanted: SqlType, compiler: Compiler) -> SqlType | None:
    if _is_text(expr) and wanted.base != "STRING":
        assert isinstance(expr, t.Literal)  # noqa: S101 - _is_text says so
        return _literal_type(expr.value, wanted)
    return common_type(wanted, compiler.compile(expr).type) or _coerce_inside(expr, wanted, compiler)


def fits(expr: t.Expr, wanted: SqlType, compiler: Compiler) -> bool:
    """Tell whether an expression can stand where a type is wanted without a CAST."""
    try:
        return _one(expr, wanted, compiler) is not None
    except KsqlError:
        return False


def _is_text(e: t.Expr) -> bool:
    return isinstance(e, t.Literal) and isinstance(e.value, str)


def _plain_literal(e: t.Expr) -> bool:
    return isinstance(e, t.Literal)


def in_list(e: t.InList, compiler: Compiler) -> list[str]:
    """Return Java of the value and the items of IN, all of one type."""
    items = [(x, compiler.compile(x)) for x in (e.value, *e.items)]
    try:
        return common(items, compiler)[0]
    except KsqlError as error:
        raise KsqlError("Invalid Predicate: " + error.message + f"\nStatement: {format_expression(e)}") from error


def case_type(
    whens: tuple[tuple[t.Expr, t.Expr], ...], results: list[Code], default: tuple[t.Expr, Code] | None = None
) -> SqlType:
    """Return the type of a CASE's results and default."""
    type_: SqlType = NULL
    for (condition, expr), code in zip(whens, results, strict=True):
        found = common_type(type_, code.type)
        if found is None:
            raise KsqlError(
                "Invalid Case expression. Type for all 'THEN' clauses should be the same."
                f"\nTHEN expression 'WHEN {format_expression(condition)} THEN {format_expression(expr)}' has type: "
                f"{code.type}."
                f"\nPrevious THEN expression(s) type: {type_}."
            )
        type_ = found
    if default is not None:
        found = common_type(type_, default[1].type)
        if found is None:
            raise KsqlError(
                "Invalid Case expression. Type for the default clause should be the same as for 'THEN' clauses."
                f"\nTHEN type: {type_}.\nDEFAULT type: {default[1].type}."
            )
        type_ = found
    if type_ == NULL:
        raise KsqlError("Invalid Case expression. All case branches have a NULL type")
    return type_


def comparison(e: t.Compare, left: Code, right: Code, name: str, compiler: Compiler) -> tuple[str, str]:
    """Return both sides of a comparison in one type. Raises KsqlError where ksqlDB cannot compare."""
    if NULL in (left.type, right.type):
        raise KsqlError(f"Comparison with NULL not supported: {_side(e.left, left)} {e.op} {_side(e.right, right)}")
    a, b = left.type, right.type
    if a.is_numeric and b.is_numeric:
        if a.base == b.base:
            return left.java, right.java
        if "DECIMAL" in (a.base, b.base):
            return f"ksql.runtime.Casts.wide({left.java})", f"ksql.runtime.Casts.wide({right.java})"
        wide = a if NUMERIC_ORDER[a.base] > NUMERIC_ORDER[b.base] else b
        return compiler.cast_to(left, wide), compiler.cast_to(right, wide)
    if a.base == b.base and a.base not in ("ARRAY", "MAP", "STRUCT", "BOOLEAN"):
        return left.java, right.java
    equality = name in ("EQUAL", "NOT_EQUAL", "IS_DISTINCT_FROM", "IS_NOT_DISTINCT_FROM")
    if a.base == b.base and equality:
        return left.java, right.java
    if a.base in _TIMES and b.base == "STRING":
        return left.java, compiler_cast(right, a)
    if b.base in _TIMES and a.base == "STRING":
        return compiler_cast(left, b), right.java
    for one, other, swap in ((e.left, e.right, False), (e.right, e.left, True)):
        if isinstance(one, t.Column) and one.name in _CLOCKS and isinstance(other, t.Literal) and _is_text(other):
            java = literal_code(millis_of(str(other.value)), BIGINT)
            return (java, right.java) if swap else (left.java, java)
    if {a.base, b.base} == {"TIMESTAMP", "DATE"}:
        return f"ksql.runtime.Casts.timestamp({left.java})", f"ksql.runtime.Casts.timestamp({right.java})"
    raise KsqlError(
        f"Cannot compare {format_expression(e.left)} ({a}) to {format_expression(e.right)} ({b}) with {name}."
    )


def compiler_cast(code: Code, wanted: SqlType) -> str:
    """Return Java that reads text as a date or time."""
    return f"ksql.runtime.Casts.{wanted.base.lower()}({code.java})"


def _side(e: t.Expr, code: Code) -> str:
    return "NULL" if code.type == NULL else format_expression(e)
