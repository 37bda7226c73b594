"""What Connect's topic and Faust's station rows must be, made from the rows of the table (pure)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from headway.core.stations import COLUMNS, LINES
from headway.verify.truths import Table

Row = Mapping[str, Any]


def stop_table(rows: Iterable[Row]) -> Table:
    """Give every column of each stop, by stop_id."""
    return {int(row["stop_id"]): tuple(row[name] for name in COLUMNS) for row in rows}


def line_table(rows: Iterable[Row]) -> Table:
    """Merge the table's rows to one a station: name, lines, orders, stops; by station_id.

    A station's order on a line is that of the main branch where it is on it. Where the rows leave a choice (a
    workbook that numbers the directions apart) every order they allow is given.
    """
    by_station: dict[int, list[Row]] = {}
    for row in rows:
        by_station.setdefault(int(row["station_id"]), []).append(row)
    found: Table = {}
    for station, stops in by_station.items():
        lines = [line for line in LINES if any(row[line] for row in stops)]
        listed = [(int(r["stop_id"]), _line(r), r["branch"], r["direction_id"], int(r["order"])) for r in stops]
        names = (stops[0]["station_name"], stops[0]["station_descriptive_name"])
        found[station] = (len(lines), *names, tuple(lines), _orders(listed, lines), tuple(sorted(listed)))
    return found


def merged_table(rows: Iterable[Row], expected: Table) -> Table:
    """Sort Faust's rows as :func:`line_table` gives them; an order that ``expected`` allows counts as equal."""
    found: Table = {}
    for row in rows:
        station = int(row["station_id"])
        allowed = dict(_pairs(expected[station][4])) if station in expected else {}
        orders = []
        for line in LINES:
            if line in row["orders"]:
                order = int(row["orders"][line])
                choice = allowed.get(line, ())
                orders.append((line, choice if order in choice else (order,)))
        stops = [(int(s["stop_id"]), s["line"], s["branch"], s["direction"], int(s["order"])) for s in row["stops"]]
        names = (row["station_name"], row["station_descriptive_name"])
        found[station] = (len(row["lines"]), *names, tuple(row["lines"]), tuple(orders), tuple(sorted(stops)))
    return found


def _line(row: Row) -> str:
    return next(line for line in LINES if row[line])


def _orders(stops: list[tuple[int, str, str, str, int]], lines: list[str]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    orders = []
    for line in lines:
        mine = [stop for stop in stops if stop[1] == line]
        main = [stop for stop in mine if stop[2] == "main"] or mine
        orders.append((line, tuple(sorted({stop[4] for stop in main}))))
    return tuple(orders)


def _pairs(value: object) -> list[tuple[str, tuple[int, ...]]]:
    return list(value) if isinstance(value, tuple) else []
