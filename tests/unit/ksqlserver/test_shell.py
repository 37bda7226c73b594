"""What the shell shows."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from ksqlengine.shell.client import ServerError, parse_row_line
from ksqlengine.shell.render import RowsTable, column_names, show_entity, show_error


def console(width: int = 80) -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, width=width, color_system=None), out


def test_marks_the_place_of_an_error() -> None:
    screen, out = console()
    show_error(screen, ServerError("line 2:7: Syntax Error", "SELECT *\nFROM  WHERE x = 1;", 2, 7))
    lines = out.getvalue().splitlines()
    assert lines[0] == "FROM  WHERE x = 1;"
    assert lines[1] == "      ^^^^^"


def test_finds_the_place_in_the_message() -> None:
    screen, out = console()
    show_error(screen, ServerError("line 1:8: Syntax Error", "SELECT FROM x;"))
    assert out.getvalue().splitlines()[1] == "       ^^^^"


def test_rows_fit_the_terminal() -> None:
    screen, out = console(40)
    table = RowsTable(screen, "`ID` STRING KEY, `LONG` STRING, `S` STRUCT<`A` INTEGER, `B` STRING>")
    table.row(["a", "x" * 100, {"A": 1}])
    assert max(len(line) for line in out.getvalue().splitlines()) <= 40
    assert "…" in out.getvalue()


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ("`A` INTEGER, `B` STRING", ["A", "B"]),
        ("`S` STRUCT<`X` INTEGER, `Y` MAP<STRING, INTEGER>>, `T` DECIMAL(4, 2)", ["S", "T"]),
        ("", []),
    ],
)
def test_reads_column_names_of_a_schema(schema: str, names: list[str]) -> None:
    assert column_names(schema) == names


def test_lists_streams_as_a_table() -> None:
    screen, out = console(100)
    stream = {"name": "S", "topic": "t", "keyFormat": "KAFKA", "valueFormat": "JSON", "isWindowed": False}
    show_entity(screen, {"@type": "streams", "streams": [stream], "warnings": []})
    assert all(word in out.getvalue() for word in ("Stream", "KAFKA", "no"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('[{"header":{"schema":"`A` INTEGER"}}', {"header": {"schema": "`A` INTEGER"}}),
        (",", None),
        ('{"row":{"columns":[1,[2]]}}', {"row": {"columns": [1, [2]]}}),
        ('{"row":{"columns":[1,[2]]}}]', {"row": {"columns": [1, [2]]}}),
        ("]", None),
    ],
)
def test_reads_a_line_of_the_chunked_array(line: str, expected: object) -> None:
    assert parse_row_line(line) == expected
