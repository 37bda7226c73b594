"""Tables made in memory from rows, as if read from a sheet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from headway.core.feeds import Feed, load_feeds
from headway.core.table import Table
from headway.settings import PROJECT_DIR
from headway.workbooks.load import check_sheet
from headway.workbooks.sheet import RawColumn, RawSheet

MakeTable = Callable[[Feed, Sequence[Sequence[Any]]], Table]


@pytest.fixture(scope="session")
def feeds() -> dict[str, Feed]:
    """Give the shipped feeds."""
    return load_feeds(PROJECT_DIR / "data" / "feeds.toml")


@pytest.fixture(scope="session")
def make_table() -> MakeTable:
    """Give a function that checks rows (cells in the order of the feed's columns) as a sheet's."""

    def make(feed: Feed, rows: Sequence[Sequence[Any]]) -> Table:
        columns = {}
        for header, cells in zip(feed.headers, zip(*rows, strict=True), strict=True):
            codes = {cell: code for code, cell in enumerate(dict.fromkeys(cells))}
            columns[header] = RawColumn(codes=np.array([codes[c] for c in cells], dtype=np.int32), distinct=list(codes))
        numbers = np.arange(2, 2 + len(rows), dtype=np.int32)
        raw = RawSheet(Path("made.xlsx"), feed.sheet, columns, numbers)
        return check_sheet(feed, raw, ZoneInfo("America/Chicago"), "0" * 64)

    return make
