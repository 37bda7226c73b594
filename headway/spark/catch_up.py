"""Wait until a running driver has processed the topics up to an end captured beforehand."""

from __future__ import annotations

import json
from collections.abc import Mapping

from headway.adapters.kafka import end_offsets
from headway.core.topics import ARRIVALS, TURNSTILE, WEATHER
from headway.errors import NotAsExpectedError
from headway.settings import Settings
from headway.spark.layout import Layout
from headway.waiting import wait_until

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


def reached(layout: Layout) -> dict[str, dict[str, int]]:
    """Give the offsets up to which the job's results are made, from its checkpoint; empty when it made none.

    The checkpoint and not the progress lines: a driver that is killed right after a batch leaves no line of it.
    """
    numbers = [int(path.name) for path in (layout.checkpoint / "commits").glob("[0-9]*") if path.name.isdigit()]
    if not numbers:
        return {}
    lines = (layout.checkpoint / "offsets" / str(max(numbers))).read_text(encoding="utf-8").splitlines()
    found: dict[str, dict[str, int]] = json.loads(lines[2])  # the version, the batch's conf, then one line a source
    return found


def wait_until_passed(layout: Layout, ends: Ends, timeout_s: float) -> None:
    """Wait until a batch of this job ended at or after ``ends``.

    Raises :class:`NotAsExpectedError` when the time is up.
    """

    def late(there: Ends) -> NotAsExpectedError:
        return NotAsExpectedError(
            f"The Spark job did not reach the end of its topics within {timeout_s:g} s.",
            where=f"job {layout.name}; reached {there}, wanted {dict(ends)}",
            next_step="see its log (`headway logs spark-transit-stream`) and the Spark UI",
        )

    wait_until(lambda: reached(layout), timeout_s, late, holds=lambda there: passed(ends, there), poll_s=0.5)
