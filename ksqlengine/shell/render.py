"""Show the server's answers: tables that fit the terminal, errors with the place underlined."""

from __future__ import annotations

import json
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from ksqlengine.shell.client import ServerError

_LISTS: dict[str, tuple[str, tuple[tuple[str, str], ...]]] = {
    "streams": (
        "streams",
        (
            ("Stream", "name"),
            ("Topic", "topic"),
            ("Key", "keyFormat"),
            ("Value", "valueFormat"),
            ("Windowed", "isWindowed"),
        ),
    ),
    "tables": (
        "tables",
        (
            ("Table", "name"),
            ("Topic", "topic"),
            ("Key", "keyFormat"),
            ("Value", "valueFormat"),
            ("Windowed", "isWindowed"),
        ),
    ),
    "queries": (
        "queries",
        (("Query", "id"), ("Type", "queryType"), ("State", "state"), ("Sinks", "sinks"), ("SQL", "queryString")),
    ),
    "kafka_topics": ("topics", (("Topic", "name"), ("Partition replicas", "replicaInfo"))),
    "kafka_topics_extended": (
        "topics",
        (
            ("Topic", "name"),
            ("Partition replicas", "replicaInfo"),
            ("Consumers", "consumerCount"),
            ("Groups", "consumerGroupCount"),
        ),
    ),
    "properties": ("properties", (("Property", "name"), ("Value", "value"), ("Level", "level"))),
    "function_names": ("functions", (("Function", "name"), ("Kind", "type"))),
    "variables": ("variables", (("Variable", "name"), ("Value", "value"))),
    "connector_list": (
        "connectors",
        (("Connector", "name"), ("Type", "type"), ("Class", "className"), ("State", "state")),
    ),
    "connector_plugins_list": ("connectorsPlugins", (("Class", "className"), ("Type", "type"), ("Version", "version"))),
}


def show_entity(console: Console, entity: dict[str, Any]) -> None:
    """Show one entity of ``/ksql``."""
    kind = str(entity.get("@type", ""))
    if kind in _LISTS:
        key, columns = _LISTS[kind]
        rows = [[_cell(row.get(field)) for _, field in columns] for row in entity[key]]
        console.print(table([title for title, _ in columns], rows))
    elif kind == "type_list":
        console.print(table(["Type", "Schema"], [[n, type_text(t)] for n, t in entity["types"].items()]))
    elif kind == "sourceDescription":
        _source(console, entity["sourceDescription"])
    elif kind == "source_descriptions":
        for description in entity["sourceDescriptions"]:
            _source(console, description)
    elif kind == "queryDescription":
        _query(console, entity["queryDescription"])
    elif kind == "query_descriptions":
        for description in entity["queryDescriptions"]:
            _query(console, description)
    elif kind == "currentStatus":
        status = entity["commandStatus"]
        style = "green" if status["status"] == "SUCCESS" else "red"
        console.print(f"[{style}]{escape(str(status['message']))}[/]")
    elif "message" in entity:
        console.print(f"[yellow]{escape(str(entity['message']))}[/]")
    else:
        rest = {k: v for k, v in entity.items() if k not in {"@type", "statementText", "warnings"}}
        console.print_json(json.dumps(rest))
    for warning in entity.get("warnings", []):
        console.print(f"[yellow]{escape(str(warning.get('message', warning)))}[/]")


def table(titles: list[str], rows: list[list[str]]) -> Table:
    """Make a table that folds its cells to the terminal's width."""
    out = Table(show_edge=False, header_style="bold", pad_edge=False)
    for title in titles:
        out.add_column(title, overflow="fold")
    for row in rows:
        out.add_row(*[escape(cell) for cell in row])
    out.caption = None if rows else "nothing"
    return out


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(str(v) for v in value)
    return "" if value is None else " ".join(str(value).split())


def type_text(schema: dict[str, Any]) -> str:
    """Print a type as SQL."""
    kind = schema["type"]
    if kind == "STRUCT":
        return "STRUCT<" + ", ".join(f"{f['name']} {type_text(f['schema'])}" for f in schema["fields"] or []) + ">"
    if kind in {"ARRAY", "MAP"}:
        inner = type_text(schema["memberSchema"])
        return f"ARRAY<{inner}>" if kind == "ARRAY" else f"MAP<STRING, {inner}>"
    if kind == "DECIMAL" and schema.get("parameters"):
        return f"DECIMAL({schema['parameters']['precision']}, {schema['parameters']['scale']})"
    return str(kind)


