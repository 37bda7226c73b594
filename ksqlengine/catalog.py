"""What the engine knows: sources, custom types, which query reads or writes what."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any

from ksqlengine.types import Schema, SqlType


@dataclass(frozen=True)
class FormatInfo:
    """Name a format with its properties, e.g. DELIMITED with a delimiter."""

    name: str
    properties: tuple[tuple[str, str], ...] = ()
    wrap: bool | None = None  # WRAP_SINGLE_VALUE where the user (or a default) decides

    def get(self, name: str) -> str | None:
        """Return a property's value or None."""
        return dict(self.properties).get(name)

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {"name": self.name, "properties": dict(self.properties), "wrap": self.wrap}

    @staticmethod
    def from_json(data: dict[str, Any]) -> FormatInfo:
        """Read what `to_json` wrote."""
        return FormatInfo(data["name"], tuple(sorted(data["properties"].items())), data["wrap"])


@dataclass(frozen=True)
class WindowInfo:
    """Say how the keys of a source are windowed: TUMBLING, HOPPING or SESSION; size in ms where fixed."""

    kind: str
    size_ms: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {"kind": self.kind, "size_ms": self.size_ms}

    @staticmethod
    def from_json(data: dict[str, Any] | None) -> WindowInfo | None:
        """Read what `to_json` wrote."""
        return WindowInfo(data["kind"], data["size_ms"]) if data else None


@dataclass(frozen=True)
class Source:
    """Describe a stream or a table over a topic."""

    name: str
    kind: str  # STREAM | TABLE
    topic: str
    schema: Schema
    key_format: FormatInfo
    value_format: FormatInfo
    window: WindowInfo | None = None
    timestamp_column: str | None = None
    timestamp_format: str | None = None
    read_only: bool = False  # CREATE SOURCE STREAM/TABLE
    created_by: str | None = None  # the query that fills it (CSAS/CTAS)
    statement: str = ""
    partitions: int = 1
    replicas: int = 1
    materialized: bool = False  # a pull query finds a store behind it

    @property
    def is_table(self) -> bool:
        """Tell a table from a stream."""
        return self.kind == "TABLE"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "name": self.name,
            "kind": self.kind,
            "topic": self.topic,
            "schema": self.schema.to_json(),
            "key_format": self.key_format.to_json(),
            "value_format": self.value_format.to_json(),
            "window": self.window.to_json() if self.window else None,
            "timestamp_column": self.timestamp_column,
            "timestamp_format": self.timestamp_format,
            "read_only": self.read_only,
            "created_by": self.created_by,
            "statement": self.statement,
            "partitions": self.partitions,
            "replicas": self.replicas,
            "materialized": self.materialized,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Source:
        """Read what `to_json` wrote."""
        fields = dict(data)
        fields["schema"] = Schema.from_json(data["schema"])
        fields["key_format"] = FormatInfo.from_json(data["key_format"])
        fields["value_format"] = FormatInfo.from_json(data["value_format"])
        fields["window"] = WindowInfo.from_json(data["window"])
        return Source(**fields)


@dataclass(frozen=True)
class QueryInfo:
    """Name a persistent query, what it reads and where it writes."""

    id: str
    sink: str | None
    sources: tuple[str, ...]
    statement: str
    steps: dict[str, Any] | None = field(default=None, compare=False)


@dataclass
class Catalog:
    """Hold sources, types and queries; the engine alone changes it."""

    sources: dict[str, Source] = field(default_factory=dict)
    types: dict[str, SqlType] = field(default_factory=dict)
    queries: dict[str, QueryInfo] = field(default_factory=dict)
    next_query_number: int = 0

    def get(self, name: str) -> Source | None:
        """Return the source of that name or None."""
        return self.sources.get(name)

    def readers(self, name: str) -> list[str]:
        """Return the ids of the queries that read a source."""
        return [q.id for q in list(self.queries.values()) if name in q.sources]

    def writers(self, name: str) -> list[str]:
        """Return the ids of the queries that write to a source."""
        return [q.id for q in list(self.queries.values()) if q.sink == name]

    def copy(self) -> Catalog:
        """Return a sandbox: changes to it do not reach this catalog."""
        return Catalog(copy.copy(self.sources), copy.copy(self.types), copy.copy(self.queries), self.next_query_number)
