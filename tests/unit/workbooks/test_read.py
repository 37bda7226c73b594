"""Reading workbooks: clear errors, safe with hostile files, good rows never lost with a bad one."""

# ruff: noqa: DTZ001  # what Excel holds has no time zone

from __future__ import annotations

import time as clock
import zipfile
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook

from headway.core.feeds import Column
from headway.errors import WorkbookError
from headway.settings import PROJECT_DIR
from headway.workbooks import read_sheet
from headway.workbooks.cells import BadCellError, parse

CORPUS = PROJECT_DIR.parent / "shared" / "workbooks"
FILES = sorted(path for path in CORPUS.rglob("*") if path.suffix in {".xlsx", ".xlsm", ".xls", ".ods"})


def write(path: Path, rows: list[list[Any]], sheet: str = "S") -> Path:
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = sheet
    for row in rows:
        page.append(row)
    book.save(path)
    return path


@pytest.mark.skipif(not FILES, reason="the corpus ../shared/workbooks is not here")
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_that_nobody_here_wrote_gives_a_table_or_a_clear_error(path: Path) -> None:
    began = clock.monotonic()
    with pytest.raises(WorkbookError) as caught:
        read_sheet(path, "no such sheet")
    assert path.name in str(caught.value)
    message = caught.value.what
    if message.startswith("There is no sheet"):
        for name in _sheets(message):
            for header_row in (1, 2, 7):
                try:
                    sheet = read_sheet(path, name, header_row=header_row)
                except WorkbookError as error:
                    assert name in str(error) or path.name in str(error)
                else:
                    assert all(len(column.cells()) == len(sheet) for column in sheet.columns.values())
    assert clock.monotonic() - began < 60


def _sheets(message: str) -> list[str]:
    listed = message.split("there are: ", 1)[1].removesuffix(".")
    return [name for name in listed.split("'") if name.strip(", ")][:2]


def test_the_corpus_is_read_where_it_can_be() -> None:
    if not FILES:
        pytest.skip("the corpus ../shared/workbooks is not here")
    assert len(FILES) >= 70
    sheet = read_sheet(CORPUS / "real" / "Ridership_201801.xlsx", "Weekday OD", header_row=2)
    assert len(sheet) >= 40
    assert {"12", "16", "RM"} <= set(sheet.columns)  # codes that are numbers in one column and text in the next


def test_a_stray_cell_far_away_costs_an_error_not_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "far.xlsx"
    book = Workbook()
    page = book.active
    assert page is not None
    page["A1"], page["XFD1048576"] = "a", 1
    book.save(path)
    assert path.stat().st_size < 10_000
    with pytest.raises(WorkbookError, match=r"far\.xlsx cannot be read within .* MB"):
        read_sheet(path, "Sheet")


