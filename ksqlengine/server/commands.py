"""The command log as the one order of things: a statement is written there, then every server applies it.

A command carries the statement *and its plan*: replaying is applying plans, so an upgrade of the planner keeps the
topologies of queries that exist. Three kinds: ``plan`` (sources, types, queries), ``terminate`` and ``pause``.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ksqlengine.engine import Engine, Plan
from ksqlengine.errors import KsqlError
from ksqlengine.server.backend import CommandLog
from ksqlengine.server.queries import Queries

LOG = logging.getLogger(__name__)
_STATUSES_KEPT = 1000


@dataclass(frozen=True)
class Command:
    """One entry of the log."""

    id: str
    statement: str
    kind: str  # plan | terminate | pause | resume
    plan: Plan | None = None
    target: str = ""  # query id, or ALL

    def to_text(self) -> str:
        """Give the record's value."""
        return json.dumps(
            {
                "statement": self.statement,
                "kind": self.kind,
                "plan": self.plan.to_json() if self.plan else None,
                "target": self.target,
                "version": 1,
            }
        )

    @staticmethod
    def from_text(command_id: str, text: str) -> Command:
        """Read a record."""
        data = json.loads(text)
        plan = Plan.from_json(data["plan"]) if data["plan"] else None
        return Command(command_id, data["statement"], data["kind"], plan, data["target"])


