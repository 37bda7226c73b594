"""Run the transit job from its arguments: take the checkpoint's lease, start the query, wait, judge.

``spark_jobs/transit_stream.py`` is the file that spark-submit is given; all it does is call :func:`main`.
"""

from __future__ import annotations

import argparse
import logging
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING
from uuid import uuid4

from headway.errors import HeadwayError, NotAsExpectedError
from headway.settings import Settings, load
from headway.spark.catch_up import input_ends, wait_until_passed
from headway.spark.layout import EPOCH, WINDOW_MINUTES, Layout
from headway.spark.lease import BOUNDED, CONTINUOUS, die_with_parent, lease, owner
from headway.spark.progress import check_exact

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

    from headway.spark.job import Options

log = logging.getLogger("headway.spark")


def parser() -> argparse.ArgumentParser:
    """Describe the job's arguments."""
    out = argparse.ArgumentParser(prog="transit_stream.py", description="Ridership, headway and delay from the events.")
    out.add_argument(
        "--trigger", choices=[BOUNDED, CONTINUOUS], default=BOUNDED, help="read what is new and end, or go on"
    )
    out.add_argument("--generation", type=int, default=None, help="of the event topics; default: the present one")
    out.add_argument("--window-minutes", type=int, choices=WINDOW_MINUTES, default=60, help="length of a window")
    out.add_argument("--epoch", type=int, default=EPOCH, help="a new number reads everything again")
    out.add_argument("--output", type=Path, default=None, help="folder of results; default: the setting output_dir")
    out.add_argument("--interval", default="5 seconds", help="time between batches of a continuous driver")
    out.add_argument(
        "--grace", default="3650 days", help="how late an event may come; an event later than that is an error"
    )
    out.add_argument("--late-after-s", type=int, default=180, help="an arrival with more delay is late")
    out.add_argument("--weather-station", default="", help="whose weather to join; default: the first by name")
    out.add_argument("--max-offsets", type=int, default=300_000, help="records in one micro-batch, at most")
    out.add_argument("--topic-prefix", default="", help="before each topic's name, for tests")
    out.add_argument("--catch-up-s", type=float, default=900.0, help="how long to wait for a running continuous driver")
    return out


def main(argv: Sequence[str] | None = None) -> int:
    """Run the job; give the exit code. An error is printed with what to do next."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    for noisy in ("py4j", "kafka"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    arguments = parser().parse_args(argv)
    die_with_parent()
    try:
        run(load(), arguments)
    except HeadwayError as error:
        log.error("%s", error)
        return 1
    return 0


def run(settings: Settings, arguments: argparse.Namespace) -> None:
    """Run the job to its end.

    Bounded: when it returns, everything that was committed to the topics at its start is in the results. When a
    continuous driver holds the checkpoint, that one is waited for instead: the results are the same.
    """
    from headway.replay.generation import current
    from headway.spark.job import Options

    generation = current(settings) if arguments.generation is None else arguments.generation
    layout = Layout(arguments.output or settings.output, generation, arguments.window_minutes, arguments.epoch)
    options = Options(
        trigger=arguments.trigger,
        interval=arguments.interval,
        grace=arguments.grace,
        late_after_s=arguments.late_after_s,
        weather_station=arguments.weather_station,
        max_offsets=arguments.max_offsets,
        topic_prefix=arguments.topic_prefix,
    )
    holder = owner(layout.lease)
    if options.trigger == BOUNDED and holder and holder.mode == CONTINUOUS:
        log.info(
            "A continuous driver (process %d) holds %s; waiting until it has passed the end.", holder.pid, layout.name
        )
        ends = input_ends(settings, options.topic_prefix)
        wait_until_passed(layout, ends, arguments.catch_up_s)
        return
    with lease(layout.lease, options.trigger):
        _stream(settings, layout, options)


def session(settings: Settings, app_name: str) -> SparkSession:
    """Give the Spark session of this driver: what spark-submit did not set comes from the settings."""
    from pyspark.sql import SparkSession

    from headway.spark.submit import local_conf

    builder = SparkSession.builder.appName(app_name)
    for name, value in local_conf(settings).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def _stream(settings: Settings, layout: Layout, options: Options) -> None:
    from pyspark.errors import StreamingQueryException

    from headway.spark.job import TransitJob
    from headway.spark.listener import ProgressListener

    spark = session(settings, f"headway transit {layout.name} {options.trigger}")
    driver = f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{uuid4().hex[:6]}"
    listener = ProgressListener(settings, layout.progress, job=layout.name, driver=driver, trigger=options.trigger)
    spark.streams.addListener(listener)
    _stop_on_signal()
    try:
        TransitJob(spark, settings, layout, options).start().awaitTermination()
    except StreamingQueryException as error:
        raise NotAsExpectedError(
            f"The streaming query failed: {_root_cause(error)}",
            where=f"Spark job {layout.name}, checkpoint {layout.checkpoint}",
            next_step="see this driver's log and the Spark UI; run the job again, it goes on at its checkpoint",
        ) from error
    finally:
        spark.stop()  # delivers the listener's last events
        listener.close()
    check_exact(listener.dropped, layout.name)


def _stop_on_signal() -> None:
    """Leave in order when TERM or INT comes; the batch in flight is made again at the next start."""

    def stop(number: int, frame: FrameType | None) -> None:
        log.info("Stopping: signal %d.", number)
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)


def _root_cause(error: BaseException) -> str:
    """Give the lines of a failure that name its causes, without the stacks."""
    causes = re.findall(r"^(?:Caused by: |)([\w.$]*(?:Exception|Error)\b.*)$", str(error), re.MULTILINE)
    return (causes[-1] if causes else str(error).strip().splitlines()[0])[:600]
