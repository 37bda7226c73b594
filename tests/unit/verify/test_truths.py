"""What results must be, from small tables of events."""

from __future__ import annotations

import pandas as pd

from headway.core.clock import HOUR_MS
from headway.verify import truths
from headway.verify.source import nothing_of

M = 60_000


def _entries() -> pd.DataFrame:
    rows = [
        (0, "2026-03-02", 40380, "blue", 5),
        (15 * M, "2026-03-02", 40380, "blue", 6),
        (15 * M, "2026-03-02", 40380, "green", 1),
        (HOUR_MS, "2026-03-02", 40380, "blue", 7),
        (0, "2026-03-01", 40900, "red", 2),
    ]
    return pd.DataFrame(rows, columns=["event_ms", "service_date", "station_id", "line", "num_entries"])


def test_counts_entries_by_station_and_hour_by_line_and_ever() -> None:
    entries = _entries()
    assert truths.station_hours(entries) == {(40380, 0): (12, 3), (40380, HOUR_MS): (7, 1), (40900, 0): (2, 1)}
    assert truths.line_hours(entries)["green", 0] == (1, 1)
    assert truths.station_totals(entries) == {40380: (19, 4), 40900: (2, 1)}


def test_ridership_is_by_service_date_and_window() -> None:
    table = truths.ridership(_entries(), 30)
    assert table["2026-03-02", 40380, "blue", 0] == (11, 2)
    assert table["2026-03-01", 40900, "red", 0] == (2, 1)
    assert len(table) == 4


def test_a_headway_counts_in_the_window_of_the_later_train_and_the_first_has_none() -> None:
    rows = [
        # One station, two trains across an hour's end; the other direction has a single train.
        (58 * M, "d", "red", "S", 1, 0),
        (68 * M, "d", "red", "S", 1, 120),
        (74 * M, "d", "red", "S", 1, 0),
        (65 * M, "d", "red", "S", 2, 30),
        (58 * M, "d", "red", "N", 1, 0),
    ]
    columns = ["event_ms", "service_date", "line", "direction", "station_id", "delay_s"]
    table = truths.headways(pd.DataFrame(rows, columns=columns).sample(frac=1, random_state=1), 60)
    assert table["d", "red", "S", 0] == (1, 0, None, None, 0, 0)
    assert table["d", "red", "S", HOUR_MS] == (3, 2, 960.0, 600.0, 150, 120)
    assert table["d", "red", "N", 0] == (1, 0, None, None, 0, 0)
    assert truths.arrival_hours(pd.DataFrame(rows, columns=columns))["red", "S", HOUR_MS] == (3, 150)


def test_weather_of_an_hour_is_that_of_the_first_station_s_latest_observation() -> None:
    rows = [
        (0, "ORD", 3.0, "sunny", 0.0, 1.0),
        (10 * M, "MDW", 1.0, "cloudy", 0.0, 1.0),
        (50 * M, "MDW", 2.0, "windy", 0.0, 9.0),
    ]
    columns = ["event_ms", "weather_station", "temperature_c", "status", "precipitation_mm", "wind_ms"]
    assert truths.weather_hours(pd.DataFrame(rows, columns=columns)) == {0: ("MDW", 2.0, "windy", 0.0, 9.0)}


def test_no_events_make_empty_tables() -> None:
    entries = _entries().iloc[:0]
    assert truths.station_hours(entries) == truths.ridership(entries, 60) == truths.station_totals(entries) == {}


def test_fingerprints_see_a_changed_id_but_not_the_order_or_a_repeat() -> None:
    def made(*ids: str) -> truths.Fingerprints:
        prints = truths.Fingerprints()
        for one in ids:
            prints.add(0, one)
        return prints

    assert made("a", "b").table() == made("b", "a", "b").table()
    assert made("b", "a", "b").records() == {0: 3}
    assert made("a", "b").table() != made("a", "c").table()
    assert made("a", "b").table() != made("a").table()


def test_a_topic_that_no_feed_writes_must_have_no_results() -> None:
    entries, arrivals, weather = (nothing_of(f"{name}.v1.json") for name in ("turnstile", "arrivals", "weather"))
    assert truths.station_hours(entries) == truths.line_hours(entries) == truths.ridership(entries, 15) == {}
    assert truths.arrival_hours(arrivals) == truths.headways(arrivals, 60) == truths.weather_hours(weather) == {}