class CommandRunner:
    """Write commands, and apply the log's commands in order in one thread."""

    def __init__(self, engine: Engine, queries: Queries, log: CommandLog) -> None:
        self.engine, self.queries, self._log = engine, queries, log
        self.lock = threading.RLock()  # guards the engine's catalog
        self._applied = threading.Condition()
        self._position = 0
        self._statuses: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._by_offset: dict[int, dict[str, Any]] = {}
        self._paused: set[str] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure = ""

    # -- start and stop ----------------------------------------------------------------------------------------------
    def replay(self) -> int:
        """Apply everything in the log to the catalog, then start what survives; give the number of commands."""
        plans: dict[str, Plan] = {}
        end, count = self._log.end(), 0
        while self._log.position() < end:
            for offset, key, value in self._log.poll(0.5):
                count += 1
                self._apply_quietly(offset, key, value, plans)
        self.queries.start_all(
            [(plans[name], name in self._paused) for name in self.engine.catalog.queries if name in plans]
        )
        self.queries.serve_source_tables(self.engine.catalog)
        self._position = self._log.position()
        return count

    def _apply_quietly(self, offset: int, key: str, value: str, plans: dict[str, Plan]) -> None:
        """Apply a command of the past: the catalog only, queries are started once at the end."""
        try:
            command = Command.from_text(json.loads(key), value)
            self._change_catalog(command)
        except (KsqlError, ValueError, KeyError, TypeError) as error:
            LOG.error("command %s (%s) cannot be applied: %s", offset, key, error)
            return
        if command.plan is not None and command.plan.query_id is not None:
            plans[command.plan.query_id] = command.plan
        self._remember(command.id, offset, {"status": "SUCCESS", "message": _message(command), "queryId": None})

    def start(self) -> None:
        """Go on applying commands as they come."""
        self._thread = threading.Thread(target=self._run, name="command-runner", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop applying and close the log."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=10)
        self._log.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                commands = self._log.poll(0.2)
            except Exception as error:  # the broker went away: say so, try again
                LOG.warning("the command topic cannot be read: %s", error)
                self.failure = str(error)
                self._stop.wait(1.0)
                continue
            self.failure = ""
            for offset, key, value in commands:
                self._apply(offset, key, value)
            if self._position != self._log.position():
                with self._applied:
                    self._position = self._log.position()
                    self._applied.notify_all()

    # -- apply -------------------------------------------------------------------------------------------------------
    def _apply(self, offset: int, key: str, value: str) -> None:
        command_id = json.loads(key)
        try:
            command = Command.from_text(command_id, value)
            with self.lock:
                self._change_catalog(command)
                self._change_queries(command)
            status = {"status": "SUCCESS", "message": _message(command), "queryId": _query_id(command)}
        except Exception as error:  # a command that one server cannot apply must not stop the ones after it
            LOG.exception("command %s (%s) cannot be applied", offset, key)
            status = {"status": "ERROR", "message": str(error), "queryId": None}
        self._remember(command_id, offset, status)

    def _change_catalog(self, command: Command) -> None:
        if command.kind == "plan" and command.plan is not None:
            self.engine.apply(command.plan)
        elif command.kind == "terminate":
            ids = list(self.engine.catalog.queries) if command.target == "ALL" else [command.target]
            for query_id in ids:
                self.engine.forget_query(query_id)
        elif command.kind in {"pause", "resume"}:
            ids = list(self.engine.catalog.queries) if command.target == "ALL" else [command.target]
            (self._paused.update if command.kind == "pause" else self._paused.difference_update)(ids)

    def _change_queries(self, command: Command) -> None:
        if command.kind in {"pause", "resume"}:
            for query in self.queries.all():
                self.queries.pause(query.id, paused=query.id in self._paused)
            return
        self.queries.keep_only(self.engine.catalog)
        if command.plan is not None and command.plan.query_id is not None and not command.plan.no_op:
            self.queries.start(command.plan)
        self.queries.serve_source_tables(self.engine.catalog)

    def _remember(self, command_id: str, offset: int, status: dict[str, Any]) -> None:
        self._statuses[command_id] = status
        self._by_offset[offset] = status
        while len(self._statuses) > _STATUSES_KEPT:
            self._statuses.popitem(last=False)
            self._by_offset.pop(next(iter(self._by_offset)))

    # -- write -------------------------------------------------------------------------------------------------------
    def write(self, make: Callable[[], Command], *, timeout_s: float = 30.0) -> tuple[Command, dict[str, Any], int]:
        """Write the command that ``make`` gives and wait until this server has applied it.

        ``make`` runs when this server is the only writer and has applied everything before: what it checks stays true.
        Gives the command, its status and its offset.
        """
        made: list[Command] = []

        def prepare() -> tuple[str, str]:
            self.wait_applied(self._log.end(), timeout_s)
            with self.lock:
                made.append(make())
            return json.dumps(made[-1].id), made[-1].to_text()

        offset = self._log.append(prepare)
        self.wait_applied(offset + 1, timeout_s)
        status = self._by_offset.get(offset) or {"status": "EXECUTING", "message": "Executing statement"}
        return made[-1], status, offset

    def wait_applied(self, position: int, timeout_s: float) -> None:
        """Wait until this server has applied the log up to an offset, or raise ksqlDB's time-out."""
        deadline = time.monotonic() + timeout_s
        with self._applied:
            while self._position < position:
                left = deadline - time.monotonic()
                if left <= 0:
                    raise KsqlError(
                        "Timed out while waiting for a previous command to execute. "
                        f"command sequence number: {position}",
                        error_code=50301,
                    )
                self._applied.wait(left)

    # -- look --------------------------------------------------------------------------------------------------------
    def status(self, command_id: str) -> dict[str, Any] | None:
        """Give the status of a command by id."""
        return self._statuses.get(command_id)

    def statuses(self) -> dict[str, str]:
        """Give the status of every command remembered."""
        return {name: str(status["status"]) for name, status in self._statuses.items()}

    def is_paused(self, query_id: str) -> bool:
        """Say whether a query is paused by command."""
        return query_id in self._paused


def _message(command: Command) -> str:
    if command.kind == "terminate":
        return "Query terminated."
    if command.kind == "pause":
        return "Query paused."
    if command.kind == "resume":
        return "Query resumed."
    return command.plan.message if command.plan else ""


def _query_id(command: Command) -> str | None:
    return command.plan.query_id if command.plan else None
