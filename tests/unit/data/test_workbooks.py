"""The shipped workbooks: made twice the same, and true to the figures."""

from __future__ import annotations

import re
import zipfile
from collections import defaultdict
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from python_calamine import CalamineWorkbook

from data.authoring import figures
from data.authoring.entries import station_totals
from data.authoring.network import branches
from data.authoring.timetable import passes, trips
from data.authoring.weather import months
from data.authoring.xlsx import Column, Sheet, write_workbook
from data.make_workbooks import make

SHIPPED = Path(figures.__file__).resolve().parent.parent


@lru_cache
def _sheet(workbook: str, name: str) -> list[dict[str, Any]]:
    rows = CalamineWorkbook.from_path(SHIPPED / workbook).get_sheet_by_name(name).to_python()
    return [dict(zip(map(str, rows[0]), row, strict=True)) for row in rows[1:]]


def _stations() -> list[dict[str, Any]]:
    return _sheet("transit.xlsx", "Stations")


def _turnstile() -> list[dict[str, Any]]:
    return _sheet("transit.xlsx", "Turnstile")


def _arrivals() -> list[dict[str, Any]]:
    return _sheet("transit.xlsx", "Arrivals")


def _weather() -> list[dict[str, Any]]:
    return _sheet("weather.xlsx", "Hourly weather")


def test_shipped_workbooks_are_what_the_script_makes(tmp_path: Path) -> None:
    for made in make(tmp_path):
        shipped = SHIPPED / made.name
        with zipfile.ZipFile(made) as new, zipfile.ZipFile(shipped) as old:
            assert new.namelist() == old.namelist()
            # Content, not bytes: another zlib may compress otherwise.
            for name in new.namelist():
                assert new.read(name) == old.read(name), f"{shipped}: {name}; run `python -m data.make_workbooks`"


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = tmp_path / "a.xlsx", tmp_path / "b.xlsx"
    for path in (first, second):
        rows = [("Ünï & <b>", 1, 0.5, True, None), ("", -3, 1e-7, False, 2)]
        write_workbook(path, "t", [Sheet("S", [Column(c, 9) for c in "abcde"], rows)])
    assert first.read_bytes() == second.read_bytes()
    sheet = openpyxl.load_workbook(first)["S"]
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:E3")
    cells = list(sheet.iter_rows(min_row=2, values_only=True))
    assert cells[0] == ("Ünï & <b>", 1, 0.5, True, None)
    assert cells[1][1:] == (-3, 1e-7, False, 2)


def test_a_value_that_excel_cannot_hold_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="S!A2"):
        write_workbook(tmp_path / "a.xlsx", "t", [Sheet("S", [Column("a", 9)], [(object(),)])])


@pytest.mark.parametrize("workbook", ["transit.xlsx", "weather.xlsx"])
def test_workbooks_explain_themselves_and_freeze_and_filter_their_headers(workbook: str) -> None:
    book = CalamineWorkbook.from_path(SHIPPED / workbook)
    assert book.sheet_names[0] == "Read me"
    page = str(book.get_sheet_by_name("Read me").to_python())
    assert len(book.sheet_names) > 1
    assert all(name in page for name in book.sheet_names[1:])
    with zipfile.ZipFile(SHIPPED / workbook) as file:  # openpyxl takes 15 s for what is in the first and last lines
        for number in range(2, len(book.sheet_names) + 1):
            sheet = file.read(f"xl/worksheets/sheet{number}.xml")
            size = re.search(rb'<dimension ref="([^"]+)"', sheet)
            assert size and b'<autoFilter ref="' + size[1] in sheet
            assert b'topLeftCell="A2" activePane="bottomLeft" state="frozen"' in sheet
    assert (SHIPPED / workbook).stat().st_size < 6_000_000


def test_there_are_8_lines_and_143_stations_ordered_without_gaps_on_each_branch() -> None:
    names = list(figures.lines())
    orders: dict[tuple[Any, ...], set[Any]] = defaultdict(set)
    for row in _stations():
        line = [name for name in names if row[name]]
        assert len(line) == 1
        assert isinstance(row["order"], float)
        place = (line[0], row["branch"], row["direction_id"])
        assert row["order"] not in orders[place], "a station twice on one branch"
        orders[place].add(row["order"])
    assert len({row["stop_id"] for row in _stations()}) == len(_stations())
    assert len({row["station_id"] for row in _stations()}) == 143
    assert {place[0] for place in orders} == set(names) and len(names) == 8
    assert all(found == set(range(len(found))) for found in orders.values())


def test_a_station_has_one_order_on_a_line() -> None:
    orders: dict[tuple[Any, ...], set[Any]] = defaultdict(set)
    for row in _stations():
        orders[row["station_id"], next(n for n in figures.lines() if row[n])].add(row["order"])
    assert all(len(found) == 1 for found in orders.values())


def test_daily_entries_match_the_system_totals_and_each_station_s_share() -> None:
    found: dict[str, dict[int, int]] = defaultdict(lambda: defaultdict(int))
    for row in _turnstile():
        assert row["entries (persons)"] > 0
        found[str(row["day_type"])][int(row["station_id"])] += int(row["entries (persons)"])
    for day, total in figures.system_entries().items():
        assert sum(found[day].values()) == total
        assert found[day] == station_totals(day)
        # The stations' figures are of the year's busiest month.
        raw = sum(station.entries[day] for station in figures.stations().values())
        assert 0.85 < total / raw < 1


