"""Put the workbooks together: sheets, headers, the pages that explain them."""

from __future__ import annotations

from data.authoring import figures
from data.authoring.entries import turnstile_rows
from data.authoring.network import station_rows
from data.authoring.timetable import arrival_rows, trips
from data.authoring.weather import weather_rows
from data.authoring.xlsx import Column, Sheet

SLOT = "slot start (s of service day)"
ENTRIES = "entries (persons)"
ARRIVAL = "arrival (s of service day)"

STATIONS = [
    Column("stop_id", 9, "0"),
    Column("direction_id", 13),
    Column("stop_name", 42),
    Column("station_name", 28),
    Column("station_descriptive_name", 58),
    Column("station_id", 12, "0"),
    Column("order", 8, "0"),
    *(Column(name, 9) for name in figures.lines()),
    Column("branch", 15),
    Column("latitude (deg)", 16, "0.000000"),
    Column("longitude (deg)", 16, "0.000000"),
]
TURNSTILE = [
    Column("day_type", 11),
    Column("station_id", 12, "0"),
    Column("station_name", 28),
    Column("line", 10),
    Column(SLOT, 29, "0"),
    Column(ENTRIES, 18, "#,##0"),
]
ARRIVALS = [
    Column("day_type", 11),
    Column("trip_id", 22),
    Column("stop_sequence", 15, "0"),
    Column("train_id", 10),
    Column("line", 10),
    Column("direction", 11),
    Column("station_id", 12, "0"),
    Column("prev_station_id", 17, "0"),
    Column(ARRIVAL, 27, "0"),
]
WEATHER = [
    Column("weather_station", 17),
    Column("month", 9, "0"),
    Column("day", 8, "0"),
    Column("hour (local)", 14, "0"),
    Column("temperature (°C)", 18, "0.0"),
    Column("status", 15),
    Column("precipitation (mm)", 20, "0.0"),
    Column("wind (m/s)", 13, "0.0"),
]
PAGE = [Column("", 26), Column("", 100)]


def transit_sheets() -> list[Sheet]:
    """Make the sheets of transit.xlsx."""
    days = {day: trips(day) for day in figures.DAY_TYPES}
    stations = list(station_rows())
    turnstile = [row for day, day_trips in days.items() for row in turnstile_rows(day, day_trips)]
    arrivals = [row for day_trips in days.values() for row in arrival_rows(day_trips)]
    totals = figures.system_entries()
    text: list[tuple[str, str | None]] = [
        ("A day of the Chicago 'L', three times", None),
        (
            "What this is",
            "A template of a weekday, a Saturday and a Sunday: 8 lines, 143 stations, every train, every turnstile. "
            "Headway replays it on any dates: it takes the day type of each service date (US holidays run as Sunday).",
        ),
        (
            "Stations",
            f"{len(stations)} rows, one a platform: a station on a line, branch and direction that trains serve. "
            "stop_id is Headway's own; station_id is the station's number in the city's open data. order counts from "
            "the line's first terminal (0). Exactly one of the eight line columns is TRUE. direction_id is N, S, E, W.",
        ),
        (
            "Turnstile",
            f"{len(turnstile):,} rows: persons who enter a station for a line in 15 minutes from the slot's start. "
            "At a station of several lines the entries are apportioned by the trains that can be boarded. "
            "Slots in which nobody enters have no row. Daily totals: "
            + ", ".join(f"{day} {total:,}" for day, total in totals.items())
            + f" (mean of {figures.BASE_YEAR}).",
        ),
        (
            "Arrivals",
            f"{len(arrivals):,} rows: each train's arrival at each station. trip_id is one train from terminal to "
            "terminal (lines that turn in the Loop: out and back), stop_sequence its stations from 0, "
            "prev_station_id the station before (empty at the first). train_id is the train that makes the trip.",
        ),
        (
            "Seconds of service day",
            "A service day runs past midnight. Second 0 is 12 hours before local noon (midnight, but on the nights "
            "when clocks change); 28,800 is 08:00, 86,400 is 24:00, 90,600 is 01:10 of the next calendar day. Trains "
            "that set out before midnight to be the day's first in the centre have seconds below 0.",
        ),
        (
            "Where it comes from",
            "Names, places and daily entries: City of Chicago open data. Headways, first and last trains: the CTA's "
            "published schedule of autumn 2023. Run times and hourly shares are models. docs/workbooks.md has all.",
        ),
        ("Changing it", "Edit data/network/*.csv and run: python -m data.make_workbooks. Or bring your own workbook."),
    ]
    return [
        Sheet("Read me", PAGE, text, table=False),
        Sheet("Stations", STATIONS, stations),
        Sheet("Turnstile", TURNSTILE, turnstile),
        Sheet("Arrivals", ARRIVALS, arrivals),
    ]


def weather_sheets() -> list[Sheet]:
    """Make the sheets of weather.xlsx."""
    text: list[tuple[str, str | None]] = [
        ("A year of Chicago's weather, hour by hour", None),
        (
            "What this is",
            "A synthetic year (no real one) with the monthly means, daily curve, changes and extremes of the Midway "
            "airport's observations. Headway repeats it by month and day; 29 February replays 28 February.",
        ),
        (
            "Hourly weather",
            "8,760 rows, one an hour of local clock time. temperature in °C; status is sunny, partly_cloudy, cloudy, "
            "windy (20 mph and more) or precipitation; precipitation in mm (melted) in that hour; wind in m/s. "
            "At night 'sunny' is a clear sky.",
        ),
        (
            "Where it comes from",
            "Monthly and hourly statistics of Midway 2001-2015 and the State Climatologist's normals 1981-2010 "
            "(precipitation). docs/workbooks.md has all.",
        ),
        ("Changing it", "Edit data/network/weather_*.csv and run: python -m data.make_workbooks."),
    ]
    return [Sheet("Read me", PAGE, text, table=False), Sheet("Hourly weather", WEATHER, list(weather_rows()))]
