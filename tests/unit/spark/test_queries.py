"""The query functions on small tables, compared with a plain loop over the same events."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from benchmarks.spark_events import (
    LATE_AFTER_S,
    Network,
    Record,
    encode,
    true_headways,
    true_ridership,
)
from headway.core.topics import STATION_LINES, TURNSTILE

if TYPE_CHECKING:
    from pyspark.sql import DataFrame, SparkSession

DAY = date(2026, 11, 1)  # the clocks go back that night: 25 hours
NETWORK = Network(stations_per_line=2, slot_s=1800, train_every_s=2700)
GRACE = "3650 days"


def as_kafka(spark: SparkSession, records: list[Record]) -> DataFrame:
    import pyarrow as pa

    rows = [encode(record) for record in records]
    columns = [pa.array([row[0] for row in rows], pa.string())]
    columns += [pa.array([row[number] for row in rows], pa.binary()) for number in (1, 2)]
    return spark.createDataFrame(pa.table(columns, names=["topic", "key", "value"]))


@pytest.fixture(scope="module")
def records() -> list[Record]:
    made = NETWORK.day(DAY)
    random.Random(7).shuffle(made)
    return made


@pytest.fixture(scope="module")
def state(spark: SparkSession, records: list[Record]) -> DataFrame:
    from headway.spark.events import decode
    from headway.spark.queries import windowed

    return windowed(decode(as_kafka(spark, records)), minutes=30, grace=GRACE).cache()


def test_ridership_has_every_entry_once_with_the_weather_of_its_hour(
    spark: SparkSession, state: DataFrame, records: list[Record]
) -> None:
    from headway.spark import queries as q
    from headway.spark.stations import newest_stations

    stations = newest_stations((key, value) for _, key, value in map(encode, NETWORK.station_rows()))
    hours = q.weather_by_hour(q.weather_rows(state))
    made = q.ridership(q.ridership_rows(state), hours, stations.frame(spark)).collect()
    got = {
        f"{r.service_date}|{r.station_id}|{r.line}|{instant(r.window_start)}|30m": (r.entries, r.temperature_c)
        for r in made
    }
    assert got == true_ridership(records, 30)
    assert len(got) == len(made) > 100
    shared = [row for row in made if row.station_id == 49999]
    assert {(row.line, row.line_order) for row in shared} == {(line, 1) for line in ("red", "blue", "green", "brown")}


def test_headways_are_those_between_successive_trains_at_a_platform(state: DataFrame, records: list[Record]) -> None:
    from headway.spark import queries as q

    made = q.headways(q.stop_rows(state), late_after_s=LATE_AFTER_S).collect()
    want = true_headways(records, 30)
    got = {f"{r.service_date}|{r.line}|{r.direction}|{instant(r.window_start)}|30m": r.asDict() for r in made}
    assert {key: {name: got[key][name] for name in fields} for key, fields in want.items()} == want
    assert len(made) == len(want) > 50
    row = max(made, key=lambda one: one.headways)
    assert row.headway_mean_s == pytest.approx(row.headway_sum_s / row.headways, abs=1e-3)
    assert row.late_share == pytest.approx(row.late / row.trains, abs=1e-4)


def test_weather_is_one_row_an_hour_the_latest_of_the_first_station(spark: SparkSession) -> None:
    from headway.spark import queries as q

    at = datetime(2026, 3, 2, 13, tzinfo=UTC)
    late = at.replace(minute=50)
    rows = [
        ("ORD", at, at, "a", 1.0, "sunny", 0.0, 1.0, "2026-03-02"),
        ("MDW", at, at, "b", 2.0, "sunny", 0.0, 1.0, "2026-03-02"),
        ("MDW", at, late, "c", 3.0, "windy", 0.0, 9.0, "2026-03-02"),
        ("MDW", at, late, "c", 3.0, "windy", 0.0, 9.0, "2026-03-02"),
    ]
    seen = spark.createDataFrame(rows, q.WEATHER_SCHEMA)
    assert [(r.weather_station, r.temperature_c, r.weather_status) for r in q.weather_by_hour(seen).collect()] == [
        ("MDW", 3.0, "windy")
    ]
    assert [r.temperature_c for r in q.weather_by_hour(seen, "ORD").collect()] == [1.0]


def test_key_says_the_window_and_value_names_every_column(spark: SparkSession) -> None:
    import json

    from headway.spark import queries as q
    from headway.spark.store import empty

    at = datetime(2026, 3, 2, 13, tzinfo=UTC)
    row = ("red", "N", at, at.replace(hour=14), 1, 0, None, None, None, 5, 5.0, 5, 0, 0.0, "2026-03-02")
    made = q.keyed_json(spark.createDataFrame([row], q.HEADWAYS_SCHEMA), q.HEADWAY_KEY, 60).collect()[0]
    assert made.key == "2026-03-02|red|N|2026-03-02T13:00:00.000Z|60m"
    value = json.loads(made.value)
    assert value.keys() == {*empty(spark, q.HEADWAYS_SCHEMA).columns, "window_minutes"}
    assert value["headway_mean_s"] is None


def test_row_differs_when_any_column_does_and_nulls_are_equal(spark: SparkSession) -> None:
    from headway.spark.queries import differing
    from headway.spark.store import empty

    schema = "id int, entries int, lines array<string>"
    old = spark.createDataFrame([(1, 10, None), (2, None, ["red"]), (3, 30, ["red"])], schema)
    new = spark.createDataFrame([(1, 10, None), (2, None, ["red"]), (3, 30, ["blue"]), (4, None, None)], schema)
    assert sorted(row.id for row in differing(new, old).collect()) == [3, 4]
    assert differing(new, new).count() == 0
    assert differing(new, empty(spark, schema)).count() == 4


def test_table_replaces_a_partition_and_leaves_the_others(spark: SparkSession, tmp_path: Path) -> None:
    from headway.spark.queries import upsert
    from headway.spark.store import PartitionedTable

    table = PartitionedTable(tmp_path / "table", "id int, entries int, service_date string", "service_date")
    rows = spark.createDataFrame([(1, 10, "2026-03-02"), (2, 20, "2026-03-02"), (3, 30, "2026-03-03")], table.schema)
    assert table.replace(rows, tmp_path / "staging") == {"2026-03-02", "2026-03-03"}
    untouched = (table.folder / "service_date=2026-03-03" / "part.parquet").stat().st_ino
    changed = spark.createDataFrame([(2, 21, "2026-03-02"), (4, 40, "2026-03-02")], table.schema)
    for _ in range(2):  # a batch that is run again ends in the same place
        old = table.read(spark, {"2026-03-02"})
        table.replace(upsert(old, changed, ["service_date", "id"]), tmp_path / "staging")
    assert sorted(map(tuple, table.read(spark).collect())) == [
        (1, 10, "2026-03-02"),
        (2, 21, "2026-03-02"),
        (3, 30, "2026-03-03"),
        (4, 40, "2026-03-02"),
    ]
    assert (table.folder / "service_date=2026-03-03" / "part.parquet").stat().st_ino == untouched


def test_station_whose_newest_record_is_a_tombstone_is_gone() -> None:
    from headway.spark.stations import newest_stations

    records = [encode(record)[1:] for record in NETWORK.station_rows()]
    gone = [*records, (records[0][0], None)]
    assert len(newest_stations(gone).rows) == len(records) - 1
    assert newest_stations(gone).digest != newest_stations(records).digest
    assert newest_stations(records[::-1]).digest == newest_stations(records).digest
    assert all(topic == STATION_LINES for topic, _, _ in NETWORK.station_rows())


def test_event_without_what_its_query_needs_is_not_accepted(spark: SparkSession) -> None:
    from headway.spark.events import decode

    topic, key, value = next(iter(NETWORK.turnstile(DAY)))
    bad = [value | {"num_entries": None}, value | {"service_date": "today"}, value | {"event_time": "soon"}, {}]
    rows = decode(as_kafka(spark, [(TURNSTILE, key, value), *((topic, key, one) for one in bad)])).collect()
    assert [row.accepted for row in rows] == [True, False, False, False, False]


def instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
