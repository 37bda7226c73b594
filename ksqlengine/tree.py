"""The syntax tree: one dataclass for each form of statement and expression."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ksqlengine.types import SqlType


@dataclass(frozen=True)
class Expr:
    """Be the base of all expressions."""


@dataclass(frozen=True)
class Literal(Expr):
    """Hold a constant; `value` is a Python int, float, Decimal, str, bool or None (NULL)."""

    value: Any
    type: SqlType


@dataclass(frozen=True)
class Unit(Expr):
    """Be a unit of time as a function's argument: DAYS."""

    name: str


@dataclass(frozen=True)
class Column(Expr):
    """Refer to a column, by `source.name` or name alone; or to a lambda's parameter. `shown` is what messages call one
    that stands for an expression."""

    name: str
    source: str | None = None
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)
    shown: str = field(default="", compare=False)


@dataclass(frozen=True)
class Deref(Expr):
    """Read a struct's field: base->name; name `*` is all of them."""

    base: Expr
    name: str


@dataclass(frozen=True)
class Subscript(Expr):
    """Read an element: base[index]."""

    base: Expr
    index: Expr


@dataclass(frozen=True)
class Call(Expr):
    """Call a function."""

    name: str
    args: tuple[Expr, ...]
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Cast(Expr):
    """Convert to a type."""

    value: Expr
    type: SqlType


@dataclass(frozen=True)
class Arithmetic(Expr):
    """Combine by + - * / %."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Negate(Expr):
    """Turn the sign."""

    value: Expr


@dataclass(frozen=True)
class Compare(Expr):
    """Compare by = <> < <= > >= or IS [NOT] DISTINCT FROM."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Logical(Expr):
    """Combine by AND / OR."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True)
class Not(Expr):
    """Turn the truth."""

    value: Expr


@dataclass(frozen=True)
class IsNull(Expr):
    """Test for null."""

    value: Expr
    negated: bool = False


@dataclass(frozen=True)
class Between(Expr):
    """Test low <= value <= high."""

    value: Expr
    low: Expr
    high: Expr
    negated: bool = False


@dataclass(frozen=True)
class InList(Expr):
    """Test membership."""

    value: Expr
    items: tuple[Expr, ...]
    negated: bool = False


@dataclass(frozen=True)
class Like(Expr):
    """Match a pattern of % and _."""

    value: Expr
    pattern: Expr
    escape: str | None = None
    negated: bool = False


@dataclass(frozen=True)
class Case(Expr):
    """Choose; `operand` is there in the simple form."""

    operand: Expr | None
    whens: tuple[tuple[Expr, Expr], ...]
    default: Expr | None


@dataclass(frozen=True)
class ArrayOf(Expr):
    """Build an array."""

    items: tuple[Expr, ...]


@dataclass(frozen=True)
class MapOf(Expr):
    """Build a map."""

    entries: tuple[tuple[Expr, Expr], ...]


@dataclass(frozen=True)
class StructOf(Expr):
    """Build a struct."""

    fields: tuple[tuple[str, Expr], ...]


@dataclass(frozen=True)
class Lambda(Expr):
    """Be a function of parameters."""

    params: tuple[str, ...]
    body: Expr


# ---- statements


@dataclass(frozen=True)
class Element:
    """Declare a column: constraint is '', KEY, PRIMARY KEY, HEADERS or HEADER."""

    name: str
    type: SqlType
    constraint: str = ""
    header_key: str | None = None
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)

    @property
    def namespace(self) -> str:
        """Return KEY, VALUE or HEADERS."""
        return {"": "VALUE", "HEADERS": "HEADERS", "HEADER": "HEADERS"}.get(self.constraint, "KEY")


@dataclass(frozen=True)
class SelectItem:
    """Select an expression, `*`, `source.*` or `struct->*`."""

    kind: str  # expr | all | source_all | struct_all
    expr: Expr | None = None
    alias: str | None = None
    source: str | None = None


@dataclass(frozen=True)
class From:
    """Read a source under an alias."""

    name: str
    alias: str
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Join:
    """Join what stands at the left with one more source."""

    left: From | Join
    right: From
    kind: str  # INNER | LEFT | RIGHT | OUTER
    condition: Expr
    before_ms: int | None = None
    after_ms: int | None = None
    grace_ms: int | None = None


@dataclass(frozen=True)
class Window:
    """Window an aggregation; times in ms."""

    kind: str
    size_ms: int
    advance_ms: int | None = None
    retention_ms: int | None = None
    grace_ms: int | None = None


@dataclass(frozen=True)
class Query:
    """Be a SELECT."""

    items: tuple[SelectItem, ...]
    source: From | Join
    window: Window | None = None
    where: Expr | None = None
    group_by: tuple[Expr, ...] | None = None
    partition_by: tuple[Expr, ...] | None = None
    having: Expr | None = None
    emit: str | None = None  # CHANGES | FINAL
    limit: int | None = None


@dataclass(frozen=True)
class Statement:
    """Be the base of all statements."""


@dataclass(frozen=True)
class CreateSource(Statement):
    """CREATE STREAM/TABLE, with a query when AS SELECT."""

    kind: str
    name: str
    elements: tuple[Element, ...] | None
    properties: dict[str, Any]
    query: Query | None = None
    or_replace: bool = False
    if_not_exists: bool = False
    read_only: bool = False


@dataclass(frozen=True)
class InsertSelect(Statement):
    """INSERT INTO … SELECT."""

    target: str
    properties: dict[str, Any]
    query: Query
    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True)
class InsertValues(Statement):
    """INSERT INTO … VALUES."""

    target: str
    columns: tuple[str, ...]
    values: tuple[Expr, ...]


@dataclass(frozen=True)
class DropSource(Statement):
    """DROP STREAM/TABLE."""

    kind: str
    name: str
    if_exists: bool
    delete_topic: bool


@dataclass(frozen=True)
class CreateType(Statement):
    """CREATE TYPE."""

    name: str
    type: SqlType
    if_not_exists: bool


@dataclass(frozen=True)
class DropType(Statement):
    """DROP TYPE."""

    name: str
    if_exists: bool


@dataclass(frozen=True)
class AlterSource(Statement):
    """ALTER STREAM/TABLE … ADD COLUMN."""

    kind: str
    name: str
    columns: tuple[tuple[str, SqlType], ...]


@dataclass(frozen=True)
class Select(Statement):
    """Be a query of its own: pull, or push with EMIT CHANGES."""

    query: Query


@dataclass(frozen=True)
class Admin(Statement):
    """Be a statement about the server.

    verb: SHOW | DESCRIBE | EXPLAIN | TERMINATE | PAUSE | RESUME | SET | UNSET | DEFINE | UNDEFINE | PRINT
    | RUN_SCRIPT | ASSERT | CREATE_CONNECTOR | DROP_CONNECTOR. `words` are upper-cased unless quoted.
    """

    verb: str
    words: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)
