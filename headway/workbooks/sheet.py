"""Read a sheet's columns through the child process, safely: a table of raw cells or a :class:`WorkbookError`."""

from __future__ import annotations

import importlib.util
import json
import signal
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headway.errors import WorkbookError
from headway.workbooks.precheck import RESAVE, check_container

CHILD = Path(__file__).with_name("child.py")
MEMORY_BYTES = 2 << 30
CPU_S = 120
WALL_S = 300.0

Cell = str | bool | int | float | date | datetime | time | timedelta


@dataclass(frozen=True)
class RawColumn:
    """One column: plain numbers, or codes into its distinct cells. An empty cell is ``""``."""

    numbers: NDArray[np.float64] | None = None
    codes: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, dtype=np.int32))
    distinct: list[Cell] = field(default_factory=list)

    def cells(self) -> list[Cell]:
        """Give the cells one by one."""
        if self.numbers is not None:
            return list(self.numbers.tolist())
        return [self.distinct[code] for code in self.codes.tolist()]

    def cell(self, index: int) -> Cell:
        """Give one cell."""
        if self.numbers is not None:
            return float(self.numbers[index])
        return self.distinct[int(self.codes[index])]


@dataclass(frozen=True)
class RawSheet:
    """The wanted columns of a sheet, blank rows left out; ``row_numbers`` are those that Excel shows."""

    path: Path
    sheet: str
    columns: dict[str, RawColumn]
    row_numbers: NDArray[np.int32]

    def __len__(self) -> int:
        """Give the number of rows."""
        return len(self.row_numbers)

    def rows(self) -> list[dict[str, Cell]]:
        """Give the rows as dictionaries by header (for small sheets)."""
        lists = {name: column.cells() for name, column in self.columns.items()}
        return [dict(zip(lists, row, strict=True)) for row in zip(*lists.values(), strict=True)]


def read_sheet(
    path: Path,
    sheet: str,
    *,
    header_row: int = 1,
    headers: Iterable[str] | None = None,
    memory_bytes: int = MEMORY_BYTES,
) -> RawSheet:
    """Read a sheet's columns by their headers (all that have one when ``headers`` is None).

    The parser runs in a child process under a memory and a time limit, so a hostile file costs an error and nothing
    else. Macros, links and formulas are never run: a formula's stored result is its cell. Raises
    :class:`WorkbookError` that names the workbook, the sheet or column, and those that there are.
    """
    check_container(path)
    wanted = [_site_of("python_calamine"), str(memory_bytes), str(CPU_S), str(path), sheet, str(header_row)]
    answer = _ask_child(path, [*wanted, *(headers or ())], memory_bytes)
    size = int.from_bytes(answer[:4], "little")
    head = json.loads(answer[4 : 4 + size])
    if "error" in head:
        raise _translate(head, path, sheet, header_row)
    return _unpack(path, sheet, head, answer, 4 + size)


def _site_of(module: str) -> str:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise WorkbookError(
            f"The Python package {module} is not installed.", where=sys.prefix, next_step="run `bin/headway install`"
        )
    return str(Path(spec.origin).parent.parent)


def _ask_child(path: Path, wanted: list[str], memory_bytes: int) -> bytes:
    arguments = [argument.encode("utf-8", "surrogateescape") for argument in wanted]
    command: list[str | bytes] = [sys.executable, "-I", "-S", "-X", "utf8", str(CHILD), *arguments]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=WALL_S)
    except subprocess.TimeoutExpired as error:
        raise _failed(path, f"reading it took more than {WALL_S:g} s") from error
    if done.returncode == 0 and len(done.stdout) >= 4:
        return done.stdout
    said = done.stderr.decode(errors="replace").strip().splitlines()
    if done.returncode in (-signal.SIGXCPU, -signal.SIGKILL):
        raise _failed(path, f"reading it took more than {CPU_S} s of processor time")
    if "memory allocation" in " ".join(said) or "MemoryError" in " ".join(said):
        raise _too_large(path, memory_bytes)
    raise _failed(path, f"the reader stopped ({said[-1] if said else f'exit code {done.returncode}'})")


def _failed(path: Path, why: str) -> WorkbookError:
    return WorkbookError(f"The workbook {path.name} cannot be read: {why}.", where=str(path), next_step=RESAVE)


def _too_large(path: Path, memory_bytes: int) -> WorkbookError:
    return WorkbookError(
        f"The workbook {path.name} cannot be read within {memory_bytes >> 20:,} MB: a sheet is too large, or a stray "
        "cell far below or far right makes it so.",
        where=str(path),
        next_step="delete the empty rows and columns after the data, or split the workbook",
    )


def _translate(head: dict[str, Any], path: Path, sheet: str, header_row: int) -> WorkbookError:
    where = f"workbook {path}, sheet {sheet!r}"
    match head["error"]:
        case "memory":
            return _too_large(path, MEMORY_BYTES)
        case "password":
            return _failed(path, "it is password-protected")
        case "no-sheet" if not head["sheets"]:
            return _failed(path, "it has no sheets (Strict Open XML looks so: save it as plain .xlsx)")
        case "no-sheet":
            return WorkbookError(
                f"There is no sheet {sheet!r}; there are: {_listed(head['sheets'])}.",
                where=f"workbook {path}",
                next_step="rename the sheet, or correct `sheet` in feeds.toml",
            )
        case "no-header":
            return WorkbookError(
                f"Row {header_row} holds no headers; the sheet has {head['height']} rows.",
                where=f"{where}, row {header_row}",
                next_step="correct `header_row` in feeds.toml",
            )
        case "no-column":
            return WorkbookError(
                f"There is no column {_listed(head['missing'])}; the headers are: {_listed(head['headers'])}.",
                where=f"{where}, row {header_row}",
                next_step="rename the column, or correct `header` in feeds.toml",
            )
        case "twice":
            return WorkbookError(
                f"Two columns are named {_listed(head['headers'])}.",
                where=f"{where}, row {header_row}",
                next_step="give each column its own header",
            )
        case _:
            return _failed(path, head.get("detail", "unknown reason"))


def _listed(names: list[str], most: int = 30) -> str:
    shown = ", ".join(repr(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def _unpack(path: Path, sheet: str, head: dict[str, Any], answer: bytes, at: int) -> RawSheet:
    rows = head["rows"]
    columns: dict[str, RawColumn] = {}
    for described in head["columns"]:
        if described["kind"] == "numbers":
            columns[described["name"]] = RawColumn(numbers=np.frombuffer(answer, np.float64, rows, at))
            at += rows * 8
        else:
            codes = np.frombuffer(answer, np.int32, rows, at)
            columns[described["name"]] = RawColumn(codes=codes, distinct=[_untag(v) for v in described["values"]])
            at += rows * 4
    if head["numbered"]:
        numbers = np.frombuffer(answer, np.int32, rows, at)
    else:
        numbers = np.arange(head["first"], head["first"] + rows, dtype=np.int32)
    return RawSheet(path, sheet, columns, numbers)


def _untag(value: Any) -> Cell:
    if not isinstance(value, list):
        return value  # type: ignore[no-any-return]  # what the child's JSON holds
    kind, text = value
    if kind == "duration":
        return timedelta(seconds=text)
    return {"datetime": datetime, "date": date, "time": time}[kind].fromisoformat(text)  # type: ignore[attr-defined,no-any-return]
