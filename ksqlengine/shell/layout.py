"""Columns that fit the terminal: widths by what cells need, long cells folded, wide characters counted as two."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from rich.cells import cell_len
from rich.text import Text

GAP = 3  # " │ "
_NARROWEST = 8
_WIDEST_SCREEN = 1000  # more is a pipe
_NUMBERS = ("INT", "BIGINT", "DOUBLE", "DECIMAL")
# What a column of a type needs when its rows are not known yet (a push query).
_USUAL = {"BOOLEAN": 5, "INTEGER": 11, "BIGINT": 13, "DOUBLE": 12, "DATE": 10, "TIME": 12, "TIMESTAMP": 23}
_USUAL_TEXT, _USUAL_NESTED = 16, 28


@dataclass(frozen=True)
class Head:
    """A column: its title and type."""

    title: str
    kind: str = "STRING"

    @property
    def is_number(self) -> bool:
        """Say whether its values stand at the right."""
        return self.kind.startswith(_NUMBERS)

    @property
    def folds(self) -> bool:
        """Say whether a long value may be folded into several lines."""
        return self.kind.startswith(("STRING", "VARCHAR", "BYTES", "ARRAY", "MAP", "STRUCT"))

    def usual(self) -> int:
        """Give the width that values of this type usually need."""
        if self.kind.startswith(("ARRAY", "MAP", "STRUCT")):
            return max(_USUAL_NESTED, cell_len(self.title))
        if self.kind.startswith("DECIMAL"):
            digits = self.kind[8:].strip("() ").split(",")[0]
            return max(int(digits) + 2 if digits.isdigit() else 12, cell_len(self.title))
        return max(_USUAL.get(self.kind, _USUAL_TEXT), cell_len(self.title))


def heads_of(schema: str) -> list[Head]:
    """Read a printed schema: ```ID` STRING KEY, `S` STRUCT<`A` INTEGER>``."""
    out: list[Head] = []
    name, kind, depth, quoted, named = "", "", 0, False, False
    for char in f"{schema},":
        if char == "`" and depth == 0 and not named:
            quoted, named = (True, False) if not quoted else (False, True)
        elif quoted:
            name += char
        elif char == "," and depth == 0:
            if named:
                out.append(Head(name, kind.strip().removesuffix(" KEY").strip()))
            name, kind, named = "", "", False
        else:
            depth += (char in "<(") - (char in ">)")
            kind += char
    return out


def dump(value: Any) -> str:
    """Write JSON on one line, fractions with the digits that they came with."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return "{" + ", ".join(f"{json.dumps(k, ensure_ascii=False)}: {dump(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(dump, value))}]"
    return json.dumps(value, ensure_ascii=False)


def cell(value: Any) -> str:
    """Write a value as one line of text; what a terminal would obey is escaped."""
    if value is None:
        return "null"
    text = value if isinstance(value, str) else dump(value)
    if text.isprintable():
        return text
    escapes = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
    return "".join(
        c if c.isprintable() or unicodedata.category(c) in {"Mn", "Zs"} else escapes.get(c, f"\\u{ord(c):04x}")
        for c in text
    )


def fit(heads: Sequence[Head], rows: Iterable[Sequence[str]] | None, width: int) -> list[int] | None:
    """Give the columns' widths, or None when there are too many columns to stand side by side.

    ``rows`` are what will be shown; None when that is not known, so that types decide.
    """
    available = width - GAP * (len(heads) - 1)
    if rows is None:
        natural = [head.usual() for head in heads]
    else:
        natural = [cell_len(head.title) for head in heads]
        for row in rows:
            natural = [max(n, cell_len(c)) for n, c in zip(natural, row, strict=False)]
    least = [min(n, _NARROWEST if head.folds else 24) for n, head in zip(natural, heads, strict=True)]
    if sum(least) > available:
        return None
    if sum(natural) <= available:
        return natural if rows is not None or width > _WIDEST_SCREEN else _grow(heads, natural, available)
    level = max(natural)
    while sum(max(low, min(n, level)) for n, low in zip(natural, least, strict=True)) > available:
        level -= 1
    out = [max(low, min(n, level)) for n, low in zip(natural, least, strict=True)]
    spare = available - sum(out)
    for i, n in enumerate(natural):  # what the level's step left over
        more = min(n - out[i], spare)
        out[i] += more
        spare -= more
    return out


