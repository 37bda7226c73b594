"""Waiting for Spark, and sorting its rows, without Spark."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest

from headway.errors import NotAsExpectedError
from headway.settings import Settings
from headway.verify import observe
from headway.verify.compare import compare
from headway.verify.readers import newest_job, settled, wait_for_spark

TOPIC = "transit.turnstile.v1"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Give settings whose output has the checkpoints of four jobs in three generations, the later the newer."""
    jobs = {"g1-w60-e1": 9, "g2-w60-e1": 40, "g2-w15-e3": 50, "g3-w60-e1": 7}
    for minute, (job, end) in enumerate(jobs.items()):
        checkpoint = tmp_path / job / "_checkpoint"
        for name in ("commits", "offsets"):
            (checkpoint / name).mkdir(parents=True)
        ends = json.dumps({TOPIC: {"0": end, "1": end}})
        (checkpoint / "offsets" / "3").write_text(f"v1\n{{}}\n{ends}\n")
        (checkpoint / "commits" / "3").write_text("v1\n{}\n")
        os.utime(checkpoint / "commits" / "3", (60 * minute, 60 * minute + 1))
    return Settings(output_dir=tmp_path)


def test_takes_the_job_that_made_a_batch_last_in_this_generation(settings: Settings) -> None:
    assert newest_job(settings, 2).name == "g2-w15-e3"
    assert newest_job(settings, 1).name == "g1-w60-e1"
    assert newest_job(settings, 9).name == "g9-w60-e1"


def test_a_marker_after_the_last_record_is_not_waited_for(settings: Settings) -> None:
    wait_for_spark(newest_job(settings, 2), {TOPIC: {0: 50, 1: 12}}, time.monotonic() + 60)


def test_results_that_lack_records_are_an_error_at_once_when_no_driver_runs(settings: Settings) -> None:
    begun = time.monotonic()
    with pytest.raises(NotAsExpectedError, match="do not hold all that is in the topics"):
        wait_for_spark(newest_job(settings, 2), {TOPIC: {0: 51}}, begun + 60)
    assert time.monotonic() - begun < 5


def test_small_tables_are_compared_until_they_are_equal() -> None:
    found = iter([1, 2, 3, 4])
    check = settled(
        lambda: compare("c", {0: (3,)}, {0: (next(found),)}, place=str, fields=("n",), cure=""), time.monotonic() + 30
    )
    assert check.equal and next(found) == 4


def test_an_hour_with_two_weathers_shows_both() -> None:
    row = {"station_id": 1, "line": "red", "entries": 2, "records": 1, "weather_station": "MDW", "wind_ms": 1.0}
    row |= {"weather_status": "sunny", "precipitation_mm": 0.0}
    rows = [("d", row | {"window_start": at, "temperature_c": at / 1000}) for at in (0, 1000, 3_600_000)]
    entries, weather = observe.ridership_table(iter(rows))
    assert len(entries) == 3 and entries["d", 1, "red", 0] == (2, 1)
    assert len(weather[0]) == 2 and len(weather[3_600_000]) == 5
