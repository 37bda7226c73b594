"""Wait until a running driver has processed the topics up to an end captured beforehand."""

from __future__ import annotations

import time
from collections.abc import Mapping

from headway.adapters.kafka import end_offsets
from headway.core.topics import ARRIVALS, TURNSTILE, WEATHER
from headway.errors import NotAsExpectedError
from headway.settings import Settings
from headway.spark.layout import Layout
from headway.spark.progress import BATCH, TERMINATED, read_lines

Ends = Mapping[str, Mapping[str, int]]


def input_ends(settings: Settings, prefix: str = "") -> Ends:
    """Give the committed end of each partition of the job's input topics, as Spark writes offsets."""
    topics = [prefix + name for name in (TURNSTILE, ARRIVALS, WEATHER)]
    return {topic: {str(at): end for at, end in end_offsets(settings, topic).items()} for topic in topics}


def passed(ends: Ends, reached: Ends) -> bool:
    """Say whether ``reached`` is at or after ``ends`` in every partition."""
    return all(
        reached.get(topic, {}).get(at, 0) >= end for topic, partitions in ends.items() for at, end in partitions.items()
    )


def wait_until_passed(layout: Layout, ends: Ends, timeout_s: float) -> None:
    """Wait until a batch of this job ended at or after ``ends``.

    Raises :class:`NotAsExpectedError` when the time is up, or the newest driver has ended meanwhile.
    """
    deadline = time.monotonic() + timeout_s
    reached: Ends = {}
    while True:
        lines = [line for line in read_lines(layout.progress, job=layout.name) if line.event in (BATCH, TERMINATED)]
        reached = next((line.end_offsets for line in reversed(lines) if line.event == BATCH), {})
        if passed(ends, reached):
            return
        if time.monotonic() >= deadline:
            raise NotAsExpectedError(
                f"The continuous driver did not reach the end of the topics within {timeout_s:g} s.",
                where=f"Spark job {layout.name}; reached {dict(reached)}, wanted {dict(ends)}",
                next_step="see its log (`headway logs spark-transit-stream`) and the Spark UI",
            )
        time.sleep(0.5)
