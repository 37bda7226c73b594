"""What the commands draw: progress that lives on a terminal and prints lines anywhere else."""

from __future__ import annotations

import time
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

MARKS = {
    "done": Text("✓", style="bold green"),
    "failed": Text("✗", style="bold red"),
    "waiting": Text("·", style="dim"),
    "skipped": Text("-", style="dim"),
}


class Steps:
    """A list of steps, each with a state, what it does now, and how long.

    On a terminal it is one table that changes in place; elsewhere (CI, a pipe) each step that ends is a line.
    """

    def __init__(self, console: Console, titles: Mapping[str, str]) -> None:
        self._console = console
        self._titles = dict(titles)
        self._state: dict[str, str] = dict.fromkeys(titles, "waiting")
        self._detail: dict[str, str] = dict.fromkeys(titles, "")
        self._began: dict[str, float] = {}
        self._took: dict[str, float] = {}
        self._start = time.monotonic()
        self._spinner = Spinner("dots", style="cyan")
        self._live = (
            Live(get_renderable=self._draw, console=console, refresh_per_second=8) if console.is_terminal else None
        )

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live:
            self._live.stop()

    def seconds(self) -> float:
        """Give the seconds since the first drawing."""
        return time.monotonic() - self._start

    def update(self, step: str, state: str, detail: str = "", *, seconds: float | None = None) -> None:
        """Say how a step is: waiting, active, done, failed or skipped."""
        self._titles.setdefault(step, step)
        before = self._state.get(step, "waiting")
        self._detail[step] = detail or (self._detail.get(step, "") if state == before else "")
        self._state[step] = state
        if state == "active":
            self._began.setdefault(step, time.monotonic())
        ended = state in ("done", "failed", "skipped")
        if ended:
            began = self._began.get(step)
            took = seconds if seconds is not None else (time.monotonic() - began if began else 0.0)
            self._took.setdefault(step, took)
        if not self._live and state != before and state != "waiting":
            self._line(step, state, ended)

    def _line(self, step: str, state: str, ended: bool) -> None:
        mark = MARKS[state].plain if ended else "…"
        took = f" ({self._took[step]:.1f} s)" if ended and self._took[step] >= 0.05 else ""
        detail = f": {self._detail[step]}" if self._detail[step] else ""
        self._console.print(
            f"[{self.seconds():5.1f} s] {mark} {self._titles[step]}{detail}{took}", highlight=False, markup=False
        )

    def _draw(self) -> RenderableType:
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(width=1)
        table.add_column(no_wrap=True, width=max(map(len, self._titles.values()), default=10))
        table.add_column(justify="right", no_wrap=True, width=8)
        table.add_column(ratio=1, overflow="ellipsis", no_wrap=True, style="dim")
        for step, title in self._titles.items():
            state = self._state.get(step, "waiting")
            if state == "active":
                mark: RenderableType = self._spinner
                took = f"{time.monotonic() - self._began[step]:.0f} s"
            else:
                mark = MARKS.get(state, MARKS["waiting"])
                took = f"{self._took[step]:.1f} s" if state in ("done", "failed") else ""
            style = {"waiting": "dim", "skipped": "dim", "failed": "bold red"}.get(state, "")
            table.add_row(mark, Text(title, style=style), took, self._detail.get(step, ""))
        ended = sum(state in ("done", "skipped") for state in self._state.values())
        foot = Text(f"{ended} of {len(self._titles)}, {self.seconds():.0f} s", style="dim")
        return Group(table, foot)


def wide_console() -> Console:
    """Give a console for tables: as wide as the terminal, and wide enough in a pipe or a file."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=160)


def size_text(count: int | None) -> str:
    """Say a number of bytes as a person would."""
    if count is None:
        return "?"
    return f"{count / 2**30:.1f} GB" if count >= 2**30 else f"{count / 2**20:.0f} MB"