def _grow(heads: Sequence[Head], widths: list[int], available: int) -> list[int]:
    """Share out the room that is left among the columns whose values may be long."""
    growing = [i for i, head in enumerate(heads) if head.folds]
    spare = available - sum(widths)
    for i in growing:
        widths[i] += min(spare // len(growing), 60)
    return widths


def fold(text: str, width: int) -> list[str]:
    """Cut a text into pieces of at most ``width`` cells, at a space where there is one near the end."""
    if cell_len(text) <= width:
        return [text]
    out, piece, cells = [], "", 0
    for char in text:
        size = cell_len(char)
        if cells + size > width and piece:
            cut = piece.rfind(" ")
            if cut > len(piece) * 2 // 3 and char != " ":
                out.append(piece[:cut])
                piece = piece[cut + 1 :]
            else:
                out.append(piece)
                piece = ""
            cells = cell_len(piece)
            if char == " " and not piece:
                continue
        piece += char
        cells += size
    return [*out, piece] if piece else out


def cut(text: str, width: int) -> str:
    """Shorten a text to at most ``width`` cells."""
    if cell_len(text) <= width:
        return text
    out, cells = "", 0
    for char in text:
        cells += cell_len(char)
        if cells > width - 1:
            break
        out += char
    return f"{out}…"


def pad(text: str, width: int, *, right: bool = False) -> str:
    """Fill a text up with spaces."""
    blank = " " * max(0, width - cell_len(text))
    return f"{blank}{text}" if right else f"{text}{blank}"


def header_lines(heads: Sequence[Head], widths: Sequence[int]) -> list[Text]:
    """Give the titles and the rule under them."""
    lines = _side_by_side(heads, [h.title for h in heads], widths, wrap=True)
    styled = [Text(line, style="bold") for line in lines]
    return [*styled, Text("─┼─".join("─" * w for w in widths), style="dim")]


def row_lines(
    heads: Sequence[Head], cells: Sequence[str], widths: Sequence[int], *, wrap: bool, style: str = ""
) -> list[Text]:
    """Give a row's lines: more than one where a cell was folded."""
    return [Text(line, style=style) for line in _side_by_side(heads, cells, widths, wrap=wrap)]


def _side_by_side(heads: Sequence[Head], cells: Sequence[str], widths: Sequence[int], *, wrap: bool) -> list[str]:
    pieces = [fold(c, w) if wrap else [cut(c, w)] for c, w in zip(cells, widths, strict=True)]
    return [
        " │ ".join(
            pad(part[i] if i < len(part) else "", w, right=head.is_number)
            for head, part, w in zip(heads, pieces, widths, strict=True)
        ).rstrip()
        for i in range(max(map(len, pieces), default=0))
    ]


def record_lines(
    heads: Sequence[Head], cells: Sequence[str], number: int, width: int, *, style: str = ""
) -> list[Text]:
    """Give a row as a block, one column a line: for rows with more columns than fit side by side."""
    name = min(max((cell_len(h.title) for h in heads), default=0), max(width // 3, 8))
    title = f"─[ row {number} ]"
    out = [Text(title + "─" * max(0, min(width, 60) - cell_len(title)), style="dim")]
    for head, value in zip(heads, cells, strict=True):
        for i, piece in enumerate(fold(value, max(width - name - GAP, _NARROWEST))):
            label = pad(cut(head.title, name), name) if i == 0 else " " * name
            out.append(Text.assemble((label, "bold"), (" │ ", "dim"), (piece, style)))
    return out
