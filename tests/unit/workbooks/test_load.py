"""Loading a feed's sheet: good rows stay, bad ones are named by row, column, value and reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from headway.core.feeds import load_feeds
from headway.core.table import Table
from headway.errors import WorkbookError
from headway.settings import Settings
from headway.workbooks import load_table
from tests.replay_feeds import HEADER, make_feed, write_workbook

GOOD = ("weekday", 3600, 40010, "Austin", "green", 7)


def load(folder: Path, rows: Sequence[tuple[object, ...]]) -> Table:
    made = make_feed(Settings(), folder, rows)
    feed = load_feeds(made.settings.replay.feeds_file)[made.name]
    return load_table(feed, folder, "America/Chicago")


BAD = [
    (("weekday", 3600, "x", "Austin", "green", 7), "station_id", "x", "is not a number"),
    (("weekday", 3600, 1.5, "Austin", "green", 7), "station_id", "1.5", "is not a whole number"),
    (("weekday", 3600, None, "Austin", "green", 7), "station_id", "", "is empty"),
    (("weekday", 3600, 40010, "Austin", "teal", 7), "line", "teal", "is none of red"),
    (("weekday", 3600, 40010, "Austin", "green", -7), "entries (persons)", "-7", "is below 0"),
    (("weekday", 3600, 40010, "Austin", "green", 1e6), "entries (persons)", "1000000", "is above 100000"),
    (("monday", 3600, 40010, "Austin", "green", 7), "day_type", "monday", "is none of weekday"),
    (("weekday", "noon", 40010, "Austin", "green", 7), "slot start (s of service day)", "noon", "is not a number"),
    (GOOD, "station_id", "40010", "repeats the business key and time of row 2"),
]


@pytest.mark.parametrize(("row", "column", "value", "reason"), BAD, ids=[case[3] for case in BAD])
def test_a_bad_row_is_named_and_the_good_ones_stay(
    tmp_path: Path, row: tuple[object, ...], column: str, value: str, reason: str
) -> None:
    table = load(tmp_path, [GOOD, row, ("weekday", 3600, 40020, "Harlem", "green", 3)])
    assert len(table) == 2
    (rejected,) = table.rejected
    assert (rejected.row, rejected.column, rejected.value) == (3, column, value)
    assert rejected.reason.startswith(reason)
    assert set(rejected.cells) == set(HEADER)


def test_the_same_key_and_time_on_another_day_type_is_no_repeat(tmp_path: Path) -> None:
    table = load(tmp_path, [GOOD, ("saturday", *GOOD[1:]), ("weekday", 4500, *GOOD[2:])])
    assert (len(table), table.rejected) == (3, [])


def test_a_sheet_without_a_usable_row_is_an_error_that_shows_the_first(tmp_path: Path) -> None:
    with pytest.raises(WorkbookError, match=r"no usable row: row 2, column 'line', 'teal' is none of"):
        load(tmp_path, [("weekday", 3600, 40010, "Austin", "teal", 7)])
    with pytest.raises(WorkbookError, match="no usable row"):
        load(tmp_path, [])


def test_the_order_of_the_sheets_rows_does_not_matter(tmp_path: Path) -> None:
    rows = [("weekday", 900 * number, 40000 + number % 3, "A", "red", number) for number in range(30)]
    first, second = load(tmp_path, rows), load(tmp_path, rows[::-1])
    assert first.order.tolist() == second.order.tolist()[::-1]


def test_a_workbook_without_the_feeds_sheet_says_which_there_are(tmp_path: Path) -> None:
    made = make_feed(Settings(), tmp_path, [GOOD])
    path = tmp_path / f"{made.name}.xlsx"
    write_workbook(path, [], sheet="Other")
    feed = load_feeds(made.settings.replay.feeds_file)[made.name]
    with pytest.raises(WorkbookError, match="no sheet 'Turnstile'; there are: 'Other'"):
        load_table(feed, tmp_path, "America/Chicago")
