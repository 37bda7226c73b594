"""The bytes of the two topics: what a connector's record says, and what a station's row looks like (pure)."""

from __future__ import annotations

from typing import Any

import orjson

from headway.core.stations import COLUMNS, StationRow, parse_row
from headway.errors import ContractError


def read_stop_id(key: bytes | None, place: str) -> int:
    """Read a connector's key ``{"stop_id": 30000}``; raise :class:`ContractError` when it is none."""
    try:
        stop_id = orjson.loads(key or b"")["stop_id"]
    except (orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise _broken(f"the key {_shown(key)} has no stop_id", place) from error
    if type(stop_id) is not int:
        raise _broken(f"the key's stop_id is {stop_id!r}, not a whole number", place)
    return stop_id


def read_row(stop_id: int, value: bytes, place: str) -> StationRow:
    """Read a connector's value, a row of the table; raise :class:`ContractError` when it is none."""
    try:
        cells = orjson.loads(value)
    except orjson.JSONDecodeError as error:
        raise _broken(f"the value is not JSON ({error})", place) from error
    if not isinstance(cells, dict):
        raise _broken("the value is not an object", place)
    row = parse_row(cells, place)
    if row.stop_id != stop_id:
        raise _broken(f"the key says stop {stop_id}, the value stop {row.stop_id}", place)
    return row


def to_state(row: StationRow) -> dict[str, Any]:
    """Give a row as the state table keeps it (JSON values)."""
    return {name: getattr(row, name) for name in COLUMNS}


def from_state(state: dict[str, Any]) -> StationRow:
    """Give the row that :func:`to_state` kept."""
    return StationRow(**state)


def station_key(station_id: int) -> bytes:
    """Give the key of a station's row: its id as decimal text."""
    return str(station_id).encode()


def station_value(row: dict[str, Any]) -> bytes:
    """Give the value of a station's row; equal rows give equal bytes."""
    return orjson.dumps(row)


def _shown(key: bytes | None) -> str:
    return "(none)" if key is None else repr(key[:60])


def _broken(what: str, place: str) -> ContractError:
    return ContractError(f"A station's row cannot be used: {what}.", where=place, next_step="see connect/stations.json")
