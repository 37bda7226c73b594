"""Where the shell writes: the terminal, a spool file beside it, as tables or as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TextIO

from rich.console import Console
from rich.text import Text

from ksqlengine.shell.layout import dump

_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")  # by a terminal; a message may hold somebody's data
_ENDLESS = 100_000  # a pipe has no width


class Screen:
    """The output of a conversation and how it is to look."""

    def __init__(self, console: Console, *, output: str = "TABULAR") -> None:
        self.console = console
        self.output = output.upper()
        self.wrap = True
        self.column_width = 0
        self._spool: TextIO | None = None
        self.spool_path: Path | None = None

    @property
    def width(self) -> int:
        """Give the columns of the terminal, now."""
        return self.console.width if self.console.is_terminal or self.console.width < 1000 else _ENDLESS

    @property
    def is_json(self) -> bool:
        """Say whether answers are to be written as JSON."""
        return self.output == "JSON"

    def lines(self, lines: Iterable[Text]) -> None:
        """Write lines that were made to fit."""
        for line in lines:
            self.console.print(line, soft_wrap=True)
            self._copy(line.plain)

    def say(self, text: str, style: str = "") -> None:
        """Write a sentence; the terminal wraps it at words."""
        harmless = _OBEYED.sub(lambda found: f"\\u{ord(found.group(0)):04x}", text)
        self.console.print(Text(harmless, style=style))
        self._copy(harmless)

    def json(self, value: Any) -> None:
        """Write a JSON value, rows on one line each, answers spread out for a person."""
        spread = self.console.is_terminal and isinstance(value, list)
        text = json.dumps(value, ensure_ascii=False, indent=2) if spread else dump(value)
        self.console.print(Text(text), soft_wrap=True)
        self._copy(text)

    # -- spooling ----------------------------------------------------------------------------------------------------
    def spool_to(self, path: Path) -> None:
        """Copy everything from now on into a file. Raises OSError when it cannot be written."""
        opened = path.open("w", encoding="utf-8")
        self.spool_off()
        self._spool, self.spool_path = opened, path

    def spool_off(self) -> None:
        """Stop copying."""
        if self._spool is not None:
            self._spool.close()
        self._spool = self.spool_path = None

    def echo(self, statement: str) -> None:
        """Note in the spool file what was typed."""
        self._copy(f"ksql> {statement}")

    def _copy(self, text: str) -> None:
        if self._spool is not None:
            self._spool.write(f"{text}\n")
            self._spool.flush()
