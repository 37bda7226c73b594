"""Read what is there: topics, KSQL's tables, Spark's results, in the shapes that the truth has."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import orjson

from headway.adapters.kafka import latest, partition_counts, read_all
from headway.adapters.ksql import KsqlClient
from headway.core.clock import HOUR_MS, hour_ms, to_ms
from headway.errors import NotAsExpectedError
from headway.settings import Settings
from headway.spark.layout import Layout
from headway.verify.truths import Fingerprints, Table

HEADWAY_FIELDS = ("trains", "headways", "headway_sum_s", "headway_max_s", "delay_sum_s", "delay_max_s")
Content = Callable[[dict[str, Any], int], tuple[Any, int, int]]


@dataclass
class TopicFacts:
    """What a topic of events holds, by hour of event time."""

    ids: Fingerprints = field(default_factory=Fingerprints)
    ends: dict[int, int] = field(default_factory=dict)  # one past the last *record* of each partition
    content: dict[Any, list[int]] = field(default_factory=dict)

    def table(self) -> Table:
        """Give the content as a table."""
        return {key: tuple(values) for key, values in self.content.items()}


def entries_content(value: dict[str, Any], hour: int) -> tuple[Any, int, int]:
    """Sort a turnstile event: its (station, hour), entries, one record."""
    return (value["station_id"], hour), value["num_entries"], 1


def arrivals_content(value: dict[str, Any], hour: int) -> tuple[Any, int, int]:
    """Sort an arrival: its (line, direction, hour), one record, its delay."""
    return (value["line"], value["direction"], hour), 1, value["delay_s"]


def read_events(settings: Settings, topic: str, content: Content | None = None) -> TopicFacts:
    """Read a topic of events from its beginning to its end; ``content`` says how its values add up."""
    facts = TopicFacts()
    hours: dict[str, int] = {}
    for message in read_all(settings, topic):
        value = orjson.loads(message.value() or b"null")
        try:
            text, event_id = value["event_time"][:13], value["event_id"]
            if text not in hours:
                hours[text] = hour_ms(f"{text}:00Z")
            hour = hours[text]
            facts.ids.add(hour, event_id)
            if content is not None:
                key, first, second = content(value, hour)
                sums = facts.content.setdefault(key, [0, 0])
                sums[0] += first
                sums[1] += second
        except (TypeError, KeyError, ValueError) as error:
            raise NotAsExpectedError(
                f"A record is not an event of this topic: {type(error).__name__}: {error}.",
                where=f"{topic}/{message.partition()}/{message.offset()}",
                next_step="find who else writes to this topic; a new generation makes it anew",
            ) from error
        facts.ends[message.partition() or 0] = (message.offset() or 0) + 1
    return facts


def count_records(settings: Settings, topic: str) -> int:
    """Count a topic's committed records; a topic that does not exist has none."""
    return sum(1 for _ in read_all(settings, topic)) if topic in partition_counts(settings) else 0


def ksql_table(client: KsqlClient, table: str, key: Callable[[str], Any], *, windowed: bool) -> Table:
    """Pull a whole KSQL table as (entries, records) by key, or by (key, hour)."""
    found: Table = {}
    for row in client.pull(f"SELECT * FROM {table};"):  # noqa: S608 - our own table names
        lower = {name.lower(): value for name, value in row.items()}
        name = next(value for column, value in lower.items() if column in ("station_id", "line"))
        values = (int(lower["total_entries"]), int(lower["num_records"]))
        found[(key(name), int(lower["windowstart"])) if windowed else key(name)] = values
    return found


def spark_rows(layout: Layout, table: str, columns: list[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (service date, row) of a Parquet result; times are ms since the epoch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for path in sorted(layout.table(table).glob("service_date=*/part.parquet")):
        service_date = path.parent.name.partition("=")[2]
        found = pq.ParquetFile(path).read(columns=columns)
        stamps = found.column("window_start").cast(pa.timestamp("ms", tz="UTC"), safe=False).cast(pa.int64())
        found = found.set_column(found.schema.get_field_index("window_start"), "window_start", stamps)
        for row in found.to_pylist():
            yield service_date, row


def spark_topic(settings: Settings, topic: str, minutes: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield (service date, row) of a result topic's newest values for one window length."""
    for row in latest(settings, topic).values():
        if row["window_minutes"] == minutes:
            row["window_start"] = to_ms(datetime.fromisoformat(row["window_start"]).astimezone(UTC))
            yield row["service_date"], row


def ridership_table(rows: Iterator[tuple[str, dict[str, Any]]]) -> tuple[Table, Table]:
    """Sort ridership rows: (entries, records) by (service date, station, line, window), and the weather of each hour.

    An hour whose rows carry more than one weather maps to all of them.
    """
    entries: Table = {}
    weather: dict[int, dict[tuple[object, ...], None]] = {}
    for day, row in rows:
        entries[day, row["station_id"], row["line"], row["window_start"]] = (row["entries"], row["records"])
        seen = tuple(
            row[name] for name in ("weather_station", "temperature_c", "weather_status", "precipitation_mm", "wind_ms")
        )
        weather.setdefault(row["window_start"] - row["window_start"] % HOUR_MS, {})[seen] = None
    return entries, {hour: next(iter(seen)) if len(seen) == 1 else tuple(seen) for hour, seen in weather.items()}


def headways_table(rows: Iterator[tuple[str, dict[str, Any]]]) -> Table:
    """Sort headway rows as :func:`headway.verify.truths.headways` gives them."""
    return {
        (day, row["line"], row["direction"], row["window_start"]): tuple(row[name] for name in HEADWAY_FIELDS)
        for day, row in rows
    }


def key_number(key: bytes, name: str) -> int:
    """Read the number in a Connect key such as ``{"stop_id":30000}``."""
    return int(json.loads(key)[name])
