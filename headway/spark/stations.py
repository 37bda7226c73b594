"""The station facts: the newest row of each station in Faust's compacted topic."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from headway.adapters.kafka import read_all

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

    from headway.settings import Settings

COLUMNS = pa.schema(
    [
        ("station_id", pa.int64()),
        ("station_name", pa.string()),
        ("station_lines", pa.list_(pa.string())),
        ("line_orders", pa.map_(pa.string(), pa.int32())),
        ("latitude", pa.float64()),
        ("longitude", pa.float64()),
    ]
)


@dataclass(frozen=True)
class StationFacts:
    """One row a station, and a digest that differs when any of them does."""

    rows: tuple[dict[str, Any], ...]

    @property
    def digest(self) -> str:
        """Give a hash of the rows."""
        return hashlib.sha256(json.dumps(self.rows, sort_keys=True).encode()).hexdigest()

    def frame(self, spark: SparkSession) -> DataFrame:
        """Give the rows as a DataFrame that lives in the driver."""
        table = pa.Table.from_pylist(
            [row | {"line_orders": list(row["line_orders"].items())} for row in self.rows], COLUMNS
        )
        return spark.createDataFrame(table)


def read_stations(settings: Settings, topic: str) -> StationFacts:
    """Read the topic to its end (a few hundred rows)."""
    return newest_stations((message.key(), message.value()) for message in read_all(settings, topic))


def newest_stations(records: Iterable[tuple[bytes | None, bytes | None]]) -> StationFacts:
    """Keep the newest record of each key; a station whose newest record is a tombstone is gone."""
    newest: dict[bytes | None, bytes] = {}
    for key, value in records:
        if value is None:
            newest.pop(key, None)
        else:
            newest[key] = value
    rows = [_row(json.loads(value)) for value in newest.values()]
    return StationFacts(tuple(sorted(rows, key=lambda row: int(row["station_id"]))))


def _row(value: dict[str, Any]) -> dict[str, Any]:
    return {
        "station_id": value["station_id"],
        "station_name": value["station_name"],
        "station_lines": value["lines"],
        "line_orders": value["orders"],
        "latitude": value.get("latitude"),
        "longitude": value.get("longitude"),
    }
