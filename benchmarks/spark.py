"""Rows per second of the Spark job on the cluster, and the tuning study: each setting as a ratio to the default.

The job is submitted as Airflow submits it, over the same events each time, alternating with the default, so that a
noisy machine weighs on both. Throughput is rows over the time spent in micro-batches (start-up is apart); latency is
the median micro-batch. Needs a running platform. ``python -m benchmarks.spark --tuning`` prints the study's table.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from uuid import uuid4

from confluent_kafka import Producer

from benchmarks.result import Result
from benchmarks.spark_events import Network, encode
from headway.adapters.kafka import delete_topics, ensure_topics, producer_config
from headway.core.topics import ARRIVALS, HEADWAYS, RIDERSHIP, STATION_LINES, TOPICS, TURNSTILE, WEATHER
from headway.errors import NotAsExpectedError
from headway.settings import Settings, load
from headway.spark.lease import BOUNDED
from headway.spark.progress import BATCH, summarise
from headway.spark.progress_log import read_lines
from headway.spark.submit import Tuning, application_args, submit_command, submit_environment

USED = (TURNSTILE, ARRIVALS, WEATHER, STATION_LINES, RIDERSHIP, HEADWAYS)
NETWORK = Network(stations_per_line=18, train_every_s=300)  # as many stops as the shipped network, and its trains
MONDAY = date(2026, 3, 2)
DEFAULT = Tuning(ui_port=0)
STUDY = {
    "spark.default.parallelism 2 → 8": replace(DEFAULT, default_parallelism=8),
    "spark.sql.shuffle.partitions 4 → 2": replace(DEFAULT, shuffle_partitions=2),
    "spark.sql.shuffle.partitions 4 → 8": replace(DEFAULT, shuffle_partitions=8),
    "spark.sql.shuffle.partitions 4 → 64": replace(DEFAULT, shuffle_partitions=64),
    "spark.memory.fraction 0.6 → 0.3": replace(DEFAULT, memory_fraction=0.3),
    "spark.memory.fraction 0.6 → 0.8": replace(DEFAULT, memory_fraction=0.8),
}


@dataclass(frozen=True)
class Run:
    """What one submission did."""

    rows: int
    rows_per_s: float
    batch_s: float  # the median micro-batch
    wall_s: float  # with starting the driver and its executor
    state_rows: int


def run(quick: bool) -> list[Result]:
    """Measure a day (quick) or a week, three times."""
    settings = load()
    with events(settings, 1 if quick else 7) as prefix:
        runs = [submit(settings, prefix, DEFAULT) for _ in range(1 if quick else 3)]
    last = runs[-1]
    details = {"rows": last.rows, "state_rows": last.state_rows, "wall_s": round(last.wall_s, 1)}
    return [Result("spark: rows/s of the job", [one.rows_per_s for one in runs], details=details)]


def tuning(days: int, repeats: int) -> Iterator[tuple[str, float, float]]:
    """Yield (setting, throughput ratio, latency ratio), medians over the repeats of pairs."""
    settings = load()
    with events(settings, days) as prefix:
        for name, choice in STUDY.items():
            pairs = [(submit(settings, prefix, DEFAULT), submit(settings, prefix, choice)) for _ in range(repeats)]
            throughput = statistics.median(other.rows_per_s / base.rows_per_s for base, other in pairs)
            yield name, throughput, statistics.median(other.batch_s / base.batch_s for base, other in pairs)


@contextmanager
def events(settings: Settings, days: int) -> Iterator[str]:
    """Fill topics of their own with some days of events; delete them at the end."""
    prefix = f"sparkbench-{uuid4().hex[:6]}."
    topics = [replace(topic, name=prefix + topic.name) for topic in TOPICS if topic.name in USED]
    ensure_topics(settings, topics)
    try:
        producer = Producer(producer_config(settings, queue_buffering_max_messages=100_000))
        for record in NETWORK.station_rows():
            _produce(producer, prefix, *encode(record))
        for number in range(days):
            for record in NETWORK.day(MONDAY + timedelta(days=number)):
                _produce(producer, prefix, *encode(record))
        if left := producer.flush(60):
            raise NotAsExpectedError(f"{left} events were not delivered.", next_step="see `headway logs kafka`")
        yield prefix
    finally:
        delete_topics(settings, [topic.name for topic in topics])


def submit(settings: Settings, prefix: str, choice: Tuning) -> Run:
    """Submit the job once, from nothing, and read what it did."""
    with tempfile.TemporaryDirectory(prefix="headway-spark-") as folder:
        more = ["--topic-prefix", prefix, "--max-offsets", "60000"]
        args = application_args(trigger=BOUNDED, generation=1, output=Path(folder), more=more)
        began = time.perf_counter()
        done = subprocess.run(
            submit_command(settings, args, choice),
            env=os.environ | submit_environment(settings),
            capture_output=True,
            text=True,
            check=False,
        )
        wall = time.perf_counter() - began
        if done.returncode:
            raise NotAsExpectedError(
                f"The job ended with {done.returncode}: {done.stderr[-600:]}",
                where=settings.spark.master_url,
                next_step="is the cluster up? `headway status`",
            )
        lines = [line for line in read_lines(Path(folder) / "progress") if line.event == BATCH]
    found = summarise(lines)
    batch_s = statistics.median(line.duration_ms["triggerExecution"] for line in lines) / 1000
    return Run(found.rows, found.rows_per_s, batch_s, wall, found.state_rows)


def _produce(producer: Producer, prefix: str, topic: str, key: bytes, value: bytes) -> None:
    while True:
        try:
            producer.produce(prefix + topic, key=key, value=value)
            return
        except BufferError:
            producer.poll(0.1)


def main() -> None:
    """Print the tuning study's table, or one measurement."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.spark", description=__doc__)
    parser.add_argument("--tuning", action="store_true", help="the study: two submissions a setting and repeat")
    parser.add_argument("--days", type=int, default=3, help="simulated days of events")
    parser.add_argument("--repeats", type=int, default=3, help="pairs a setting")
    asked = parser.parse_args()
    if asked.tuning:
        print("| setting | throughput | latency of a batch |\n|---|---|---|")
        for name, throughput, latency in tuning(asked.days, asked.repeats):
            print(f"| `{name}` | {throughput:.2f} | {latency:.2f} |", flush=True)
    else:
        for result in run(quick=False):
            print(result)


if __name__ == "__main__":
    main()
