"""The transit job: one streaming query over the event topics, its results kept in tables and topics.

Each micro-batch gives, for every window that changed, its whole content. The batch is merged into the tables (keyed),
the results of the touched service dates are made again, and what differs from before goes to the topics and then, by
rename, into the tables. In this order a batch that is run again after a crash ends in the same place: Kafka's upserts
are idempotent, and the tables still hold the state before, or already the state after. See docs/decisions/0004.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812 - the field's own name for it

from headway.core.topics import ARRIVALS, HEADWAYS, RIDERSHIP, STATION_LINES, TURNSTILE, WEATHER
from headway.spark import queries as q
from headway.spark.events import ARRIVAL, ENTRIES, OBSERVATION, decode
from headway.spark.stations import read_stations
from headway.spark.store import PartitionedTable, empty

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession
    from pyspark.sql.streaming.query import StreamingQuery

    from headway.settings import Settings
    from headway.spark.layout import Layout

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Options:
    """What a submission may choose. None of it changes what an event means to the results but ``late_after_s``."""

    trigger: str = "available-now"  # or continuous
    interval: str = "5 seconds"  # between batches of the continuous driver
    grace: str = "3650 days"
    late_after_s: int = 180
    weather_station: str = ""
    max_offsets: int = 300_000  # read in one micro-batch: what bounds the memory
    topic_prefix: str = ""


class TransitJob:
    """The wiring of one job: source, state, merge, sinks."""

    def __init__(self, spark: SparkSession, settings: Settings, layout: Layout, options: Options) -> None:
        self.spark, self.settings, self.layout, self.options = spark, settings, layout, options
        self.ridership = PartitionedTable(layout.table("ridership"), q.RIDERSHIP_SCHEMA, "service_date")
        self.headways = PartitionedTable(layout.table("headways"), q.HEADWAYS_SCHEMA, "service_date")
        self.stops = PartitionedTable(layout.table("stops"), q.STOPS_SCHEMA, "service_date")
        self.weather = PartitionedTable(layout.table("weather"), q.WEATHER_SCHEMA, "observed_date")

    def start(self) -> StreamingQuery:
        """Start the query; it reads from its checkpoint on, or from the beginning of the topics."""
        self.refresh_stations()
        decoded = decode(self._source()).observe("input", F.count_if(~F.col("accepted")).alias("rejected"))
        state = q.windowed(decoded, minutes=self.layout.window_minutes, grace=self.options.grace)
        writer = (
            state.writeStream.queryName("transit_stream")
            .outputMode("update")
            .option("checkpointLocation", self.layout.checkpoint.as_uri())
            .foreachBatch(self.merge)
        )
        bounded = self.options.trigger == "available-now"
        writer = writer.trigger(availableNow=True) if bounded else writer.trigger(processingTime=self.options.interval)
        return writer.start()

    def merge(self, batch: DataFrame, batch_id: int) -> None:
        """Merge one micro-batch; run again, it changes nothing."""
        batch.persist()
        try:
            touched = _touched(batch)
            weather_dates = touched.get(OBSERVATION, set())
            if weather_dates:
                self._merge_weather(batch, weather_dates)
            if touched.get(ARRIVAL):
                self._merge_arrivals(batch, touched[ARRIVAL])
            entries = touched.get(ENTRIES, set()) | (_around(weather_dates) & self.ridership.partitions())
            if entries:
                self.refresh_stations()
                self._make_ridership(q.ridership_rows(batch), entries)
            log.info("Batch %d touched %s.", batch_id, {kind: len(dates) for kind, dates in touched.items()})
        finally:
            batch.unpersist()

    def refresh_stations(self) -> bool:
        """Read the station facts; make every ridership row again when they are others than those of the rows."""
        stations = read_stations(self.settings, self._topic(STATION_LINES))
        self._stations = stations.frame(self.spark)
        path = self.layout.stations_digest
        if path.exists() and path.read_text(encoding="ascii") == stations.digest:
            return False
        dates = self.ridership.partitions()
        if dates:
            self._make_ridership(empty(self.spark, q.RIDERSHIP_SCHEMA).select(*q.RIDERSHIP_ROW), dates)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(stations.digest, encoding="ascii")
        return bool(dates)

    def kafka_options(self) -> dict[str, str]:
        """Give the connection options of Spark's Kafka source and sink, security settings passed through."""
        return {f"kafka.{name}": value for name, value in self.settings.kafka.java().items()}

    def _source(self) -> DataFrame:
        topics = ",".join(map(self._topic, (TURNSTILE, ARRIVALS, WEATHER)))
        return (
            self.spark.readStream.format("kafka")
            .options(**self.kafka_options())
            .option("kafka.isolation.level", "read_committed")
            .option("subscribe", topics)
            .option("startingOffsets", "earliest")
            .option("failOnDataLoss", "true")
            .option("maxOffsetsPerTrigger", str(self.options.max_offsets))
            .load()
        )

    def _topic(self, name: str) -> str:
        return self.options.topic_prefix + name

    def _merge_weather(self, batch: DataFrame, dates: Iterable[str]) -> None:
        old = self.weather.read(self.spark, set(dates)).coalesce(1)  # a few rows an hour: one task, no shuffle
        self.weather.replace(q.upsert(old, q.weather_rows(batch), q.WEATHER_KEY), self._staging("weather"))

    def _merge_arrivals(self, batch: DataFrame, dates: set[str]) -> None:
        stops = q.upsert(self.stops.read(self.spark, dates), q.stop_rows(batch), q.STOPS_KEY).persist()
        made = q.headways(stops, late_after_s=self.options.late_after_s).persist()
        try:
            self._publish(q.differing(made, self.headways.read(self.spark, dates)), q.HEADWAY_KEY, HEADWAYS)
            self.stops.replace(stops, self._staging("stops"))
            self.headways.replace(made, self._staging("headways"))
        finally:
            made.unpersist()
            stops.unpersist()

    def _make_ridership(self, changed: DataFrame, dates: set[str]) -> None:
        old = self.ridership.read(self.spark, dates)
        rows = q.upsert(old, changed, q.RIDERSHIP_KEY)
        hours = q.weather_by_hour(
            self.weather.read(self.spark, _around(dates)).coalesce(1), self.options.weather_station
        )
        made = q.ridership(rows, hours, self._stations).persist()
        try:
            self._publish(q.differing(made, old), q.RIDERSHIP_KEY, RIDERSHIP)
            self.ridership.replace(made, self._staging("ridership"))
        finally:
            made.unpersist()

    def _publish(self, rows: DataFrame, key: Iterable[str], topic: str) -> None:
        (
            q.keyed_json(rows, tuple(key), self.layout.window_minutes)
            .write.format("kafka")
            .options(**self.kafka_options())
            .option("topic", self._topic(topic))
            .save()
        )

    def _staging(self, table: str) -> Path:
        return self.layout.folder / "_staging" / table


def _touched(batch: DataFrame) -> dict[str, set[str]]:
    """Give the partitions that a batch changes, by kind."""
    day = F.coalesce("service_date", F.date_format("window_start", "yyyy-MM-dd"))
    touched: dict[str, set[str]] = {}
    for kind, value in batch.select("kind", day.alias("day")).distinct().collect():
        touched.setdefault(kind, set()).add(value)
    return touched


def _around(dates: Iterable[str]) -> set[str]:
    """Give the dates and their neighbours: a service day begins before its date in UTC, or ends days after."""
    days = [date.fromisoformat(day) for day in dates]
    return {str(day + timedelta(days=offset)) for day in days for offset in (-2, -1, 0, 1, 2)}
