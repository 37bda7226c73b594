"""The queries, as functions on DataFrames: the streaming job, the tests and the benchmarks call the same ones.

Two layers. :func:`windowed` is the streaming aggregate: it keeps, per event-time window and key, the whole content of
that window (a sum, the list of arrivals, the latest observation), so that a row it emits *replaces* the row before it.
Everything after it is a pure function of those rows: :func:`ridership` joined with weather and station facts, and
:func:`headways`. None depends on the order in which events came.
"""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from pyspark.sql import Column, Window
from pyspark.sql import functions as F  # noqa: N812 - the field's own name for it
from pyspark.sql.types import StructType

from headway.spark.events import ARRIVAL, ENTRIES, OBSERVATION

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyspark.sql import DataFrame

RIDERSHIP_KEY = ("service_date", "station_id", "line", "window_start")
STOPS_KEY = ("service_date", "line", "direction", "station_id", "window_start")
HEADWAY_KEY = ("service_date", "line", "direction", "window_start")
WEATHER_KEY = ("weather_station", "window_start")
WEATHER_FIELDS = ("temperature_c", "status", "precipitation_mm", "wind_ms")
RIDERSHIP_ROW = ("station_id", "line", "window_start", "window_end", "entries", "records", "service_date")

RIDERSHIP_SCHEMA = (
    "station_id bigint, line string, window_start timestamp, window_end timestamp, entries bigint, records bigint, "
    "weather_station string, temperature_c double, weather_status string, precipitation_mm double, wind_ms double, "
    "station_name string, station_lines array<string>, line_order int, latitude double, longitude double, "
    "service_date string"
)
STOPS_SCHEMA = (
    "line string, direction string, station_id bigint, window_start timestamp, window_end timestamp, "
    "arrivals array<struct<at:timestamp,delay_s:int>>, service_date string"
)
HEADWAYS_SCHEMA = (
    "line string, direction string, window_start timestamp, window_end timestamp, trains bigint, headways bigint, "
    "headway_sum_s double, headway_mean_s double, headway_max_s double, delay_sum_s bigint, delay_mean_s double, "
    "delay_max_s int, late bigint, late_share double, service_date string"
)
WEATHER_SCHEMA = (
    "weather_station string, window_start timestamp, observed_at timestamp, event_id string, temperature_c double, "
    "status string, precipitation_mm double, wind_ms double, observed_date string"
)
STATIONS_SCHEMA = (
    "station_id bigint, station_name string, station_lines array<string>, line_orders map<string,int>, "
    "latitude double, longitude double"
)


def windowed(events: DataFrame, *, minutes: int, grace: str) -> DataFrame:
    """Aggregate accepted events per key and event-time window; one row holds all that its window has seen.

    ``grace`` is the watermark's delay (``"3650 days"``): how far behind the newest event an event may come and still
    count. Works on a static DataFrame as well (the watermark is then without effect).
    """
    return (
        events.where("accepted")
        .withWatermark("event_time", grace)
        .groupBy(
            "kind",
            "service_date",
            "place",
            "line",
            "direction",
            F.window("event_time", f"{minutes} minutes").alias("w"),
        )
        .agg(
            F.count(F.lit(1)).alias("records"),
            F.sum("entries").alias("entries"),
            F.collect_list(
                F.when(F.col("kind") == ARRIVAL, F.struct(F.col("event_time").alias("at"), F.col("delay_s")))
            ).alias("arrivals"),
            F.max("weather").alias("weather"),  # a struct compares field by field: observed_at, then event_id
        )
        .select("*", F.col("w.start").alias("window_start"), F.col("w.end").alias("window_end"))
        .drop("w")
    )


def ridership_rows(state: DataFrame) -> DataFrame:
    """Take the turnstile rows out of :func:`windowed`: entries per (service date, station, line, window)."""
    rows = state.where(F.col("kind") == ENTRIES)
    return rows.withColumn("station_id", F.col("place").cast("bigint")).select(*RIDERSHIP_ROW)


def stop_rows(state: DataFrame) -> DataFrame:
    """Take the arrival rows out of :func:`windowed`: arrivals per (service date, line, direction, station, window)."""
    return state.where(F.col("kind") == ARRIVAL).select(
        "line",
        "direction",
        F.col("place").cast("bigint").alias("station_id"),
        "window_start",
        "window_end",
        F.sort_array("arrivals").alias("arrivals"),
        "service_date",
    )


def weather_rows(state: DataFrame) -> DataFrame:
    """Take the weather rows out of :func:`windowed`: the latest observation per (weather station, window)."""
    return state.where(F.col("kind") == OBSERVATION).select(
        F.col("place").alias("weather_station"),
        "window_start",
        "weather.*",
        F.date_format("window_start", "yyyy-MM-dd").alias("observed_date"),
    )


