"""Read the committed figures of ``data/network`` into typed rows."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

NETWORK = Path(__file__).resolve().parent.parent / "network"
DAY_TYPES = ("weekday", "saturday", "sunday")
STATUSES = ("sunny", "partly_cloudy", "cloudy", "windy", "precipitation")
# The station figures are those of October 2018; the totals they are scaled to are the same year's.
BASE_YEAR = 2018


@dataclass(frozen=True)
class Station:
    """One station; ``entries`` is the mean of each day type (persons a day, outliers repaired)."""

    station_id: int
    name: str
    latitude: float
    longitude: float
    profile: str
    entries: dict[str, float]


@dataclass(frozen=True)
class Line:
    """One line. ``forward`` is the direction in which the order grows; times are minutes."""

    name: str
    code: str
    forward: str
    forward_terminal: str
    back: str
    back_terminal: str
    loop: bool
    forward_checkpoint: int
    back_checkpoint: int | None
    cycle_min: float
    loop_min: float | None
    layover_min: float


@dataclass(frozen=True)
class RouteStop:
    """A station on a branch and the model run time (s) from the stop before it."""

    station_id: int
    run_s: int


@dataclass(frozen=True)
class Service:
    """Trains of one day type past a line's checkpoint in one direction (``way``).

    ``hours`` maps a clock hour to (trains, mean forward headway in minutes or None); ``first`` and ``last`` are
    seconds of the service day.
    """

    trains: int
    first: int
    last: int
    hours: dict[int, tuple[int, float | None]]


def _rows(name: str) -> list[dict[str, str]]:
    with (NETWORK / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@lru_cache(maxsize=1)
def stations() -> dict[int, Station]:
    """Give the stations by id, ascending, with the repairs applied."""
    repairs = {(int(row["station_id"]), row["day_type"]): float(row["entries"]) for row in _rows("repairs.csv")}
    found = {}
    for row in sorted(_rows("stations.csv"), key=lambda row: int(row["station_id"])):
        key = int(row["station_id"])
        entries = {day: repairs.get((key, day), float(row[f"{day}_entries"])) for day in DAY_TYPES}
        found[key] = Station(
            key, row["station_name"], float(row["latitude"]), float(row["longitude"]), row["profile"], entries
        )
    return found


@lru_cache(maxsize=1)
def lines() -> dict[str, Line]:
    """Give the lines by name, in the order of their columns in the workbook."""
    return {
        row["line"]: Line(
            row["line"],
            row["code"],
            row["forward"],
            row["forward_terminal"],
            row["back"],
            row["back_terminal"],
            row["loop"] == "1",
            int(row["forward_checkpoint"]),
            int(row["back_checkpoint"]) if row["back_checkpoint"] else None,
            float(row["cycle_min"]),
            float(row["loop_min"]) if row["loop_min"] else None,
            float(row["layover_min"]),
        )
        for row in _rows("lines.csv")
    }


@lru_cache(maxsize=1)
def routes() -> dict[tuple[str, str], list[RouteStop]]:
    """Give each (line, branch) as written: a branch that is not ``main`` starts where it leaves the main one."""
    found: dict[tuple[str, str], list[RouteStop]] = {}
    for row in sorted(_rows("routes.csv"), key=lambda row: (row["line"], row["branch"], int(row["seq"]))):
        found.setdefault((row["line"], row["branch"]), []).append(RouteStop(int(row["station_id"]), int(row["run_s"])))
    return found


@lru_cache(maxsize=1)
def services() -> dict[tuple[str, str, str], Service]:
    """Give the service of each (day type, line, way)."""
    hours: dict[tuple[str, str, str], dict[int, tuple[int, float | None]]] = {}
    for row in _rows("frequency.csv"):
        mean = float(row["mean_headway_min"]) if row["mean_headway_min"] else None
        hours.setdefault((row["day_type"], row["line"], row["way"]), {})[int(row["hour"])] = (int(row["trains"]), mean)
    return {
        (key := (row["day_type"], row["line"], row["way"])): Service(
            int(row["trains"]), _seconds(row["first_train"]), _seconds(row["last_train"]), hours[key]
        )
        for row in _rows("service_span.csv")
    }


def _seconds(clock: str) -> int:
    hour, minute = clock.split(":")
    return int(hour) * 3600 + int(minute) * 60


@lru_cache(maxsize=1)
def hourly_shares() -> dict[str, list[float]]:
    """Give the share of a day's entries in each clock hour, by profile (``saturday`` and ``sunday`` have one)."""
    rows = _rows("hourly_share.csv")
    return {name: [float(row[name]) for row in rows] for name in rows[0] if name != "hour"}


def system_entries(year: int = BASE_YEAR) -> dict[str, int]:
    """Give the whole system's mean entries of each day type in ``year`` (persons a day)."""
    row = next(row for row in _rows("system_entries.csv") if int(row["year"]) == year)
    return {day: int(row[day]) for day in DAY_TYPES}


@dataclass(frozen=True)
class Climate:
    """Monthly figures (index 0 is January) and the hourly ones that shape them."""

    mean_c: list[float]
    sd_c: list[float]
    wind_ms: list[float]
    precipitation_mm: list[float]
    diurnal_c: list[list[float]]  # [month][hour]
    share: list[dict[str, float]]  # [month][status]
    transition: dict[str, dict[str, float]]
    ar1: float
    low_c: float
    high_c: float


@lru_cache(maxsize=1)
def climate() -> Climate:
    """Give the climate."""
    monthly, diurnal = _rows("weather_monthly.csv"), _rows("weather_diurnal.csv")
    parameters = {row["parameter"]: float(row["value"]) for row in _rows("weather_parameters.csv")}
    return Climate(
        mean_c=[float(row["mean_c"]) for row in monthly],
        sd_c=[float(row["sd_c"]) for row in monthly],
        wind_ms=[float(row["wind_ms"]) for row in monthly],
        precipitation_mm=[float(row["precipitation_mm"]) for row in monthly],
        diurnal_c=[[float(row[f"m{month:02}"]) for row in diurnal] for month in range(1, 13)],
        share=[{s: float(row[s]) for s in STATUSES} for row in _rows("weather_status_share.csv")],
        transition={row["from"]: {s: float(row[s]) for s in STATUSES} for row in _rows("weather_transition.csv")},
        ar1=parameters["temperature_ar1"],
        low_c=parameters["record_low_c"],
        high_c=parameters["record_high_c"],
    )
