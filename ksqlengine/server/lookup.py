"""Find the keys that a pull query's WHERE asks for, or refuse it in ksqlDB's words.

The WHERE itself is evaluated on every row that is read; what is found here only makes the set of rows small. A WHERE is
brought into a disjunction of conjunctions; each conjunction is a lookup of keys, a range of one key, or a scan.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product

from ksqlengine import tree as t
from ksqlengine.codegen.names import columns, format_expression
from ksqlengine.errors import KsqlStatementError
from ksqlengine.planner.relation import WINDOW_BOUNDS
from ksqlengine.types import Schema, SqlType

_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_SCAN_HINT = "Table scans can be enabled by setting ksql.query.pull.table.scan.enabled=true"
_MAX_DISJUNCTS = 2000


@dataclass(frozen=True)
class Lookup:
    """What to read: the tuples of key expressions, or None for everything."""

    keys: tuple[tuple[t.Expr, ...], ...] | None = None


@dataclass(frozen=True)
class Rules:
    """What the properties of the request allow."""

    table_scan: bool = True
    range_scan: bool = True


class ScanNeededError(KsqlStatementError):
    """A WHERE that no key lookup answers; an error only where scans are not allowed."""


def plan_lookup(where: t.Expr | None, schema: Schema, rules: Rules, *, windowed: bool) -> Lookup:
    """Give what to read for a WHERE. Raises ksqlDB's error when that needs a scan and scans are off."""
    if where is None:
        if not rules.table_scan:
            raise ScanNeededError(f"Missing WHERE clause. Query requires table scan to be enabled. {_SCAN_HINT}")
        return Lookup()
    keys: list[tuple[t.Expr, ...]] = []
    scan = False
    for conjunction in disjuncts(where):
        try:
            found = _Conjunction(conjunction, schema, rules, windowed=windowed).keys()
        except ScanNeededError:
            if not rules.table_scan:
                raise
            found = None
        if found is None:
            scan = True
        else:
            keys.append(found)
    return Lookup() if scan else Lookup(tuple(dict.fromkeys(keys)))


class _Conjunction:
    """One conjunction: which key columns it fixes."""

    def __init__(self, terms: list[t.Expr], schema: Schema, rules: Rules, *, windowed: bool) -> None:
        self.terms, self.schema, self.rules, self.windowed = terms, schema, rules, windowed
        self.fixed: dict[str, t.Expr] = {}
        self.ranged: set[str] = set()
        self.names = [c.name for c in schema.key]

    def keys(self) -> tuple[t.Expr, ...] | None:
        """Give the key that is fixed, or None where a range of keys is read (by scanning)."""
        for term in self.terms:
            self._term(term)
        touched = set(self.fixed) | self.ranged
        if not touched:
            text = format_expression(_conjoin(self.terms))
            raise ScanNeededError(f"WHERE clause missing key column for disjunct: {text}")
        if touched != set(self.names):
            raise ScanNeededError(
                "Multi-column sources must specify every key in the WHERE clause. "
                f"Specified: {sorted(touched)} Expected: [{', '.join(str(c) for c in self.schema.key)}]"
            )
        if self.ranged:
            if not self._range_allowed():
                raise ScanNeededError(f"Query requires table scan to be enabled. {_SCAN_HINT}")
            return None
        return tuple(self.fixed[name] for name in self.names)

    def _range_allowed(self) -> bool:
        single = len(self.names) == 1 and self.schema.key[0].type == SqlType("STRING")
        return self.rules.range_scan and single and not self.windowed

    def _term(self, term: t.Expr) -> None:
        if isinstance(term, t.Literal) and isinstance(term.value, bool):
            return
        if isinstance(term, t.Like) and not column_names(term):
            raise ScanNeededError(f"Like condition must be between strings: {format_expression(term)}. {_SCAN_HINT}")
        if not isinstance(term, t.Compare) or term.op not in _FLIPPED:
            if column_names(term) & set(self.names):
                raise ScanNeededError(
                    f"Unsupported expression in WHERE clause: {format_expression(term)}. {_SCAN_HINT}"
                )
            return
        column, other, op = self._sides(term)
        if column is None or other is None:
            return
        if column.name in WINDOW_BOUNDS or column.name not in self.names:
            return
        self._key_term(term, column.name, other, op)

    def _sides(self, term: t.Compare) -> tuple[t.Column | None, t.Expr | None, str]:
        left, right = term.left, term.right
        if isinstance(left, t.Column) and not column_names(right):
            return left, right, term.op
        if isinstance(right, t.Column) and not column_names(left):
            return right, left, _FLIPPED[term.op]
        if isinstance(left, t.Column) or isinstance(right, t.Column):
            if column_names(term) & set(self.names):
                raise ScanNeededError("A comparison must be between a key column and a resolvable expression.")
        elif column_names(term) & set(self.names) or not column_names(term):
            raise ScanNeededError("A comparison must directly reference a key column.")
        return None, None, term.op

    def _key_term(self, term: t.Compare, name: str, other: t.Expr, op: str) -> None:
        if isinstance(other, t.Literal) and other.value is None:
            raise KsqlStatementError(f"Primary key columns can not be NULL: {format_expression(term)}")
        if op == "<>":
            raise ScanNeededError(f"Bound on key columns '[{self._keys_text()}]' must currently be '='. ")
        if name in self.fixed or name in self.ranged:
            raise ScanNeededError(
                "A comparison condition on the key column cannot be combined with other comparisons such as an IN "
                f"predicate. {_SCAN_HINT}"
            )
        if op == "=":
            self.fixed[name] = other
        else:
            self.ranged.add(name)

    def _keys_text(self) -> str:
        return ", ".join(str(c) for c in self.schema.key)


# -- normal form -----------------------------------------------------------------------------------------------------
def disjuncts(expr: t.Expr) -> list[list[t.Expr]]:
    """Bring an expression into a disjunction of conjunctions; IN becomes equalities, BETWEEN two comparisons."""
    parts = _dnf(expr)
    if len(parts) > _MAX_DISJUNCTS:
        return [[expr]]
    return parts


def _dnf(expr: t.Expr) -> list[list[t.Expr]]:
    if isinstance(expr, t.Logical):
        left, right = _dnf(expr.left), _dnf(expr.right)
        if expr.op.upper() == "OR":
            return left + right
        if len(left) * len(right) > _MAX_DISJUNCTS:
            return [[expr]]
        return [a + b for a, b in product(left, right)]
    if isinstance(expr, t.InList) and not expr.negated:
        return [[t.Compare("=", expr.value, item)] for item in expr.items]
    if isinstance(expr, t.Between) and not expr.negated:
        return [[t.Compare(">=", expr.value, expr.low), t.Compare("<=", expr.value, expr.high)]]
    return [[expr]]


def _conjoin(terms: list[t.Expr]) -> t.Expr:
    out = terms[0]
    for term in terms[1:]:
        out = t.Logical("AND", out, term)
    return out


def column_names(expr: t.Expr) -> set[str]:
    """Give the names of the columns that an expression reads."""
    return {column.name for column in columns(expr)}
