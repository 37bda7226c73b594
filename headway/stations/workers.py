"""The Faust workers: start, stop, and whether they truly process (a fresh heartbeat and a lag that goes).

In the embedded profile the supervisor runs them; elsewhere they run by themselves and are only looked at.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import httpx

from headway.adapters.kafka import group_lag
from headway.core.topics import STATIONS
from headway.errors import NotAsExpectedError
from headway.runtime.parts.faust import FaustWorker
from headway.runtime.supervision import Supervision
from headway.runtime.wanted import Wanted
from headway.settings import Settings
from headway.waiting import wait_until

log = logging.getLogger(__name__)

GROUP = "headway-stations"  # faust_app.app.APP_ID; its module needs Faust, which this environment does not have
FRESH_S = 10.0


@dataclass(frozen=True)
class WorkerState:
    """What one worker says of itself; ``role`` is active, standby, recovering, waiting, or away (no answer)."""

    url: str
    role: str
    heartbeat_age_s: float = 0.0
    processed: int = 0
    rejected: int = 0

    @property
    def well(self) -> bool:
        """Say whether the worker does its part."""
        return self.role in ("active", "standby") and self.heartbeat_age_s < FRESH_S


@dataclass(frozen=True)
class WorkersHealth:
    """All workers and how far the group is behind the connector's topic (in offsets)."""

    workers: tuple[WorkerState, ...]
    lag: int

    @property
    def processing(self) -> bool:
        """Say whether exactly one worker is active and well."""
        return [worker.well for worker in self.workers if worker.role == "active"] == [True]

    @property
    def covered(self) -> bool:
        """Say whether every other worker is a standby that is well too."""
        return self.processing and all(worker.well for worker in self.workers)

    def describe(self) -> str:
        """Say it in one line."""
        states = ", ".join(f"{worker.url} {worker.role}" for worker in self.workers)
        return f"{states}; {self.lag} behind"


def health(settings: Settings) -> WorkersHealth:
    """Ask every worker and the broker; a worker that does not answer is ``away``, not an error."""
    states = tuple(_ask(url) for url in settings.faust.urls())
    return WorkersHealth(states, group_lag(settings, GROUP, STATIONS))


def start(settings: Settings, timeout_s: float = 180.0) -> WorkersHealth:
    """Start the workers (embedded only) and wait until one processes, has caught up, and the others stand by.

    Repeating it changes nothing. Raises :class:`NotAsExpectedError` when it is not so in time.
    """
    begin(settings)
    return wait_processing(settings, timeout_s)


def begin(settings: Settings) -> list[str]:
    """Start the workers that do not run (embedded only), and do not wait; give the names of all.

    They are wanted from now on, also after `down` and `up`, until :func:`stop`.
    """
    if settings.profile != "embedded":
        return []
    supervision, workers = Supervision(settings), _workers(settings)
    for worker in workers:
        Wanted(settings).add(worker.name)
        # one that runs stays as `up` registered it: our own environment (a task's) is not the platform's
        if not supervision.status(worker.name).running:
            worker.prepare()
            supervision.ensure_program(worker.spec())
            supervision.start(worker.name)
    return [worker.name for worker in workers]


def stop(settings: Settings) -> None:
    """Stop the workers, the standbys first so that none takes over (embedded only); repeating it changes nothing."""
    if settings.profile != "embedded":
        return
    supervision = Supervision(settings)
    for worker in _workers(settings):
        Wanted(settings).remove(worker.name)
    states = {worker.name: _ask(worker.address) for worker in _workers(settings)}
    for name in sorted(states, key=lambda name: states[name].role == "active"):
        if supervision.status(name).state != "ABSENT":
            supervision.stop(name)


def wanted(settings: Settings) -> bool:
    """Say whether the workers are meant to run (embedded only): started, and not stopped since."""
    return any(worker.name in Wanted(settings) for worker in _workers(settings))


def restart_stuck(settings: Settings, timeout_s: float = 180.0) -> list[str]:
    """Restart the workers that are not well (embedded only) and wait until all is well again; give their names."""
    stuck = [worker for worker in _workers(settings) if not _ask(worker.address).well]
    if stuck and settings.profile == "embedded":
        supervision = Supervision(settings)
        for worker in stuck:
            log.warning("restarting %s: it is not well", worker.name)
            worker.prepare()
            supervision.ensure_program(worker.spec())
            supervision.restart(worker.name)
    wait_processing(settings, timeout_s)
    return [worker.name for worker in stuck]


def wait_processing(settings: Settings, timeout_s: float = 180.0) -> WorkersHealth:
    """Wait until one worker is active and has caught up, and every other one stands by."""

    def late(now: WorkersHealth) -> NotAsExpectedError:
        return NotAsExpectedError(
            f"After {timeout_s:g} s the Faust workers do not process: {now.describe()}.",
            where=_said(settings, now) or f"group {GROUP} at {settings.kafka.bootstrap_servers}",
            next_step="see `headway logs faust-worker-1`, then run the task again",
        )

    return wait_until(
        lambda: health(settings), timeout_s, late, holds=lambda now: now.covered and now.lag == 0, poll_s=0.3
    )


def _said(settings: Settings, now: WorkersHealth) -> str:
    """Give the end of the log of the first embedded worker that is not well."""
    if settings.profile != "embedded":
        return ""
    worker = next((w for w, state in zip(_workers(settings), now.workers, strict=False) if not state.well), None)
    if worker is None:
        return ""
    supervision = Supervision(settings)
    return f"{supervision.log_file(worker.name)}:\n{supervision.log_tail(worker.name)}"


def _workers(settings: Settings) -> list[FaustWorker]:
    return [FaustWorker(settings, number) for number in range(1, settings.faust.workers + 1)]


def _ask(url: str) -> WorkerState:
    try:
        answer = httpx.get(f"{url}/health", timeout=3.0, trust_env=False).json()
        return WorkerState(url, answer["role"], answer["heartbeat_age_s"], answer["processed"], answer["rejected"])
    except (httpx.HTTPError, ValueError, KeyError):
        return WorkerState(url, "away")
