"""The page that explains how to bring a workbook: its example works as printed."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
from openpyxl import Workbook

from headway.replay.prepare import prepare
from headway.replay.truth import truth
from headway.settings import PROJECT_DIR, ReplaySettings, Settings

PAGE = (PROJECT_DIR / "docs" / "bring-your-own-workbook.md").read_text(encoding="utf-8")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give the settings of a folder with the page's feed, its contract and such a workbook."""
    (feed,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (contract,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "feeds.toml").write_text(feed, encoding="utf-8")
    (tmp_path / "depot.v1.json").write_text(contract, encoding="utf-8")
    book = Workbook()
    page = book.active
    assert page is not None
    page.title = "Ausfahrten"
    rows: list[list[Any]] = [
        ["Betriebshof Nord"],
        [],
        ["Fahrzeug", "Abfahrt", "Auslastung", "Temp (°F)", "Bemerkung"],
        [101, "03.03.2025 06:05", "12,5", 50, "x"],
        ["102A", datetime(2025, 3, 3, 6, 10), 40, None, None],  # noqa: DTZ001
        ["103", "gestern", "1,0", 50, None],
    ]
    for row in rows:
        page.append(row)
    book.save(tmp_path / "depot-2026.xlsx")
    return Settings(data_dir=tmp_path, replay=ReplaySettings(feeds_file=tmp_path / "feeds.toml"))


def test_the_pages_example_becomes_events(settings: Settings) -> None:
    prepared = prepare(settings, "depot")
    hours = prepared.plan.hours_of_table()
    assert hours is not None
    encoded = prepared.encoder.encode(prepared.plan.chunk(list(hours)))
    events = [orjson.loads(value) for value in encoded.values]
    for event in events:
        assert re.fullmatch(r"[0-9a-f]{24}", event.pop("event_id"))
    assert encoded.keys == [b"101", b"102A"]
    assert events == [
        {
            "event_time": "2026-03-02T12:05:00.000Z",
            "service_date": "2026-03-02",
            "vehicle": "101",
            "load_pct": 12.5,
            "temperature_c": 10.0,
        },
        {
            "event_time": "2026-03-02T12:10:00.000Z",
            "service_date": "2026-03-02",
            "vehicle": "102A",
            "load_pct": 40.0,
            "temperature_c": None,
        },
    ]
    (rejected,) = prepared.table.rejected
    assert (rejected.row, rejected.column, rejected.value) == (6, "Abfahrt", "gestern")
    found = truth(settings, "depot", [datetime(2026, 3, 2, 12, tzinfo=UTC) + timedelta(hours=n) for n in range(2)])
    assert (list(found.events.values()), sum(found.rejected.values())) == ([2, 0], 1)
