"""One driver a checkpoint, and no driver without its parent.

A driver holds an exclusive ``flock`` on the lease file of its job, and writes there who it is. The lock ends with the
process, however it ends. A new bounded driver (a retry) first ends a previous bounded one that still lives: two drivers
on one checkpoint would tear each other's batches. It never ends a continuous one: its supervisor would start it again.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from headway.errors import NotAsExpectedError

BOUNDED, CONTINUOUS = "available-now", "continuous"
PR_SET_PDEATHSIG = 1
TERM_S, KILL_S = 20.0, 10.0


@dataclass(frozen=True)
class Owner:
    """The processes of a driver: its Python, and the JVM that is its parent (each with its start time)."""

    mode: str
    pid: int
    pid_started: int
    jvm: int
    jvm_started: int

    def alive(self) -> list[int]:
        """List those of its processes that still live (a process id used again by another is not one)."""
        pairs = ((self.pid, self.pid_started), (self.jvm, self.jvm_started))
        return [pid for pid, started in pairs if started and started_at(pid) == started]


def started_at(pid: int) -> int:
    """Give a process' start in clock ticks since boot; 0 when there is none, or only its zombie."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0
    rest = stat.rpartition(")")[2].split()
    return 0 if rest[0] in "ZX" else int(rest[19])


def die_with_parent() -> None:
    """Have the kernel send TERM to this process when its parent ends."""
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it ended just before
        os.kill(os.getpid(), signal.SIGTERM)


@contextmanager
def lease(path: Path, mode: str) -> Iterator[None]:
    """Hold the checkpoint for this driver; end a previous bounded driver first.

    Raises :class:`NotAsExpectedError` when a continuous driver holds it, or the previous one cannot be ended.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+", encoding="utf-8") as file:
        if not _locked(file, 0):
            _end(_read(path), path, mode)
            if not _locked(file, KILL_S):
                raise _held(path, "another driver took it meanwhile")
        else:
            _end_rest(_read(path), path)
        file.seek(0)
        file.truncate()
        file.write(json.dumps(asdict(_myself(mode))))
        file.flush()
        yield
        file.seek(0)
        file.truncate()


def _myself(mode: str) -> Owner:
    me, parent = os.getpid(), os.getppid()
    submitted = b"org.apache.spark.deploy.SparkSubmit" in Path(f"/proc/{parent}/cmdline").read_bytes()
    jvm = parent if submitted else 0  # run by hand or by a test, the parent is none of ours
    return Owner(mode, me, started_at(me), jvm, started_at(jvm) if jvm else 0)


def owner(path: Path) -> Owner | None:
    """Say who holds the checkpoint now, if anyone does."""
    held = _read(path)
    return held if held and held.alive() else None


def _read(path: Path) -> Owner | None:
    text = path.read_text(encoding="utf-8").strip() if path.exists() else ""
    return Owner(**json.loads(text)) if text else None


def _locked(file: IO[str], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.1)
        else:
            return True


def _end(previous: Owner | None, path: Path, mode: str) -> None:
    if previous is None:
        raise _held(path, "its holder has not said who it is")
    if previous.mode == CONTINUOUS:
        if mode == CONTINUOUS:
            raise _held(path, f"a continuous driver (process {previous.pid}) is running")
        raise _held(path, f"the continuous driver (process {previous.pid}) is running and processes the same topics")
    _end_rest(previous, path)


def _end_rest(previous: Owner | None, path: Path) -> None:
    """End whatever still lives of a previous driver, the Python first: its JVM then ends by itself."""
    if previous is None:
        return
    for sign, limit in ((signal.SIGTERM, TERM_S), (signal.SIGKILL, KILL_S)):
        for pid in previous.alive():
            try:
                os.kill(pid, sign)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + limit
        while previous.alive() and time.monotonic() < deadline:
            time.sleep(0.1)
        if not previous.alive():
            return
    raise _held(path, f"the previous driver (processes {previous.alive()}) does not end")


def _held(path: Path, why: str) -> NotAsExpectedError:
    return NotAsExpectedError(
        f"The checkpoint is held: {why}.",
        where=str(path),
        next_step="wait for that driver, or stop it (`headway status` names it), and run this one again",
    )
