"""Python values to SQL literals and back, by the types of columns."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from ksqlengine.errors import KsqlError
from ksqlengine.types import SqlType, quote

_CAST_INSIDE = {"INTEGER", "BIGINT", "DOUBLE", "DECIMAL", "DATE", "TIME", "TIMESTAMP"}


def _inside(value: Any, kind: SqlType | None) -> str:
    """Write a value inside of an array, map or struct, where only CAST says what a bare literal is."""
    text = literal(value, kind)
    if kind is None or text.startswith("CAST("):
        return text
    return f"CAST({text} AS {kind})" if value is None or kind.base in _CAST_INSIDE else text


def literal(value: Any, kind: SqlType | None = None) -> str:
    """Write a value as an SQL expression of a type (of what the value looks like, when no type is given)."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, Decimal) or (kind is not None and kind.base == "DECIMAL" and isinstance(value, float)):
        return f"CAST('{value}' AS {kind})" if kind is not None and kind.base == "DECIMAL" else repr(float(value))
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, bytes | bytearray):
        return f"TO_BYTES('{bytes(value).hex()}', 'hex')"
    if isinstance(value, datetime):
        moment = value.astimezone(UTC) if value.tzinfo else value  # a naive one is taken as UTC
        return f"'{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}'"
    if isinstance(value, date):
        return f"'{value:%Y-%m-%d}'"
    if isinstance(value, time):
        return f"'{value:%H:%M:%S}'"
    if isinstance(value, list | tuple):
        element = kind.element if kind is not None else None
        return f"ARRAY[{', '.join(_inside(v, element) for v in value)}]"
    if isinstance(value, Mapping):
        return _mapping(value, kind)
    raise KsqlError(f"{value!r} ({type(value).__name__}) has no SQL form.")


def _mapping(value: Mapping[Any, Any], kind: SqlType | None) -> str:
    if kind is not None and kind.base == "MAP":
        entries = [f"{_inside(k, kind.key)} := {_inside(v, kind.element)}" for k, v in value.items()]
        return f"MAP({', '.join(entries)})"
    fields = []
    for name, item in value.items():
        known = kind.field(name) if kind is not None else None
        exact = name if known is not None or kind is None else str(name).upper()
        fields.append(f"{quote(str(exact))} := {_inside(item, kind.field(exact) if kind is not None else None)}")
    return f"STRUCT({', '.join(fields)})"


def from_json(value: Any, kind: SqlType) -> Any:
    """Give a value of a row as Python has it; fractions in ``value`` are texts (``parse_float=str``)."""
    if value is None:
        return None
    match kind.base:
        case "DOUBLE":
            return float(value)
        case "DECIMAL":
            return Decimal(value)
        case "BYTES":
            return base64.b64decode(value)
        case "ARRAY" if kind.element is not None and isinstance(value, list):
            return [from_json(v, kind.element) for v in value]
        case "MAP" if kind.element is not None and isinstance(value, dict):
            return {k: from_json(v, kind.element) for k, v in value.items()}
        case "STRUCT" if isinstance(value, dict):
            return {n: from_json(v, kind.field(n) or SqlType("STRING")) for n, v in value.items()}
    return value