def test_an_archive_that_inflates_like_an_attack_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/workbook.xml", b" " * (8 << 20))
    with pytest.raises(WorkbookError, match="as an attack does"):
        read_sheet(path, "S")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "no zip archive"),
        (b"PK\x03\x04 and then nothing", "zip directory is broken"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), "password-protected"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "without a workbook"),
    ],
)
def test_what_is_no_workbook_is_named(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "x.xlsx"
    path.write_bytes(content)
    with pytest.raises(WorkbookError, match=why):
        read_sheet(path, "S")
    with pytest.raises(WorkbookError, match="does not exist"):
        read_sheet(tmp_path / "y.xlsx", "S")


def test_errors_list_what_there_is(tmp_path: Path) -> None:
    path = write(tmp_path / "w.xlsx", [["Station", "Day", "Day"], [1, 2, 3]], sheet="Entries 2026")
    with pytest.raises(WorkbookError, match="no sheet 'Entries'; there are: 'Entries 2026'"):
        read_sheet(path, "Entries")
    with pytest.raises(WorkbookError, match="no column 'Stop', 'Line'; the headers are: 'Station', 'Day', 'Day'"):
        read_sheet(path, "Entries 2026", headers=["Stop", "Station", "Line"])
    with pytest.raises(WorkbookError, match="Two columns are named 'Day'"):
        read_sheet(path, "Entries 2026", headers=["Day"])
    with pytest.raises(WorkbookError, match="Row 9 holds no headers; the sheet has 2 rows"):
        read_sheet(path, "Entries 2026", header_row=9)


def test_cells_keep_their_kind_and_rows_their_numbers(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        ["title"],
        ["a", "b", "c"],
        [1, "x", True],
        [None, None, None],
        [2.5, 7, 1],
        [None, "\u00fc", time(1, 2)],
        [3, datetime(2026, 3, 2, 5, 6), date(2026, 3, 2)],
    ]
    sheet = read_sheet(write(tmp_path / "w.xlsx", rows), "S", header_row=2)
    assert sheet.row_numbers.tolist() == [3, 5, 6, 7], "a blank row is left out, the others keep Excel's numbers"
    assert sheet.columns["a"].cells() == [1, 2.5, "", 3]
    assert sheet.columns["b"].cells() == ["x", 7, "\u00fc", datetime(2026, 3, 2, 5, 6)]
    assert [type(cell) for cell in sheet.columns["c"].cells()] == [bool, float, time, date]


PARSED = [
    ("text", {}, 12.0, "12"),
    ("text", {}, " Clark/Lake ", "Clark/Lake"),
    ("integer", {}, 40010.0, 40010),
    ("integer", {}, " 40010 ", 40010),
    ("integer", {"optional": True}, "", None),
    ("number", {"decimal": ","}, "1.234,5", 1234.5),
    ("boolean", {}, "Yes", True),
    ("boolean", {}, 0.0, False),
    ("service-time", {}, -90.0, -90_000),
    ("service-time", {"format": "minutes"}, 1510.0, 90_600_000),
    ("service-time", {"format": "hh:mm"}, "25:10", 90_600_000),
    ("service-time", {"format": "hh:mm"}, "07:05:30.5", 25_530_500),
    ("service-time", {"format": "hh:mm"}, time(7, 5), 25_500_000),
    ("service-time", {"format": "hh:mm"}, timedelta(hours=25, minutes=10), 90_600_000),
    ("service-time", {"format": "hh:mm"}, datetime(1900, 1, 1, 1, 10), 90_600_000),
    ("datetime", {}, "2026-03-02T07:00", datetime(2026, 3, 2, 7)),
    ("datetime", {}, "2026-03-02T07:00Z", datetime(2026, 3, 2, 7, tzinfo=UTC)),
    ("datetime", {"format": "%d.%m.%Y %H:%M"}, "02.03.2026 07:00", datetime(2026, 3, 2, 7)),
    ("datetime", {}, date(2026, 3, 2), datetime(2026, 3, 2)),
    ("date", {"format": "%d.%m.%Y"}, "02.03.2026", date(2026, 3, 2)),
]
REFUSED = [
    ("integer", {}, "", "is empty"),
    ("integer", {}, 1.5, "not a whole number"),
    ("integer", {}, True, "not a number"),
    ("integer", {}, 1e300, "not a whole number"),
    ("number", {}, "nan", "not a number"),
    ("number", {}, "1,5", "not a number"),
    ("text", {}, time(1), "not text"),
    ("boolean", {}, "maybe", "neither true nor false"),
    ("service-time", {"format": "hh:mm"}, "7:65", "not a time"),
    ("service-time", {}, 1e9, "more than a week"),
    ("service-time", {}, datetime(2026, 3, 2), "is a date, not a time"),
    ("datetime", {}, "yesterday", "not a date"),
    ("date", {}, datetime(2026, 3, 2, 7), "not a date"),
]


@pytest.mark.parametrize(("kind", "more", "cell", "value"), PARSED)
def test_a_cell_becomes_its_columns_type(kind: str, more: dict[str, Any], cell: Any, value: Any) -> None:
    parsed = parse(cell, Column.model_validate({"header": "h", "type": kind, **more}))
    assert parsed == value
    assert type(parsed) is type(value)


@pytest.mark.parametrize(("kind", "more", "cell", "why"), REFUSED)
def test_a_cell_of_another_kind_is_refused_with_a_reason(kind: str, more: dict[str, Any], cell: Any, why: str) -> None:
    with pytest.raises(BadCellError, match=why):
        parse(cell, Column.model_validate({"header": "h", "type": kind, **more}))
