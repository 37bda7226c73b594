"""The WITH clause: formats, topic, windows, timestamps."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass
from typing import Any

from ksqlengine.catalog import FormatInfo, WindowInfo
from ksqlengine.errors import KsqlError
from ksqlengine.types import unit_ms

FORMATS = ("JSON", "KAFKA", "DELIMITED", "NONE")
KNOWN = {
    "KAFKA_TOPIC", "VALUE_FORMAT", "KEY_FORMAT", "FORMAT", "PARTITIONS", "REPLICAS", "RETENTION_MS", "TIMESTAMP",
    "TIMESTAMP_FORMAT", "WRAP_SINGLE_VALUE", "WINDOW_TYPE", "WINDOW_SIZE", "VALUE_DELIMITER", "KEY_DELIMITER",
    "KEY_SCHEMA_ID", "VALUE_SCHEMA_ID", "KEY_SCHEMA_FULL_NAME", "VALUE_SCHEMA_FULL_NAME",
    "VALUE_AVRO_SCHEMA_FULL_NAME", "SOURCED_BY_CONNECTOR", "VALUE_PROTOBUF_NULLABLE_REPRESENTATION",
    "KEY_PROTOBUF_NULLABLE_REPRESENTATION", "CLEANUP_POLICY",
}  # fmt: skip
CREATE_AS = KNOWN - {"WINDOW_TYPE", "WINDOW_SIZE", "SOURCED_BY_CONNECTOR"}  # a query's window is its own
_NUMBERS = {"PARTITIONS": "INT", "REPLICAS": "SHORT", "RETENTION_MS": "LONG", "KEY_SCHEMA_ID": "INT",
            "VALUE_SCHEMA_ID": "INT"}  # fmt: skip
_ROOM = {"SHORT": 2**15, "INT": 2**31, "LONG": 2**63}
_RESERVED_IDS = ("INSERTQUERY_", "CTAS_", "CSAS_", "CST_")
# letters of java.time.format.DateTimeFormatter
_PATTERN_LETTERS = set("GuyDMLdQqYwWEecFaBhKkHmsSAnNVvzOXxZp")


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
    factor = unit_ms(unit)
    if factor is None:
        raise bad(f"Unknown time unit: '{unit}'")
    if not parts[0].isdigit():
        raise bad(f"Invalid duration value: '{parts[0]}'")
    return int(parts[0]) * factor


def check_properties(values: dict[str, Any], known: set[str] = KNOWN) -> SourceProperties:
    """Check names and simple values. Raises KsqlError."""
    unknown = [name for name in values if name not in known]
    if unknown:
        raise KsqlError(f"Invalid config variable(s) in the WITH clause: {','.join(unknown)}")
    for name, value in values.items():
        if name in _NUMBERS:
            _check_number(name, value)
    topic = values.get("KAFKA_TOPIC")
    if topic is not None and not str(topic).strip():
        raise KsqlError(f"Invalid value {topic} for configuration KAFKA_TOPIC: String must be non-empty")
    wrap = values.get("WRAP_SINGLE_VALUE")
    if wrap is not None and str(wrap).lower() not in ("true", "false"):
        raise KsqlError(
            f"Invalid value {wrap} for configuration WRAP_SINGLE_VALUE: Expected value to be either true or false"
        )
    _check_pattern(values.get("TIMESTAMP_FORMAT"))
    for which in ("VALUE", "KEY"):
        delimiter = values.get(f"{which}_DELIMITER")
        if delimiter is not None:
            _check_delimiter(which, str(delimiter))
    return SourceProperties(values)


def topic_details(with_: SourceProperties, kind: str, windowed: bool) -> dict[str, Any]:
    """Return what the clause says of the topic that is made: retention and clean-up. Raises KsqlError."""
    retention, policy = with_.get("RETENTION_MS"), with_.get("CLEANUP_POLICY")
    if retention is not None and kind == "TABLE" and not windowed:
        raise KsqlError(
            "Invalid config variable in the WITH clause: RETENTION_MS\nNon-windowed tables do not support retention."
        )
    found: dict[str, Any] = {}
    if retention is not None:
        found["retention_ms"] = int(str(retention).strip())
    if policy is not None:
        words = sorted(w.strip().lower() for w in str(policy).split(","))
        if kind == "TABLE":
            raise KsqlError("Invalid config variable in the WITH clause: CLEANUP_POLICY\nTables are always compacted.")
        if not words or not set(words) <= {"compact", "delete"} or len(set(words)) != len(words):
            raise KsqlError(
                f"Invalid config variable in the WITH clause: CLEANUP_POLICY\nGot '{policy}'. Valid values are: "
                "compact, delete, compact,delete"
            )
        found["cleanup_policy"] = ",".join(words)
    return found


def _check_number(name: str, value: Any) -> None:
    """Refuse what is no whole number, in Kafka's words; as text it is fine."""
    kind = _NUMBERS[name]
    try:
        number = int(str(value).strip())
        if abs(number) >= _ROOM[kind]:
            raise ValueError(value)
    except ValueError:
        raise KsqlError(f"Invalid value {value} for configuration {name}: Not a number of type {kind}") from None
    if name in ("PARTITIONS", "REPLICAS") and number <= 0:
        raise KsqlError(f"Invalid value {value} for configuration {name}: Value must be at least 1")


def _check_pattern(pattern: Any) -> None:
    """Refuse a pattern that java.time would refuse."""
    if pattern is None:
        return
    plain = re.sub(r"'[^']*'", "", str(pattern))
    bad = next((c for c in plain if c.isascii() and c.isalpha() and c not in _PATTERN_LETTERS), None)
    if bad is not None:
        raise KsqlError(f"Invalid TIMESTAMP_FORMAT '{pattern}': Unknown pattern letter: {bad}")
    if "'" in plain:
        raise KsqlError(f"Invalid TIMESTAMP_FORMAT '{pattern}': Pattern ends with an incomplete string literal")


def check_insert(values: dict[str, Any], queries: Container[str]) -> str | None:
    """Return the id that INSERT INTO … WITH (QUERY_ID=…) asks for, upper-cased. Raises KsqlError."""
    unknown = [name for name in values if name != "QUERY_ID"]
    if unknown:
        raise KsqlError(f"Invalid config variable(s) in the WITH clause: {','.join(unknown)}")
    if "QUERY_ID" not in values:
        return None
    query_id = str(values["QUERY_ID"]).upper()
    if not re.fullmatch(r"[A-Z0-9_]+", query_id):
        raise KsqlError(f"Query IDs may contain only alphanumeric characters and '_'. Got: '{query_id}'")
    if query_id.startswith(_RESERVED_IDS):
        raise KsqlError(
            f"Query IDs must not start with a reserved query ID prefix ({', '.join(_RESERVED_IDS)}). Got: '{query_id}'"
        )
    if query_id in queries:
        raise KsqlError(f"Query ID '{query_id}' already exists.")
    return query_id


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
    if properties.get(f"{which}_SCHEMA_ID") is not None:
        raise KsqlError(
            f"{which}_FORMAT should support schema inference when {which}_SCHEMA_ID is provided. "
            f"Current format is {name}."
        )
    return FormatInfo(name, properties.format_properties(which, name), properties.wrap() if which == "VALUE" else None)
