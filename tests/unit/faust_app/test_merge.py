"""One row a station, from rows in any order."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faust_app.merge import WHOLE_DIRECTION, merge_station
from faust_app.models import from_state, read_row, read_stop_id, station_key, station_value, to_state
from headway.core.stations import LINES, StationRow
from headway.errors import ContractError
from headway.settings import PROJECT_DIR
from headway.stations.seed import read_stations

CONTRACT = PROJECT_DIR / "headway" / "contracts" / "stations.lines.v1.json"
WORKBOOK = PROJECT_DIR / "data" / "transit.xlsx"


def row(stop_id: int, line: str, order: int, direction: str = "S", branch: str = "main", **over: Any) -> StationRow:
    cells: dict[str, Any] = {
        "stop_id": stop_id,
        "direction_id": direction,
        "stop_name": f"Clark/Lake ({direction}-bound)",
        "station_name": "Clark/Lake",
        "station_descriptive_name": "Clark/Lake (many lines)",
        "station_id": 40380,
        "order": order,
        **{name: name == line for name in LINES},
        "branch": branch,
        "latitude": 41.9,
        "longitude": -87.6,
    }
    return StationRow(**{**cells, **over})


def test_merges_platforms_and_directions_with_all_lines_in_their_order() -> None:
    merged = merge_station([row(4, "brown", 20), row(3, "green", 5, "E"), row(2, "blue", 14), row(1, "blue", 18, "N")])
    assert merged is not None
    assert merged["lines"] == ["blue", "green", "brown"]
    assert merged["orders"] == {"blue": 14, "green": 5, "brown": 20}
    assert [stop["stop_id"] for stop in merged["stops"]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("rows", "order"),
    [
        ([row(1, "red", 3, "N"), row(2, "red", 7, "S")], 7),  # the direction in which the line is listed whole
        ([row(1, "brown", 3, "N")], 3),  # or the only one there is
        ([row(1, "green", 9, "E", "cottage_grove"), row(2, "green", 4, "W")], 4),  # the main branch before others
        ([row(1, "green", 9, "E", "cottage_grove"), row(2, "green", 8, "E", "ashland")], 8),
    ],
)
def test_counts_the_order_on_the_main_branch_in_the_whole_direction(rows: list[StationRow], order: int) -> None:
    merged = merge_station(rows)
    assert merged is not None
    assert list(merged["orders"].values()) == [order]


def test_a_station_without_rows_is_none() -> None:
    assert merge_station([]) is None


def test_takes_the_place_from_the_lowest_stop_that_has_one() -> None:
    merged = merge_station([row(1, "red", 0, latitude=None, longitude=None), row(2, "red", 0, "N", latitude=1.0)])
    assert merged is not None
    assert (merged["latitude"], merged["longitude"]) == (1.0, -87.6)


@given(st.randoms(use_true_random=False))
def test_the_same_rows_in_any_order_give_the_same_bytes(shuffler: random.Random) -> None:
    rows = [row(n, line, n, direction) for n, (line, direction) in enumerate(zip(LINES, "SNEWSNEW", strict=True))]
    expected = station_value(merge_station(rows) or {})
    shuffler.shuffle(rows)
    assert station_value(merge_station(rows) or {}) == expected


def test_the_shipped_network_merges_into_rows_that_fulfil_the_contract() -> None:
    validator = jsonschema.Draft202012Validator(json.loads(Path(CONTRACT).read_text(encoding="utf-8")))
    by_station: dict[int, list[StationRow]] = {}
    rows = read_stations(WORKBOOK)
    for stop in rows:
        by_station.setdefault(stop.station_id, []).append(stop)
    merged = [merge_station(stops) for stops in by_station.values()]
    assert len(merged) == 143
    for one in merged:
        validator.validate(one)
        assert one is not None
        assert one["orders"].keys() == set(one["lines"])
    on = {line: sorted(one["orders"][line] for one in merged if one and line in one["lines"]) for line in LINES}
    assert set(on) == set(WHOLE_DIRECTION)
    for line in set(LINES) - {"green"}:  # on its second branch the green line counts from that branch's start
        assert on[line] == list(range(len(on[line]))), line


def test_a_row_survives_its_way_through_the_state() -> None:
    one = row(1, "red", 3)
    assert from_state(json.loads(json.dumps(to_state(one)))) == one
    assert station_key(40380) == b"40380"


def test_reads_what_the_connector_writes() -> None:
    value = json.dumps(to_state(row(30000, "red", 3))).encode()
    assert read_stop_id(b'{"stop_id":30000}', "t/0/1") == 30000
    assert read_row(30000, value, "t/0/1") == row(30000, "red", 3)


GOOD = to_state(row(1, "red", 3))


@pytest.mark.parametrize("key", [None, b"", b"null", b"{}", b"[1]", b"30000", b'{"stop_id":"1"}', b'{"stop_id":true}'])
def test_refuses_a_key_without_a_stop(key: bytes | None) -> None:
    with pytest.raises(ContractError, match="stop_id") as caught:
        read_stop_id(key, "transit.stations.v1/0/17")
    assert caught.value.where == "transit.stations.v1/0/17"


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "not JSON"),
        (b"[]", "not an object"),
        (b"null", "not an object"),
        (json.dumps(GOOD | {"stop_id": 2}).encode(), "the key says stop 1, the value stop 2"),
        (json.dumps(GOOD | {"red": False}).encode(), "found none"),
        (json.dumps(GOOD | {"blue": True}).encode(), "found red and blue"),
        (json.dumps(GOOD | {"order": -1}).encode(), "order"),
        (json.dumps(GOOD | {"order": 1.5}).encode(), "order"),
        (json.dumps(GOOD | {"station_name": " "}).encode(), "station_name"),
        (json.dumps(GOOD | {"latitude": 91}).encode(), "latitude"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "branch"}).encode(), "branch"),
    ],
)
def test_refuses_a_row_that_breaks_the_contract(value: bytes, why: str) -> None:
    with pytest.raises(ContractError, match=why):
        read_row(1, value, "t/0/1")
