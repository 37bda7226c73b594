"""Window bounds in a pull query's WHERE: texts as times, checks, and the range of windows to read."""

from __future__ import annotations

from ksqlengine import tree as t
from ksqlengine.codegen.names import bare, rewrite
from ksqlengine.codegen.timestamps import millis_of
from ksqlengine.planner.relation import Relation, check_known
from ksqlengine.server.lookup import disjuncts
from ksqlengine.types import BIGINT

_TIMES = {"WINDOWSTART", "WINDOWEND", "ROWTIME"}
# Instant.ofEpochMilli of these is what Kafka Streams takes for "all"
_FIRST, _LAST = 0, 2**62


def prepare(where: t.Expr | None, relation: Relation) -> t.Expr | None:
    """Resolve the columns of a WHERE and read texts that are compared with times."""
    if where is None:
        return None
    check_known(where, relation, "WHERE")
    return rewrite(bare(where), _times)


def _times(expr: t.Expr) -> t.Expr | None:
    if isinstance(expr, t.Compare):
        if _is_time(expr.left) and _is_text(expr.right):
            return t.Compare(expr.op, expr.left, _millis(expr.right))
        if _is_time(expr.right) and _is_text(expr.left):
            return t.Compare(expr.op, _millis(expr.left), expr.right)
    if isinstance(expr, t.Between) and _is_time(expr.value):
        low = _millis(expr.low) if _is_text(expr.low) else expr.low
        high = _millis(expr.high) if _is_text(expr.high) else expr.high
        return t.Between(expr.value, low, high, expr.negated)
    return None


def _is_time(expr: t.Expr) -> bool:
    return isinstance(expr, t.Column) and expr.name in _TIMES


def _is_text(expr: t.Expr) -> bool:
    return isinstance(expr, t.Literal) and isinstance(expr.value, str)


def _millis(expr: t.Expr) -> t.Expr:
    return t.Literal(millis_of(str(expr.value) if isinstance(expr, t.Literal) else ""), BIGINT)


def window_range(where: t.Expr | None) -> tuple[int, int]:
    """Give the earliest and latest window start that any row of the answer can have; too wide is harmless."""
    if where is None:
        return _FIRST, _LAST
    first, last = _LAST, _FIRST
    for terms in disjuncts(where):
        low, high = _FIRST, _LAST
        for term in terms:
            op, value = _start_bound(term)
            if op in {">", ">=", "="}:
                low = max(low, value)
            if op in {"<", "<=", "="}:
                high = min(high, value)
        first, last = min(first, low), max(last, high)
    return max(first, _FIRST), max(last, _FIRST)


def _start_bound(term: t.Expr) -> tuple[str, int]:
    if not isinstance(term, t.Compare):
        return "", 0
    flipped = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "="}
    for column, other, op in ((term.left, term.right, term.op), (term.right, term.left, flipped.get(term.op, ""))):
        if (
            isinstance(column, t.Column)
            and column.name == "WINDOWSTART"
            and isinstance(other, t.Literal)
            and isinstance(other.value, int)
        ):
            return op, other.value
    return "", 0
