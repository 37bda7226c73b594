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
COUNT(ANY val) -> BIGINT : CountOf undo
COUNT_DISTINCT(T val) -> BIGINT : CountDistinct state=ARRAY<STRING>
SUM(INTEGER val) -> INTEGER : SumInteger undo
SUM(BIGINT val) -> BIGINT : SumBigint undo
SUM(DOUBLE val) -> DOUBLE : SumDouble undo
SUM(DECIMAL val) -> @sum_decimal : SumDecimal undo typed
SUM_LIST(ARRAY<INTEGER> list) -> INTEGER : SumList.OfInteger undo
SUM_LIST(ARRAY<BIGINT> list) -> BIGINT : SumList.OfBigint undo
SUM_LIST(ARRAY<DOUBLE> list) -> DOUBLE : SumList.OfDouble undo
AVG(DOUBLE val) -> DOUBLE : Avg undo state=STRUCT<S DOUBLE>
STDDEV_SAMP(DOUBLE val) -> DOUBLE : Variance undo state=STRUCT<S DOUBLE>
STDDEV_SAMPLE(DOUBLE val) -> DOUBLE : StandardDeviation undo state=STRUCT<S DOUBLE>
CORRELATION(DOUBLE x, DOUBLE y) -> DOUBLE : Correlation undo state=STRUCT<S DOUBLE>
MIN(T val) -> T : Min
MAX(T val) -> T : Max
ATTR(T val) -> T : Attr undo state=ARRAY<STRING>
COLLECT_LIST(T val) -> ARRAY<T> : CollectList undo limited
COLLECT_SET(T val) -> ARRAY<T> : CollectSet undo limited
HISTOGRAM(STRING val) -> MAP<STRING, BIGINT> : Histogram undo
TOPK(T sortCol; INTEGER k) -> ARRAY<T> : TopK
TOPK(T sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed
TOPKDISTINCT(T col; INTEGER k) -> ARRAY<T> : TopKDistinct
LATEST_BY_OFFSET(T column) -> T : Latest state=STRUCT<S DOUBLE>
LATEST_BY_OFFSET(T column; BOOLEAN ignoreNulls) -> T : Latest state=STRUCT<S DOUBLE>
LATEST_BY_OFFSET(T column; INTEGER latestN) -> ARRAY<T> : Latest state=STRUCT<S DOUBLE>
LATEST_BY_OFFSET(T column; INTEGER latestN, BOOLEAN ignoreNulls) -> ARRAY<T> : Latest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T column) -> T : Earliest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T column; BOOLEAN ignoreNulls) -> T : Earliest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T column; INTEGER earliestN) -> ARRAY<T> : Earliest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T column; INTEGER earliestN, BOOLEAN ignoreNulls) -> ARRAY<T> : Earliest state=STRUCT<S DOUBLE>
""")
