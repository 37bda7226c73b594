"""The command log as the one order of things: a statement is written there, then every server applies it.

A command carries the statement *and its plan*: replaying is applying plans, so an upgrade of the planner keeps the
topologies of queries that exist. Three kinds: ``plan`` (sources, types, queries), ``terminate`` and ``pause``.

What cannot be understood is never passed over: from there on the server is DEGRADED, as ksqlDB is. It shows what it
has, its queries run on, and it takes no statement that changes anything.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from ksqlengine.engine import Engine, Plan
from ksqlengine.errors import SERVER_ERROR, KsqlError
from ksqlengine.server.backend import CommandLog, LogDamagedError
from ksqlengine.server.queries import Queries

LOG = logging.getLogger(__name__)
_STATUSES_KEPT = 1000
_VERSION = 1
_KINDS = {"plan", "terminate", "pause", "resume"}
# A command that takes longer than this (ksql.server.command.blocked.threshold.error.ms) is stuck.
_STUCK_S = 15.0
INCOMPATIBLE = (
    "The server has encountered an incompatible entry in its log and cannot process further DDL statements.\n"
    "This is most likely due to the service being rolled back to an earlier version."
)
CORRUPTED = (
    "The server has detected corruption in the command topic due to modifications performed on it.\n"
    "DDL statements will not be processed any further.\n"
    "If a backup of the command topic is available, restore the command topic using the backup file.\n"
    "A server restart is required to restore full functionality."
)


class UnreadableCommandError(Exception):
    """A record of the command topic that is no command of this version."""


@dataclass(frozen=True)
class Command:
    """One entry of the log."""

    id: str
    statement: str
    kind: str  # plan | terminate | pause | resume
    plan: Plan | None = None
    target: str = ""  # query id, or ALL
    token: str = ""  # of the request that wrote it, so that a repeated attempt finds what it has written

    def to_text(self) -> str:
        """Give the record's value."""
        return json.dumps(
            {
                "statement": self.statement,
                "kind": self.kind,
                "plan": self.plan.to_json() if self.plan else None,
                "target": self.target,
                "version": _VERSION,
                "token": self.token,
            }
        )

    @staticmethod
    def from_record(key: str, text: str) -> Command:
        """Read a record. Raises UnreadableCommandError where it is not one of ours, or of a later version."""
        try:
            command_id, data = json.loads(key), json.loads(text)
            if int(data.get("version", _VERSION)) > _VERSION:
                raise UnreadableCommandError(f"it is of version {data['version']}, this server knows {_VERSION}")
            if data["kind"] not in _KINDS:
                raise UnreadableCommandError(f"its kind {data['kind']!r} is unknown")
            plan = Plan.from_json(data["plan"]) if data["plan"] else None
            if data["kind"] == "plan" and plan is None:
                raise UnreadableCommandError("it has no plan")
            return Command(
                str(command_id), data["statement"], data["kind"], plan, data["target"], data.get("token", "")
            )
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise UnreadableCommandError(f"{type(error).__name__}: {error}") from error


class _AlreadyWrittenError(Exception):
    """An earlier attempt of the same request is in the log."""