def test_nobody_enters_where_no_train_comes_within_half_an_hour() -> None:
    times = defaultdict(set)
    for row in _arrivals():
        quarter = int(row["arrival (s of service day)"] // 900)
        times[row["day_type"], row["station_id"], row["line"]].add(quarter)
    for row in _turnstile():
        quarter = int(row["slot start (s of service day)"] // 900)
        place = (row["day_type"], row["station_id"], row["line"])
        assert times[place] & {quarter, quarter + 1, quarter + 2}, row


def test_every_line_of_a_station_gets_riders_in_proportion_to_its_trains() -> None:
    riders: dict[object, int] = defaultdict(int)
    for row in _turnstile():
        riders[row["station_id"], row["line"]] += int(row["entries (persons)"])
    served = {(row["station_id"], next(n for n in figures.lines() if row[n])) for row in _stations()}
    assert set(riders) == served


def test_arrivals_of_a_trip_strictly_increase_and_chain_from_station_to_station() -> None:
    by_trip = defaultdict(list)
    for row in _arrivals():
        by_trip[row["trip_id"]].append(row)
    platforms = {
        (next(n for n in figures.lines() if row[n]), row["direction_id"], row["station_id"]) for row in _stations()
    }
    assert len(by_trip) > 3_000
    for rows in by_trip.values():
        assert [row["stop_sequence"] for row in rows] == list(range(len(rows)))
        assert rows[0]["prev_station_id"] == ""
        for before, row in pairwise(rows):
            assert row["prev_station_id"] == before["station_id"]
            assert row["arrival (s of service day)"] > before["arrival (s of service day)"]
        assert all((row["line"], row["direction"], row["station_id"]) in platforms for row in rows)
    reached = {(row["line"], row["station_id"]) for row in _arrivals()}
    assert {(branch.line, station) for branch in branches() for station in branch.stations} == reached


@pytest.mark.parametrize("day_type", figures.DAY_TYPES)
def test_no_train_overtakes_another_and_none_is_in_two_places(day_type: str) -> None:
    tracks = defaultdict(list)
    trains = defaultdict(list)
    for trip in trips(day_type):
        trains[trip.train_id].append((trip.stops[0].time, trip.stops[-1].time))
        for here, there in pairwise(trip.stops):
            tracks[trip.line, here.station_id, there.station_id, here.direction].append((here.time, there.time))
    for times in tracks.values():
        times.sort()
        assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(times))
    for spans in trains.values():
        assert all(a[1] < b[0] for a, b in pairwise(sorted(spans)))
    assert max(times[-1][1] for times in tracks.values()) > 86_400, "no train runs past midnight"


@pytest.mark.parametrize("key", list(figures.services()))
def test_checkpoint_passes_have_the_count_and_the_ends_of_the_schedule(key: tuple[str, str, str]) -> None:
    service = figures.services()[key]
    found = passes(service)
    assert len(found) == service.trains
    assert (found[0], found[-1]) == (service.first, service.last)
    assert all(a < b for a, b in pairwise(found))
    for hour in range(24):  # rounded means shift a train over the hour here and there
        count = sum(1 for second in found if second // 3_600 % 24 == hour)
        assert abs(count - service.hours.get(hour, (0, None))[0]) <= 1


def test_weather_is_8760_hours_with_the_months_shares_means_and_sums() -> None:
    rows, climate = _weather(), figures.climate()
    assert len(rows) == 8_760
    assert len({(row["month"], row["day"], row["hour (local)"]) for row in rows}) == 8_760
    for month, (first, hours) in enumerate(months()):
        part = rows[first : first + hours]
        assert {row["month"] for row in part} == {month + 1}
        for status, share in climate.share[month].items():
            assert abs(sum(row["status"] == status for row in part) / hours - share) < 0.03
        mean = sum(float(row["temperature (°C)"]) for row in part) / hours
        assert abs(mean - climate.mean_c[month]) < 0.15
        rain = sum(float(row["precipitation (mm)"]) for row in part)
        assert abs(rain - climate.precipitation_mm[month]) < 0.05


def test_weather_hangs_together() -> None:
    rows, climate = _weather(), figures.climate()
    for row in rows:
        assert (row["precipitation (mm)"] > 0) == (row["status"] == "precipitation")
        assert (row["wind (m/s)"] >= 8.9) == (row["status"] == "windy")
        assert climate.low_c <= row["temperature (°C)"] <= climate.high_c
    temperature = [float(row["temperature (°C)"]) for row in rows]
    # The year repeats: its end leads into its beginning, and no hour jumps.
    assert max(abs(a - b) for a, b in pairwise([*temperature, temperature[0]])) < 5
    changes = sum(a["status"] != b["status"] for a, b in pairwise(rows))
    assert 0.15 < changes / len(rows) < 0.35
    july = [row for row in rows if row["month"] == 7]
    by_hour = [sum(float(r["temperature (°C)"]) for r in july if r["hour (local)"] == h) for h in range(24)]
    assert by_hour.index(max(by_hour)) in range(13, 18) and by_hour.index(min(by_hour)) in range(3, 7)
