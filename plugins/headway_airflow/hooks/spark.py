"""What the Spark job has processed, and what there is to process."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from headway_airflow.probes import EVENT_TOPICS, NotYet

if TYPE_CHECKING:
    from headway.settings import Settings

PROGRAM = "spark-transit-stream"
Offsets = dict[str, dict[int, int]]


def ends(settings: Settings) -> Offsets:
    """Capture the ends of the topics that the job reads."""
    from headway.adapters.kafka import end_offsets

    return {topic: end_offsets(settings, topic) for topic in EVENT_TOPICS}


def job_name(settings: Settings) -> str:
    """Name the job of the current generation."""
    from headway.replay.generation import current

    from headway.spark.layout import layout_of

    return layout_of(settings, generation=current(settings)).name


def reached(settings: Settings) -> Offsets:
    """Give the offsets up to which the job of this generation has processed."""
    from headway.spark.progress import read_progress

    out: Offsets = {}
    for line in read_progress(settings, job=job_name(settings)):
        for topic, partitions in line.end_offsets.items():
            out.setdefault(topic, {}).update({int(number): int(offset) for number, offset in partitions.items()})
    return out


def missing(ends: Offsets, reached: Offsets) -> dict[str, int]:
    """Count, by topic, the offsets between what is processed and what there is."""
    behind = {
        topic: sum(max(0, end - reached.get(topic, {}).get(number, 0)) for number, end in partitions.items())
        for topic, partitions in ends.items()
    }
    return {topic: count for topic, count in behind.items() if count}


def continuous_runs(settings: Settings) -> bool:
    """Say whether the continuous driver is running under our supervisor."""
    if settings.profile != "embedded":
        return False
    from headway.runtime.supervision import Supervision

    return Supervision(settings).status(PROGRAM).running


def continuous_wanted(settings: Settings) -> bool:
    """Say whether the continuous driver is meant to run: it runs, or ended by itself."""
    if settings.profile != "embedded":
        return False
    from headway.runtime.supervision import Supervision

    return Supervision(settings).status(PROGRAM).state not in ("STOPPED", "ABSENT")


def stop_continuous(settings: Settings) -> None:
    """Stop the continuous driver, its last batch whole."""
    from headway.runtime.supervision import Supervision

    Supervision(settings).stop(PROGRAM)


def start_continuous(settings: Settings) -> None:
    """Start the continuous driver as it was last asked for."""
    from headway.runtime.supervision import Supervision

    Supervision(settings).start(PROGRAM)


def restart_continuous(settings: Settings) -> None:
    """Stop and start the continuous driver as it was last asked for."""
    from headway.runtime.supervision import Supervision

    Supervision(settings).restart(PROGRAM)


def processing(settings: Settings, after: float) -> dict[str, Any] | NotYet:
    """Look whether the continuous driver has truly processed since ``after`` (seconds since the epoch)."""
    from headway.spark.progress import read_progress, why_not_processing

    lines = [line for line in read_progress(settings, job=job_name(settings)) if line.trigger == "continuous"]
    why = why_not_processing(lines, datetime.now(UTC), since=datetime.fromtimestamp(after, UTC))
    if why:
        return NotYet(why, next_step=f"`headway logs {PROGRAM}`")
    last = lines[-1]
    return {"driver": last.driver, "batch": last.batch, "at": last.at, "offsets_behind": last.offsets_behind}


def caught_up(settings: Settings, ends: Offsets) -> dict[str, Any] | NotYet:
    """Look whether the job has reached captured ends."""
    behind = missing(ends, reached(settings))
    if behind:
        return NotYet(f"Spark has still to process {behind}", next_step=f"`headway logs {PROGRAM}`")
    return {"reached": {topic: sum(partitions.values()) for topic, partitions in ends.items()}}
