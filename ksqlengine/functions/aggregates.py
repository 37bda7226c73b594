"""Aggregate functions."""

from __future__ import annotations

from ksqlengine.functions.registry import AGGREGATES, return_rule
from ksqlengine.types import SqlType, decimal


@return_rule("sum_decimal")
def sum_decimal(args: list[SqlType]) -> SqlType:
    """Return a decimal wide enough for a sum."""
    return decimal(38, args[0].scale) if False else args[0]


AGGREGATES.add("""
COUNT() -> BIGINT : Count undo
COUNT(ANY) -> BIGINT : CountOf undo
SUM(INTEGER) -> INTEGER : SumInteger undo
SUM(BIGINT) -> BIGINT : SumBigint undo
SUM(DOUBLE) -> DOUBLE : SumDouble undo
SUM(DECIMAL) -> @sum_decimal : SumDecimal undo typed
MIN(T) -> T : Min
MAX(T) -> T : Max
""")
