"""The conversation: read statements up to their semicolon, run them, show what comes."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.text import Text

from ksqlengine.errors import KsqlError
from ksqlengine.parser import split
from ksqlengine.shell import commands
from ksqlengine.shell.client import ServerError, ShellClient, read_messages
from ksqlengine.shell.layout import cell
from ksqlengine.shell.render import show_entity, show_error
from ksqlengine.shell.rows import Rows
from ksqlengine.shell.screen import Screen

_STREAMED = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/)*(SELECT|PRINT)\b", re.I | re.S)
_CHANGES_NAMES = re.compile(r"\s*(CREATE|DROP|TERMINATE|INSERT\s+INTO\s.*\bSELECT)\b", re.I | re.S)
_ENDLESS = re.compile(r"\bEMIT\s+(CHANGES|FINAL)\b", re.I)
_SOURCES = 50  # whose columns are asked for in advance
_DEEPEST = 10  # scripts that run scripts


class Shell:
    """A conversation with one server."""

    def __init__(
        self,
        client: ShellClient,
        console: Console,
        history: Path | None = None,
        *,
        output: str = "TABULAR",
        row_limit: int | None = None,
        timeout_s: float | None = None,
        errors: Console | None = None,
        before_query: Callable[[], None] | None = None,
    ) -> None:
        self.client, self.screen = client, Screen(console, output=output)
        self.errors = Screen(errors, output=output) if errors is not None else self.screen
        self.names: dict[str, list[str]] = {"sources": [], "topics": [], "queries": [], "functions": []}
        self.leaving = False
        self.failures = 0
        self._history, self._typed = history, list[str]()
        self._row_limit, self._timeout_s = row_limit, timeout_s
        self._before_query = before_query
        self._columns: dict[str, list[str]] = {}
        self._origin: list[str] = []  # the files that run, the innermost last

    # -- conversation ------------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Talk until Ctrl-D or exit."""
        from ksqlengine.shell import prompt

        self.greet()
        self.refresh()
        session = prompt.make(self, self._history)
        while not self.leaving:
            try:
                text = session.prompt()
            except KeyboardInterrupt:
                continue
            except EOFError:
                break
            if text.strip():
                self._typed.append(text)
                self.screen.echo(text)
                try:
                    self.execute(text)
                except KeyboardInterrupt:
                    self.screen.say("Not waited for any longer; the server may still carry it out.", "yellow")
        self.screen.spool_off()

    def greet(self) -> None:
        """Say who answers."""
        try:
            info = self.client.info()
        except (httpx.HTTPError, ServerError, KeyError, ValueError) as error:
            self._away(error)
            return
        state = str(info.get("serverStatus") or "RUNNING")
        self.screen.say(
            f"ksqlDB {info.get('version')} at {self.client.url}, service {info.get('ksqlServiceId')}, {state}", "bold"
        )
        self.screen.say("help says what there is; Tab completes; Ctrl-C ends a query; Ctrl-D leaves.", "dim")

    def refresh(self) -> None:
        """Learn the server's names for completion, while the person types."""
        threading.Thread(target=self._learn, name="names", daemon=True).start()

    def _learn(self) -> None:
        learner = self.client.fellow()
        try:
            self.names = learner.names()
            self._columns = {name: learner.columns(name) for name in self.names["sources"][:_SOURCES]}
        finally:
            learner.close()

    def columns(self, source: str) -> list[str]:
        """Give the columns of a source, asked for once."""
        if source not in self._columns:
            self._columns[source] = self.client.columns(source)
        return self._columns[source]

    def typed(self) -> list[str]:
        """Give what was typed in this session."""
        return self._typed

    # -- statements --------------------------------------------------------------------------------------------------
    def execute(self, text: str) -> bool:
        """Run all statements of a text and show what comes; stop at the first error and say so by False."""
        before = self.failures
        try:
            pieces = [(text, 1, 1)] if commands.needs_no_semicolon(text) else split(text)
        except KsqlError as error:
            return self._failed(ServerError(error.message, text, error.line, error.column), 1)
        for statement, line, _ in pieces:
            if not statement.strip().strip(";"):
                continue
            try:
                self._statement(statement)
            except ServerError as error:
                return self._failed(error, line)
            except httpx.HTTPError as error:
                self.failures += 1
                self._away(error)
                return False
            if self.leaving or self.failures > before:  # a script that the statement ran has failed
                break
        return self.failures == before

    def _failed(self, error: ServerError, line: int) -> bool:
        self.failures += 1
        show_error(self.errors, error, origin=self._origin[-1] if self._origin else "", first_line=line)
        return False

    def _away(self, error: Exception) -> None:
        if isinstance(error, ServerError):
            self.errors.say(error.message, "red")
            return
        went = isinstance(error, httpx.ReadError | httpx.RemoteProtocolError)
        what = (
            "went away" if went else "took too long" if isinstance(error, httpx.TimeoutException) else "does not answer"
        )
        self.errors.say(f"{self.client.url} {what}: {str(error) or type(error).__name__}", "red")
        self.errors.say(
            "Is the server up? `server` shows and changes the address; the next statement tries again.", "dim"
        )

    def _statement(self, statement: str) -> None:
        command = commands.find(statement)
        if command is not None:
            command[0](self, command[1])
        elif streamed := _STREAMED.match(statement):
            self._stream(statement, self._print if streamed.group(1).upper() == "PRINT" else self._select)
        else:
            answers = self.client.ksql(statement)
            if self.screen.is_json:
                self.screen.json(answers)
            else:
                for entity in answers:
                    show_entity(self.screen, entity)
            if _CHANGES_NAMES.match(statement):
                self.refresh()

    def run_file(self, path: Path) -> bool:
        """Run the statements of a file. Raises ServerError when it cannot be read."""
        if len(self._origin) >= _DEEPEST:
            raise ServerError(f"{path} is run by scripts that run each other: {' → '.join(self._origin)}.")
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ServerError(f"{path} cannot be read: {reason}.") from error
        self._origin.append(str(path))
        try:
            return self.execute(text)
        finally:
            self._origin.pop()

    def substitute(self, text: str) -> str:
        """Put in the values of ``${name}``; names that are not defined stay."""
        return re.sub(r"\$\{(\w+)\}", lambda m: self.client.variables.get(m.group(1), m.group(0)), text)

    # -- queries -----------------------------------------------------------------------------------------------------
    def _stream(self, statement: str, show: Callable[[str, Iterator[str]], None]) -> None:
        try:
            if self._before_query is not None:
                self._before_query()
            with self.client.stream(statement, self._timeout_s) as pieces:
                show(statement, pieces)
        except KeyboardInterrupt:
            self.screen.say("Query terminated", "dim")

    def _print(self, statement: str, pieces: Iterator[str]) -> None:
        rest = ""
        for piece in pieces:
            *lines, rest = (rest + piece).split("\n")
            self.screen.lines(Text(cell(line)) for line in lines if line.strip())

    def _select(self, statement: str, pieces: Iterator[str]) -> None:
        rows: Rows | None = None
        begun, final = time.monotonic(), ""
        endless = _ENDLESS.search(statement) is not None
        try:
            for message in read_messages(pieces):
                if self.screen.is_json:
                    self.screen.json(message)
                if "header" in message:
                    rows = Rows(self.screen, message["header"]["schema"], endless=endless)
                elif "row" in message and rows is not None:
                    row: dict[str, Any] = message["row"]
                    if self.screen.is_json:
                        rows.count += 1
                    else:
                        rows.row(row["columns"], deleted=bool(row.get("tombstone")))
                    if self._row_limit is not None and rows.count >= self._row_limit:
                        break
                elif "errorMessage" in message:
                    raise ServerError(str(message["errorMessage"].get("message")), statement)
                elif "finalMessage" in message:
                    final = str(message["finalMessage"])
        finally:
            if rows is not None and not self.screen.is_json:
                rows.end()
        if rows is not None and not self.screen.is_json:
            if final:
                self.screen.say(final, "dim")
            took = time.monotonic() - begun
            count = "no rows" if rows.count == 0 else "1 row" if rows.count == 1 else f"{rows.count} rows"
            self.screen.say(f"{count}{'' if endless else f' ({took:.2f} s)'}", "dim")
