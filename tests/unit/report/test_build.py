"""The report is made of what is there, and says which section could not be made."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from headway.errors import NotAsExpectedError
from headway.report import build
from headway.settings import Settings


def record(value: bytes | None) -> SimpleNamespace:
    return SimpleNamespace(value=lambda: value, partition=lambda: 0, offset=lambda: 7)


@pytest.mark.parametrize("stray", [None, b"null", b"[]", b"{", b'{"event_id": "x"}', b'{"temperature_c": "warm"}'])
def test_record_that_is_no_weather_is_named_and_costs_no_more_than_its_section(
    monkeypatch: pytest.MonkeyPatch, stray: bytes | None
) -> None:
    good = b'{"event_id": "a", "temperature_c": 4, "precipitation_mm": 1.5, "status": "Rain"}'
    records = [record(good), record(good)]
    monkeypatch.setattr(build, "read_all", lambda settings, topic: iter(records))
    weather = build._weather(Settings())
    assert weather is not None and (weather.hours, weather.statuses) == (1, (("Rain", 1),))
    records.append(record(stray))
    with pytest.raises(NotAsExpectedError, match=r"transit\.weather\.v1/0/7"):
        build._weather(Settings())
