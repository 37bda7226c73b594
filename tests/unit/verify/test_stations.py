"""Faust's rows against the table's."""

from __future__ import annotations

from typing import Any

from headway.core.stations import LINES
from headway.verify.stations import line_table, merged_table, stop_table


def _row(stop_id: int, station_id: int, line: str, order: int, direction: str, branch: str = "main") -> dict[str, Any]:
    flags = {name: name == line for name in LINES}
    names = {"stop_name": "x", "station_name": "A", "station_descriptive_name": "A (Red & Blue Lines)"}
    place = {"latitude": 41.0, "longitude": -87.0, "branch": branch, "direction_id": direction}
    return {"stop_id": stop_id, "station_id": station_id, "order": order, **names, **place, **flags}


ROWS = [
    _row(1, 7, "red", 4, "S"),
    _row(2, 7, "red", 4, "N"),
    _row(3, 7, "blue", 0, "N"),
    _row(4, 7, "blue", 9, "N", "spur"),
    _row(5, 8, "red", 5, "S"),
]


def _merged(**over: Any) -> dict[str, Any]:
    stops = [
        (1, "red", "main", "S", 4),
        (2, "red", "main", "N", 4),
        (3, "blue", "main", "N", 0),
        (4, "blue", "spur", "N", 9),
    ]
    names = ("stop_id", "line", "branch", "direction", "order")
    row = {
        "station_id": 7,
        "station_name": "A",
        "station_descriptive_name": "A (Red & Blue Lines)",
        "lines": ["red", "blue"],
        "orders": {"red": 4, "blue": 0},
        "stops": [dict(zip(names, stop, strict=True)) for stop in stops],
    }
    return row | over


def test_a_right_row_equals_the_table_s() -> None:
    expected = line_table(ROWS)
    assert merged_table([_merged()], expected)[7] == expected[7]
    assert set(expected) == {7, 8}


def test_a_missing_line_a_wrong_order_and_a_lost_stop_differ() -> None:
    expected = line_table(ROWS)
    for over in (
        {"lines": ["red"]},
        {"orders": {"red": 4, "blue": 9}},
        {"orders": {"red": 4}},
        {"stops": _merged()["stops"][:3]},
        {"station_name": "B"},
    ):
        assert merged_table([_merged(**over)], expected)[7] != expected[7], over


def test_where_directions_are_numbered_apart_either_order_is_right() -> None:
    expected = line_table([_row(1, 7, "red", 0, "S"), _row(2, 7, "red", 5, "N")])
    stops = [
        {"stop_id": 1, "line": "red", "branch": "main", "direction": "S", "order": 0},
        {"stop_id": 2, "line": "red", "branch": "main", "direction": "N", "order": 5},
    ]
    for order, right in ((0, True), (5, True), (3, False)):
        row = _merged(lines=["red"], orders={"red": order}, stops=stops)
        assert (merged_table([row], expected)[7] == expected[7]) == right


def test_a_stop_is_all_its_columns() -> None:
    table = stop_table(ROWS)
    assert len(table) == 5
    assert table[1][0] == 1 and "A" in table[1] and True in table[1]
