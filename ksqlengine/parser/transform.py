"""Turn lark's parse tree into the syntax tree."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from lark import Token, Transformer, v_args

from ksqlengine import tree as t
from ksqlengine.errors import KsqlError
from ksqlengine.functions.units import with_units
from ksqlengine.types import (
    ALIASES,
    BIGINT,
    BOOLEAN,
    DOUBLE,
    INTEGER,
    NULL,
    PRIMITIVES,
    STRING,
    SqlType,
    array,
    decimal,
    map_of,
    struct,
    unit_ms,
)

_LONGEST_MS = 2**61  # Kafka Streams adds up size, grace and retention in a long
TOO_LARGE = SqlType("TOO_LARGE")  # the analysis rejects it; a minus before it may still make it fit


class Name(str):
    """Be an identifier after case folding, with its place and whether it was quoted."""

    line: int
    column: int
    quoted: bool
    raw: str


def _name(token: Token, text: str, quoted: bool) -> Name:
    name = Name(text)
    name.line, name.column, name.quoted, name.raw = token.line or 1, (token.column or 1), quoted, str(token)
    return name


def text_of(token: Token) -> str:
    """Return a string literal's content."""
    return str(token)[1:-1].replace("''", "'")


class Flag(str):
    """Mark an optional word of the grammar that was there."""


class Part(tuple[str, Any]):
    """Carry a (tag, value) pair between rules."""


def _integer_type(value: int) -> SqlType:
    if -(2**31) <= value < 2**31:
        return INTEGER
    return BIGINT if -(2**63) <= value < 2**63 else TOO_LARGE


def decimal_type(text: str) -> SqlType:
    """Return the type of a decimal literal as ksqlDB counts its digits."""
    value = Decimal(text)
    digits, exponent = value.as_tuple().digits, value.as_tuple().exponent
    scale = max(-int(exponent), 0)
    return decimal(max(len(digits) if value else scale + (0 if scale else 1), scale, 1), scale)


