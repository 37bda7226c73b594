"""Scalar functions."""

from __future__ import annotations

from ksqlengine.functions.registry import SCALARS, return_rule
from ksqlengine.types import SqlType, decimal


@return_rule("first")
def first(args: list[SqlType]) -> SqlType:
    """Return the type of the first argument."""
    return args[0]


@return_rule("whole_decimal")
def whole_decimal(args: list[SqlType]) -> SqlType:
    """Return the decimal of the first argument without digits behind the point, same precision."""
    return decimal(max(args[0].precision - args[0].scale, 1), 0)


SCALARS.add("""
AS_VALUE(T) -> T : Values.asValue
IFNULL(T, T) -> T : Values.ifNull
COALESCE(T, T...) -> T : Values.coalesce
NULLIF(T, T) -> T : Values.nullIf
LEN(STRING) -> INTEGER : Strings.len
LEN(BYTES) -> INTEGER : Strings.len
UCASE(STRING) -> STRING : Strings.ucase
LCASE(STRING) -> STRING : Strings.lcase
TRIM(STRING) -> STRING : Strings.trim
CONCAT(STRING, STRING...) -> STRING : Strings.concat
CONCAT(BYTES, BYTES...) -> BYTES : Strings.concat
SUBSTRING(STRING, INTEGER) -> STRING : Strings.substring
SUBSTRING(STRING, INTEGER, INTEGER) -> STRING : Strings.substring
ABS(INTEGER) -> INTEGER : Numbers.abs
ABS(BIGINT) -> BIGINT : Numbers.abs
ABS(DECIMAL) -> @first : Numbers.abs
ABS(DOUBLE) -> DOUBLE : Numbers.abs
""")


@return_rule("element")
def element(args: list[SqlType]) -> SqlType:
    """Return the element type of the first argument, an array."""
    return args[0].element or args[0]
