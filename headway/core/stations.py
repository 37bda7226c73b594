"""The stations table's rows: what a valid one is, and what they must be together (pure)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from headway.errors import ContractError

LINES = ("red", "blue", "green", "brown", "orange", "pink", "purple", "yellow")
TEXTS = ("direction_id", "stop_name", "station_name", "station_descriptive_name", "branch")
NUMBERS = ("stop_id", "station_id", "order")


@dataclass(frozen=True)
class StationRow:
    """One row: a station on one line, branch and direction. Fields are named as the table's columns."""

    stop_id: int
    direction_id: str
    stop_name: str
    station_name: str
    station_descriptive_name: str
    station_id: int
    order: int
    red: bool
    blue: bool
    green: bool
    brown: bool
    orange: bool
    pink: bool
    purple: bool
    yellow: bool
    branch: str
    latitude: float | None
    longitude: float | None
    place: str = field(default="", compare=False, repr=False)

    @property
    def line(self) -> str:
        """Give the one line that is flagged."""
        return next(line for line in LINES if getattr(self, line))


COLUMNS = tuple(f.name for f in fields(StationRow) if f.name != "place")


def parse_row(cells: Mapping[str, Any], place: str) -> StationRow:
    """Check the cells of one row (``place`` is workbook/sheet/row) and give it; raise :class:`ContractError`."""
    values: dict[str, Any] = {name: _whole(cells.get(name), name, place) for name in NUMBERS}
    values |= {name: _text(cells.get(name), name, place) for name in TEXTS}
    values |= {name: _flag(cells.get(name), name, place) for name in LINES}
    for name, limit in (("latitude", 90.0), ("longitude", 180.0)):
        values[name] = _degrees(cells.get(name), name, limit, place)
    flagged = [line for line in LINES if values[line]]
    if len(flagged) != 1:
        found = " and ".join(flagged) or "none"
        raise _wrong(f"exactly one line must be true, found {found}", place, "give each line a row of its own")
    return StationRow(**values, place=place)


def check_together(rows: Sequence[StationRow], place: str) -> None:
    """Check what no row shows alone: unique stops, whole orders on every line, one name a station."""
    if not rows:
        raise _wrong("there is no station", place, "fill the sheet")
    _check_unique(rows)
    missing = [line for line in LINES if not any(getattr(row, line) for row in rows)]
    if missing:
        raise _wrong(f"no station is on the line {missing[0]}", place, f"add the rows of the line {missing[0]}")
    along: dict[tuple[str, str, str], list[StationRow]] = defaultdict(list)
    for row in rows:
        along[row.line, row.branch, row.direction_id].append(row)
    for (line, branch, direction), stops in along.items():
        stops.sort(key=lambda row: row.order)
        for expected, row in enumerate(stops):
            if row.order != expected:
                raise _wrong(
                    f"the orders of {line}/{branch}/{direction} must be 0 to {len(stops) - 1}, each once; "
                    f"found {row.order} where {expected} was expected",
                    row.place,
                    "correct the column order",
                )


def _check_unique(rows: Iterable[StationRow]) -> None:
    stops: dict[int, StationRow] = {}
    names: dict[int, StationRow] = {}
    for row in rows:
        first = stops.setdefault(row.stop_id, row)
        if first is not row:
            raise _wrong(
                f"stop_id {row.stop_id} is also that of {first.place}", row.place, "give it a number of its own"
            )
        named = names.setdefault(row.station_id, row)
        if (named.station_name, named.station_descriptive_name) != (row.station_name, row.station_descriptive_name):
            raise _wrong(
                f"station {row.station_id} is called {row.station_name!r}, but {named.station_name!r} at {named.place}",
                row.place,
                "give every row of a station the same station_name and station_descriptive_name",
            )


def _whole(value: Any, name: str, place: str) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value < 2**31:
        raise _wrong(f"column {name} must be a whole number, found {value!r}", place)
    return value


def _text(value: Any, name: str, place: str) -> str:
    if not isinstance(value, str) or not value.strip():
        raise _wrong(f"column {name} must be a text, found {value!r}", place)
    return value.strip()


def _flag(value: Any, name: str, place: str) -> bool:
    if isinstance(value, str) and value.strip().lower() in ("true", "false"):
        return value.strip().lower() == "true"
    if type(value) is not bool:
        raise _wrong(f"column {name} must be TRUE or FALSE, found {value!r}", place)
    return value


def _degrees(value: Any, name: str, limit: float, place: str) -> float | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not -limit <= value <= limit:
        raise _wrong(f"column {name} must be between -{limit:g} and {limit:g} degrees, found {value!r}", place)
    return float(value)


def _wrong(what: str, place: str, next_step: str = "correct the cell and run the task again") -> ContractError:
    return ContractError(f"The stations cannot be used: {what}.", where=place, next_step=next_step)
