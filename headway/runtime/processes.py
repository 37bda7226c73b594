"""Look at this machine's processes: what belongs to a platform, what holds a port, how much memory a tree takes."""

from __future__ import annotations

import contextlib
import os
import random
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from headway.runtime.environment import RUNTIME_ID


@dataclass(frozen=True)
class Memory:
    """Resident bytes of a process tree; ``proportional`` counts shared pages once (None where the kernel hides it)."""

    resident: int
    proportional: int | None
    processes: int


def tree(pid: int) -> list[psutil.Process]:
    """Give a process and all that it started."""
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def memory_of(processes: Iterable[psutil.Process]) -> Memory:
    """Add up the memory of processes that still live."""
    resident, proportional, count = 0, 0, 0
    known = True
    for process in processes:
        try:
            resident += process.memory_info().rss
            count += 1
            proportional += _pss(process.pid)
        except (psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
            continue
        except (PermissionError, ValueError):
            known = False
    return Memory(resident, proportional if known else None, count)


def _pss(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise ValueError(pid)


def of_platform(identity: str) -> list[psutil.Process]:
    """Give the processes that carry a platform's name in their environment, our own and its ancestors left out."""
    own = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        if process.pid in own:
            continue
        with contextlib.suppress(psutil.Error, OSError):
            if process.environ().get(RUNTIME_ID) == identity and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
    return found


def end_all(processes: list[psutil.Process], patience_s: float = 15.0) -> int:
    """End processes (TERM, then KILL after ``patience_s``); give how many there were."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    _, stubborn = psutil.wait_procs(processes, timeout=patience_s)
    for process in stubborn:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    return len(processes)


def wait_gone(processes: list[psutil.Process], patience_s: float) -> list[psutil.Process]:
    """Wait for processes to end by themselves; give those that did not."""
    return psutil.wait_procs(processes, timeout=patience_s)[1]


def port_is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Say whether a server could listen there now (a connection in TIME_WAIT does not count)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def holder_of(port: int) -> psutil.Process | None:
    """Give the process that listens on a port, where this user may see it."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        if (
            connection.laddr
            and connection.laddr.port == port
            and connection.status == psutil.CONN_LISTEN
            and connection.pid
        ):
            with contextlib.suppress(psutil.NoSuchProcess):
                return psutil.Process(connection.pid)
    return None


def free_ports(count: int) -> list[int]:
    """Find ports that are free now, all different, below the range that outgoing connections take theirs from."""
    found: list[int] = []
    candidates = random.sample(range(20_000, 32_000), 2_000)
    for port in candidates:
        if port_is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise OSError(f"no {count} free ports between 20000 and 32000")


def uptime_text(seconds: float) -> str:
    """Say a duration as a person would."""
    seconds = int(seconds)
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86_400} d {seconds % 86_400 // 3600} h"
