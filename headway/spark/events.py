"""Decode Kafka records of the four event topics into one flat table of events.

All event topics go through one state (see ``queries.windowed``), so they share one row type: ``kind`` says which
columns are filled. A record that cannot be decoded, or that lacks what its query needs, is counted as rejected and left
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812 - the field's own name for it
from pyspark.sql.types import DoubleType, IntegerType, LongType, StringType, StructField, StructType, TimestampType

from headway.core.topics import ARRIVALS, TURNSTILE, WEATHER

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

ENTRIES, ARRIVAL, OBSERVATION = "turnstile", "arrival", "weather"
KIND_OF_TOPIC = {TURNSTILE: ENTRIES, ARRIVALS: ARRIVAL, WEATHER: OBSERVATION}

WEATHER_STRUCT = StructType(
    [
        StructField("observed_at", TimestampType()),
        StructField("event_id", StringType()),
        StructField("temperature_c", DoubleType()),
        StructField("status", StringType()),
        StructField("precipitation_mm", DoubleType()),
        StructField("wind_ms", DoubleType()),
    ]
)

# The union of the three contracts; a field that a topic does not have is null in its rows.
VALUE = StructType(
    [
        StructField("event_id", StringType()),
        StructField("event_time", TimestampType()),
        StructField("service_date", StringType()),
        StructField("station_id", LongType()),
        StructField("line", StringType()),
        StructField("direction", StringType()),
        StructField("num_entries", LongType()),
        StructField("delay_s", IntegerType()),
        StructField("temperature_c", DoubleType()),
        StructField("status", StringType()),
        StructField("precipitation_mm", DoubleType()),
        StructField("wind_ms", DoubleType()),
    ]
)


def decode(records: DataFrame) -> DataFrame:
    """Decode Kafka records (``topic, key, value``) into events with a boolean column ``accepted``.

    Columns: kind, event_time, service_date (text), place (station id, or weather station, as text), line, direction,
    entries, delay_s, weather (struct), accepted. The weather station is the record's key, as text or as quoted JSON
    text (the REST proxy writes the latter).
    """
    key = F.expr("trim(BOTH '\"' FROM cast(key AS string))")
    value = F.from_json(F.col("value").cast("string"), VALUE)
    kind = F.lit(None).cast("string")
    for topic, name in KIND_OF_TOPIC.items():
        kind = F.when(F.col("topic").endswith(topic), F.lit(name)).otherwise(kind)
    rows = records.select(kind.alias("kind"), key.alias("key"), value.alias("v"))
    is_weather = F.col("kind") == OBSERVATION
    weather = F.struct(
        F.col("v.event_time").alias("observed_at"),
        *(F.col(f"v.{name}").alias(name) for name in WEATHER_STRUCT.fieldNames()[1:]),
    )
    return rows.select(
        "kind",
        F.col("v.event_time").alias("event_time"),
        F.when(~is_weather, F.col("v.service_date")).alias("service_date"),
        F.when(is_weather, F.col("key")).otherwise(F.col("v.station_id").cast("string")).alias("place"),
        F.col("v.line").alias("line"),
        F.when(F.col("kind") == ARRIVAL, F.col("v.direction")).alias("direction"),
        F.when(F.col("kind") == ENTRIES, F.col("v.num_entries")).alias("entries"),
        F.when(F.col("kind") == ARRIVAL, F.col("v.delay_s")).alias("delay_s"),
        F.when(is_weather, weather).alias("weather"),
        F.coalesce(_complete(), F.lit(False)).alias("accepted"),
    )


def _complete() -> Column:
    """Say whether an event has everything that its query groups by and adds up."""
    service = (
        F.col("v.service_date").rlike(r"^\d{4}-\d{2}-\d{2}$")
        & F.col("v.station_id").isNotNull()
        & F.col("v.line").isNotNull()
    )
    return F.col("v.event_time").isNotNull() & (
        F.when(F.col("kind") == ENTRIES, service & F.col("v.num_entries").isNotNull())
        .when(F.col("kind") == ARRIVAL, service & F.col("v.direction").isNotNull() & F.col("v.delay_s").isNotNull())
        .when(F.col("kind") == OBSERVATION, F.length("key") > 0)
        .otherwise(F.lit(False))
    )
