"""SQL types and schemas, as ksqlDB names and prints them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

PRIMITIVES = ("BOOLEAN", "INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES", "DATE", "TIME", "TIMESTAMP")
NUMERIC_ORDER = {"INTEGER": 0, "BIGINT": 1, "DECIMAL": 2, "DOUBLE": 3}
ALIASES = {"INT": "INTEGER", "VARCHAR": "STRING", "DEC": "DECIMAL", "LONG": "BIGINT"}
_UNITS_MS = {"MILLISECOND": 1, "SECOND": 1000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}


def unit_ms(name: str) -> int | None:
    """Return the milliseconds of a unit of time in capitals, singular or plural; None when it is none."""
    return _UNITS_MS.get(name.removesuffix("S"))


def quote(name: str) -> str:
    """Return a name in back quotes, as ksqlDB prints column names."""
    return "`" + name.replace("`", "``") + "`"


@dataclass(frozen=True)
class SqlType:
    """Represent a type: a primitive, DECIMAL(p, s), ARRAY, MAP or STRUCT.

    `base` may also be ANY / NULL / LAMBDA / a type variable inside function signatures and untyped expressions.
    """

    base: str
    precision: int = 0
    scale: int = 0
    element: SqlType | None = None  # of ARRAY, value of MAP
    key: SqlType | None = None  # of MAP
    fields: tuple[tuple[str, SqlType], ...] = ()

    def __str__(self) -> str:
        if self.base == "DECIMAL":
            return f"DECIMAL({self.precision}, {self.scale})"
        if self.base == "ARRAY":
            return f"ARRAY<{self.element}>"
        if self.base == "MAP":
            return f"MAP<{self.key}, {self.element}>"
        if self.base == "STRUCT":
            inner = ", ".join(f"{quote(n)} {t}" for n, t in self.fields)
            return f"STRUCT<{inner}>" if inner else "STRUCT< >"
        return self.base

    @property
    def is_numeric(self) -> bool:
        """Tell whether arithmetic works on it."""
        return self.base in NUMERIC_ORDER

    @property
    def is_open(self) -> bool:
        """Tell whether nobody knows the type, or one inside it: it is that of an untyped null."""
        inner = (self.key, self.element, *(t for _, t in self.fields))
        return self.base == "NULL" or any(t is not None and t.is_open for t in inner)

    def field(self, name: str) -> SqlType | None:
        """Return the type of a struct's field or None."""
        for field_name, field_type in self.fields:
            if field_name == name:
                return field_type
        return None


BOOLEAN = SqlType("BOOLEAN")
INTEGER = SqlType("INTEGER")
BIGINT = SqlType("BIGINT")
DOUBLE = SqlType("DOUBLE")
STRING = SqlType("STRING")
BYTES = SqlType("BYTES")
DATE = SqlType("DATE")
TIME = SqlType("TIME")
TIMESTAMP = SqlType("TIMESTAMP")
NULL = SqlType("NULL")


def decimal(precision: int, scale: int) -> SqlType:
    """Return DECIMAL(precision, scale)."""
    return SqlType("DECIMAL", precision, scale)


def as_decimal(type_: SqlType) -> SqlType:
    """Return the decimal that holds an exact number type."""
    return {"INTEGER": decimal(10, 0), "BIGINT": decimal(19, 0)}.get(type_.base, type_)


def array(element: SqlType) -> SqlType:
    """Return ARRAY<element>."""
    return SqlType("ARRAY", element=element)


def map_of(key: SqlType, value: SqlType) -> SqlType:
    """Return MAP<key, value>."""
    return SqlType("MAP", key=key, element=value)


def struct(fields: Iterable[tuple[str, SqlType]]) -> SqlType:
    """Return STRUCT<fields>."""
    return SqlType("STRUCT", fields=tuple(fields))


HEADERS_TYPE = array(struct([("KEY", STRING), ("VALUE", BYTES)]))


