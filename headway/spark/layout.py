"""Where a job keeps its checkpoint, its results and its progress.

A *job* is (generation, window length, epoch). Each has a folder of its own, with the checkpoint beside the tables that
it made: they are only right together.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headway.errors import SettingsError

if TYPE_CHECKING:
    from headway.settings import Settings

# The shape of the streaming state. Raise it when queries.windowed changes: the next run then starts a new epoch, which
# reads the topics from the beginning and makes every result again.
EPOCH = 1
WINDOW_MINUTES = (5, 10, 15, 20, 30, 60)
TABLES = ("ridership", "headways", "stops", "weather")


@dataclass(frozen=True)
class Layout:
    """The folders of one job."""

    root: Path
    generation: int = 1
    window_minutes: int = 60
    epoch: int = EPOCH

    def __post_init__(self) -> None:
        if self.window_minutes not in WINDOW_MINUTES:
            raise SettingsError(
                f"A window of {self.window_minutes} minutes does not divide the hour that weather is known for.",
                where="the job's --window-minutes",
                next_step=f"use one of {', '.join(map(str, WINDOW_MINUTES))}",
            )

    @property
    def name(self) -> str:
        """Name the job: its generation, window and epoch."""
        return f"g{self.generation}-w{self.window_minutes}-e{self.epoch}"

    @property
    def folder(self) -> Path:
        """Give the job's folder."""
        return self.root / self.name

    @property
    def checkpoint(self) -> Path:
        """Give the streaming checkpoint."""
        return self.folder / "_checkpoint"

    @property
    def lease(self) -> Path:
        """Give the file that says which driver owns the checkpoint."""
        return self.folder / "_driver.json"

    @property
    def stations_digest(self) -> Path:
        """Give the file with the digest of the station facts that the results were made with."""
        return self.folder / "_stations.sha256"

    @property
    def progress(self) -> Path:
        """Give the folder of progress files, one a driver."""
        return self.root / "progress"

    def table(self, name: str) -> Path:
        """Give a Parquet table: ``ridership``, ``headways``, or what they are made from, ``stops`` and ``weather``."""
        if name not in TABLES:
            raise SettingsError(f"There is no table {name!r}.", next_step=f"use one of {', '.join(TABLES)}")
        return self.folder / name


def layout_of(settings: Settings, *, generation: int | None = None, window_minutes: int = 60) -> Layout:
    """Give the layout of the settings' output folder; the generation defaults to the newest one found there."""
    root = settings.output
    if generation is None:
        found = [re.fullmatch(r"g(\d+)-w\d+-e\d+", folder.name) for folder in root.glob("g*-w*-e*")]
        generation = max((int(match[1]) for match in found if match), default=1)
    return Layout(root, generation, window_minutes)
