"""Read one sheet, in a process of its own that may die: the parent starts it as a file, never imports it.

Arguments: site folder, memory limit in bytes, processor seconds, path, sheet, header row, then the wanted headers (all
when none is given). Writes one answer on standard output: a 4-byte length, a JSON head, then the columns' bytes.

Limits its own memory and processor time before the reader is imported, because a 1.4 KB workbook can make the reader
ask for 550 GB and abort the interpreter. Imports nothing that is not in C: ``json`` and ``typing`` alone would double
its start, which is part of every load.
"""

from __future__ import annotations

import gc
import os
import resource
import sys
from array import array
from itertools import islice

try:
    from _json import encode_basestring_ascii as quoted
except ImportError:  # another Python than CPython
    from json.encoder import py_encode_basestring_ascii as quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Cell = Any

CHUNK_ROWS = 8192


def main() -> None:
    """Answer the one request."""
    site, memory, cpu, path, sheet, header_row, *headers = sys.argv[1:]
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(cpu), int(cpu) + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.path.append(site)
    gc.disable()  # cells have no cycles, and there are many
    try:
        head, buffers = read(path, sheet, int(header_row), headers)
    except MemoryError:
        head, buffers = {"error": "memory"}, []
    body = dump(head).encode()
    out = sys.stdout.buffer
    out.write(len(body).to_bytes(4, "little"))
    out.write(body)
    for buffer in buffers:
        out.write(buffer)
    out.flush()
    os._exit(0)  # taking a million cells apart again would be for nobody


def dump(value: Any) -> str:
    """Give a value as JSON (Python's own flavour: Infinity and NaN as such)."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return {"inf": "Infinity", "-inf": "-Infinity", "nan": "NaN"}.get(repr(value), repr(value))
    if isinstance(value, int):
        return repr(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{quoted(key)}:{dump(item)}" for key, item in value.items()) + "}"
    return "[" + ",".join(map(dump, value)) + "]"


def read(path: str, wanted_sheet: str, header_row: int, headers: list[str]) -> tuple[dict[str, Any], list[array[Any]]]:
    """Give the answer's head and buffers."""
    import python_calamine

    try:
        book = python_calamine.CalamineWorkbook.from_path(path)
        sheets = list(book.sheet_names)
        if wanted_sheet not in sheets:
            return {"error": "no-sheet", "sheets": sheets}, []
        sheet = book.get_sheet_by_name(wanted_sheet)
    except python_calamine.PasswordError:
        return {"error": "password"}, []
    except (python_calamine.CalamineError, OSError, ValueError) as error:
        return {"error": "unreadable", "detail": str(error) or type(error).__name__}, []
    rows = sheet.iter_rows()
    header = next(islice(rows, header_row - 1, None), None)
    names = [str(_plain(cell)).strip() for cell in header or []]
    if not any(names):
        return {"error": "no-header", "height": sheet.end[0] + 1 if sheet.end else 0}, []
    wanted = headers or [name for name in names if name]
    missing = [name for name in wanted if name not in names]
    if missing:
        return {"error": "no-column", "missing": missing, "headers": [name for name in names if name]}, []
    twice = sorted({name for name in wanted if names.count(name) > 1})
    if twice:
        return {"error": "twice", "headers": twice}, []
    places = [names.index(name) for name in wanted]
    columns: list[list[Cell]] = [[] for _ in places]
    while chunk := list(islice(rows, CHUNK_ROWS)):
        turned = list(zip(*chunk, strict=True))
        for column, place in zip(columns, places, strict=True):
            column.extend(turned[place])
    numbers = filled_rows(columns, header_row + 1)
    if numbers is not None:
        first = header_row + 1
        columns = [[column[row - first] for row in numbers] for column in columns]
    head: dict[str, Any] = {"first": header_row + 1, "rows": len(columns[0]), "columns": []}
    buffers: list[array[Any]] = []
    for name, column in zip(wanted, columns, strict=True):
        described, buffer = pack(column)
        head["columns"].append({"name": name, **described})
        buffers.append(buffer)
    head["numbered"] = numbers is not None
    if numbers is not None:
        buffers.append(array("i", numbers))
    return head, buffers


def filled_rows(columns: list[list[Cell]], first: int) -> list[int] | None:
    """Give the numbers of the rows that hold anything, or None when all do."""
    blank: set[int] | None = None
    for column in columns:
        if "" not in column:
            return None
        empty = {index for index, cell in enumerate(column) if cell == ""}
        blank = empty if blank is None else blank & empty
        if not blank:
            return None
    return [first + index for index in range(len(columns[0])) if index not in (blank or ())]


def pack(column: list[Cell]) -> tuple[dict[str, Any], array[Any]]:
    """Give a column as numbers, or as codes into the list of its distinct values."""
    kinds = set(map(type, column))
    if kinds <= {float, int}:
        return {"kind": "numbers"}, array("d", column)
    keys = [(type(cell), cell) for cell in column] if bool in kinds and len(kinds) > 1 else column
    index = {key: code for code, key in enumerate(dict.fromkeys(keys))}
    codes = array("i", map(index.__getitem__, keys))
    distinct = [key[1] for key in index] if keys is not column else list(index)
    return {"kind": "codes", "values": [_tagged(cell) for cell in distinct]}, codes


def _tagged(cell: Cell) -> Any:
    """Give a cell as JSON: times and dates as [type, text], all else as it is."""
    if isinstance(cell, (str, bool, int, float)):
        return cell
    if hasattr(cell, "total_seconds"):
        return ["duration", cell.total_seconds()]
    return [type(cell).__name__, cell.isoformat()]


def _plain(cell: Cell) -> Cell:
    return int(cell) if isinstance(cell, float) and cell.is_integer() else cell


if __name__ == "__main__":
    main()
