"""Where the progress lines of a job are kept: a few files of bounded size, and the sums of what is no longer there.

A driver appends to ``<output>/progress/<job>-<driver>.<n>.jsonl`` and begins the next when that one is large. What a
job keeps beyond :data:`KEPT_BYTES` or :data:`KEPT_FILES` is *folded*: added to the sums in ``<job>.folded.json``, and
deleted. So the figures of a driver and the events that a job ever dropped stay known, and nothing grows. One driver at
a time writes (it holds the checkpoint's lease); anybody reads, at any time.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO, Any

from headway.spark.progress import Progress, Totals, add_up

FILE_BYTES = 1_000_000  # of one file
KEPT_BYTES, KEPT_FILES = 4_000_000, 50  # of one job, beside the file that is being written
KEPT_DRIVERS = 5  # whose sums are kept apart
BLOCK = 65_536
CLOCK_S = 1.0  # a file's time comes from a coarser clock than its lines' times


@dataclass
class Folded:
    """The sums of lines that are gone: by driver for the newest, together for the others; and which files they were."""

    before: Totals = field(default_factory=Totals)
    drivers: dict[str, Totals] = field(default_factory=dict)
    files: list[str] = field(default_factory=list)  # of the last folding: still there if it was killed

    def of(self, driver: str | None) -> Totals:
        """Give the sums of one driver, or of all."""
        if driver is not None:
            return self.drivers.get(driver, Totals())
        return sum(self.drivers.values(), self.before)


class ProgressLog:
    """The lines of one job, for the driver that writes them."""

    def __init__(self, folder: Path, job: str, driver: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.job, self.driver = folder, job, driver
        self._number = 1
        self._fold()

    @property
    def path(self) -> Path:
        """Give the file that is being written."""
        return self.folder / f"{self.job}-{self.driver}.{self._number:04}.jsonl"

    def append(self, line: Progress) -> None:
        """Write a line."""
        text = line.to_json() + "\n"
        if self.path.exists() and self.path.stat().st_size + len(text) > FILE_BYTES:
            self._number += 1
            self._fold()
        with self.path.open("a", encoding="utf-8") as file:
            file.write(text)

    def _fold(self) -> None:
        """Fold the oldest files that are too many. Killed at any point, no line is lost or counted twice."""
        folded = _folded(self.folder, self.job)
        for name in folded.files:
            (self.folder / name).unlink(missing_ok=True)
        kept = [path for path in _files(self.folder, self.job) if path != self.path]
        size, doomed = 0, []
        for number, path in enumerate(reversed(kept), start=1):
            size += path.stat().st_size
            if size > KEPT_BYTES or number > KEPT_FILES:
                doomed.append(path)
        if not doomed:
            return
        for path in reversed(doomed):
            for line in _lines(path):
                folded.drivers[line.driver] = folded.drivers.get(line.driver, Totals()) + add_up([line])
        while len(folded.drivers) > KEPT_DRIVERS:
            oldest = next(iter(folded.drivers))
            folded.before += folded.drivers.pop(oldest)
        folded.files = [path.name for path in doomed]
        temporary = self.folder / f".{self.job}.folded"
        temporary.write_text(json.dumps(asdict(folded)), encoding="utf-8")
        temporary.replace(_folded_path(self.folder, self.job))
        for path in doomed:
            path.unlink()


def read_lines(folder: Path, *, job: str | None = None, driver: str | None = None) -> list[Progress]:
    """Read the lines that are kept, in order of time, of one job or one driver when named.

    A last line that is being written at this moment is left out.
    """
    return history(folder, job=job, driver=driver)[1]


def history(folder: Path, *, job: str | None = None, driver: str | None = None) -> tuple[Totals, list[Progress]]:
    """Give the sums of the lines that are gone, and the lines that are kept, of one job or one driver when named."""
    while True:
        try:
            return _history(folder, job, driver)
        except FileNotFoundError:
            continue  # its driver folded a file meanwhile: it is in the sums now


def _history(folder: Path, job: str | None, driver: str | None) -> tuple[Totals, list[Progress]]:
    paths = _files(folder, job)  # before the sums: what is folded later on is missing then, and all is read again
    named = [folder / f"{job}.folded.json"] if job else sorted(folder.glob("*.folded.json"))
    folded = [_folded(folder, path.name.removesuffix(".folded.json")) for path in named]
    gone = {name for entry in folded for name in entry.files}
    lines = [line for path in paths if path.name not in gone for line in _lines(path)]
    wanted = [line for line in lines if job in (None, line.job) and driver in (None, line.driver)]
    return sum((entry.of(driver) for entry in folded), Totals()), sorted(wanted, key=lambda line: line.at)


def recent(folder: Path, *, job: str, since: datetime) -> list[Progress]:
    """Give a job's lines from ``since`` on, in order of time: read from the files' ends, however long they are."""
    found: list[Progress] = []
    for path in reversed(_files(folder, job)):
        try:
            if path.stat().st_mtime + CLOCK_S < since.timestamp():
                continue
            for line in _backwards(path):
                if line.when < since:
                    break
                found.append(line)
        except FileNotFoundError:
            continue  # folded meanwhile, because it was old: its lines are not the newest
    return sorted(found, key=lambda line: line.at)


def _files(folder: Path, job: str | None) -> list[Path]:
    """Give the files, oldest first."""
    stamped = []
    for path in folder.glob(f"{job}-*.jsonl" if job else "*.jsonl"):
        try:
            stamped.append((path.stat().st_mtime_ns, path))
        except FileNotFoundError:
            continue  # its driver has just folded it
    return [path for _, path in sorted(stamped)]


def _lines(path: Path) -> Iterator[Progress]:
    text = path.read_text(encoding="utf-8")
    return map(Progress.from_json, text[: text.rfind("\n") + 1].splitlines())


def _backwards(path: Path) -> Iterator[Progress]:
    """Yield the whole lines of a file, the last one first."""
    with path.open("rb") as file:
        yield from map(Progress.from_json, _reversed_lines(file))


def _reversed_lines(file: IO[bytes]) -> Iterator[str]:
    at = file.seek(0, 2)
    rest, at_end = b"", True
    while at > 0:
        size = min(BLOCK, at)
        at -= size
        file.seek(at)
        parts = (file.read(size) + rest).split(b"\n")
        if at_end and len(parts) > 1:
            parts.pop()  # what follows the last line's end: nothing, or a line that is being written
            at_end = False
        rest = parts.pop(0)
        yield from (part.decode() for part in reversed(parts))
    if rest and not at_end:
        yield rest.decode()


def _folded_path(folder: Path, job: str) -> Path:
    return folder / f"{job}.folded.json"


def _folded(folder: Path, job: str) -> Folded:
    try:
        kept: dict[str, Any] = json.loads(_folded_path(folder, job).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return Folded()
    drivers = {name: Totals(**totals) for name, totals in kept["drivers"].items()}
    return Folded(Totals(**kept["before"]), drivers, kept["files"])
