"""Java types of SQL types, literals and conversions as Java text."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from ksqlengine.errors import KsqlError
from ksqlengine.types import NUMERIC_ORDER, SqlType

_JAVA = {
    "BOOLEAN": "Boolean", "INTEGER": "Integer", "BIGINT": "Long", "DOUBLE": "Double", "STRING": "String",
    "BYTES": "java.nio.ByteBuffer", "DATE": "java.time.LocalDate", "TIME": "java.time.LocalTime",
    "TIMESTAMP": "java.time.Instant", "DECIMAL": "java.math.BigDecimal", "ARRAY": "java.util.List",
    "MAP": "java.util.Map", "STRUCT": "ksql.runtime.Struct", "UNIT": "java.time.temporal.ChronoUnit",
}  # fmt: skip
_CASTS = {
    "BOOLEAN": "bool", "INTEGER": "integer", "BIGINT": "bigint", "DOUBLE": "dbl", "STRING": "string",
    "TIMESTAMP": "timestamp", "DATE": "date", "TIME": "time", "BYTES": "bytes",
}  # fmt: skip
_NUMBERS = set(NUMERIC_ORDER)
_ALLOWED = {
    "BOOLEAN": {"BOOLEAN", "STRING"},
    "INTEGER": _NUMBERS | {"STRING"},
    "BIGINT": _NUMBERS | {"STRING"},
    "DECIMAL": _NUMBERS | {"STRING"},
    "DOUBLE": _NUMBERS | {"STRING"},
    "STRING": {"STRING", "BOOLEAN", "TIMESTAMP", "DATE", "TIME"} | _NUMBERS,
    "BYTES": {"BYTES"},
    "TIMESTAMP": {"TIMESTAMP", "DATE", "STRING"},
    "DATE": {"DATE", "TIMESTAMP", "STRING"},
    "TIME": {"TIME", "TIMESTAMP", "STRING"},
}
TypeConstant = Callable[[SqlType], str]


def java_type(type_: SqlType) -> str:
    """Return the Java type that holds a SQL type's values."""
    return _JAVA.get(type_.base, "Object")


def literal_code(value: Any, type_: SqlType) -> str:
    """Return a constant as Java."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return f"Boolean.valueOf({str(value).lower()})"
    if type_.base == "INTEGER":
        return f"Integer.valueOf({value})" if value != -(2**31) else "Integer.valueOf(Integer.MIN_VALUE)"
    if type_.base == "BIGINT":
        return f"Long.valueOf({value}L)" if value != -(2**63) else "Long.valueOf(Long.MIN_VALUE)"
    if isinstance(value, Decimal):
        return f'new java.math.BigDecimal("{value}")'
    if isinstance(value, float):
        return f"Double.valueOf({value!r})"
    return '"' + "".join(_escape(c) for c in str(value)) + '"'


def _escape(c: str) -> str:
    if c in '"\\':
        return "\\" + c
    if 32 <= ord(c) < 127:
        return c
    if ord(c) > 0xFFFF:
        high, low = divmod(ord(c) - 0x10000, 0x400)
        return f"\\u{0xD800 + high:04x}\\u{0xDC00 + low:04x}"
    return {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}.get(c, f"\\u{ord(c):04x}")


def widen(java: str, type_: SqlType, wanted: SqlType, constant: TypeConstant) -> str:
    """Convert to the same or a wider type without loss; a null gets its type."""
    if type_.base == "NULL":
        return f"(({java_type(wanted)}) null)"
    if type_ == wanted or wanted.base in ("NULL", "ANY"):
        return java
    return cast_code(java, type_, wanted, constant)


def castable(type_: SqlType, wanted: SqlType) -> bool:
    """Tell whether CAST knows the way."""
    if type_.base == "NULL" or type_ == wanted:
        return True
    if wanted.base == "ARRAY" and type_.base == "ARRAY" and type_.element and wanted.element:
        return castable(type_.element, wanted.element)
    if wanted.base == "MAP" and type_.base == "MAP" and type_.key and wanted.key and type_.element and wanted.element:
        return castable(type_.key, wanted.key) and castable(type_.element, wanted.element)
    if wanted.base == "STRUCT" and type_.base == "STRUCT":
        return all(
            (found := type_.field(name)) is None or castable(found, field_type) for name, field_type in wanted.fields
        )
    if wanted.base == "STRING" and type_.base in ("ARRAY", "MAP", "STRUCT"):
        return True
    return type_.base in _ALLOWED.get(wanted.base, set())


def cast_code(java: str, type_: SqlType, wanted: SqlType, constant: TypeConstant) -> str:
    """Return Java that converts a value as CAST does. Raises KsqlError where ksqlDB has no conversion."""
    if not castable(type_, wanted):
        raise KsqlError(f"Cast of {type_} to {wanted} is not supported")
    if type_.base == "NULL":
        return f"(({java_type(wanted)}) null)"
    if type_ == wanted:
        return java
    if wanted.base == "DECIMAL":
        return f"ksql.runtime.Casts.decimal({java}, {wanted.precision}, {wanted.scale})"
    if wanted.base in _CASTS:
        return f"ksql.runtime.Casts.{_CASTS[wanted.base]}({java})"
    return f"(({java_type(wanted)}) ksql.runtime.Casts.to({java}, {constant(wanted)}))"
