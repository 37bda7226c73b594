"""Bring the embedded platform up and down: order, readiness, and no half-started state.

``up`` may be run again at any time: what runs as it should is left alone, what is missing is started, what runs with
other settings is restarted. When a part fails, what this ``up`` started is stopped again. A killed ``up`` leaves parts
that work or that the next ``up`` repairs.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from headway.errors import HeadwayError, NotAsExpectedError, RuntimeSetupError, UnavailableError
from headway.runtime import preflight
from headway.runtime.credentials import ensure_credentials
from headway.runtime.environment import runtime_id
from headway.runtime.parts import NotReadyError, Part, all_parts
from headway.runtime.processes import end_all, of_platform, wait_gone
from headway.runtime.program import ProgramStatus
from headway.runtime.supervision import Supervision
from headway.runtime.wanted import Wanted
from headway.settings import PROJECT_DIR, Settings

POLL_S = 0.5
LEFTOVER_PATIENCE_S = 10.0
RESUME_S = 60.0
_NEEDED_TO_RESUME = {"kafka", "spark-master", "spark-worker"}
# Ended first to last; within a wave all at once. What writes goes before what is written to.
_STOP_WAVES: tuple[tuple[str, ...], ...] = (
    ("airflow-scheduler", "airflow-triggerer", "airflow-dag-processor", "airflow-api-server"),
    ("spark-transit-stream", "faust-worker-1", "faust-worker-2", "ksql", "connect", "rest-proxy"),
    ("spark-worker", "spark-master", "postgres"),
    ("kafka",),
)


@dataclass(frozen=True)
class Event:
    """What happens to a part during ``up`` and ``down``; ``seconds`` since its own start."""

    part: str
    state: str  # registered | waiting | preparing | starting | healthy | failed | stopping | stopped
    detail: str = ""
    seconds: float = 0.0


OnEvent = Callable[[Event], None]


@dataclass(frozen=True)
class PartHealth:
    """A part as a person asks for it: what the supervisor says, and what the part itself says."""

    part: Part
    program: ProgramStatus
    healthy: bool
    detail: str
    wanted: bool  # `up` starts it, or somebody asked for it


class Platform:
    """The embedded platform of one state folder."""

    def __init__(self, settings: Settings) -> None:
        if settings.profile != "embedded":
            raise RuntimeSetupError(
                f"The profile is {settings.profile}: its parts are not ours to start or stop.",
                where="HEADWAY__PROFILE",
                next_step="unset HEADWAY__PROFILE to run the parts here, or start them where they live",
            )
        self.settings = settings
        self.supervision = Supervision(settings)
        self.wishes = Wanted(settings)

    def wanted(self, part: Part) -> bool:
        """Say whether a part is meant to run: `up` starts it by itself, or it was asked for and nobody stopped it."""
        return part.started_by_up or part.name in self.wishes

    # -- up -------------------------------------------------------------------------------------------------------

    def up(self, on_event: OnEvent | None = None, only: Sequence[str] = ()) -> Settings:
        """Start what does not run and wait until every part is healthy; give the settings with the secrets made.

        What Airflow was asked for before the last ``down`` is started too (:mod:`headway.runtime.wanted`). ``only``
        restricts it to some parts and what they depend on. Raises :class:`RuntimeSetupError` naming the part that
        failed, with the end of its log.
        """
        tell = on_event or (lambda _: None)
        self.settings.state_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._alone():
            self._end_leftovers(tell)
            self.settings = ensure_credentials(self.settings)
            parts = self.chosen(only)
            running = self._running()
            preflight.check(self.settings, [part for part in parts if part.name not in running and self.wanted(part)])
            was_alive = self.supervision.alive()
            self.supervision.boot()
            self.wishes = Wanted(self.settings)
            launch = _Launch(self.supervision, parts, tell)
            try:
                launch.run()
                self._furnish({part.name for part in parts}, tell)
                self._resume(parts, launch.started, tell)
            except BaseException:
                # KeyboardInterrupt too: nothing stays half-started
                self._undo(launch.started, stop_supervisor=not was_alive, tell=tell)
                raise
        return self.settings

    def _furnish(self, chosen: set[str], tell: OnEvent) -> None:
        """Make what the DAGs count on: the topics with their configuration, Airflow's pools."""
        from headway.adapters.airflow import ensure_pools
        from headway.adapters.kafka import ensure_topics

        began = time.monotonic()
        tell(Event("furnish", "starting", "topics and pools"))
        touched: list[str] = []
        if "kafka" in chosen:
            touched += ensure_topics(self.settings)
        if "airflow-api-server" in chosen:
            touched += ensure_pools(self.settings)
        detail = f"{len(touched)} made or corrected" if touched else "as they should be"
        tell(Event("furnish", "healthy", detail, time.monotonic() - began))

    def _resume(self, parts: Sequence[Part], started: list[str], tell: OnEvent) -> None:
        """Start what was asked for before. One that does not start is told, and costs the platform nothing.

        (Nobody could take the wish back on a platform that does not come up.) `transit_health` looks whether they
        process.
        """
        wanted = [part for part in parts if not part.started_by_up and part.name in self.wishes]
        for part in wanted:
            if not self.supervision.status(part.name).running:
                tell(Event(part.name, "starting"))
                self.supervision.start(part.name)
                started.append(part.name)
        for part in wanted:
            self._tell_resumed(part, tell)
        if {part.name for part in parts} >= _NEEDED_TO_RESUME:
            for name in self.wishes.names():
                if self.wishes.begin(name):
                    started.append(name)
                    tell(Event(name, "healthy", "as it was asked for before"))

    def _tell_resumed(self, part: Part, tell: OnEvent) -> None:
        began, reason = time.monotonic(), "it does not stay up"
        while time.monotonic() < began + RESUME_S and self.supervision.status(part.name).state != "FATAL":
            try:
                tell(Event(part.name, "healthy", part.probe(), time.monotonic() - began))
                return
            except NotReadyError as error:
                reason = str(error)
            time.sleep(POLL_S)
        detail = f"asked for before, but {reason}: `headway logs {part.name}`; all else runs"
        tell(Event(part.name, "failed", detail, time.monotonic() - began))

    def chosen(self, only: Sequence[str] = ()) -> list[Part]:
        """Give the named parts and what they depend on, or all."""
        parts = all_parts(self.settings)
        if not only:
            return parts
        by_name = {part.name: part for part in parts}
        wanted: set[str] = set()
        waiting = list(only)
        while waiting:
            name = waiting.pop()
            if name not in by_name:
                raise RuntimeSetupError(f"There is no part {name}.", next_step=f"the parts are {', '.join(by_name)}")
            if name not in wanted:
                wanted.add(name)
                waiting += by_name[name].depends
        return [part for part in parts if part.name in wanted]

    def _running(self) -> set[str]:
        if not self.supervision.alive():
            return set()
        return {status.name for status in self.supervision.all() if status.running}

    def _end_leftovers(self, tell: OnEvent) -> None:
        """Wait for what a killed supervisor left behind (it is told to end by the kernel), then end what stays."""
        if self.supervision.alive():
            return
        leftovers = of_platform(runtime_id(self.settings))
        if leftovers:
            tell(Event("leftovers", "stopping", f"{len(leftovers)} processes of an earlier start are ending"))
            stubborn = end_all(wait_gone(leftovers, LEFTOVER_PATIENCE_S), patience_s=5)
            tell(Event("leftovers", "stopped", f"{len(leftovers)} ended, {stubborn} of them had to be told"))

    def _undo(self, started: list[str], *, stop_supervisor: bool, tell: OnEvent) -> None:
        with contextlib.suppress(HeadwayError):
            if stop_supervisor:
                self._stop_all(tell)
            else:
                for name in started:
                    self.supervision.begin_stop(name)
                    tell(Event(name, "stopped"))

    # -- down -----------------------------------------------------------------------------------------------------

    def down(self, on_event: OnEvent | None = None) -> int:
        """Stop everything, writers first; give how many processes had to be ended besides the supervised ones."""
        tell = on_event or (lambda _: None)
        if not self.settings.state_dir.exists():
            return 0
        with self._alone():
            return self._stop_all(tell)

    def _stop_all(self, tell: OnEvent) -> int:
        if self.supervision.alive():
            named = {name for wave in _STOP_WAVES for name in wave}
            others = tuple(status.name for status in self.supervision.all() if status.name not in named)
            for wave in (others, *_STOP_WAVES):
                self._stop_wave(wave, tell)
            self.supervision.shutdown()
        return end_all(of_platform(runtime_id(self.settings)))

    def _stop_wave(self, wave: tuple[str, ...], tell: OnEvent) -> None:
        waiting = [
            name for name in wave if self.supervision.status(name).state not in ("ABSENT", "STOPPED", "FATAL", "EXITED")
        ]
        began = time.monotonic()
        for name in waiting:
            tell(Event(name, "stopping"))
            self.supervision.begin_stop(name)
        while waiting:
            for name in list(waiting):
                if not self.supervision.status(name).pid:
                    waiting.remove(name)
                    tell(Event(name, "stopped", seconds=time.monotonic() - began))
            if waiting:
                time.sleep(0.1)

    def forget(self) -> None:
        """Remove the state of a stopped platform: data, logs, secrets."""
        if self.supervision.alive():
            raise NotAsExpectedError("The platform still runs.", next_step="`bin/headway down` first")
        folder = self.settings.state_dir.resolve()
        inside = [path for path in (PROJECT_DIR, self.settings.install_dir, Path.home()) if path.is_relative_to(folder)]
        if inside:
            raise NotAsExpectedError(
                f"The state folder holds more than the platform's state: {inside[0]} is in it.",
                where=str(folder),
                next_step="remove by hand what is to be forgotten, and set HEADWAY__STATE_DIR to a folder of its own",
            )
        shutil.rmtree(folder, ignore_errors=False)

    # -- health ---------------------------------------------------------------------------------------------------

    def health(self) -> list[PartHealth]:
        """Ask every part, all at once; raise :class:`UnavailableError` when the platform does not run."""
        parts = all_parts(self.settings)
        programs = {status.name: status for status in self.supervision.all()}
        found: dict[str, PartHealth] = {}

        def ask(part: Part) -> None:
            status = programs.get(part.name, ProgramStatus(part.name, "ABSENT", 0, 0.0))
            wanted = self.wanted(part)
            if not status.running:
                found[part.name] = PartHealth(part, status, False, "", wanted)
                return
            try:
                found[part.name] = PartHealth(part, status, True, part.probe(), wanted)
            except NotReadyError as error:
                found[part.name] = PartHealth(part, status, False, str(error), wanted)

        threads = [threading.Thread(target=ask, args=(part,)) for part in parts]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return [found[part.name] for part in parts]

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.settings.state_dir / ".up.lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise UnavailableError(
                    "Another `headway up` or `headway down` of this platform is at work.",
                    where=str(self.settings.state_dir),
                    next_step="wait for it to end, then run this again",
                ) from error
            yield


