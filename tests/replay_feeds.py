"""Small feeds for tests: a workbook of some stations and slots, and the description that replays it."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openpyxl import Workbook

from headway.settings import ReplaySettings, Settings

LINES = ("red", "blue", "green")
DAY_TYPES = ("weekday", "saturday", "sunday")
HEADER = ("day_type", "slot start (s of service day)", "station_id", "station_name", "line", "entries (persons)")

FEED = """
[{name}]
workbook = "{workbook}"
sheet = "Turnstile"
topic = "{topic}"
partitions = 3
message_key = "station_id"
business_key = ["station_id", "line"]
contract = "turnstile.v1.json"
transport = "{transport}"
ledger_partition = {partition}

[{name}.calendar]
kind = "day-type"
day_type = "day_type"
time = "slot_start"

[{name}.columns]
day_type = {{ header = "day_type", type = "text" }}
slot_start = {{ header = "slot start (s of service day)", type = "service-time", format = "seconds", unit = "s" }}
station_id = {{ header = "station_id", type = "integer" }}
station_name = {{ header = "station_name", type = "text" }}
line = {{ header = "line", type = "text" }}
num_entries = {{ header = "entries (persons)", type = "integer", unit = "persons" }}
"""


@dataclass(frozen=True)
class TestFeed:
    """A feed of its own: nothing that other tests replay has its name, topic or workbook."""

    __test__ = False

    name: str
    topic: str
    settings: Settings


def good_rows(stations: int = 12, slots_an_hour: int = 4) -> list[tuple[Any, ...]]:
    """Give rows from 00:00 to 25:00 for each day type; each day type has its own figures."""
    step = 3600 // slots_an_hour
    return [
        (
            day,
            second,
            40000 + 10 * station,
            f"Station {station}",
            LINES[station % 3],
            (second // step + station + at) % 50,
        )
        for at, day in enumerate(DAY_TYPES)
        for second in range(0, 25 * 3600, step)
        for station in range(stations)
    ]


def write_workbook(path: Path, rows: Sequence[Sequence[Any]], sheet: str = "Turnstile") -> Path:
    """Write a workbook with one sheet of these rows under the usual header."""
    book = Workbook(write_only=True)
    page = book.create_sheet(sheet)
    page.append(HEADER)
    for row in rows:
        page.append(list(row))
    book.save(path)
    return path


def make_feed(
    base: Settings,
    folder: Path,
    rows: Sequence[Sequence[Any]] | None = None,
    *,
    transport: str = "producer",
    partition: int = 7,
    **replay: Any,
) -> TestFeed:
    """Make a feed with a fresh name and topic, and the settings that find it."""
    name = f"test-{uuid.uuid4().hex[:8]}"
    topic = f"test.{name}.v1"
    write_workbook(folder / f"{name}.xlsx", good_rows() if rows is None else rows)
    described = FEED.format(name=name, workbook=f"{name}.xlsx", topic=topic, transport=transport, partition=partition)
    feeds = folder / f"{name}.toml"
    feeds.write_text(described, encoding="utf-8")
    own = ReplaySettings(**{**base.replay.model_dump(), "feeds_file": feeds, **replay})
    return TestFeed(name, topic, base.model_copy(update={"data_dir": folder, "replay": own}))
