"""Start the platform and run the main DAG on one simulated day: seconds, and memory at rest and at its peak.

    python -m benchmarks pipeline

A platform of its own is used (free ports, an empty state folder), with what is installed. The parts' memory counts
shared pages once.
"""

from __future__ import annotations

import subprocess
import threading
import time

from benchmarks.result import Result
from headway.runtime.environment import runtime_id
from headway.runtime.platform import Platform
from headway.runtime.processes import memory_of, of_platform, tree
from headway.runtime.scratch import scratch_environment
from headway.settings import PROJECT_DIR, Settings, load

GIB = 1024**3
SAMPLE_S = 1.0


def run(quick: bool) -> list[Result]:
    """Measure with the commands that a person types; ``quick``: two simulated hours, once."""
    repeats = 1 if quick else 3
    range_ = ["--from", "2026-03-02T06:00Z", "--to", "2026-03-02T08:00Z"] if quick else []
    with scratch_environment():
        settings = load()
        try:
            first = _timed("up")
            _timed("down")
            starts, agains = [], []
            for _ in range(repeats):
                starts.append(_timed("up"))
                agains.append(_timed("up"))
                if len(starts) < repeats:
                    _timed("down")
            load.cache_clear()
            settings = load()  # now with the secrets that the first start made
            rest = _memory(settings) / GIB
            with _Peak(settings) as peak:
                day = _timed("run", *range_)
            parts = _parts(settings)
            again = _timed("run", *range_)
        finally:
            Platform(settings).down()
    return [
        Result("up, installed and stopped (s)", starts, 90, False, {"the first time": f"{first:.0f} s"}),
        Result("up again (s)", agains, None, False),
        Result("main DAG, one day at max (s)", [day], 300, False, {"the same day again": f"{again:.0f} s"}),
        Result("memory together at rest (GiB)", [rest], None, False),
        Result("memory together at its peak (GiB)", [peak.bytes / GIB], 9, False, parts),
    ]


def _timed(*command: str) -> float:
    began = time.monotonic()
    done = subprocess.run([str(PROJECT_DIR / "bin" / "headway"), *command], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise SystemExit(f"headway {' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return time.monotonic() - began


def _memory(settings: Settings) -> int:
    found = memory_of(of_platform(runtime_id(settings)))
    return found.proportional if found.proportional is not None else found.resident


def _parts(settings: Settings) -> dict[str, str]:
    """Give each part's memory."""
    return {
        status.name: f"{memory_of(tree(status.pid)).resident / 1024**2:.0f} MB"
        for status in Platform(settings).supervision.all()
        if status.running
    }


class _Peak:
    """The most memory that the platform held while something ran."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self.bytes = 0

    def __enter__(self) -> _Peak:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(SAMPLE_S):
            self.bytes = max(self.bytes, _memory(self._settings))