class _Launch:
    """Start parts, each as soon as those it depends on are healthy."""

    def __init__(self, supervision: Supervision, parts: Sequence[Part], tell: OnEvent) -> None:
        self.supervision, self.parts, self.tell = supervision, parts, tell
        self.started: list[str] = []
        self._healthy = {part.name: threading.Event() for part in parts}
        self._abandoned = threading.Event()
        self._error: BaseException | None = None

    def run(self) -> None:
        """Start them all; raise the first failure."""
        threads = [threading.Thread(target=self._bring, args=(part,), daemon=True) for part in self.parts]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)
        except BaseException:
            self._abandoned.set()
            for thread in threads:
                thread.join(10)
            raise
        if self._error is not None:
            raise self._error

    def _bring(self, part: Part) -> None:
        began = time.monotonic()
        try:
            for name in part.depends:
                while not self._healthy[name].wait(0.1):
                    if self._abandoned.is_set():
                        return
            if self._abandoned.is_set():
                return
            self._start(part)
            if part.started_by_up:
                detail = self._wait(part)
                self.tell(Event(part.name, "healthy", detail, time.monotonic() - began))
            self._healthy[part.name].set()
        except _AbandonedError:
            return
        except Exception as error:  # handed to the thread that joins, as it is
            if not self._abandoned.is_set():
                self._error = error
                self._abandoned.set()
                self.tell(Event(part.name, "failed", str(error).splitlines()[0], time.monotonic() - began))

    def _start(self, part: Part) -> None:
        self.tell(Event(part.name, "preparing" if part.started_by_up else "registered"))
        part.prepare()
        self.supervision.ensure_program(part.spec())
        if not part.started_by_up:
            return
        if not self.supervision.status(part.name).running:
            self.started.append(part.name)
            self.tell(Event(part.name, "starting"))
            self.supervision.start(part.name)

    def _wait(self, part: Part) -> str:
        end = time.monotonic() + part.deadline_s
        reason = "it has not been asked yet"
        while time.monotonic() < end:
            if self._abandoned.is_set():
                raise _AbandonedError
            status = self.supervision.status(part.name)
            if status.state in ("FATAL", "EXITED", "STOPPED", "ABSENT"):
                raise self._failure(part, f"{part.title} ended again and again while it started")
            try:
                return part.probe()
            except NotReadyError as error:
                reason = str(error)
            self._abandoned.wait(POLL_S)
        raise self._failure(part, f"{part.title} was not healthy after {part.deadline_s:.0f} s: {reason}")

    def _failure(self, part: Part, what: str) -> RuntimeSetupError:
        return RuntimeSetupError(
            f"{what}.",
            where=f"the last lines of {self.supervision.log_file(part.name)}:\n{self.supervision.log_tail(part.name)}",
            next_step=f"`bin/headway logs {part.name}` shows more, `bin/headway doctor` checks this machine",
        )


class _AbandonedError(Exception):
    """Another part failed, or the user interrupted."""
