"""The checks of results: KSQL's tables, Spark's tables and topics, Connect's and Faust's rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from headway.adapters.kafka import latest
from headway.adapters.ksql import KsqlClient
from headway.core import topics
from headway.core.clock import hour_text
from headway.core.stations import COLUMNS
from headway.settings import Settings
from headway.spark.layout import Layout
from headway.stations.checks import read_table
from headway.verify import observe, readers, stations, truths
from headway.verify.checks import Checks
from headway.verify.compare import Check, compare

KSQL_SINKS = ["TURNSTILE_SUMMARY", "TURNSTILE_HOURLY", "LINE_HOURLY"]
RIDERSHIP = ("station_id", "line", "window_start", "entries", "records")
WEATHER = ("weather_station", "temperature_c", "weather_status", "precipitation_mm", "wind_ms")
HEADWAYS = ("line", "direction", "window_start", *observe.HEADWAY_FIELDS)


def check_ksql(checks: Checks, settings: Settings, entries: pd.DataFrame, ends: readers.Ends, by: float) -> None:
    """Compare KSQL's tables with the turnstile events, when its queries have read them (until ``by``)."""
    cure = "`headway logs ksql`; drop the table and run ksql/ again, it reads its topic from the beginning"
    with KsqlClient(settings) as client:
        readers.wait_for_ksql(settings, client, KSQL_SINKS, topics.TURNSTILE, ends, by)
        hourly = observe.ksql_table(client, "turnstile_hourly", int, windowed=True)
        lines = observe.ksql_table(client, "line_hourly", str, windowed=True)
        ever = observe.ksql_table(client, "turnstile_summary", int, windowed=False)
    checks.station_hours("KSQL, each station and hour", truths.station_hours(entries), hourly, cure)
    checks.compare(
        "KSQL, each line and hour",
        truths.line_hours(entries),
        lines,
        place=lambda key: f"{key[0]}, {hour_text(key[1])}",
        fields=("entries", "records"),
        cure=cure,
    )
    checks.compare(
        "KSQL, each station ever",
        truths.station_totals(entries),
        ever,
        place=checks.station,
        fields=("entries", "records"),
        cure=cure,
    )


def check_spark(
    checks: Checks, settings: Settings, layout: Layout, events: dict[str, pd.DataFrame], ends: Any, by: float
) -> None:
    """Compare Spark's tables and topics with the events of their three topics, when its job has read them.

    The Parquet tables are left out where Spark is somewhere else and its folder is not here.
    """
    readers.wait_for_spark(layout, ends, by)
    cure = f"see Spark's log; `--epoch {layout.epoch + 1}` makes every result again from the topics"
    ridership = truths.ridership(events[topics.TURNSTILE], layout.window_minutes)
    weather, nothing = truths.weather_hours(events[topics.WEATHER]), (None,) * len(WEATHER)
    for name, rows in _both(settings, layout, "ridership", topics.RIDERSHIP, [*RIDERSHIP, *WEATHER]):
        found, joined = observe.ridership_table(rows)
        checks.compare(
            f"Spark, ridership by station, line and window ({name})",
            ridership,
            found,
            place=lambda key: f"{checks.station(key[1])} {key[2]}, {hour_text(key[3])} (service date {key[0]})",
            fields=("entries", "records"),
            cure=cure,
        )
        checks.compare(
            f"Spark, weather joined to ridership ({name})",
            {hour: weather.get(hour, nothing) for hour in joined},
            joined,
            place=hour_text,
            fields=("weather station", "°C", "status", "mm", "m/s"),
            rows="hours",
            cure=cure,
        )
    headways = truths.headways(events[topics.ARRIVALS], layout.window_minutes)
    for name, rows in _both(settings, layout, "headways", topics.HEADWAYS, list(HEADWAYS)):
        checks.compare(
            f"Spark, headway and delay by line and window ({name})",
            headways,
            observe.headways_table(rows),
            place=lambda key: f"{key[1]} {key[2]}, {hour_text(key[3])} (service date {key[0]})",
            fields=observe.HEADWAY_FIELDS,
            cure=cure,
        )


def _both(
    settings: Settings, layout: Layout, table: str, topic: str, columns: list[str]
) -> Iterator[tuple[str, Iterator[tuple[str, dict[str, Any]]]]]:
    if settings.profile != "external" or layout.table(table).exists():
        yield "Parquet", observe.spark_rows(layout, table, columns)
    yield "topic", observe.spark_topic(settings, topic, layout.window_minutes)


def check_stations(checks: Checks, settings: Settings, by: float) -> None:
    """Compare Connect's topic and Faust's rows with the table, until they are equal or ``by``."""
    rows = list(read_table(settings).values())
    checks.names |= {int(row["station_id"]): str(row["station_name"]) for row in rows}
    stops, merged = stations.stop_table(rows), stations.line_table(rows)
    checks.made.append(readers.settled(lambda: _connect(settings, stops), by))
    checks.made.append(readers.settled(lambda: _faust(checks, settings, merged), by))


def _connect(settings: Settings, expected: truths.Table) -> Check:
    found = latest(settings, topics.STATIONS)
    by_stop = {observe.key_number(key, "stop_id"): row for key, row in found.items()}
    return compare(
        "Connect, the table's rows in the topic",
        expected,
        {stop: tuple(row.get(name) for name in COLUMNS) for stop, row in by_stop.items()},
        place=lambda stop: f"stop {stop}",
        fields=COLUMNS,
        rows="rows",
        cure="`headway logs connect`; clear the connectors task of the main DAG",
    )


def _faust(checks: Checks, settings: Settings, expected: truths.Table) -> Check:
    rows = latest(settings, topics.STATION_LINES).values()
    return compare(
        "Faust, one row a station with its lines",
        expected,
        stations.merged_table(rows, expected),
        place=checks.station,
        rows="stations",
        fields=("lines", "name", "descriptive name", "names of lines", "orders", "stops"),
        cure="`headway logs faust-worker-1`; restart the workers",
    )
