"""Lay out the stations of each line and branch, and the sheet ``Stations``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from data.authoring import figures

FIRST_STOP_ID = 30_000


@dataclass(frozen=True)
class Branch:
    """One whole way through a line: ``stations`` from order 0 on, ``run_s[i]`` the model time from ``i - 1`` to ``i``.

    On a line that turns in the Loop, ``exit`` is the order of the station at which the way back begins and
    ``exit_run_s`` the model time to it from the last station; else it is the last station itself.
    """

    line: str
    name: str
    stations: tuple[int, ...]
    run_s: tuple[int, ...]
    exit: int
    exit_run_s: int


def branches() -> list[Branch]:
    """Give every branch, from its terminal on: the trunk's stations have the same order on each branch of a line."""
    found = []
    for (line, name), stops in figures.routes().items():
        if name != "main":
            trunk = figures.routes()[line, "main"]
            fork = next(i for i, stop in enumerate(trunk) if stop.station_id == stops[0].station_id)
            stops = trunk[: fork + 1] + stops[1:]
        stations, runs = [stop.station_id for stop in stops], [stop.run_s for stop in stops]
        if stations[-1] in stations[:-1]:  # a route that turns in the Loop is written once round, to its exit
            way_out = stations.index(stations[-1])
            found.append(Branch(line, name, tuple(stations[:-1]), tuple(runs[:-1]), way_out, runs[-1]))
        else:
            found.append(Branch(line, name, tuple(stations), tuple(runs), len(stations) - 1, 0))
    order = list(figures.lines())
    return sorted(found, key=lambda branch: (order.index(branch.line), branch.name != "main", branch.name))


def lines_of_stations() -> dict[int, list[str]]:
    """Give the lines of each station, in the order of the workbook's columns."""
    found: dict[int, list[str]] = {}
    for branch in branches():
        for station in branch.stations:
            if branch.line not in found.setdefault(station, []):
                found[station].append(branch.line)
    return found


def station_rows() -> Iterator[tuple[object, ...]]:
    """Yield the rows of the sheet ``Stations``: one a station, line, branch and direction that trains serve."""
    every_line, serving, stop_id = list(figures.lines()), lines_of_stations(), FIRST_STOP_ID
    for branch in branches():
        line = figures.lines()[branch.line]
        ways = [
            (line.forward, line.forward_terminal, len(branch.stations)),
            (line.back, line.back_terminal, branch.exit + 1),
        ]
        for direction, terminal, count in ways:
            for order, station_id in enumerate(branch.stations[:count]):
                station = figures.stations()[station_id]
                yield (
                    stop_id,
                    direction,
                    f"{station.name} ({terminal}-bound)",
                    station.name,
                    f"{station.name} ({_line_names(serving[station_id])})",
                    station_id,
                    order,
                    *(name == branch.line for name in every_line),
                    branch.name,
                    station.latitude,
                    station.longitude,
                )
                stop_id += 1


def _line_names(names: list[str]) -> str:
    titles = [name.title() for name in names]
    if len(titles) == 1:
        return f"{titles[0]} Line"
    return f"{', '.join(titles[:-1])} & {titles[-1]} Lines"
