"""What a step of a plan yields: a stream or a table, its row's layout and its key."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from ksqlengine import tree as t
from ksqlengine.catalog import Catalog, FormatInfo, Source, WindowInfo
from ksqlengine.codegen.expressions import Code, Compiler, Constants
from ksqlengine.codegen.java_types import java_type
from ksqlengine.codegen.names import columns, format_expression
from ksqlengine.errors import KsqlError
from ksqlengine.types import BIGINT, INTEGER, Column, SqlType

PSEUDO = {"ROWTIME": BIGINT, "ROWPARTITION": INTEGER, "ROWOFFSET": BIGINT}
WINDOW_BOUNDS = {"WINDOWSTART": BIGINT, "WINDOWEND": BIGINT}


@dataclass
class Slot:
    """Be one place of a row: the column of a source that it holds; `used` once code reads it."""

    source: str | None
    name: str
    type: SqlType
    kind: str = "VALUE"  # VALUE | KEY | HEADERS | PSEUDO | SYNTHETIC | STATE
    header_key: str | None = None
    used: bool = False
    java: str | None = None  # how to read it when not a plain cast; %d is the index


@dataclass
class KeyColumn:
    """Be one column of the current key: all expressions that stand for it."""

    name: str
    type: SqlType
    expressions: list[t.Expr]
    label: str = "key column"


@dataclass
class Relation:
    """Hold a plan's step with what later steps need to know."""

    step: dict[str, Any]
    kind: str  # STREAM | TABLE
    slots: list[Slot]
    keys: list[KeyColumn]
    key_format: FormatInfo
    value_format: FormatInfo
    window: WindowInfo | None = None
    sources: list[tuple[str, Source]] = field(default_factory=list)  # (alias, source)
    joined: bool = False
    synthetic_key: bool = False
    key_kind: str = "key"  # key | join | group | partition

    def find(self, column: t.Column) -> list[int]:
        """Return the indices of the slots that a reference may mean."""
        return [
            i
            for i, s in enumerate(self.slots)
            if s.name == column.name and (column.source is None or column.source == s.source)
        ]

    def canonical(self, column: t.Column) -> t.Column:
        """Return the reference with its source, when the source's column is one of ours."""
        found = self.find(column)
        if len(found) == 1 and self.slots[found[0]].source:
            return t.Column(column.name, self.slots[found[0]].source, column.line, column.column)
        return column


class Scope:
    """Resolve columns of a relation while expressions of one clause are compiled."""

    def __init__(self, relation: Relation, clause: str, constants: Constants) -> None:
        self.relation = relation
        self.clause = clause
        self.compiler = Compiler(self.resolve, constants)

    def resolve(self, column: t.Column) -> Code:
        """Return Java and type of a column. Raises KsqlError when there is none or more than one."""
        at = place_of(column, self.relation, self.clause)
        slot = self.relation.slots[at]
        slot.used = True
        return Code(slot_code(slot, at), slot.type)


def place_of(column: t.Column, relation: Relation, clause: str) -> int:
    """Return the index of the slot that a reference means. Raises KsqlError when there is none or more than one."""
    if column.source is not None and column.source not in [a for a, _ in relation.sources]:
        raise KsqlError(f"'{column.source}' is not a valid stream/table name or alias.")
    found = relation.find(column)
    if not found:
        raise unknown_column(column, clause)
    if len(found) > 1:
        could = " or ".join(sorted(f"{relation.slots[i].source}.{column.name}" for i in found))
        raise KsqlError(
            f"Line: {column.line}, Col: {column.column}: Column '{column.name}' is ambiguous. Could be {could}."
        )
    return found[0]


def check_known(expr: t.Expr, relation: Relation, clause: str, also: Container[str] = ()) -> None:
    """Refuse columns that a relation has not, or has of more than one source; ``also`` are names that are known."""
    for column in columns(expr):
        if column.name not in also:
            place_of(column, relation, clause)


def unknown_column(column: t.Column, clause: str) -> KsqlError:
    """Return ksqlDB's error for a column that is not there."""
    place = f"Line: {column.line}, Col: {column.column}: " if column.line else ""
    extra = ""
    if clause == "PARTITION BY":
        extra = (
            f" '{format_expression(column)}' must be a column in the source schema since PARTITION BY is applied on"
            " the input."
        )
    return KsqlError(f"{place}{clause} column '{format_expression(column)}' cannot be resolved.{extra}")


def similar_name(name: str, catalog: Catalog) -> str:
    """Return a hint at a source whose name differs only by its case, or nothing."""
    for known in catalog.sources:
        if known.upper() == name.upper():
            if known != known.upper():
                return (
                    f'\nDid you mean "{known}"? Hint: wrap the source name in double quotes to make it case-sensitive.'
                )
            return f"\nDid you mean {known}? Hint: try removing double quotes from the source name."
    return ""


def windowed_rekeying() -> KsqlError:
    """Return ksqlDB's error for a new key over a windowed one."""
    return KsqlError(
        "Implicit repartitioning of windowed sources is not supported. "
        "See https://github.com/confluentinc/ksql/issues/4385."
    )


def truth(condition: t.Expr, scope: Scope, clause: str, shown: str | None = None) -> str:
    """Return Java of a clause's condition. Raises KsqlError that says which clause, also where it is no condition."""
    try:
        type_ = scope.compiler.compile(condition).type
        if type_.base not in ("BOOLEAN", "NULL"):
            raise KsqlError(
                f"Type error in {clause} expression: Should evaluate to boolean but is "
                f"{shown or format_expression(condition)} ({type_}) instead."
            )
        return scope.compiler.truth(condition)
    except KsqlError as error:
        raise _in_clause(error, clause) from error


def _in_clause(error: KsqlError, clause: str) -> KsqlError:
    """Say in which clause an expression's error is."""
    if (
        "cannot be resolved." in error.message and "column" in error.message
    ) or "not a valid stream/table" in error.message:
        return error
    if error.message.startswith("Type error in") or " is ambiguous. " in error.message:
        return error
    return KsqlError(f"Error in {clause} expression: {error.message}")


def slot_code(slot: Slot, index: int) -> str:
    """Return Java that reads a slot."""
    if slot.java:
        return slot.java.replace("%d", str(index))
    return f"(({java_type(slot.type)}) r[{index}])"


def source_columns(source: Source) -> list[Column]:
    """Return the columns of a source in the order of SELECT *."""
    return [*source.schema.key, *source.schema.value, *source.schema.headers]