class CommandRunner:
    """Write commands, and apply the log's commands in order in one thread."""

    def __init__(self, engine: Engine, queries: Queries, log: CommandLog) -> None:
        self.engine, self.queries, self._log = engine, queries, log
        self.lock = threading.RLock()  # guards the engine's catalog
        self._applied = threading.Condition()
        self._position = 0
        self._statuses: OrderedDict[str, dict[str, Any]] = OrderedDict()
        self._by_offset: OrderedDict[int, dict[str, Any]] = OrderedDict()
        self._by_token: OrderedDict[str, int] = OrderedDict()
        self._paused: set[str] = set()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self.failure = ""  # why the topic cannot be read just now
        self.degraded = ""  # why nothing more is applied until a restart, in ksqlDB's words
        self.damage = ""  # the same for the operator: which record
        self._busy_since: float | None = None
        self.ended: set[str] = set()  # queries that the log has started and ended again before this start

    # -- start and stop ----------------------------------------------------------------------------------------------
    def replay(self) -> int:
        """Apply everything in the log to the catalog, then start what survives; give the number of commands."""
        plans: dict[str, Plan] = {}
        end, count = self._log.end(), 0
        while self._log.position() < end and not self.degraded:
            try:
                commands = self._log.poll(0.5)
            except LogDamagedError as error:
                self._degrade(CORRUPTED, str(error))
                break
            for offset, key, value in commands:
                if not self._replay_one(offset, key, value, plans):
                    break
                count += 1
        self.queries.start_all(
            [(plans[name], name in self._paused) for name in self.engine.catalog.queries if name in plans]
        )
        self.queries.serve_source_tables(self.engine.catalog)
        self._position = self._log.position()
        self.ended = set(plans) - set(self.engine.catalog.queries)
        return count

    def _replay_one(self, offset: int, key: str, value: str, plans: dict[str, Plan]) -> bool:
        """Apply a command of the past: the catalog only, queries are started once at the end."""
        try:
            command = Command.from_record(key, value)
            self._change_catalog(command)
        except Exception as error:  # whatever it is, what comes after may build on it
            self._degrade(INCOMPATIBLE, f"record {offset} of the command topic (key {key[:80]!r}): {error}")
            return False
        if command.plan is not None and command.plan.query_id is not None:
            plans[command.plan.query_id] = command.plan
        self._remember(command, offset, {"status": "SUCCESS", "message": _message(command), "queryId": None})
        return True

    def _degrade(self, message: str, damage: str) -> None:
        """Apply nothing more: what follows could mean something else without what cannot be read."""
        self.degraded, self.damage = message, damage
        LOG.error("DEGRADED: %s (%s)", message.replace("\n", " "), damage)
        with self._applied:
            self._applied.notify_all()

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
        while not self._stop.is_set() and not self.degraded:
            try:
                commands = self._log.poll(0.2)
            except LogDamagedError as error:
                self._degrade(CORRUPTED, str(error))
                return
            except Exception as error:  # the broker went away: say so, try again
                if str(error) != self.failure:
                    LOG.warning("the command topic cannot be read: %s", error)
                self.failure = str(error)
                self._stop.wait(1.0)
                continue
            self.failure = ""
            for offset, key, value in commands:
                self._apply(offset, key, value)
                if self.degraded:
                    return
            if self._position != self._log.position():
                with self._applied:
                    self._position = self._log.position()
                    self._applied.notify_all()

    def status_of_runner(self) -> str:
        """Give ksqlDB's commandRunnerStatus: RUNNING, ERROR or DEGRADED."""
        if self.degraded:
            return "DEGRADED"
        busy = self._busy_since
        stuck = busy is not None and time.monotonic() - busy > _STUCK_S
        dead = self._thread is not None and not self._thread.is_alive() and not self._stop.is_set()
        return "ERROR" if self.failure or stuck or dead else "RUNNING"

    # -- apply -------------------------------------------------------------------------------------------------------
    def _apply(self, offset: int, key: str, value: str) -> None:
        self._busy_since = time.monotonic()
        try:
            command = Command.from_record(key, value)
            with self.lock:
                self._change_catalog(command)
        except Exception as error:  # as in replay: a restart must not see another catalog than this one
            self._degrade(INCOMPATIBLE, f"record {offset} of the command topic (key {key[:80]!r}): {error}")
            self._busy_since = None
            return
        try:
            with self.lock:
                self._change_queries(command)
            status = {"status": "SUCCESS", "message": _message(command), "queryId": _query_id(command)}
        except Exception as error:  # a query that one server cannot start must not stop the commands after it
            LOG.exception("command %s (%s) cannot be applied", offset, key)
            status = {"status": "ERROR", "message": str(error), "queryId": None}
        self._remember(command, offset, status)
        self._busy_since = None

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

    def _remember(self, command: Command, offset: int, status: dict[str, Any]) -> None:
        self._statuses[command.id] = status
        self._by_offset[offset] = status
        if command.token:
            self._by_token[command.token] = offset
        for kept in (self._statuses, self._by_offset, self._by_token):
            while len(kept) > _STATUSES_KEPT:
                kept.popitem(last=False)

    # -- write -------------------------------------------------------------------------------------------------------
    def write(self, make: Callable[[], Command], *, timeout_s: float = 30.0) -> tuple[Command, dict[str, Any], int]:
        """Write the command that ``make`` gives and wait until this server has applied it.

        ``make`` runs when this server is the only writer and has applied everything before: what it checks stays true.
        Gives the command, its status and its offset.
        """
        self.check_not_degraded()
        made: list[Command] = []
        token = uuid.uuid4().hex

        def prepare() -> tuple[str, str]:
            self.wait_applied(self._log.end(), timeout_s)
            if token in self._by_token:  # the attempt before was written after all
                raise _AlreadyWrittenError
            with self.lock:
                made.append(replace(make(), token=token))
            return json.dumps(made[-1].id), made[-1].to_text()

        try:
            offset = self._log.append(prepare)
        except _AlreadyWrittenError:
            offset = self._by_token[token]
        self.wait_applied(offset + 1, timeout_s)
        status = self._by_offset.get(offset) or {"status": "EXECUTING", "message": "Executing statement"}
        return made[-1], status, offset

    def check_not_degraded(self) -> None:
        """Refuse what changes anything while the log cannot be followed."""
        if self.degraded:
            raise KsqlError(self.degraded, error_code=SERVER_ERROR)

    def wait_applied(self, position: int, timeout_s: float) -> None:
        """Wait until this server has applied the log up to an offset, or raise ksqlDB's time-out."""
        deadline = time.monotonic() + timeout_s
        with self._applied:
            while self._position < position:
                self.check_not_degraded()
                left = deadline - time.monotonic()
                if left <= 0:
                    raise KsqlError(
                        "Timed out while waiting for a previous command to execute. "
                        f"command sequence number: {position - 1}",
                        error_code=50301,
                    )
                self._applied.wait(left)

    # -- look --------------------------------------------------------------------------------------------------------
    def status(self, command_id: str) -> dict[str, Any] | None:
        """Give the status of a command by id."""
        return self._statuses.get(command_id)

    def statuses(self) -> dict[str, str]:
        """Give the status of every command remembered."""
        return {name: str(status["status"]) for name, status in list(self._statuses.items())}


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
