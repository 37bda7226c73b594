"""The prompt: read statements up to their semicolon, run them, show what comes."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
from prompt_toolkit import PromptSession
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import FuzzyCompleter, WordCompleter
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from rich.console import Console
from rich.markup import escape
from rich.text import Text

from ksqlengine.parser import split
from ksqlengine.shell.client import ServerError, ShellClient, parse_row_line
from ksqlengine.shell.render import RowsTable, show_entity, show_error

KEYWORDS = """
ADD ADVANCE ALL ALTER AND ARRAY AS ASSERT BEGINNING BETWEEN BIGINT BOOLEAN BY BYTES CASE CAST CHANGES COLUMN CONNECTOR
CONNECTORS CREATE DATE DECIMAL DEFINE DELETE DESCRIBE DISTINCT DOUBLE DROP ELSE EMIT END EXISTS EXPLAIN EXTENDED FALSE
FINAL FROM FULL FUNCTION FUNCTIONS GRACE GROUP HAVING HEADERS HOPPING HOURS IF IN INNER INSERT INTEGER INTO IS JOIN KEY
KAFKA_TOPIC KEY_FORMAT LEFT LIKE LIMIT LIST MAP MINUTES NOT NULL ON OR OUTER PARTITION PARTITIONS PAUSE PERIOD PLUGINS
PRIMARY PRINT PROPERTIES QUERIES REPLACE REPLICAS RESUME RETENTION RIGHT RUN SCRIPT SECONDS SELECT SESSION SET SHOW SINK
SIZE SOURCE STREAM STREAMS STRING STRUCT TABLE TABLES TERMINATE THEN TIME TIMESTAMP TOPIC TOPICS TRUE TUMBLING TYPE
TYPES UNDEFINE UNSET VALUES VALUE_FORMAT VARCHAR VARIABLES WHEN WHERE WINDOW WINDOWEND WINDOWSTART WITH WITHIN DAYS
""".split()  # noqa: SIM905 - a list of words reads better as words
_HELP = """Statements end with a semicolon; a query with EMIT CHANGES runs until Ctrl-C.
  SHOW STREAMS | TABLES | QUERIES | TOPICS | PROPERTIES | FUNCTIONS | TYPES;
  DESCRIBE name [EXTENDED];   EXPLAIN query;   TERMINATE query;   PRINT topic FROM BEGINNING;
  RUN SCRIPT 'file.sql';   SET 'auto.offset.reset'='earliest';   DEFINE name = 'value';   exit"""


class Shell:
    """A conversation with one server."""

    def __init__(self, client: ShellClient, console: Console, history: Path | None = None) -> None:
        self.client, self.console = client, console
        self._history = history
        self._names: list[str] = []
        self.failures = 0

    # -- conversation ------------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Talk until Ctrl-D or exit."""
        self._greet()
        self._refresh()
        session: PromptSession[str] = PromptSession(
            history=FileHistory(str(self._history)) if self._history else InMemoryHistory(),
            auto_suggest=AutoSuggestFromHistory(),
            completer=FuzzyCompleter(WordCompleter(lambda: [*KEYWORDS, *self._names], ignore_case=True)),
            complete_while_typing=False,
            multiline=True,
            key_bindings=_bindings(),
            prompt_continuation=lambda width, _line, _wrap: "…> ".rjust(width),
        )
        while True:
            try:
                text = session.prompt("ksql> ")
            except KeyboardInterrupt:
                continue
            except EOFError:
                return
            if text.strip().rstrip(";").lower() in {"exit", "quit"}:
                return
            if text.strip().lower() in {"help", "help;", "?"}:
                self.console.print(Text(_HELP))
                continue
            self.execute(text)

    def _greet(self) -> None:
        try:
            info = self.client.info()
        except (httpx.HTTPError, KeyError, ValueError) as error:
            self.console.print(f"[red]No ksqlDB answers at {self.client.url}: {escape(str(error))}[/]")
            return
        self.console.print(
            f"ksqlDB {escape(str(info.get('version')))} at {self.client.url}, service "
            f"{escape(str(info.get('ksqlServiceId')))}. [dim]help; Tab completes; Ctrl-D leaves.[/]"
        )

    def _refresh(self) -> None:
        self._names = self.client.names()

    # -- statements --------------------------------------------------------------------------------------------------
    def execute(self, text: str) -> None:
        """Run all statements of a text and show what comes; stop at the first error."""
        for statement, _, _ in split(text):
            try:
                self._statement(statement)
            except ServerError as error:
                self.failures += 1
                show_error(self.console, error)
                return
            except httpx.HTTPError as error:
                self.failures += 1
                self.console.print(
                    f"[red]{self.client.url} does not answer ({type(error).__name__}). "
                    "Is the server up? `headway status` says so.[/]"
                )
                return

    def _statement(self, statement: str) -> None:
        local = _Local.match(statement)
        if local is not None:
            self._local(local.group("verb").upper().split()[0], local.group("rest"))
        elif re.match(r"\s*(SELECT|PRINT)\b", statement, re.I):
            self._stream(statement)
        else:
            for entity in self.client.ksql(statement):
                show_entity(self.console, entity)
            if re.match(r"\s*(CREATE|DROP|INSERT|TERMINATE)\b", statement, re.I):
                self._refresh()

    def _local(self, verb: str, rest: str) -> None:
        """Do what only the client does: session properties, variables, scripts."""
        pair = re.match(r"""\s*['"]?([\w.${}]+)['"]?\s*=\s*'((?:[^']|'')*)'\s*;?\s*$""", rest)
        single = re.match(r"""\s*'?([^';]+)'?\s*;?\s*$""", rest)
        if verb == "SET" and pair:
            self.client.properties[pair.group(1)] = pair.group(2)
        elif verb == "UNSET" and single:
            self.client.properties.pop(single.group(1).strip(), None)
        elif verb == "DEFINE" and pair:
            self.client.variables[pair.group(1)] = pair.group(2).replace("''", "'")
        elif verb == "UNDEFINE" and single:
            self.client.variables.pop(single.group(1).strip(), None)
        elif verb == "RUN" and single:
            self._script(Path(single.group(1).strip()).expanduser())
        else:
            raise ServerError(f"This {verb} cannot be understood.", f"{verb} {rest}".strip())

    def _script(self, path: Path) -> None:
        try:
            text = path.read_text(encoding="utf-8")
        except OSError as error:
            raise ServerError(f"{path} cannot be read: {error.strerror}.") from error
        self.execute(text)

    def _stream(self, statement: str) -> None:
        rows: RowsTable | None = None
        count = 0
        try:
            with self.client.stream(statement) as lines:
                for line in lines:
                    if statement.lstrip()[:5].upper() == "PRINT":
                        self.console.print(Text(line))
                        continue
                    item = parse_row_line(line)
                    if item is None:
                        continue
                    if "header" in item:
                        rows = RowsTable(self.console, item["header"]["schema"])
                    elif "row" in item and rows is not None:
                        row: dict[str, Any] = item["row"]
                        rows.row(row["columns"], deleted=bool(row.get("tombstone")))
                        count += 1
                    elif "errorMessage" in item:
                        raise ServerError(str(item["errorMessage"].get("message")), statement)
                    elif "finalMessage" in item:
                        self.console.print(f"[dim]{item['finalMessage']}[/]")
        except KeyboardInterrupt:
            self.console.print("[dim]Query ended.[/]")
        if rows is not None:
            self.console.print(f"[dim]{count} row{'' if count == 1 else 's'}[/]")


_Local = re.compile(r"\s*(?P<verb>SET|UNSET|DEFINE|UNDEFINE|RUN\s+SCRIPT)\b(?P<rest>.*)$", re.I | re.S)


def _bindings() -> KeyBindings:
    """Let Enter send what ends with a semicolon, and start a new line else."""
    keys = KeyBindings()

    @keys.add("enter")
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        text = buffer.text.strip()
        if not text or text.endswith(";") or text.lower() in {"exit", "quit", "help", "?"}:
            buffer.validate_and_handle()
        else:
            buffer.insert_text("\n")

    return keys
