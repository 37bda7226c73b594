"""The Faust workers, and what tells that they do their work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headway.errors import NotAsExpectedError
from headway_airflow.probes import NotYet

if TYPE_CHECKING:
    from headway.runtime.parts.faust import FaustWorker
    from headway.runtime.supervision import Supervision
    from headway.settings import Settings


def workers(settings: Settings) -> list[FaustWorker]:
    """Give the workers' programs; none where no supervisor of ours runs."""
    from headway.runtime.parts.faust import FaustWorker

    if settings.profile != "embedded":
        return []
    return [FaustWorker(settings, number) for number in range(1, settings.faust.workers + 1)]


def _supervision(settings: Settings) -> Supervision:
    from headway.runtime.supervision import Supervision

    return Supervision(settings)


def start(settings: Settings) -> list[str]:
    """Start what does not run, and do not wait; give the programs' names."""
    from headway.stations.workers import begin

    return begin(settings)


def stop(settings: Settings) -> list[str]:
    """Stop all, the standbys first, so that none takes over meanwhile."""
    from headway.stations.workers import stop as stop_workers

    stop_workers(settings)
    return [worker.name for worker in workers(settings)]


def restart(settings: Settings) -> list[str]:
    """Stop and start all."""
    stop(settings)
    return start(settings)


def restart_stuck(settings: Settings) -> list[str]:
    """Restart those that are not well, and wait until they are; give their names."""
    from headway.stations.workers import restart_stuck as restart_workers

    return restart_workers(settings)


def any_wanted(settings: Settings) -> bool:
    """Say whether the workers are meant to run: somebody started them, and nobody stopped them since."""
    from headway.stations.workers import wanted

    return wanted(settings)


def look(settings: Settings) -> dict[str, Any] | NotYet:
    """Look whether one worker is active and the others stand by, without lag, and each station has its row."""
    from headway.stations.checks import station_rows_equal_table
    from headway.stations.workers import health

    supervision = _supervision(settings)
    for worker in workers(settings):
        if supervision.status(worker.name).state == "FATAL":
            raise NotAsExpectedError(
                f"The Faust worker {worker.name} does not stay up. Its log ends:\n{supervision.log_tail(worker.name)}",
                where=str(supervision.log_file(worker.name)),
                next_step=f"`headway logs {worker.name}`, then clear this task",
            )
    now = health(settings)
    if not now.covered or now.lag:
        return NotYet(f"the workers do not process yet: {now.describe()}", next_step="`headway logs faust-worker-1`")
    try:
        stations = station_rows_equal_table(settings, timeout_s=0.0)
    except NotAsExpectedError as error:
        return NotYet(error.what, error.where, error.next_step)
    return {"workers": now.describe(), "stations": stations}
