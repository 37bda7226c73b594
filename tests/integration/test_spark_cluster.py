"""The job on the standalone cluster, submitted as Airflow submits it: killed, run again, and still exact."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path

from benchmarks.spark_events import Network, true_headways, true_ridership
from headway.core.topics import HEADWAYS, RIDERSHIP
from headway.settings import Settings
from headway.spark.catch_up import input_ends, passed, reached
from headway.spark.layout import Layout
from headway.spark.lease import BOUNDED, owner, started_at
from headway.spark.progress import BATCH, Progress
from headway.spark.progress_log import read_lines
from headway.spark.submit import Tuning, application_args, submit_command, submit_environment
from tests.spark_topics import newest, own_topics, send

DAY = date(2026, 3, 2)
NETWORK = Network(stations_per_line=3)


@contextmanager
def driver(settings: Settings, prefix: str, layout: Layout, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    args = application_args(
        trigger=BOUNDED, generation=1, output=layout.root, more=["--topic-prefix", prefix, "--max-offsets", "1300"]
    )
    command = submit_command(settings, args, Tuning(ui_port=0))
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, env=os.environ | submit_environment(settings), stdout=file, stderr=subprocess.STDOUT
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def batches_of(layout: Layout) -> list[Progress]:
    return [line for line in read_lines(layout.progress) if line.event == BATCH]


def wait_for(holds: Callable[[], object], what: str, process: subprocess.Popen[bytes], timeout_s: float = 240) -> None:
    deadline = time.monotonic() + timeout_s
    while not holds():
        assert process.poll() is None, f"the driver ended before {what}"
        assert time.monotonic() < deadline, f"no {what} in {timeout_s} s"
        time.sleep(0.05)


def test_killed_driver_is_ended_whole_and_the_next_one_goes_on_exactly(platform: Settings, tmp_path: Path) -> None:
    records = NETWORK.day(DAY)
    layout = Layout(tmp_path / "output")
    with own_topics(platform) as prefix:
        send(platform, prefix, [*NETWORK.station_rows(), *records])
        with driver(platform, prefix, layout, tmp_path / "first.log") as first:
            # the second batch has begun: its end is written down, its results are not
            wait_for((layout.checkpoint / "offsets" / "1").exists, "second batch", first)
            wait_for(lambda: batches_of(layout), "report of the first batch", first)
            held = owner(layout.lease)
            assert held is not None
            assert held.jvm == first.pid, "the wrapper became the JVM, so that killing it kills the driver"
            first.send_signal(signal.SIGKILL)
            first.wait()
        deadline = time.monotonic() + 30
        while started_at(held.pid) == held.pid_started:
            assert time.monotonic() < deadline, "the Python half of the driver outlived its JVM"
            time.sleep(0.05)
        assert not (layout.checkpoint / "commits" / "1").exists()
        with driver(platform, prefix, layout, tmp_path / "second.log") as second:
            assert second.wait(300) == 0, (tmp_path / "second.log").read_text()[-3000:]
        batches = batches_of(layout)
        assert [line.batch for line in batches] == list(range(len(batches)))
        assert len(batches) > 1
        assert sum(line.rows for line in batches) == len(records)
        got = {key: (v["entries"], v["temperature_c"]) for key, v in newest(platform, prefix + RIDERSHIP).items()}
        assert got == true_ridership(records)
        headways, want = newest(platform, prefix + HEADWAYS), true_headways(records)
        assert {key: {name: headways[key][name] for name in fields} for key, fields in want.items()} == want
        assert owner(layout.lease) is None
        assert passed(input_ends(platform, prefix), reached(layout))
