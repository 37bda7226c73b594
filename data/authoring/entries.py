"""Spread each station's entries over the slots and lines of the sheet ``Turnstile``."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from data.authoring import figures
from data.authoring.apportion import CarryingApportioner, apportion
from data.authoring.network import lines_of_stations
from data.authoring.timetable import DAY, HOUR, Trip

SLOT_S = 900
# A slot takes entries when a train to board comes before its riders have waited half an hour.
REACH_S = SLOT_S + 1_800


def slot_weights(shares: list[float]) -> list[float]:
    """Give the 96 slots' shares of a day: smooth within the hours, each hour's sum as in ``shares``."""
    weights = []
    for hour, share in enumerate(shares):
        before, after = shares[hour - 1], shares[(hour + 1) % 24]
        # The density's line from the middle of the neighbouring hour to the middle of this one, at four slots.
        slots = [share + (before - share) * d for d in (0.375, 0.125)]
        slots += [share + (after - share) * d for d in (0.125, 0.375)]
        weights += [slot * share / sum(slots) if share else 0.0 for slot in slots]
    return weights


def _departures(trips: list[Trip]) -> dict[int, dict[str, list[int]]]:
    found: dict[int, dict[str, list[int]]] = {}
    for trip in trips:
        for stop in trip.stops if trip.goes_on else trip.stops[:-1]:  # nobody boards where a train ends
            found.setdefault(stop.station_id, {}).setdefault(trip.line, []).append(stop.time)
    for by_line in found.values():
        for times in by_line.values():
            times.sort()
    return found


def _trains(times: list[int], slot: int) -> int:
    return bisect_left(times, slot + REACH_S) - bisect_left(times, slot)


def _served_slot(clock: int, by_line: dict[str, list[int]]) -> int | None:
    """Give the service second at which this clock slot of the day is served, if any.

    The hours after midnight belong to the service day before while its trains run, as in the timetable; the
    last hours before midnight can belong to the service day that begins.
    """
    candidates = [clock]
    if clock < 4 * HOUR:
        candidates.insert(0, clock + DAY)
    elif clock >= 22 * HOUR:
        candidates.append(clock - DAY)
    return next((s for s in candidates if any(_trains(times, s) for times in by_line.values())), None)


def station_totals(day_type: str, year: int = figures.BASE_YEAR) -> dict[int, int]:
    """Give each station's entries of the day: the system's total of the year, split by the stations' means."""
    stations = figures.stations()
    total = figures.system_entries(year)[day_type]
    parts = apportion(total, [station.entries[day_type] for station in stations.values()])
    return dict(zip(stations, parts, strict=True))


def turnstile_rows(day_type: str, trips: list[Trip]) -> Iterator[tuple[object, ...]]:
    """Yield the day's rows by station, service second and line; rows without entries are left out."""
    departures, serving = _departures(trips), lines_of_stations()
    for station_id, total in station_totals(day_type).items():
        station, by_line = figures.stations()[station_id], departures[station_id]
        profile = f"weekday_{station.profile}" if day_type == "weekday" else day_type
        weights = slot_weights(figures.hourly_shares()[profile])
        slots = [(_served_slot(i * SLOT_S, by_line), weight) for i, weight in enumerate(weights)]
        served = sorted((slot, weight) for slot, weight in slots if slot is not None)
        lines = serving[station_id]
        splitter = CarryingApportioner(len(lines))
        for (slot, _), entries in zip(served, apportion(total, [w for _, w in served]), strict=True):
            trains = [_trains(by_line.get(line, []), slot) for line in lines]
            for line, part in zip(lines, splitter.split(entries, trains), strict=True):
                if part:
                    yield day_type, station_id, station.name, line, slot, part