@v_args(inline=True)
class ToTree(Transformer[Token, Any]):
    """Build dataclasses bottom-up. `types` are the custom types that a name may stand for."""

    def __init__(self, types: dict[str, SqlType]) -> None:
        super().__init__()
        self._types = types

    # ---- names and literals
    def plain(self, token: Token) -> Name:
        return _name(token, str(token).upper(), False)

    def quoted(self, token: Token) -> Name:
        mark = str(token)[0]
        return _name(token, str(token)[1:-1].replace(mark * 2, mark), True)

    def string(self, token: Token) -> t.Literal:
        return t.Literal(text_of(token), STRING)

    def integer(self, token: Token) -> t.Literal:
        value = int(token)
        return t.Literal(value, _integer_type(value))

    def decimal(self, token: Token) -> t.Literal:
        return t.Literal(Decimal(str(token)), decimal_type(str(token)))

    def floating(self, token: Token) -> t.Literal:
        value = float(token)
        if value == float("inf"):
            raise KsqlError(f"line {token.line}:{(token.column or 0) + 1}: Number overflows DOUBLE: {token}")
        return t.Literal(value, DOUBLE)

    def number(self, literal: t.Literal) -> t.Literal:
        return literal

    def true(self) -> t.Literal:
        return t.Literal(True, BOOLEAN)

    def false(self) -> t.Literal:
        return t.Literal(False, BOOLEAN)

    def null(self) -> t.Literal:
        return t.Literal(None, NULL)

    # ---- types
    def named_type(self, name: Name) -> SqlType:
        known = ALIASES.get(name, str(name))
        if known in PRIMITIVES:
            return SqlType(known)
        if known == "DECIMAL":
            return decimal(38, 10)
        custom = self._types.get(str(name))
        if custom is None:
            raise KsqlError(f"Cannot resolve unknown type: {name}", line=name.line, column=name.column)
        return custom

    def sized_type(self, name: Name, precision: Token, scale: Token | None = None) -> SqlType:
        if ALIASES.get(name, str(name)) == "DECIMAL":
            p, s = int(precision), int(scale) if scale is not None else 0
            if p >= 2**31:
                raise KsqlError("Value must be integer for command: DECIMAL(PRECISION)")
            if p < 1:
                raise KsqlError(f"DECIMAL precision must be >= 1: DECIMAL({p},{s})")
            if s > p:
                raise KsqlError(f"DECIMAL precision must be >= scale: DECIMAL({p},{s})")
            return decimal(p, s)
        return self.named_type(name)

    def sized_by_name(self, name: Name, inner: Name) -> SqlType:
        if inner == "STRING":
            return self.named_type(name)
        place = f"line {inner.line}:{inner.column}"
        raise SyntaxProblemError(f"{place}: Syntax Error\nExpecting {{'STRING', INTEGER_VALUE}}", inner)

    def array_type(self, element: SqlType) -> SqlType:
        return array(element)

    def map_type(self, key: SqlType, value: SqlType) -> SqlType:
        return map_of(key, value)

    def struct_type(self, *fields: Part) -> SqlType:
        names = [name for _, (name, _) in fields]
        double = next((n for i, n in enumerate(names) if n in names[:i]), None)
        if double is not None:
            raise KsqlError(f"Duplicate field names found in STRUCT: '{double}'.")
        return struct([f[1] for f in fields])

    def field(self, name: Name, type_: SqlType) -> Part:
        return Part(("field", (str(name), type_)))

    # ---- expressions
    def column(self, name: Name) -> t.Column:
        return t.Column(str(name), None, name.line, name.column)

    def qualified(self, source: Name, name: Name) -> t.Column:
        return t.Column(str(name), str(source), source.line, source.column)

    def paren(self, expr: t.Expr) -> t.Expr:
        return expr

    def call(self, name: Name, args: list[t.Expr] | None = None) -> t.Expr:
        return t.Call(str(name), with_units(str(name), args or []), name.line, name.column)

    def star_args(self) -> list[t.Expr]:
        return []

    def args(self, *args: t.Expr) -> list[t.Expr]:
        return list(args)

    def cast(self, value: t.Expr, type_: SqlType) -> t.Cast:
        return t.Cast(value, type_)

    def subscript(self, base: t.Expr, index: t.Expr) -> t.Subscript:
        return t.Subscript(base, index)

    def deref(self, base: t.Expr, name: Name) -> t.Deref:
        return t.Deref(base, str(name))

    def one_param(self, name: Name) -> tuple[str, ...]:
        return (str(name),)

    def paren_param(self, expr: t.Expr) -> tuple[str, ...]:
        if not isinstance(expr, t.Column) or expr.source:
            raise KsqlError("Syntax Error: a lambda's parameter must be a name")
        return (expr.name,)

    def params(self, *names: Name) -> tuple[str, ...]:
        return tuple(str(n) for n in names)

    def lambda_(self, params: tuple[str, ...], body: t.Expr) -> t.Lambda:
        return t.Lambda(params, body)

    def or_(self, left: t.Expr, right: t.Expr) -> t.Logical:
        return t.Logical("OR", left, right)

    def and_(self, left: t.Expr, right: t.Expr) -> t.Logical:
        return t.Logical("AND", left, right)

    def not_(self, value: t.Expr) -> t.Not:
        return t.Not(value)

    def compare(self, left: t.Expr, op: Token, right: t.Expr) -> t.Compare:
        return t.Compare("<>" if op == "!=" else str(op), left, right)

    def equal(self, left: t.Expr, right: t.Expr) -> t.Compare:
        return t.Compare("=", left, right)

    def less(self, left: t.Expr, right: t.Expr) -> t.Compare:
        return t.Compare("<", left, right)

    def greater(self, left: t.Expr, right: t.Expr) -> t.Compare:
        return t.Compare(">", left, right)

    def is_distinct(self, left: t.Expr, right: t.Expr) -> t.Compare:
        return t.Compare("IS DISTINCT FROM", left, right)

    def is_not_distinct(self, left: t.Expr, right: t.Expr) -> t.Compare:
        return t.Compare("IS NOT DISTINCT FROM", left, right)

    def negated(self) -> Flag:
        return Flag("not")

    def between(self, value: t.Expr, *rest: Any) -> t.Between:
        low, high = rest[-2:]
        return t.Between(value, low, high, len(rest) == 3)

    def in_list(self, value: t.Expr, *rest: Any) -> t.InList:
        negated = bool(rest) and isinstance(rest[0], Flag)
        return t.InList(value, tuple(rest[1:] if negated else rest), negated)

    def like(self, value: t.Expr, *rest: Any) -> t.Like:
        negated = isinstance(rest[0], Flag)
        rest = rest[1:] if negated else rest
        escape = text_of(rest[1]) if len(rest) > 1 else None
        if escape is not None and len(escape) != 1:
            raise KsqlError(f"Expected a single character behind ESCAPE, got: '{escape}'")
        return t.Like(value, rest[0], escape, negated)

    def is_null(self, value: t.Expr) -> t.IsNull:
        return t.IsNull(value)

    def is_not_null(self, value: t.Expr) -> t.IsNull:
        return t.IsNull(value, True)

    def add(self, left: t.Expr, right: t.Expr) -> t.Arithmetic:
        return t.Arithmetic("+", left, right)

    def subtract(self, left: t.Expr, right: t.Expr) -> t.Arithmetic:
        return t.Arithmetic("-", left, right)

    def multiply(self, left: t.Expr, right: t.Expr) -> t.Arithmetic:
        return t.Arithmetic("*", left, right)

    def divide(self, left: t.Expr, right: t.Expr) -> t.Arithmetic:
        return t.Arithmetic("/", left, right)

    def modulo(self, left: t.Expr, right: t.Expr) -> t.Arithmetic:
        return t.Arithmetic("%", left, right)

    def concat(self, left: t.Expr, right: t.Expr) -> t.Expr:
        return t.Call("CONCAT", (left, right))

    def negate(self, value: t.Expr) -> t.Expr:
        if (
            isinstance(value, t.Literal)
            and (value.type.is_numeric or value.type == TOO_LARGE)
            and not str(value.value).startswith("-")
        ):
            number = -value.value
            kind = _integer_type(number) if isinstance(value.value, int) else value.type
            return t.Literal(number, kind)
        return t.Negate(value)

    def plus(self, value: t.Expr) -> t.Expr:
        return value

    def when(self, condition: t.Expr, result: t.Expr) -> Part:
        return Part(("when", (condition, result)))

    def else_(self, value: t.Expr) -> Part:
        return Part(("else", value))

    def _case(self, operand: t.Expr | None, parts: tuple[Any, ...]) -> t.Case:
        whens = tuple(p[1] for p in parts if p[0] == "when")
        default = next((p[1] for p in parts if p[0] == "else"), None)
        return t.Case(operand, whens, default)

    def searched_case(self, *parts: Any) -> t.Case:
        return self._case(None, parts)

    def simple_case(self, operand: t.Expr, *parts: Any) -> t.Case:
        return self._case(operand, parts)

    def array_(self, *items: t.Expr) -> t.ArrayOf:
        return t.ArrayOf(items)

    def map_(self, *entries: Part) -> t.MapOf:
        return t.MapOf(tuple(e[1] for e in entries))

    def struct_(self, *entries: Part) -> t.StructOf:
        return t.StructOf(tuple(e[1] for e in entries))

    def map_entry(self, key: t.Expr, value: t.Expr) -> Part:
        return Part(("entry", (key, value)))

    def struct_entry(self, name: Name, value: t.Expr) -> Part:
        return Part(("entry", (str(name), value)))

    # ---- queries
    def select_all(self) -> t.SelectItem:
        return t.SelectItem("all")

    def select_source_all(self, source: Name) -> t.SelectItem:
        return t.SelectItem("source_all", source=str(source))

    def select_struct_all(self, base: t.Expr) -> t.SelectItem:
        return t.SelectItem("struct_all", expr=base)

    def select_expr(self, expr: t.Expr, alias: Name | None = None) -> t.SelectItem:
        return t.SelectItem("expr", expr=expr, alias=str(alias) if alias is not None else None)

    def where(self, expr: t.Expr) -> Part:
        return Part(("where", expr))

    def grouping(self, *exprs: t.Expr) -> tuple[t.Expr, ...]:
        return exprs

    def group_by(self, exprs: Any) -> Part:
        return Part(("group_by", exprs if type(exprs) is tuple else (exprs,)))

    def partition_by(self, exprs: Any) -> Part:
        return Part(("partition_by", exprs if type(exprs) is tuple else (exprs,)))

    def having(self, expr: t.Expr) -> Part:
        return Part(("having", expr))

    def emit_changes(self) -> Part:
        return Part(("emit", "CHANGES"))

    def emit_final(self) -> Part:
        return Part(("emit", "FINAL"))

    def limit(self, count: Token) -> Part:
        if count.type != "INTEGER_VALUE" or int(count) >= 2**31:
            raise KsqlError("Failed to prepare statement: Value must be integer for command: LIMIT")
        return Part(("limit", int(count)))

    def negative_limit(self, count: Token) -> Part:
        return Part(("limit", -self.limit(count)[1]))

    def query(self, *parts: Any) -> t.Query:
        items = tuple(p for p in parts if isinstance(p, t.SelectItem))
        source = next(p for p in parts if isinstance(p, t.From | t.Join))
        window = next((p for p in parts if isinstance(p, t.Window)), None)
        return t.Query(items, source, window, **{p[0]: p[1] for p in parts if isinstance(p, Part)})

    def aliased(self, name: Name, alias: Name | None = None) -> t.From:
        return t.From(str(name), str(alias if alias is not None else name), name.line, name.column)

    def join_inner(self) -> Part:
        return Part(("kind", "INNER"))

    def join_left(self) -> Part:
        return Part(("kind", "LEFT"))

    def join_right(self) -> Part:
        return Part(("kind", "RIGHT"))

    def join_full(self) -> Part:
        return Part(("kind", "OUTER"))

    def join(self, left: Any, *rest: Any) -> t.Join:
        kind, within = "INNER", (None, None, None)
        right = next(p for p in rest if isinstance(p, t.From))
        for part in rest:
            if isinstance(part, Part) and part[0] == "kind":
                kind = part[1]
            elif isinstance(part, Part) and part[0] == "within":
                within = part[1]
        return t.Join(left, right, kind, rest[-1], *within)

    def within_one(self, size: int, grace: Part | None = None) -> Part:
        return Part(("within", (size, size, grace[1] if grace else None)))

    def within_two(self, before: int, after: int, grace: Part | None = None) -> Part:
        return Part(("within", (before, after, grace[1] if grace else None)))

    def grace(self, size: int) -> Part:
        return Part(("grace_ms", size))

    def retention(self, size: int) -> Part:
        return Part(("retention_ms", size))

    def duration(self, count: Token, unit: Name) -> int:
        name = str(unit)
        factor = unit_ms(name)
        if factor is None:
            raise KsqlError(f"Unknown time unit: '{name}'", line=unit.line, column=unit.column)
        if int(count) * factor >= _LONGEST_MS:
            raise KsqlError(f"Duration too long: {count} {name}", line=unit.line, column=unit.column)
        return int(count) * factor

    def window(self, *parts: Any) -> Any:
        return parts[-1]  # a name may stand before it

    def tumbling(self, size: int, *options: Part) -> t.Window:
        return t.Window("TUMBLING", size, **{o[0]: o[1] for o in options})

    def hopping(self, size: int, advance: int, *options: Part) -> t.Window:
        return t.Window("HOPPING", size, advance, **{o[0]: o[1] for o in options})

    def session(self, gap: int, *options: Part) -> t.Window:
        return t.Window("SESSION", gap, **{o[0]: o[1] for o in options})


class SyntaxProblemError(KsqlError):
    """Report a fault of syntax that is found while the tree is built."""

    def __init__(self, message: str, at: Name) -> None:
        super().__init__(message, line=at.line, column=at.column)


# the rule named `lambda` is a Python keyword, so it is set by name
setattr(ToTree, "lambda", ToTree.lambda_)
