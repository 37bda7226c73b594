"""The rows of a query, shown as they come."""

from __future__ import annotations

from typing import Any

from ksqlengine.shell.layout import cell, fit, header_lines, heads_of, record_lines, row_lines
from ksqlengine.shell.screen import Screen

_MEASURED = 1000  # rows of a query that ends are looked at before the first is shown


class Rows:
    """Show rows in columns; a query that ends is measured first, one that goes on is laid out by its types."""

    def __init__(self, screen: Screen, schema: str, *, endless: bool) -> None:
        self.screen, self.heads, self.endless = screen, heads_of(schema), endless
        self.count = 0
        self._held: list[tuple[list[str], bool]] = []
        self._widths: list[int] | None = None
        self._laid_out_for = 0
        if endless:
            self._lay_out(None)

    def row(self, values: list[Any], *, deleted: bool = False) -> None:
        """Take one row."""
        self.count += 1
        cells = [cell(v) for v in values]
        if not self.endless and self._laid_out_for == 0:
            self._held.append((cells, deleted))
            if len(self._held) >= _MEASURED:
                self._flush()
            return
        if self.endless and self.screen.width != self._laid_out_for:
            self._lay_out(None)  # the window was resized
        self._show(cells, self.count, deleted)

    def end(self) -> None:
        """Show what was held back."""
        if self._laid_out_for == 0:
            self._flush()

    def _flush(self) -> None:
        self._lay_out([cells for cells, _ in self._held])
        for number, (cells, deleted) in enumerate(self._held, start=1):
            self._show(cells, number, deleted)
        self._held = []

    def _lay_out(self, rows: list[list[str]] | None) -> None:
        self._laid_out_for = self.screen.width
        fixed = self.screen.column_width
        self._widths = [fixed] * len(self.heads) if fixed else fit(self.heads, rows, self._laid_out_for)
        if self._widths is not None and rows != []:
            self.screen.lines(header_lines(self.heads, self._widths))

    def _show(self, cells: list[str], number: int, deleted: bool) -> None:
        if deleted:
            cells = ["<TOMBSTONE>" if c == "null" else c for c in cells]
        style = "dim" if deleted else ""
        if self._widths is None:
            self.screen.lines(record_lines(self.heads, cells, number, self.screen.width, style=style))
        else:
            self.screen.lines(row_lines(self.heads, cells, self._widths, wrap=self.screen.wrap, style=style))
