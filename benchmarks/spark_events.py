"""A small made-up network, its events, and the results counted by a plain loop: what tests and benchmarks compare with.

Nothing here is Spark. The same date gives the same events always.
"""

from __future__ import annotations

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from headway.core.topics import ARRIVALS, STATION_LINES, TURNSTILE, WEATHER

ZONE = ZoneInfo("America/Chicago")
LINES = ("red", "blue", "green", "brown")
DIRECTIONS = ("N", "S")
FIRST_S, LAST_S = 5 * 3600, 25 * 3600  # past midnight on purpose
LATE_AFTER_S = 180

Record = tuple[str, str, dict[str, Any]]  # topic, key, value


@dataclass(frozen=True)
class Network:
    """How much of everything there is."""

    stations_per_line: int = 3
    slot_s: int = 900
    train_every_s: int = 1200

    def stations(self, line: str) -> list[int]:
        """List the stations of a line; the last one is an interchange that all lines share."""
        base = 40000 + 100 * LINES.index(line)
        return [base + number for number in range(self.stations_per_line - 1)] + [49999]

    def station_rows(self) -> Iterator[Record]:
        """Give the rows of the stations topic."""
        lines_of: dict[int, dict[str, int]] = defaultdict(dict)
        for line in LINES:
            for order, station in enumerate(self.stations(line)):
                lines_of[station][line] = order
        for station, orders in lines_of.items():
            value = {
                "station_id": station,
                "station_name": f"Station {station}",
                "lines": list(orders),
                "orders": orders,
            }
            yield STATION_LINES, str(station), value | {"latitude": 41.5, "longitude": -87.5}

    def turnstile(self, day: date) -> Iterator[Record]:
        """Give a service day's turnstile events in order of time."""
        for second in range(FIRST_S, LAST_S, self.slot_s):
            for line in LINES:
                for station in self.stations(line):
                    value = _head("t", station, line, second, day, service_time(day, second)) | {
                        "service_date": str(day),
                        "station_id": station,
                        "station_name": f"Station {station}",
                        "line": line,
                        "num_entries": draw("entries", day, second, line, station) % 90,
                    }
                    yield TURNSTILE, str(station), value

    def arrivals(self, day: date) -> Iterator[Record]:
        """Give a service day's arrivals in order of the timetable."""
        for second in range(FIRST_S, LAST_S, self.train_every_s):
            for line in LINES:
                for direction in DIRECTIONS:
                    yield from self._trip(day, second, line, direction)

    def _trip(self, day: date, second: int, line: str, direction: str) -> Iterator[Record]:
        stations = self.stations(line)
        stops = stations if direction == "N" else stations[::-1]
        trip = f"{line}-{direction}-{second}"
        delay = max(0, draw("delay", day, trip) % 400 - 100)
        for order, station in enumerate(stops):
            at = service_time(day, second + 120 * order + delay)
            yield (
                ARRIVALS,
                trip,
                _head("a", trip, order, day, "", at)
                | {
                    "service_date": str(day),
                    "train_id": trip,
                    "trip_id": trip,
                    "stop_sequence": order,
                    "line": line,
                    "direction": direction,
                    "station_id": station,
                    "prev_station_id": stops[order - 1] if order else None,
                    "train_status": "delayed" if delay > LATE_AFTER_S else "in_service",
                    "delay_s": delay,
                },
            )

    def weather(self, day: date) -> Iterator[Record]:
        """Give a calendar day's weather (UTC hours), keyed as the REST proxy keys it: quoted JSON text."""
        for hour in range(24):
            at = datetime.combine(day, time(hour), UTC)
            yield (
                WEATHER,
                '"MDW"',
                _head("w", at, "", "", "", at)
                | {
                    "temperature_c": draw("temperature", at) % 300 / 10,
                    "status": "cloudy",
                    "precipitation_mm": 0.0,
                    "wind_ms": 3.5,
                },
            )

    def day(self, day: date) -> list[Record]:
        """Give a service day whole, with the weather of its two calendar days."""
        weather = [*self.weather(day), *self.weather(day + timedelta(days=1))]
        return [*self.turnstile(day), *self.arrivals(day), *weather]


def true_ridership(records: Iterable[Record], minutes: int = 60) -> dict[str, tuple[int, float | None]]:
    """Count entries and look up the hour's temperature, by the key of ``transit.ridership.v1``."""
    records = list(records)
    temperature = {at_of(v): v["temperature_c"] for topic, _, v in records if topic == WEATHER}
    entries: dict[tuple[str, int, str, datetime], int] = defaultdict(int)
    for topic, _, value in records:
        if topic == TURNSTILE:
            start = _window(at_of(value), minutes)
            entries[value["service_date"], value["station_id"], value["line"], start] += value["num_entries"]
    return {
        f"{day}|{station}|{line}|{_text(start)}|{minutes}m": (count, temperature.get(start.replace(minute=0)))
        for (day, station, line, start), count in entries.items()
    }


def true_headways(records: Iterable[Record], minutes: int = 60) -> dict[str, dict[str, Any]]:
    """Work out headways and delays by sorting each platform's trains, by the key of ``transit.headways.v1``."""
    platforms: dict[tuple[str, str, str, int], list[tuple[datetime, int]]] = defaultdict(list)
    for topic, _, v in records:
        if topic == ARRIVALS:
            platforms[v["service_date"], v["line"], v["direction"], v["station_id"]].append((at_of(v), v["delay_s"]))
    gaps: dict[str, list[float]] = defaultdict(list)
    delays: dict[str, list[int]] = defaultdict(list)
    for (day, line, direction, _), trains in platforms.items():
        previous = None
        for at, delay in sorted(trains):
            key = f"{day}|{line}|{direction}|{_text(_window(at, minutes))}|{minutes}m"
            delays[key].append(delay)
            if previous is not None:
                gaps[key].append((at - previous).total_seconds())
            previous = at
    return {
        key: {
            "trains": len(found),
            "headways": len(gaps[key]),
            "headway_sum_s": sum(gaps[key]) if gaps[key] else None,
            "headway_max_s": max(gaps[key], default=None),
            "delay_sum_s": sum(found),
            "delay_max_s": max(found),
            "late": sum(delay > LATE_AFTER_S for delay in found),
        }
        for key, found in delays.items()
    }


def service_time(day: date, second: int) -> datetime:
    """Give the instant of a service second: local noon less twelve hours, plus the second."""
    noon = datetime.combine(day, time(12), ZONE).astimezone(UTC)
    return noon - timedelta(hours=12) + timedelta(seconds=second)


def at_of(value: dict[str, Any]) -> datetime:
    """Give an event's time."""
    return datetime.fromisoformat(value["event_time"])


def draw(*what: object) -> int:
    """Give a number that depends on its arguments only."""
    return zlib.crc32("|".join(map(str, what)).encode())


def encode(record: Record) -> tuple[str, bytes, bytes]:
    """Give topic, key and value as they are on the wire."""
    topic, key, value = record
    return topic, key.encode(), json.dumps(value, separators=(",", ":")).encode()


def _head(kind: str, a: object, b: object, c: object, d: object, at: datetime) -> dict[str, Any]:
    return {"event_id": f"{kind}-{draw(kind, a, b, c, d):08x}", "event_time": _text(at)}


def _window(at: datetime, minutes: int) -> datetime:
    return at.replace(minute=at.minute - at.minute % minutes, second=0, microsecond=0)


def _text(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
