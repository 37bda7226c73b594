"""What each format can hold, in ksqlDB's words."""

from __future__ import annotations

from ksqlengine.catalog import FormatInfo
from ksqlengine.errors import KsqlError
from ksqlengine.types import Column, Schema, SqlType, quote

_KAFKA = {"INTEGER", "BIGINT", "DOUBLE", "STRING", "BYTES"}


def check_key(fmt: FormatInfo, schema: Schema) -> None:
    """Refuse key columns that the key format cannot hold."""
    columns = schema.key
    for column in columns:
        if contains_map(column.type):
            raise map_key(column.name, column.type)
    if not columns:
        return
    reason = _reason(fmt, columns)
    if reason:
        raise _unsupported("Key", fmt, columns, reason)


def map_key(name: str, type_: SqlType) -> KsqlError:
    """Return the error for a key that holds a map."""
    return KsqlError(
        "Map keys, including types that contain maps, are not supported as they may lead to unexpected behavior "
        f"due to inconsistent serialization. Key column name: {quote(name)}. Column type: {type_}. "
        "See https://github.com/confluentinc/ksql/issues/6621 for more."
    )


def check_value(fmt: FormatInfo, schema: Schema) -> None:
    """Refuse value columns that the value format cannot hold."""
    columns = schema.value
    if fmt.wrap is not None:
        if fmt.name == "NONE" or (fmt.name in ("KAFKA", "DELIMITED") and fmt.wrap):
            raise KsqlError(
                f"Format '{fmt.name}' does not support 'WRAP_SINGLE_VALUE' set to '{str(fmt.wrap).lower()}'."
            )
        if len(columns) != 1:
            raise KsqlError("'WRAP_SINGLE_VALUE' is only valid for single-field value schemas")
    if not columns:
        return
    reason = _reason(fmt, columns)
    if reason:
        raise _unsupported("Value", fmt, columns, reason)


def _unsupported(what: str, fmt: FormatInfo, columns: tuple[Column, ...], reason: str) -> KsqlError:
    shown = ", ".join(str(c) for c in columns)
    return KsqlError(
        f"{what} format does not support schema.\nformat: {fmt.name}\nschema: "
        f"Persistence{{columns=[{shown}], features=[]}}\n"
        f"reason: {reason}"
    )


def _reason(fmt: FormatInfo, columns: tuple[Column, ...]) -> str | None:
    if fmt.name == "NONE":
        return f"The '{fmt.name}' format does not support any columns." if columns else None
    if fmt.name == "KAFKA":
        if len(columns) > 1:
            shown = ", ".join(str(c) for c in columns)
            return f"The 'KAFKA' format only supports a single field. Got: [{shown}]"
        kind = columns[0].type.base
        if kind not in _KAFKA:
            return f"The 'KAFKA' format does not support type '{kind}'"
    if fmt.name == "DELIMITED":
        for column in columns:
            if column.type.base in ("ARRAY", "MAP", "STRUCT"):
                return f"The 'DELIMITED' format does not support type '{column.type.base}', column: `{column.name}`"
    if fmt.name == "JSON":
        for column in columns:
            if bad_map(column.type):
                return "JSON only supports MAP types with STRING keys"
    return None


def bad_map(type_: SqlType) -> bool:
    """Tell whether a type holds a map whose keys are no text."""
    if type_.base == "MAP" and type_.key is not None and type_.key.base != "STRING":
        return True
    return any(bad_map(i) for i in _inner(type_))


def contains_map(type_: SqlType) -> bool:
    """Tell whether a type is or holds a map."""
    return type_.base == "MAP" or any(contains_map(i) for i in _inner(type_))


def _inner(type_: SqlType) -> list[SqlType]:
    return [t for t in (type_.element, type_.key, *(t for _, t in type_.fields)) if t is not None]
