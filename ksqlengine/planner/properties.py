"""The WITH clause: formats, topic, windows, timestamps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ksqlengine.catalog import FormatInfo, WindowInfo
from ksqlengine.errors import KsqlError

FORMATS = ("JSON", "KAFKA", "DELIMITED", "NONE")
KNOWN = {
    "KAFKA_TOPIC", "VALUE_FORMAT", "KEY_FORMAT", "FORMAT", "PARTITIONS", "REPLICAS", "RETENTION_MS", "TIMESTAMP",
    "TIMESTAMP_FORMAT", "WRAP_SINGLE_VALUE", "WINDOW_TYPE", "WINDOW_SIZE", "VALUE_DELIMITER", "KEY_DELIMITER",
    "KEY_SCHEMA_ID", "VALUE_SCHEMA_ID", "KEY_SCHEMA_FULL_NAME", "VALUE_SCHEMA_FULL_NAME",
    "VALUE_AVRO_SCHEMA_FULL_NAME", "SOURCED_BY_CONNECTOR", "VALUE_PROTOBUF_NULLABLE_REPRESENTATION",
    "KEY_PROTOBUF_NULLABLE_REPRESENTATION", "CLEANUP_POLICY",
}  # fmt: skip
_UNITS = {"MILLISECOND": 1, "SECOND": 1000, "MINUTE": 60_000, "HOUR": 3_600_000, "DAY": 86_400_000}


@dataclass(frozen=True)
class SourceProperties:
    """Hold what a WITH clause says, with the names checked."""

    values: dict[str, Any]

    def get(self, name: str) -> Any:
        """Return a property or None."""
        return self.values.get(name)

    def format_name(self, which: str) -> str | None:
        """Return the KEY or VALUE format's name, None where the clause leaves it open."""
        both, one = self.get("FORMAT"), self.get(f"{which}_FORMAT")
        if both is not None and one is not None:
            raise KsqlError(
                f"Cannot supply both '{which}_FORMAT' and 'FORMAT' properties, as 'FORMAT' sets both key and value "
                f"formats. Either use just 'FORMAT', or use 'KEY_FORMAT' and 'VALUE_FORMAT'."
            )
        name = one if one is not None else both
        return None if name is None else str(name).upper()

    def format_properties(self, which: str, name: str) -> tuple[tuple[str, str], ...]:
        """Return a format's properties, checked."""
        found = {}
        delimiter = self.get(f"{which}_DELIMITER")
        if delimiter is not None:
            found["delimiter"] = str(delimiter)
        full_name = self.get(f"{which}_SCHEMA_FULL_NAME") or (
            self.get("VALUE_AVRO_SCHEMA_FULL_NAME") if which == "VALUE" else None
        )
        if full_name is not None:
            if not str(full_name).strip():
                raise KsqlError(f"fullSchemaName cannot be empty. Format configuration: {{fullSchemaName={full_name}}}")
            found["fullSchemaName"] = str(full_name)
        allowed = {"DELIMITED": {"delimiter"}}.get(name, set())
        extra = sorted(set(found) - allowed)
        if extra:
            raise KsqlError(f"{name} does not support the following configs: [{', '.join(extra)}]")
        return tuple(sorted(found.items()))

    def wrap(self) -> bool | None:
        """Return WRAP_SINGLE_VALUE."""
        value = self.get("WRAP_SINGLE_VALUE")
        return None if value is None else str(value).lower() == "true"

    def window(self) -> WindowInfo | None:
        """Return the window of a windowed source."""
        kind, size = self.get("WINDOW_TYPE"), self.get("WINDOW_SIZE")
        if kind is None:
            if size is not None:
                raise KsqlError("WINDOW_SIZE is only valid with WINDOW_TYPE TUMBLING or HOPPING.")
            return None
        kind = str(kind).upper()
        if kind not in ("SESSION", "TUMBLING", "HOPPING"):
            raise KsqlError(
                f"Invalid config: Unknown WINDOW_TYPE: {kind}. Valid values are: SESSION, HOPPING, TUMBLING"
            )
        if kind == "SESSION":
            if size is not None:
                raise KsqlError("'WINDOW_SIZE' should not be set for SESSION windows.")
            return WindowInfo(kind)
        if size is None:
            raise KsqlError(
                f"{kind} windows require 'WINDOW_SIZE' to be provided in the WITH clause. For example: "
                "'WINDOW_SIZE'='10 SECONDS'"
            )
        return WindowInfo(kind, duration_ms(str(size)))


def duration_ms(text: str) -> int:
    """Read `10 SECONDS`."""

    def bad(reason: str) -> KsqlError:
        return KsqlError(f"Configuration WINDOW_SIZE is invalid: Invalid duration: '{text}'. {reason}")

    parts = text.split()
    if len(parts) != 2:
        raise bad("Expected format: '<size> <unit>', e.g. '10 SECONDS'")
    unit = parts[1].upper()
    factor = _UNITS.get(unit) or _UNITS.get(unit.removesuffix("S"))
    if factor is None:
        raise bad(f"Unknown time unit: '{unit}'")
    if not parts[0].isdigit():
        raise bad(f"Invalid duration value: '{parts[0]}'")
    return int(parts[0]) * factor


def check_properties(values: dict[str, Any]) -> SourceProperties:
    """Check names and simple values. Raises KsqlError."""
    for name in values:
        if name not in KNOWN:
            raise KsqlError(f"Invalid config variable(s) in the WITH clause: {name}")
    for which in ("VALUE", "KEY"):
        delimiter = values.get(f"{which}_DELIMITER")
        if delimiter is not None:
            _check_delimiter(which, str(delimiter))
    return SourceProperties(values)


def _check_delimiter(which: str, delimiter: str) -> None:
    if delimiter in ("TAB", "SPACE"):
        return
    if not delimiter.strip():
        raise KsqlError(
            f"Configuration {which}_DELIMITER is invalid: Delimiter cannot be empty, if you meant to have a tab "
            f"or space "
            "for delimiter, please use the special values 'TAB' or 'SPACE'\nExample valid value: ';'"
        )
    if len(delimiter) != 1:
        raise KsqlError(
            f"Configuration {which}_DELIMITER is invalid: Invalid delimiter value: '{delimiter}'. "
            "Delimiter must be a single character or TAB,SPACE"
        )


def check_format(name: str) -> None:
    """Refuse a format that nobody knows, and say which ones need a schema registry."""
    if name in FORMATS:
        return
    if name in ("AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR"):
        raise KsqlError(f"Format {name} is not supported by this engine: it needs a Schema Registry.")
    raise KsqlError(f"Unknown format: {name}")


def default_format(config: dict[str, Any], which: str) -> str | None:
    """Return the configured default format of KEY or VALUE."""
    found = config.get(f"ksql.persistence.default.format.{which.lower()}")
    return str(found).upper() if found else None


def make_format(name: str, properties: SourceProperties, which: str) -> FormatInfo:
    """Return a format with its properties."""
    check_format(name)
    return FormatInfo(name, properties.format_properties(which, name), properties.wrap() if which == "VALUE" else None)
