"""Make the report from what is really there: ledger, KSQL's tables, topics, Spark's progress. Changes nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import orjson

from headway.adapters.kafka import latest, read_all
from headway.adapters.ksql import KsqlClient
from headway.core import topics
from headway.core.feeds import load_feeds
from headway.errors import HeadwayError, NotAsExpectedError
from headway.report.model import FeedLine, LineLine, Report, SparkLine, StationLine, Weather
from headway.settings import PROJECT_DIR, Settings
from headway.spark.progress import summarise
from headway.spark.progress_log import history, read_lines
from headway.verify.source import ledger_of

T = TypeVar("T")
Names = dict[str, tuple[str, tuple[str, ...]]]  # by station id: name, lines
BUSIEST = 8


def build_report(settings: Settings) -> Report:
    """Build the report; a part that does not answer costs its section, never the report."""
    missing: dict[str, str] = {}

    def section(name: str, make: Callable[[], T], nothing: T) -> T:
        try:
            return make()
        except HeadwayError as error:
            missing[name] = error.what
            return nothing

    no_feeds: tuple[FeedLine, ...] = ()
    no_names: Names = {}
    no_stations: tuple[StationLine, ...] = ()
    no_lines: tuple[LineLine, ...] = ()
    generation, feeds = section("What was delivered", lambda: _feeds(settings), (0, no_feeds))
    names = section("Station names", lambda: _stations(settings), no_names)
    entries, stations = section("Busiest stations", lambda: _busiest(settings, names), (0, no_stations))
    lines = section("Lines", lambda: _lines(settings), no_lines)
    weather = section("Weather", lambda: _weather(settings), None)
    return Report(
        timezone=settings.timezone,
        generation=generation,
        feeds=feeds,
        entries=entries,
        stations=stations,
        lines=lines,
        weather=weather,
        spark=_spark(settings),
        places=_places(settings),
        missing=missing,
    )


def _feeds(settings: Settings) -> tuple[int, tuple[FeedLine, ...]]:
    from headway.replay import generation

    current, found = generation.current(settings), []
    for feed in load_feeds(settings.replay.feeds_file).values():
        ledger = ledger_of(settings, feed.name, current)
        delivered = sum(entry.delivered for entry in ledger.values())
        rejected = sum(entry.rejected for entry in ledger.values())
        first, last = min(ledger, default=None), max(ledger, default=None)
        found.append(FeedLine(feed.name, feed.topic, len(ledger), first, last, delivered, rejected))
    return current, tuple(found)


def _stations(settings: Settings) -> Names:
    rows = latest(settings, topics.STATION_LINES).values()
    return {str(row["station_id"]): (row["station_name"], tuple(row["lines"])) for row in rows}


def _busiest(settings: Settings, names: Names) -> tuple[int, tuple[StationLine, ...]]:
    with KsqlClient(settings, timeout_s=20) as client:
        ever = [_lower(row) for row in client.pull("SELECT * FROM turnstile_summary;")]
        ever.sort(key=lambda row: (-int(row["total_entries"]), str(row["station_id"])))
        found = []
        for row in ever[:BUSIEST]:
            key = str(row["station_id"])
            quoted = key.replace("'", "''")
            hours = [
                _lower(hour)
                for hour in client.pull(f"SELECT * FROM turnstile_hourly WHERE station_id = '{quoted}';")  # noqa: S608
            ]
            peak = max(hours, key=lambda hour: int(hour["total_entries"]), default=None)
            name, lines = names.get(key, (f"station {key}", ()))
            found.append(
                StationLine(
                    name,
                    lines,
                    int(row["total_entries"]),
                    int(peak["windowstart"]) if peak else None,
                    int(peak["total_entries"]) if peak else 0,
                )
            )
    return sum(int(row["total_entries"]) for row in ever), tuple(found)


def _lines(settings: Settings) -> tuple[LineLine, ...]:
    entries: Counter[str] = Counter()
    with KsqlClient(settings, timeout_s=20) as client:
        for row in map(_lower, client.pull("SELECT * FROM line_hourly;")):
            entries[str(row["line"])] += int(row["total_entries"])
    sums: dict[str, Counter[str]] = {}
    for row in latest(settings, topics.HEADWAYS).values():
        by_line = sums.setdefault(row["line"], Counter())
        for name in ("headways", "headway_sum_s", "trains", "late"):
            by_line[name] += row[name] or 0
    found = []
    for line, total in sorted(entries.items(), key=lambda item: (-item[1], item[0])):
        made = sums.get(line, Counter())
        headway = made["headway_sum_s"] / made["headways"] if made["headways"] else None
        on_time = 1 - made["late"] / made["trains"] if made["trains"] else None
        found.append(LineLine(line, total, headway, on_time))
    return tuple(found)


def _weather(settings: Settings) -> Weather | None:
    hours: dict[str, tuple[float, float, str]] = {}
    for message in read_all(settings, topics.WEATHER):
        try:
            value = orjson.loads(message.value() or b"null")
            seen = float(value["temperature_c"]), float(value["precipitation_mm"]), str(value["status"])
            hours[value["event_id"]] = seen  # a repeat over HTTP is the same observation
        except (TypeError, KeyError, ValueError) as error:
            raise NotAsExpectedError(
                f"A record is no weather: {type(error).__name__}: {error}.",
                where=f"{topics.WEATHER}/{message.partition()}/{message.offset()}",
                next_step="find who else writes to this topic; a new generation makes it anew",
            ) from error
    if not hours:
        return None
    degrees = [temperature for temperature, _, _ in hours.values()]
    return Weather(
        len(hours),
        min(degrees),
        sum(degrees) / len(degrees),
        max(degrees),
        sum(rain for _, rain, _ in hours.values()),
        tuple(Counter(status for _, _, status in hours.values()).most_common()),
    )


def _spark(settings: Settings) -> SparkLine | None:
    folder = settings.output / "progress"
    newest = next((line for line in reversed(read_lines(folder)) if line.rows), None)
    if newest is None:
        return None
    before, lines = history(folder, job=newest.job, driver=newest.driver)
    done = summarise(lines, before)
    return SparkLine(
        newest.job,
        newest.trigger,
        done.batches,
        done.rows,
        done.rows_per_s,
        done.peak_rows_per_s,
        done.busy_s,
        done.state_rows,
        done.slowest_phase,
        done.dropped_late,
    )


def _places(settings: Settings) -> tuple[tuple[str, str], ...]:
    """Say where to look next. The password itself is not told: reports end up in logs."""
    where = settings.secrets_file if settings.profile == "embedded" else Path(".env")
    if where.is_relative_to(PROJECT_DIR):
        where = where.relative_to(PROJECT_DIR)
    host = settings.spark.master_url.removeprefix("spark://").split(",")[0].rpartition(":")[0]
    return (
        ("Airflow", f"{settings.airflow.url}  (user {settings.airflow.username})"),
        ("  its password", f"HEADWAY__AIRFLOW__PASSWORD in {where}"),
        (
            "Spark",
            f"http://{host}:{settings.spark.master_ui_port}  (a running job: port {settings.spark.driver_ui_port})",
        ),
        ("A topic, live", f"bin/headway console {topics.SUMMARY} --from-beginning"),
        ("Ask KSQL", "bin/headway ksql"),
        ("Check it all again", "bin/headway verify"),
    )


def _lower(row: dict[str, Any]) -> dict[str, Any]:
    return {name.lower(): value for name, value in row.items()}
