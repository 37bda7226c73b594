"""What the Spark job has processed, and what there is to process."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from headway.core.topics import STATION_LINES
from headway.errors import NotAsExpectedError
from headway_airflow.probes import NotYet

if TYPE_CHECKING:
    from headway.settings import Settings
    from headway.spark.catch_up import Ends
    from headway.spark.layout import Layout
    from headway.spark.lease import Owner

PROGRAM = "spark-transit-stream"
_NOTE = "_stations_offsets.json"


def layout(settings: Settings) -> Layout:
    """Give the folders of the current generation's job."""
    from headway.replay.generation import current
    from headway.spark.layout import layout_of

    return layout_of(settings, generation=current(settings))


def reached(settings: Settings) -> Ends:
    """Give the offsets up to which the job of this generation has processed."""
    from headway.spark.catch_up import reached

    return reached(layout(settings))


def behind(ends: Ends, reached: Ends) -> dict[str, int]:
    """Count, by topic, the offsets between what is processed and what there is."""
    counts = {
        topic: sum(max(0, end - reached.get(topic, {}).get(number, 0)) for number, end in partitions.items())
        for topic, partitions in ends.items()
    }
    return {topic: count for topic, count in counts.items() if count}


def stations_changed(settings: Settings) -> bool:
    """Say whether the stations' topic moved since the job last ended (it makes its results again then)."""
    note = layout(settings).folder / _NOTE
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):  # none, or one that a killed task left half-written
        return True
    return bool(noted != stations(settings))


def note_stations(settings: Settings, offsets: dict[str, int]) -> None:
    """Remember where the stations' topic was when the job began."""
    note = layout(settings).folder / _NOTE
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(offsets), encoding="utf-8")


def stations(settings: Settings) -> dict[str, int]:
    """Give the end of the stations' topic."""
    from headway.adapters.kafka import end_offsets

    return {str(number): end for number, end in end_offsets(settings, STATION_LINES).items()}


def wait_until_idle(settings: Settings, limit_s: float = 600.0) -> None:
    """Wait until no driver works on the present generation.

    Raises :class:`NotAsExpectedError` that names the driver when one still does after ``limit_s``.
    """
    from headway.spark.lease import owner
    from headway.waiting import wait_until

    lease = layout(settings).lease

    def late(holder: Owner | None) -> NotAsExpectedError:
        who = f"process {holder.pid}, {holder.mode}" if holder else "gone by now"
        return NotAsExpectedError(
            f"A Spark driver ({who}) still works after {limit_s:g} s.",
            where=str(lease),
            next_step="let its task end, or mark it failed in Airflow, then clear this one",
        )

    wait_until(lambda: owner(lease), limit_s, late, holds=lambda holder: holder is None, poll_s=0.5)


def continuous_wanted(settings: Settings) -> bool:
    """Say whether the continuous driver is meant to run now: it was asked for, and no reset pauses it."""
    return continuous_registered(settings) and _continuous_state(settings) != "STOPPED"


def continuous_registered(settings: Settings) -> bool:
    """Say whether somebody asked for the continuous driver, and nobody for its end: a reset only pauses it."""
    from headway.runtime.wanted import Wanted

    return settings.profile == "embedded" and PROGRAM in Wanted(settings)


def _continuous_state(settings: Settings) -> str:
    from headway.runtime.supervision import Supervision

    return Supervision(settings).status(PROGRAM).state


def stop_continuous(settings: Settings) -> None:
    """Stop the continuous driver, its last batch whole."""
    from headway.runtime.supervision import Supervision

    Supervision(settings).stop(PROGRAM)


def start_continuous(settings: Settings) -> None:
    """Start the continuous driver as it was last asked for."""
    from headway.runtime.wanted import Wanted

    Wanted(settings).begin(PROGRAM)


def restart_continuous(settings: Settings) -> None:
    """Stop and start the continuous driver as it was last asked for."""
    stop_continuous(settings)
    start_continuous(settings)


def processing(settings: Settings, after: float) -> dict[str, Any] | NotYet:
    """Look whether the continuous driver has truly processed since ``after`` (seconds since the epoch).

    What an earlier process of it reported does not count. Raises :class:`NotAsExpectedError` when the job has ever
    dropped an event: waiting is no use then.
    """
    from headway.runtime.supervision import Supervision
    from headway.spark.lease import CONTINUOUS
    from headway.spark.progress import check_exact, why_not_processing
    from headway.spark.progress_log import recent

    folders = layout(settings)
    check_exact(dropped(settings), folders.name)
    program = Supervision(settings).status(PROGRAM)
    now, next_step = datetime.now(UTC), f"`headway logs {PROGRAM}`"
    if not program.running:
        return NotYet(f"the driver does not run (the supervisor says {program.state})", next_step=next_step)
    since = max(datetime.fromtimestamp(after, UTC), now - timedelta(seconds=program.since_s))
    lines = [line for line in recent(folders.progress, job=folders.name, since=since) if line.trigger == CONTINUOUS]
    if why := why_not_processing(lines, now, since=since):
        return NotYet(why, where=str(folders.progress), next_step=next_step)
    last = lines[-1]
    return {"driver": last.driver, "batch": last.batch, "at": last.at, "offsets_behind": last.offsets_behind}


def dropped(settings: Settings) -> int:
    """Count the events that the job has ever dropped, whether its driver still runs or not."""
    from headway.spark.progress import add_up
    from headway.spark.progress_log import history

    folders = layout(settings)
    before, lines = history(folders.progress, job=folders.name)
    return (before + add_up(lines)).dropped_late
