"""Aggregate functions."""

from __future__ import annotations

from ksqlengine.functions.registry import AGGREGATES, return_rule
from ksqlengine.types import SqlType, array


@return_rule("sum_decimal")
def sum_decimal(args: list[SqlType]) -> SqlType:
    """Return the decimal of the argument: a sum keeps its digits."""
    return args[0]


@return_rule("top_rows")
def top_rows(args: list[SqlType]) -> SqlType:
    """Return an array of structs: the sorted column and the others beside it."""
    others = tuple((f"col{i}", a) for i, a in enumerate(args[1:-1]))
    return array(SqlType("STRUCT", fields=(("sort_col", args[0]), *others)))


AGGREGATES.add("""
COUNT() -> BIGINT : Count undo
COUNT(ANY) -> BIGINT : CountOf undo
COUNT_DISTINCT(T) -> BIGINT : CountDistinct state=ARRAY<STRING>
SUM(INTEGER) -> INTEGER : SumInteger undo
SUM(BIGINT) -> BIGINT : SumBigint undo
SUM(DOUBLE) -> DOUBLE : SumDouble undo
SUM(DECIMAL) -> @sum_decimal : SumDecimal undo typed
SUM_LIST(ARRAY<INTEGER>) -> INTEGER : SumList.OfInteger undo
SUM_LIST(ARRAY<BIGINT>) -> BIGINT : SumList.OfBigint undo
SUM_LIST(ARRAY<DOUBLE>) -> DOUBLE : SumList.OfDouble undo
AVG(DOUBLE) -> DOUBLE : Avg undo state=STRUCT<S DOUBLE>
STDDEV_SAMP(DOUBLE) -> DOUBLE : Variance undo state=STRUCT<S DOUBLE>
STDDEV_SAMPLE(DOUBLE) -> DOUBLE : StandardDeviation undo state=STRUCT<S DOUBLE>
CORRELATION(DOUBLE, DOUBLE) -> DOUBLE : Correlation undo state=STRUCT<S DOUBLE>
MIN(T) -> T : Min
MAX(T) -> T : Max
ATTR(T) -> T : Attr undo state=ARRAY<STRING>
COLLECT_LIST(T) -> ARRAY<T> : CollectList undo limited
COLLECT_SET(T) -> ARRAY<T> : CollectSet undo limited
HISTOGRAM(STRING) -> MAP<STRING, BIGINT> : Histogram undo
TOPK(T; INTEGER) -> ARRAY<T> : TopK
TOPK(T, ANY...; INTEGER) -> @top_rows : TopKRows typed
TOPKDISTINCT(T; INTEGER) -> ARRAY<T> : TopKDistinct
LATEST_BY_OFFSET(T) -> T : Latest state=STRUCT<S DOUBLE>
LATEST_BY_OFFSET(T; BOOLEAN) -> T : Latest state=STRUCT<S DOUBLE>
LATEST_BY_OFFSET(T; INTEGER) -> ARRAY<T> : Latest state=STRUCT<S DOUBLE>
LATEST_BY_OFFSET(T; INTEGER, BOOLEAN) -> ARRAY<T> : Latest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T) -> T : Earliest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T; BOOLEAN) -> T : Earliest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T; INTEGER) -> ARRAY<T> : Earliest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T; INTEGER, BOOLEAN) -> ARRAY<T> : Earliest state=STRUCT<S DOUBLE>
""")
