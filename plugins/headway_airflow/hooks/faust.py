"""The Faust workers, and what tells that they do their work."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from headway.core.topics import STATIONS
from headway.errors import NotAsExpectedError
from headway_airflow.probes import NotYet

if TYPE_CHECKING:
    from headway.runtime.supervision import Supervision
    from headway.settings import Settings

GROUP = "headway-faust"


def programs(settings: Settings) -> list[str]:
    """Name the workers' programs; none where a supervisor of ours does not run."""
    if settings.profile != "embedded":
        return []
    return [f"faust-worker-{number}" for number in range(1, settings.faust.workers + 1)]


def _supervision(settings: Settings) -> Supervision:
    from headway.runtime.supervision import Supervision

    return Supervision(settings)


def start(settings: Settings) -> list[str]:
    """Start what does not run."""
    for name in programs(settings):
        _supervision(settings).start(name)
    return programs(settings)


def stop(settings: Settings) -> list[str]:
    """Stop all, the standbys first, so that none takes over meanwhile."""
    for name in reversed(programs(settings)):
        _supervision(settings).stop(name)
    return programs(settings)


def any_wanted(settings: Settings) -> bool:
    """Say whether the workers are meant to run: one runs, or ended by itself."""
    return any(_supervision(settings).status(name).state not in ("STOPPED", "ABSENT") for name in programs(settings))


def restart(settings: Settings) -> list[str]:
    """Stop and start all."""
    stop(settings)
    return start(settings)


def look(settings: Settings) -> dict[str, Any] | NotYet:
    """Look whether the workers live, have no lag, and have written exactly the stations of the table's topic."""
    from headway.adapters.kafka import group_lag
    from headway.stations.checks import station_rows_equal_table

    states = {}
    for name in programs(settings):
        status = _supervision(settings).status(name)
        states[name] = status.state
        if status.state in ("FATAL", "ABSENT"):
            raise NotAsExpectedError(
                f"The Faust worker {name} is {status.state}:\n{_supervision(settings).log_tail(name)}",
                where=str(_supervision(settings).log_file(name)),
                next_step=f"`headway logs {name}`; `headway up` registers it again",
            )
        if not status.running:
            return NotYet(f"{name} is {status.state}")
    if lag := group_lag(settings, GROUP, STATIONS):
        return NotYet(f"the workers are {lag} rows behind on {STATIONS}", next_step="`headway logs faust-worker-1`")
    try:
        stations = station_rows_equal_table(settings, timeout_s=0.0)
    except NotAsExpectedError as error:
        return NotYet(error.what, error.where, error.next_step)
    return {"workers": states, "stations": stations}
