"""Merge a station's rows, one a line, branch and direction, into one row a station (pure)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from headway.core.stations import LINES, StationRow

MAIN = "main"
# A line that turns round in the Loop is listed whole (outer end and Loop) in one direction only: `orders` counts there.
WHOLE_DIRECTION = {
    "red": "S",
    "blue": "S",
    "green": "E",
    "brown": "S",
    "orange": "N",
    "pink": "E",
    "purple": "S",
    "yellow": "S",
}


def merge_station(rows: Iterable[StationRow]) -> dict[str, Any] | None:
    """Give a station's row (contract ``stations.lines.v1``), or None when it has no rows left.

    The same rows in any order give the same result. Where rows disagree on a name or a place (between two updates of a
    rename), the one with the lowest stop_id counts.
    """
    stops = sorted(rows, key=_place)
    if not stops:
        return None
    first = min(stops, key=lambda row: row.stop_id)
    located = min((row for row in stops if row.latitude is not None), key=lambda row: row.stop_id, default=first)
    lines = [line for line in LINES if any(row.line == line for row in stops)]
    return {
        "station_id": first.station_id,
        "station_name": first.station_name,
        "station_descriptive_name": first.station_descriptive_name,
        "lines": lines,
        "orders": {line: _order([row for row in stops if row.line == line], line) for line in lines},
        "stops": [
            {
                "stop_id": row.stop_id,
                "line": row.line,
                "branch": row.branch,
                "direction": row.direction_id,
                "order": row.order,
            }
            for row in stops
        ],
        "latitude": located.latitude,
        "longitude": located.longitude,
    }


def _order(rows: list[StationRow], line: str) -> int:
    """Give the position on a line: main branch first, then the direction in which the line is listed whole."""
    whole = WHOLE_DIRECTION[line]
    best = min(
        rows, key=lambda row: (row.branch != MAIN, row.branch, row.direction_id != whole, row.direction_id, row.stop_id)
    )
    return best.order


def _place(row: StationRow) -> tuple[int, str, str, int]:
    return LINES.index(row.line), row.branch, row.direction_id, row.stop_id