def weather_by_hour(observations: DataFrame, station: str = "") -> DataFrame:
    """Reduce observations to one row an hour: of ``station``, or, when empty, of the first station by name.

    Of several observations of one station in one hour the latest counts; the same event twice changes nothing.
    """
    if station:
        observations = observations.where(F.col("weather_station") == station)
    seen = F.struct("weather_station", "observed_at", "event_id", *WEATHER_FIELDS)
    # a struct compares field by field: the first station's observations come first, in order of time
    of_hour = observations.groupBy(F.date_trunc("hour", "observed_at").alias("hour")).agg(
        F.sort_array(F.collect_list(seen)).alias("seen")
    )
    of_first = F.filter("seen", lambda one: one["weather_station"] == F.col("seen")[0]["weather_station"])
    return of_hour.select("hour", F.element_at(of_first, -1).alias("of")).select(
        "hour",
        "of.weather_station",
        *(F.col(f"of.{name}").alias("weather_status" if name == "status" else name) for name in WEATHER_FIELDS),
    )


def ridership(rows: DataFrame, hours: DataFrame, stations: DataFrame) -> DataFrame:
    """Join ridership rows with the weather of their hour and with their station's facts.

    ``hours`` has one row an hour (:func:`weather_by_hour`), ``stations`` one row a station: the join never multiplies
    rows. An hour or a station that is not known yet leaves nulls, and the row is made again when it is.
    """
    facts = stations.select("station_id", "station_name", "station_lines", "line_orders", "latitude", "longitude")
    return (
        rows.withColumn("hour", F.date_trunc("hour", "window_start"))
        .join(F.broadcast(hours), "hour", "left")
        .join(F.broadcast(facts), "station_id", "left")
        .withColumn("line_order", F.try_element_at("line_orders", F.col("line")))
        .select(*_names(RIDERSHIP_SCHEMA))
    )


def headways(stops: DataFrame, *, late_after_s: int) -> DataFrame:
    """Give headway and delay per (service date, line, direction, window) from all stop rows of whole service dates.

    A headway is the time between two successive trains of one line and direction at one station on one service date,
    and counts in the window of the later train; the first train of the day has none. ``late_share`` is the share of
    arrivals more than ``late_after_s`` seconds behind the timetable.
    """
    arrivals = stops.select(
        "service_date",
        "line",
        "direction",
        "station_id",
        "window_start",
        "window_end",
        F.explode("arrivals").alias("a"),
    ).select("*", F.col("a.at").alias("at"), F.col("a.delay_s").alias("delay_s"))
    platform = Window.partitionBy("service_date", "line", "direction", "station_id").orderBy("at")
    gap = F.unix_millis("at") - F.unix_millis(F.lag("at").over(platform))
    late = F.when(F.col("delay_s") > late_after_s, 1).otherwise(0)
    return (
        arrivals.withColumn("gap_ms", gap)
        .groupBy("service_date", "line", "direction", "window_start", "window_end")
        .agg(
            F.count(F.lit(1)).alias("trains"),
            F.count("gap_ms").alias("headways"),
            (F.sum("gap_ms") / 1000).alias("headway_sum_s"),
            F.round(F.sum("gap_ms") / F.count("gap_ms") / 1000, 3).alias("headway_mean_s"),
            (F.max("gap_ms") / 1000).alias("headway_max_s"),
            F.sum("delay_s").alias("delay_sum_s"),
            F.round(F.sum("delay_s") / F.count("delay_s"), 3).alias("delay_mean_s"),
            F.max("delay_s").alias("delay_max_s"),
            F.sum(late).alias("late"),
            F.round(F.sum(late) / F.count(F.lit(1)), 4).alias("late_share"),
        )
        .select(*_names(HEADWAYS_SCHEMA))
    )


def upsert(old: DataFrame, changed: DataFrame, key: Sequence[str]) -> DataFrame:
    """Replace the rows of ``old`` whose key is in ``changed``, and add the new ones."""
    names = changed.columns
    return (
        old.select(*names).join(F.broadcast(changed.select(*key)), list(key), "left_anti").select(*names).union(changed)
    )


def differing(new: DataFrame, old: DataFrame) -> DataFrame:
    """Keep the rows of ``new`` that are not, the same in every column, in ``old`` (nulls equal nulls)."""
    same = [F.col(f"new.{name}").eqNullSafe(F.col(f"old.{name}")) for name in new.columns]
    return new.alias("new").join(old.alias("old"), reduce(Column.__and__, same), "left_anti")


def keyed_json(rows: DataFrame, key: Sequence[str], minutes: int) -> DataFrame:
    """Give ``key, value`` for Kafka: the key's fields joined with ``|`` and the window's length, the row as JSON.

    The key is a function of the row's identity only, so the same window is the same key for ever.
    """
    at = {name: F.date_format(name, "yyyy-MM-dd'T'HH:mm:ss.SSS'Z'") for name in ("window_start", "window_end")}
    parts = [at.get(name, F.col(name).cast("string")) for name in key]
    body = F.struct(
        *(at.get(name, F.col(name)).alias(name) for name in rows.columns), F.lit(minutes).alias("window_minutes")
    )
    return rows.select(
        F.concat_ws("|", *parts, F.lit(f"{minutes}m")).alias("key"),
        F.to_json(body, {"ignoreNullFields": "false"}).alias("value"),
    )


def _names(schema: str) -> list[str]:
    columns = StructType.fromDDL(schema).fields  # type: ignore[attr-defined] # a list of columns gives a struct
    return [column.name for column in columns]
