"""The stations sheet: what is refused, and where the error says it is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from headway.core.stations import COLUMNS, LINES, check_together
from headway.errors import ContractError, InputError, WorkbookError
from headway.settings import PROJECT_DIR, PostgresSettings, Settings
from headway.stations.connectors import load_connector
from headway.stations.seed import read_stations

Rows = list[dict[str, Any]]


def good() -> Rows:
    """Give a network of two stations on each of the lines."""
    rows = []
    for place, line in enumerate(LINES):
        for order in (0, 1):
            cells: dict[str, Any] = {name: name == line for name in LINES}
            cells |= {"stop_id": 100 + 2 * place + order, "station_id": 10 * place + order, "order": order}
            cells |= {"station_name": f"{line} {order}", "station_descriptive_name": f"{line} {order} ({line})"}
            cells |= {"stop_name": "s", "direction_id": "S", "branch": "main", "latitude": 41.0, "longitude": None}
            rows.append(cells)
    return rows


def write(path: Path, rows: Rows, headers: dict[str, str] | None = None, sheet: str = "Stations") -> Path:
    book = openpyxl.Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    page.append([(headers or {}).get(name, name) for name in COLUMNS])
    for row in rows:
        page.append([row[name] for name in COLUMNS])
    book.save(path)
    return path


def test_reads_a_sheet_whose_headers_carry_units(tmp_path: Path) -> None:
    rows = read_stations(write(tmp_path / "w.xlsx", good(), {"latitude": "latitude (deg)"}))
    assert len(rows) == 16
    assert rows[0].line == "red"
    assert (rows[0].latitude, rows[0].longitude) == (41.0, None)


def test_reads_the_shipped_network() -> None:
    rows = read_stations(PROJECT_DIR / "data" / "transit.xlsx")
    assert len({row.station_id for row in rows}) == 143
    assert {row.line for row in rows} == set(LINES)


def _set(index: int, **cells: Any) -> Callable[[Rows], Any]:
    return lambda rows: rows[index].update(cells)


FAULTS = [
    (_set(3, stop_id=100), "row 5", "stop_id 100 is also that of .* row 2"),
    (_set(3, stop_id="x"), "row 5", "column stop_id must be a whole number, found 'x'"),
    (_set(0, order=-1), "row 2", "column order"),
    (_set(1, order=2), "row 3", "orders of red/main/S must be 0 to 1.*found 2 where 1"),
    (_set(1, order=0), "row 3", "found 0 where 1"),
    (_set(4, blue=True), "row 6", "found blue and green"),
    (_set(4, green=False), "row 6", "found none"),
    (_set(4, green="maybe"), "row 6", "column green must be TRUE or FALSE"),
    (_set(2, stop_name=None), "row 4", "column stop_name must be a text"),
    (_set(2, latitude=95), "row 4", "column latitude must be between"),
    (_set(3, station_id=0), "row 5", "station 0 is called 'blue 1', but 'red 0' at"),
    (lambda rows: rows.__delitem__(slice(14, 16)), "Stations", "no station is on the line yellow"),
    (lambda rows: rows.clear(), "Stations", "there is no station"),
]


@pytest.mark.parametrize(("spoil", "where", "why"), FAULTS)
def test_refuses_a_sheet_and_names_the_place(
    tmp_path: Path, spoil: Callable[[Rows], Any], where: str, why: str
) -> None:
    rows = good()
    spoil(rows)
    with pytest.raises(InputError, match=why) as caught:
        read_stations(write(tmp_path / "w.xlsx", rows))
    assert where in caught.value.where
    assert caught.value.next_step


def test_names_a_column_or_sheet_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match="no column branch"):
        read_stations(write(tmp_path / "w.xlsx", good(), {"branch": "brunch"}))
    with pytest.raises(WorkbookError, match="no sheet 'Stations'"):
        read_stations(write(tmp_path / "v.xlsx", good(), sheet="Stops"))


def test_an_empty_network_is_refused() -> None:
    with pytest.raises(ContractError, match="there is no station"):
        check_together([], "nowhere")


def test_fills_the_connector_from_the_settings() -> None:
    settings = Settings(postgres=PostgresSettings(host="db", port=5000, password="p$w", connect_host="inner"))
    name, config = load_connector(settings)
    assert name == "stations"
    assert (config["database.hostname"], config["database.port"]) == ("inner", "5000")
    assert config["database.password"] == "p$w"
    assert not [key for key, value in config.items() if "${" in value]


@pytest.mark.parametrize(
    ("text", "why"),
    [("{", "cannot be used"), ('{"name":"x"}', "config"), ('{"name":"x","config":{"a":"${no.such}"}}', "no.such")],
)
def test_refuses_a_connector_file_that_is_none(tmp_path: Path, text: str, why: str) -> None:
    from headway.errors import SettingsError

    path = tmp_path / "c.json"
    path.write_text(text)
    with pytest.raises(SettingsError, match=why):
        load_connector(Settings(), path)
