"""Kafka → Spark → tables and topics, in one local Spark session: exact whatever the order events come in."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.dataset as ds
import pytest

from benchmarks.spark_events import LATE_AFTER_S, Network, Record, true_headways, true_ridership
from headway.core.topics import HEADWAYS, RIDERSHIP, TURNSTILE, WEATHER
from headway.settings import Settings
from headway.spark.layout import Layout
from headway.spark.progress import BATCH, Progress
from headway.spark.progress_log import read_lines
from headway.spark.submit import spark_conf
from tests.spark_session import local_session
from tests.spark_topics import newest, own_topics, send

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SMALL = Network(stations_per_line=2, train_every_s=1800, slot_s=1800)
DAY, WEEK = date(2026, 3, 9), [date(2026, 3, day) for day in range(2, 9)]  # clocks change on the 8th


@pytest.fixture(scope="module")
def spark(platform: Settings) -> Iterator[SparkSession]:
    conf = spark_conf(platform) | {"spark.sql.shuffle.partitions": "2", "spark.ui.enabled": "false"}
    with local_session(2, conf) as session:
        yield session


class Runs:
    """Bounded runs of the job on topics and a folder of their own."""

    def __init__(self, spark: SparkSession, settings: Settings, prefix: str, root: Path) -> None:
        self.spark, self.settings, self.prefix = spark, settings, prefix
        self.layout = Layout(root)
        self.sent: list[Record] = []

    def send(self, records: list[Record]) -> int:
        self.sent += records
        return send(self.settings, self.prefix, records)

    def run(self, max_offsets: int = 300_000) -> list[Progress]:
        from headway.spark.job import Options, TransitJob
        from headway.spark.listener import ProgressListener

        number = len(list(self.layout.progress.glob("*.jsonl")))
        listener = ProgressListener(
            self.settings, self.layout.progress, job=self.layout.name, driver=f"d{number}", trigger="available-now"
        )
        self.spark.streams.addListener(listener)
        options = Options(topic_prefix=self.prefix, max_offsets=max_offsets, late_after_s=LATE_AFTER_S)
        try:
            TransitJob(self.spark, self.settings, self.layout, options).start().awaitTermination()
            self.spark.sparkContext._jsc.sc().listenerBus().waitUntilEmpty()
        finally:
            self.spark.streams.removeListener(listener)
            listener.close()
        return [line for line in read_lines(self.layout.progress, driver=f"d{number}") if line.event == BATCH]

    def ridership(self) -> dict[str, tuple[int, float | None]]:
        return {
            key: (v["entries"], v["temperature_c"]) for key, v in newest(self.settings, self.topic(RIDERSHIP)).items()
        }

    def headways(self) -> dict[str, dict[str, Any]]:
        return newest(self.settings, self.topic(HEADWAYS))

    def topic(self, name: str) -> str:
        return self.prefix + name

    def assert_exact(self) -> None:
        assert self.ridership() == true_ridership(self.sent)
        want, got = true_headways(self.sent), self.headways()
        assert len(want) > 100
        assert {key: {name: got[key][name] for name in fields} for key, fields in want.items()} == want
        assert got.keys() == want.keys()
        stored = ds.dataset(self.layout.table("ridership"), format="parquet", partitioning="hive").to_table()
        assert sum(stored["entries"].to_pylist()) == sum(v["num_entries"] for t, _, v in self.sent if t == TURNSTILE)
        assert stored.num_rows == len(true_ridership(self.sent))


@pytest.fixture
def runs(spark: SparkSession, platform: Settings, tmp_path: Path) -> Iterator[Runs]:
    with own_topics(platform) as prefix:
        send(platform, prefix, SMALL.station_rows())
        yield Runs(spark, platform, prefix, tmp_path / "output")


def test_replaying_a_day_then_the_week_before_then_the_day_again_is_exact(runs: Runs) -> None:
    day = SMALL.day(DAY)
    half = len(day) // 2
    runs.send(day[:half])
    runs.run()
    week = [record for each in WEEK for record in SMALL.day(each)]
    count = runs.send(week)
    reports = runs.run(max_offsets=3000)
    assert sum(line.rows for line in reports) == count, "a second run reads only what is new"
    assert len(reports) > 1
    count = runs.send(day[half:])  # what the day still lacked: hours that were made already are made again
    reports = runs.run()
    assert sum(line.rows for line in reports) == count
    assert sum(line.dropped_late for line in reports) == 0
    assert reports[-1].state_rows > len(true_ridership(runs.sent))
    assert reports[-1].watermark is not None
    runs.assert_exact()


def test_weather_and_stations_that_come_late_reach_rows_already_made(runs: Runs, platform: Settings) -> None:
    day = SMALL.day(DAY)
    runs.send([record for record in day if record[0] != WEATHER])
    send(platform, runs.prefix, SMALL.turnstile(WEEK[0]), commit=False)  # an aborted replay never happened
    runs.run()
    assert {temperature for _, temperature in runs.ridership().values()} == {None}
    weather = [record for record in day if record[0] == WEATHER]
    runs.send(weather)
    send(platform, runs.prefix, weather)  # the REST proxy is at-least-once: the same events again
    topic, key, value = next(iter(SMALL.station_rows()))
    send(platform, runs.prefix, [(topic, key, value | {"station_name": "Renamed"})])
    runs.run()
    runs.assert_exact()
    rows = newest(platform, runs.topic(RIDERSHIP)).values()
    assert {row["station_name"] for row in rows if str(row["station_id"]) == key} == {"Renamed"}
    assert {row["line_order"] for row in rows} == {0, 1}


def test_record_that_cannot_be_decoded_is_counted_and_costs_no_other(runs: Runs, platform: Settings) -> None:
    runs.send(SMALL.day(DAY))
    topic, key, value = next(iter(SMALL.turnstile(DAY)))
    send(platform, runs.prefix, [(topic, key, value | {"num_entries": "many"}), (topic, key, {"not": "ours"})])
    reports = runs.run()
    assert sum(line.rejected for line in reports) == 2
    runs.assert_exact()