@dataclass(frozen=True)
class Column:
    """Name a column: namespace KEY, VALUE or HEADERS (with the header's key for HEADER('k'))."""

    name: str
    type: SqlType
    namespace: str = "VALUE"
    header_key: str | None = None

    def __str__(self) -> str:
        suffix = {"KEY": " KEY", "VALUE": ""}.get(self.namespace)
        if suffix is None:
            suffix = f" HEADER('{self.header_key}')" if self.header_key is not None else " HEADERS"
        return f"{quote(self.name)} {self.type}{suffix}"


@dataclass(frozen=True)
class Schema:
    """Hold columns in order; keys first where ksqlDB prints it."""

    columns: tuple[Column, ...] = ()

    @property
    def key(self) -> tuple[Column, ...]:
        """Return the key columns."""
        return tuple(c for c in self.columns if c.namespace == "KEY")

    @property
    def value(self) -> tuple[Column, ...]:
        """Return the value columns."""
        return tuple(c for c in self.columns if c.namespace == "VALUE")

    @property
    def headers(self) -> tuple[Column, ...]:
        """Return the columns read from record headers."""
        return tuple(c for c in self.columns if c.namespace == "HEADERS")

    def find(self, name: str) -> Column | None:
        """Return the column of that name or None."""
        return next((c for c in self.columns if c.name == name), None)

    def __str__(self) -> str:
        return ", ".join(str(c) for c in (*self.key, *self.value, *self.headers))

    def to_json(self) -> list[list[Any]]:
        """Return a JSON-ready list."""
        return [[c.name, str(c.type), c.namespace, c.header_key] for c in self.columns]

    @staticmethod
    def from_json(data: list[list[Any]]) -> Schema:
        """Read what `to_json` wrote."""
        return Schema(tuple(Column(n, parse_type(t), ns, h) for n, t, ns, h in data))


_TOKENS = re.compile(r"\s*(?:`((?:[^`]|``)*)`|([A-Za-z_@][\w@]*)|(\d+)|([<>(),]))")


def parse_type(text: str) -> SqlType:
    """Read a printed type, e.g. `STRUCT<\\`A\\` ARRAY<DECIMAL(4, 2)>>`; ValueError when it is none."""
    tokens: list[tuple[str, str]] = []
    position = 0
    text = text.strip()
    while position < len(text):
        match = _TOKENS.match(text, position)
        if not match:
            raise ValueError(f"not a type: {text!r}")
        position = match.end()
        if match.group(1) is not None:
            tokens.append(("id", match.group(1).replace("``", "`")))
        elif match.group(2):
            tokens.append(("id", match.group(2)))
        elif match.group(3):
            tokens.append(("num", match.group(3)))
        else:
            tokens.append(("op", match.group(4)))
    parsed, rest = _parse(tokens, 0)
    if rest != len(tokens):
        raise ValueError(f"not a type: {text!r}")
    return parsed


def _parse(tokens: list[tuple[str, str]], i: int) -> tuple[SqlType, int]:
    name = tokens[i][1].upper()
    name = ALIASES.get(name, name)
    i += 1
    if name == "DECIMAL" and i < len(tokens) and tokens[i][1] == "(":
        return decimal(int(tokens[i + 1][1]), int(tokens[i + 3][1])), i + 5
    if name == "ARRAY":
        element, i = _parse(tokens, i + 1)
        return array(element), i + 1
    if name == "MAP":
        key, i = _parse(tokens, i + 1)
        value, i = _parse(tokens, i + 1)
        return map_of(key, value), i + 1
    if name == "STRUCT":
        fields: list[tuple[str, SqlType]] = []
        i += 1
        while tokens[i][1] != ">":
            if tokens[i][1] == ",":
                i += 1
            field_name = tokens[i][1]
            field_type, i = _parse(tokens, i + 1)
            fields.append((field_name, field_type))
        return struct(fields), i + 1
    return SqlType(name), i
