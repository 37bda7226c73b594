"""Aggregate functions."""

from __future__ import annotations

from ksqlengine.functions.registry import AGGREGATES, return_rule
from ksqlengine.types import SqlType, array


@return_rule("same_decimal")
def same_decimal(args: list[SqlType]) -> SqlType:
    """Return the decimal of the argument: a sum or an extreme keeps its digits."""
    return args[0]


@return_rule("decimals")
def decimals(args: list[SqlType]) -> SqlType:
    """Return an array of the argument's decimals."""
    return array(args[0])


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
SUM(DECIMAL val) -> @same_decimal : SumDecimal undo typed
SUM_LIST(ARRAY<INTEGER> list) -> INTEGER : SumList.OfInteger undo
SUM_LIST(ARRAY<BIGINT> list) -> BIGINT : SumList.OfBigint undo
SUM_LIST(ARRAY<DOUBLE> list) -> DOUBLE : SumList.OfDouble undo
AVG(INTEGER val) -> DOUBLE : Avg undo state=STRUCT<S DOUBLE>
AVG(BIGINT val) -> DOUBLE : Avg undo state=STRUCT<S DOUBLE>
AVG(DOUBLE val) -> DOUBLE : Avg undo state=STRUCT<S DOUBLE>
STDDEV_SAMP(INTEGER val) -> DOUBLE : Variance undo state=STRUCT<S DOUBLE>
STDDEV_SAMP(BIGINT val) -> DOUBLE : Variance undo state=STRUCT<S DOUBLE>
STDDEV_SAMP(DOUBLE val) -> DOUBLE : Variance undo state=STRUCT<S DOUBLE>
STDDEV_SAMPLE(INTEGER val) -> DOUBLE : StandardDeviation undo state=STRUCT<S DOUBLE>
STDDEV_SAMPLE(BIGINT val) -> DOUBLE : StandardDeviation undo state=STRUCT<S DOUBLE>
STDDEV_SAMPLE(DOUBLE val) -> DOUBLE : StandardDeviation undo state=STRUCT<S DOUBLE>
CORRELATION(INTEGER x, INTEGER y) -> DOUBLE : Correlation undo state=STRUCT<S DOUBLE>
CORRELATION(BIGINT x, BIGINT y) -> DOUBLE : Correlation undo state=STRUCT<S DOUBLE>
CORRELATION(DOUBLE x, DOUBLE y) -> DOUBLE : Correlation undo state=STRUCT<S DOUBLE>
MIN(INTEGER val) -> INTEGER : Min
MIN(BIGINT val) -> BIGINT : Min
MIN(DOUBLE val) -> DOUBLE : Min
MIN(DECIMAL val) -> @same_decimal : Min
MIN(DATE val) -> DATE : Min
MIN(TIME val) -> TIME : Min
MIN(TIMESTAMP val) -> TIMESTAMP : Min
MIN(STRING val) -> STRING : Min
MIN(BYTES val) -> BYTES : Min
MAX(INTEGER val) -> INTEGER : Max
MAX(BIGINT val) -> BIGINT : Max
MAX(DOUBLE val) -> DOUBLE : Max
MAX(DECIMAL val) -> @same_decimal : Max
MAX(DATE val) -> DATE : Max
MAX(TIME val) -> TIME : Max
MAX(TIMESTAMP val) -> TIMESTAMP : Max
MAX(STRING val) -> STRING : Max
MAX(BYTES val) -> BYTES : Max
ATTR(T val) -> T : Attr undo state=ARRAY<STRING>
COLLECT_LIST(T val) -> ARRAY<T> : CollectList undo limited
COLLECT_SET(T val) -> ARRAY<T> : CollectSet limited
HISTOGRAM(STRING val) -> MAP<STRING, BIGINT> : Histogram undo
TOPK(INTEGER sortCol; INTEGER k) -> ARRAY<INTEGER> : TopK positive
TOPK(BIGINT sortCol; INTEGER k) -> ARRAY<BIGINT> : TopK positive
TOPK(DOUBLE sortCol; INTEGER k) -> ARRAY<DOUBLE> : TopK positive
TOPK(DECIMAL sortCol; INTEGER k) -> @decimals : TopK positive
TOPK(DATE sortCol; INTEGER k) -> ARRAY<DATE> : TopK positive
TOPK(TIME sortCol; INTEGER k) -> ARRAY<TIME> : TopK positive
TOPK(TIMESTAMP sortCol; INTEGER k) -> ARRAY<TIMESTAMP> : TopK positive
TOPK(STRING sortCol; INTEGER k) -> ARRAY<STRING> : TopK positive
TOPK(BYTES sortCol; INTEGER k) -> ARRAY<BYTES> : TopK positive
TOPK(INTEGER sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed positive
TOPK(BIGINT sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed positive
TOPK(DOUBLE sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed positive
TOPK(DECIMAL sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed positive
TOPK(DATE sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed positive
TOPK(TIME sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed positive
TOPK(TIMESTAMP sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed positive
TOPK(STRING sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed positive
TOPK(BYTES sortCol, ANY... otherCols; INTEGER k) -> @top_rows : TopKRows typed positive
TOPKDISTINCT(INTEGER col; INTEGER k) -> ARRAY<INTEGER> : TopKDistinct positive
TOPKDISTINCT(BIGINT col; INTEGER k) -> ARRAY<BIGINT> : TopKDistinct positive
TOPKDISTINCT(DOUBLE col; INTEGER k) -> ARRAY<DOUBLE> : TopKDistinct positive
TOPKDISTINCT(DECIMAL col; INTEGER k) -> @decimals : TopKDistinct positive
TOPKDISTINCT(DATE col; INTEGER k) -> ARRAY<DATE> : TopKDistinct positive
TOPKDISTINCT(TIME col; INTEGER k) -> ARRAY<TIME> : TopKDistinct positive
TOPKDISTINCT(TIMESTAMP col; INTEGER k) -> ARRAY<TIMESTAMP> : TopKDistinct positive
TOPKDISTINCT(STRING col; INTEGER k) -> ARRAY<STRING> : TopKDistinct positive
TOPKDISTINCT(BYTES col; INTEGER k) -> ARRAY<BYTES> : TopKDistinct positive
LATEST_BY_OFFSET(T column) -> T : Latest state=STRUCT<S DOUBLE>
LATEST_BY_OFFSET(T column; BOOLEAN ignoreNulls) -> T : Latest state=STRUCT<S DOUBLE>
LATEST_BY_OFFSET(T column; INTEGER latestN) -> ARRAY<T> : Latest state=STRUCT<S DOUBLE> positive
LATEST_BY_OFFSET(T column; INTEGER latestN, BOOLEAN ignoreNulls) -> ARRAY<T> : Latest state=STRUCT<S DOUBLE> positive
EARLIEST_BY_OFFSET(T column) -> T : Earliest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T column; BOOLEAN ignoreNulls) -> T : Earliest state=STRUCT<S DOUBLE>
EARLIEST_BY_OFFSET(T column; INTEGER earliestN) -> ARRAY<T> : Earliest state=STRUCT<S DOUBLE> positive
EARLIEST_BY_OFFSET(T column; INTEGER earliestN, BOOLEAN ignoreNulls)
  -> ARRAY<T> : Earliest state=STRUCT<S DOUBLE> positive
""")
