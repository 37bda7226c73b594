"""The report fits in 100 columns, plain or coloured, and says what it could not find out."""

from __future__ import annotations

import io
from dataclasses import replace

from rich.console import Console

from headway.report.model import FeedLine, LineLine, Report, SparkLine, StationLine, Weather
from headway.report.render import COLOURS, WIDTH, render

HOUR = 3_600_000
DAWN = 1_772_431_200_000  # 2 March 2026, 00:00 in Chicago

FULL = Report(
    timezone="America/Chicago",
    generation=12,
    feeds=(FeedLine("turnstile", "transit.turnstile.v1", 8_760, DAWN, DAWN + 8_759 * HOUR, 16_470_123, 41),),
    entries=219_000_000,
    stations=(
        StationLine("Illinois Medical District", tuple(COLOURS), 20_897_000, DAWN + 17 * HOUR, 122_800),
        StationLine("station 7", (), 0, None, 0),
    ),
    lines=(LineLine("purple", 148_000_000, 520.0, 0.953), LineLine("yellow", 0, None, None)),
    weather=Weather(8_760, -27.2, 9.1, 38.6, 980.4, (("partly_cloudy", 4_000), ("precipitation", 4_760))),
    spark=SparkLine("g12-w60-e1", "available-now", 300, 56_380_000, 5321.2, 21_000, 10_600, 1_234_567, "addBatch", 2),
    places=(("Airflow", "http://127.0.0.1:8080  (user admin)"), ("Files", "/a/very/long/path" * 9)),
    missing={"Lines": "ksqlDB does not answer: ConnectError."},
)


def test_fits_in_a_hundred_columns_without_cutting_anything_off() -> None:
    text = str(render(FULL))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert "…" not in text and "\x1b" not in text
    for found in (
        "generation 12",
        "16,470,123",
        "Illinois Medical District",
        "02 Mar 17:00",
        "Rd Bl Gn Br Or Pk Pr Yl",
        "8.7 min",
        "95.3 %",
        "-27.2 to 38.6 °C",
        "partly cloudy 46%",
        "5,321 rows/s",
        "2 events came too late",
        "ConnectError",
        "user admin",
    ):
        assert found in text, found


def test_is_coloured_in_a_terminal() -> None:
    out = io.StringIO()
    Console(file=out, force_terminal=True, color_system="truecolor", width=WIDTH).print(render(FULL))
    assert "\x1b[38;2;138;99;201m" in out.getvalue()


def test_an_empty_platform_says_what_to_run() -> None:
    empty = replace(FULL, feeds=(), stations=(), lines=(), weather=None, spark=None, missing={})
    text = str(render(empty))
    assert "bin/headway run" in text
    assert "Busiest" not in text and "Spark" not in text