def _fields(fields: list[dict[str, Any]]) -> Table:
    rows = [[f["name"], type_text(f["schema"]), str(f.get("type", "")).lower()] for f in fields]
    return table(["Column", "Type", ""], rows)


def _source(console: Console, description: dict[str, Any]) -> None:
    window = f", windowed ({description['windowType']})" if description.get("windowType") else ""
    console.print(
        f"[bold]{escape(description['name'])}[/] is a {description['type'].lower()} over topic "
        f"{escape(description['topic'])} (key {description['keyFormat']}, value {description['valueFormat']}{window})"
    )
    console.print(_fields(description["fields"]))
    for title, key in (("Read by", "readQueries"), ("Written by", "writeQueries")):
        if description[key]:
            console.print(f"{title}: " + ", ".join(f"{q['id']} ({q['state']})" for q in description[key]))
    if description.get("extended") and description.get("statement"):
        console.print(Text(description["statement"], style="dim"))


def _query(console: Console, description: dict[str, Any]) -> None:
    state = description.get("streamsState") or description.get("state", "")
    console.print(f"[bold]{escape(description['id'] or 'query')}[/] {state}")
    console.print(Text(description["statementText"], style="dim"))
    if description["fields"]:
        console.print(_fields(description["fields"]))
    if description["executionPlan"]:
        console.print(Text(description["executionPlan"]))
    console.print(Text(description["topology"], style="dim"))
    for error in description["queryErrors"]:
        console.print(Text(error["errorMessage"], style="red"))


def show_error(console: Console, error: ServerError) -> None:
    """Show an error with the statement's line and a mark under the place."""
    lines = error.statement.splitlines()
    line = (error.line or 0) - 1
    column = (error.column or 0) - 1
    if column < 0 or not 0 <= line < len(lines):
        place = find_place(error.message)
        line, column = (place[0] - 1, place[1] - 1) if place else (-1, 0)
    if 0 <= line < len(lines):
        console.print(Text(lines[line]))
        word = lines[line][column:].split() or [" "]
        console.print(Text(" " * column + "^" * max(1, min(len(word[0]), len(lines[line]) - column)), style="bold red"))
    elif error.statement:
        console.print(Text(error.statement.strip()))
        console.print(Text("~" * min(max(len(x) for x in lines), console.width), style="red"))
    console.print(Text(error.message, style="red"))


def find_place(message: str) -> tuple[int, int] | None:
    """Find ``line L:C`` in a message."""
    import re

    found = re.search(r"line (\d+):(\d+)", message)
    return (int(found.group(1)), int(found.group(2))) if found else None


class RowsTable:
    """Rows of a query printed as they come, in columns of the terminal's width."""

    def __init__(self, console: Console, schema: str) -> None:
        self.console = console
        self.names = column_names(schema)
        self.width = max(6, (console.width - 3 * (len(self.names) - 1)) // max(len(self.names), 1))
        console.print(Text(self._line(self.names), style="bold"))
        console.print(Text("─┼─".join("─" * self.width for _ in self.names), style="dim"))

    def row(self, values: list[Any], *, deleted: bool = False) -> None:
        """Print one row."""
        cells = ["null" if v is None else v if isinstance(v, str) else json.dumps(v) for v in values]
        self.console.print(Text(self._line(cells), style="dim strike" if deleted else ""))

    def _line(self, cells: list[str]) -> str:
        fitted = [c if len(c) <= self.width else c[: self.width - 1] + "…" for c in cells]
        return " │ ".join(c.ljust(self.width) for c in fitted).rstrip()


def column_names(schema: str) -> list[str]:
    """Give the names of a printed schema (names are quoted, struct fields are nested)."""
    out, depth, quoted, name = [], 0, False, ""
    top = True
    for char in schema:
        if char == "`":
            quoted = not quoted
            if not quoted and depth == 0 and top:
                out.append(name)
                top = False
            name = ""
        elif quoted:
            name += char
        elif char in "<(":
            depth += 1
        elif char in ">)":
            depth -= 1
        elif char == "," and depth == 0:
            top = True
    return out
