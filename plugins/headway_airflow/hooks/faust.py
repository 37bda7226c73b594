"""The Faust workers, and what tells that they do their work."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from headway.core import topics
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
    lag = group_lag(settings, GROUP, topics.STATIONS)
    if lag:
        return NotYet(
            f"the workers are {lag} rows behind on {topics.STATIONS}", next_step="`headway logs faust-worker-1`"
        )
    expected, found = _stations(settings, topics.STATIONS), _stations(settings, topics.STATION_LINES)
    if expected != found:
        return NotYet(
            f"{topics.STATION_LINES} lacks {sorted(expected - found)[:5]}, too many: {sorted(found - expected)[:5]}",
            where=f"{len(expected)} stations in {topics.STATIONS}, {len(found)} in {topics.STATION_LINES}",
            next_step="`headway logs faust-worker-1`",
        )
    return {"workers": states, "stations": len(found)}


def _stations(settings: Settings, topic: str) -> set[int]:
    """Give the station ids of a compacted topic's living rows."""
    from headway.adapters.kafka import read_all

    rows: dict[bytes, int] = {}
    for message in read_all(settings, topic):
        key, value = message.key() or b"", message.value()
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = int(json.loads(value)["station_id"])
    return set(rows.values())
