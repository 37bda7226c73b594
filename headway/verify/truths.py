"""What the results must be, made from the workbook's planned events (pure).

Every function takes a table of events (one row an event, as :func:`headway.replay.truth.truth` gives them) and gives a
dictionary from a key to a tuple of numbers: the shape that :func:`headway.verify.compare.compare` takes. Hours and
windows are their starts in ms since the epoch.
"""

from __future__ import annotations

from array import array
from typing import Any

import numpy as np
import pandas as pd

MINUTE_MS = 60_000
Table = dict[Any, tuple[object, ...]]


class Fingerprints:
    """The event ids of each hour as 64-bit hashes: 8 bytes an event, and any order gives the same fingerprint."""

    def __init__(self) -> None:
        self._ids: dict[int, array[int]] = {}

    def add(self, hour: int, event_id: str) -> None:
        """Add an event's id (hashes are those of this process: never compare them across processes)."""
        if hour not in self._ids:
            self._ids[hour] = array("q")
        self._ids[hour].append(hash(event_id))

    def merge(self, other: Fingerprints) -> None:
        """Add all ids of another one."""
        for hour, ids in other._ids.items():
            self._ids.setdefault(hour, array("q")).extend(ids)

    def records(self) -> dict[int, int]:
        """Count the ids of each hour, repeats included."""
        return {hour: len(ids) for hour, ids in self._ids.items()}

    def table(self) -> Table:
        """Give (distinct ids, fingerprint of their set) by hour."""
        found: Table = {}
        for hour, ids in self._ids.items():
            distinct = np.unique(np.frombuffer(ids, dtype=np.int64))
            found[hour] = (len(distinct), f"{np.bitwise_xor.reduce(distinct) & 0xFFFF_FFFF:08x}")
        return found


def station_hours(entries: pd.DataFrame) -> Table:
    """Give (entries, records) by (station, hour)."""
    return _entries(entries.assign(window=_window(entries, 60)), ["station_id", "window"])


def line_hours(entries: pd.DataFrame) -> Table:
    """Give (entries, records) by (line, hour)."""
    return _entries(entries.assign(window=_window(entries, 60)), ["line", "window"])


def station_totals(entries: pd.DataFrame) -> Table:
    """Give (entries, records) by station, over all hours."""
    return {key[0]: values for key, values in _entries(entries, ["station_id"]).items()}


def ridership(entries: pd.DataFrame, minutes: int) -> Table:
    """Give (entries, records) by (service date, station, line, window)."""
    windowed = entries.assign(window=_window(entries, minutes))
    return _entries(windowed, ["service_date", "station_id", "line", "window"])


def _entries(entries: pd.DataFrame, by: list[str]) -> Table:
    made = entries.groupby(by, sort=False)["num_entries"].agg(["sum", "size"])
    return {_key(key): (int(total), int(records)) for key, total, records in made.itertuples()}


def arrival_hours(arrivals: pd.DataFrame) -> Table:
    """Give (arrivals, sum of the delays in s) by (line, direction, hour)."""
    windowed = arrivals.assign(window=_window(arrivals, 60))
    made = windowed.groupby(["line", "direction", "window"], sort=False)["delay_s"].agg(["size", "sum"])
    return {_key(key): (int(count), int(delay)) for key, count, delay in made.itertuples()}


def headways(arrivals: pd.DataFrame, minutes: int) -> Table:
    """Give trains, headways, their sum and maximum (s), sum and maximum of the delays (s) by window.

    The key is (service date, line, direction, window). A headway is the time from one train of a line and direction
    to the next at one station on one service date, and counts in the window of the later one.
    """
    ordered = arrivals.assign(window=_window(arrivals, minutes)).sort_values("event_ms", kind="stable")
    platform = ["service_date", "line", "direction", "station_id"]
    ordered["gap"] = ordered.groupby(platform, sort=False)["event_ms"].diff()
    made = ordered.groupby(["service_date", "line", "direction", "window"], sort=False).agg(
        trains=("event_ms", "size"),
        headways=("gap", "count"),
        gap_sum=("gap", "sum"),
        gap_max=("gap", "max"),
        delay_sum=("delay_s", "sum"),
        delay_max=("delay_s", "max"),
    )
    table: Table = {}
    for key, trains, gaps, gap_sum, gap_max, delay_sum, delay_max in made.itertuples():
        # Without a headway their sum is unknown, not 0: so says SQL, and so do the results.
        seconds = (float(gap_sum) / 1000, float(gap_max) / 1000) if gaps else (None, None)
        table[_key(key)] = (int(trains), int(gaps), *seconds, int(delay_sum), int(delay_max))
    return table


def weather_hours(weather: pd.DataFrame) -> Table:
    """Give (weather station, °C, status, mm, m/s) by hour, of the first weather station by name."""
    ordered = weather.assign(window=_window(weather, 60)).sort_values(["weather_station", "event_ms"])
    table: Table = {}
    columns = ["window", "weather_station", "temperature_c", "status", "precipitation_mm", "wind_ms"]
    for hour, station, temperature, status, rain, wind in ordered[columns].itertuples(index=False):
        values = (str(station), float(temperature), str(status), float(rain), float(wind))
        if int(hour) not in table or table[int(hour)][0] == values[0]:
            table[int(hour)] = values
    return table


def _window(events: pd.DataFrame, minutes: int) -> pd.Series[int]:
    length = minutes * MINUTE_MS
    return events["event_ms"] - events["event_ms"] % length


def _key(key: Any) -> Any:
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(part if isinstance(part, str) else int(part) for part in parts)
