"""The station facts: the newest row of each station in Faust's compacted topic."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812 - the field's own name for it

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

VALUE = (
    "station_id bigint, station_name string, lines array<string>, orders map<string,int>, "
    "latitude double, longitude double"
)


def station_facts(spark: SparkSession, topic: str, kafka_options: Mapping[str, str]) -> DataFrame:
    """Read the topic from its beginning to its end; the columns are ``queries.STATIONS_SCHEMA``."""
    records = (
        spark.read.format("kafka")
        .options(**kafka_options)
        .option("kafka.isolation.level", "read_committed")
        .option("subscribe", topic)
        .load()
    )
    return latest_stations(records)


def latest_stations(records: DataFrame) -> DataFrame:
    """Keep the newest record of each key and decode it; a station whose newest record is a tombstone is gone."""
    newest = records.groupBy("key").agg(F.max_by("value", F.struct("partition", "offset")).alias("value"))
    row = newest.select(F.from_json(F.col("value").cast("string"), VALUE).alias("v")).where("v.station_id is not null")
    return row.select(
        "v.station_id",
        "v.station_name",
        F.col("v.lines").alias("station_lines"),
        F.col("v.orders").alias("line_orders"),
        "v.latitude",
        "v.longitude",
    )
