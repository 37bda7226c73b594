"""Do the stations topics hold what their sources hold? Each check gives a count or says where they differ."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from headway.adapters.kafka import latest
from headway.adapters.postgres import transaction
from headway.core.stations import COLUMNS, LINES
from headway.core.topics import STATION_LINES, STATIONS
from headway.errors import NotAsExpectedError
from headway.settings import Settings
from headway.waiting import wait_until

SHOWN = 5
Rows = Mapping[int, Any]


def topic_equals_table(settings: Settings, timeout_s: float = 30.0) -> int:
    """Wait until ``transit.stations.v1``, as compaction would leave it, holds exactly the table's rows.

    Gives their number. Raises :class:`NotAsExpectedError` with the stops that differ when it does not in time.
    """
    return _wait_equal(
        lambda: read_table(settings),
        lambda: {json.loads(key)["stop_id"]: row for key, row in latest(settings, STATIONS).items()},
        timeout_s,
        f"topic {STATIONS} differs from the table stations",
        "see `headway logs connect`, then run the connector's task again",
    )


def station_rows_equal_table(settings: Settings, timeout_s: float = 30.0) -> int:
    """Wait until ``transit.stations.lines.v1`` holds exactly one row a station of the table, lines and all.

    Gives their number. Raises :class:`NotAsExpectedError` with the stations that differ when it does not in time.
    """
    return _wait_equal(
        lambda: _stations_of(read_table(settings)),
        lambda: _stations_of_topic(read_station_lines(settings)),
        timeout_s,
        f"topic {STATION_LINES} differs from the table stations",
        "see `headway logs faust-worker-1`, then run the Faust task again",
    )


def read_table(settings: Settings) -> dict[int, dict[str, Any]]:
    """Give the table's rows by stop_id."""
    from psycopg2.errors import UndefinedTable

    names = ", ".join(f'"{name}"' for name in COLUMNS)
    with transaction(settings) as link, link.cursor() as sql:
        try:
            sql.execute(f"SELECT {names} FROM stations")  # noqa: S608  # our own column names
        except UndefinedTable as error:
            raise NotAsExpectedError(
                "There is no table stations.",
                where=f"database {settings.postgres.database}",
                next_step="run the DAG transit_platform (`headway run`): it seeds the table",
            ) from error
        return {row[0]: dict(zip(COLUMNS, row, strict=True)) for row in sql.fetchall()}


def read_station_lines(settings: Settings) -> dict[int, dict[str, Any]]:
    """Give Faust's rows by station_id."""
    return {int(key): row for key, row in latest(settings, STATION_LINES).items()}


def _stations_of(table: Rows) -> dict[int, Any]:
    stations: dict[int, set[tuple[Any, ...]]] = {}
    for stop_id, row in table.items():
        line = next(name for name in LINES if row[name])
        stop = (row["station_name"], line, row["branch"], row["direction_id"], row["order"], stop_id)
        stations.setdefault(row["station_id"], set()).add(stop)
    return {number: sorted(stops) for number, stops in stations.items()}


def _stations_of_topic(rows: Rows) -> dict[int, Any]:
    return {
        number: sorted(
            (row["station_name"], s["line"], s["branch"], s["direction"], s["order"], s["stop_id"])
            for s in row["stops"]
        )
        for number, row in rows.items()
    }


def _wait_equal(
    expected: Callable[[], Rows], found: Callable[[], Rows], timeout_s: float, what: str, next_step: str
) -> int:
    def late(sides: tuple[Rows, Rows]) -> NotAsExpectedError:
        return NotAsExpectedError(f"After {timeout_s:g} s {what}.", where=_difference(*sides), next_step=next_step)

    want, _ = wait_until(lambda: (expected(), found()), timeout_s, late, holds=lambda sides: sides[0] == sides[1])
    return len(want)


def _difference(want: Rows, have: Rows) -> str:
    kinds = {
        "missing": sorted(set(want) - set(have)),
        "too many": sorted(set(have) - set(want)),
        "different": sorted(key for key in set(want) & set(have) if want[key] != have[key]),
    }
    parts = []
    for kind, keys in kinds.items():
        if keys:
            more = f" and {len(keys) - SHOWN} more" if len(keys) > SHOWN else ""
            parts.append(f"{kind}: {', '.join(map(str, keys[:SHOWN]))}{more}")
    return "; ".join(parts)
