"""The command log: what is written once is applied once, and what is no command degrades the server."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from ksqlengine.catalog import Catalog
from ksqlengine.engine import Engine, Plan
from ksqlengine.errors import KsqlError
from ksqlengine.server.backend import LogDamagedError
from ksqlengine.server.commands import CORRUPTED, INCOMPATIBLE, Command, CommandRunner, UnreadableCommandError
from ksqlengine.server.memory import MemoryLog


class NoQueries:
    """Queries of which there are none."""

    def start_all(self, plans: object) -> None:
        """Start nothing."""

    def serve_source_tables(self, catalog: object) -> None:
        """Serve nothing."""

    def keep_only(self, catalog: object) -> None:
        """Keep nothing."""

    def all(self) -> list[object]:
        """Give none."""
        return []


class LostAnswerLog(MemoryLog):
    """A log whose first write is kept but not answered, as when the broker goes away at the wrong moment."""

    def append(self, prepare: Callable[[], tuple[str, str]]) -> int:
        """Write, forget that it was written, and ask again."""
        super().append(prepare)
        return super().append(prepare)


class CutLog(MemoryLog):
    """A log that somebody cuts."""

    def poll(self, timeout_s: float) -> list[tuple[int, str, str]]:
        """Say that what was read is gone."""
        raise LogDamagedError("gone")


def made_type(name: str) -> Command:
    plan = Plan("create_type", f"CREATE TYPE {name} AS INTEGER;", details={"name": name, "type": "INTEGER"})
    return Command(f"type/{name}/create", plan.statement, "plan", plan)


def runner_on(log: MemoryLog) -> CommandRunner:
    return CommandRunner(Engine(Catalog()), NoQueries(), log)  # type: ignore[arg-type]


@pytest.fixture
def log() -> MemoryLog:
    return MemoryLog()


def put(log: MemoryLog, key: str, value: str) -> None:
    MemoryLog.append(log, lambda: (key, value))


@pytest.fixture
def started() -> Iterator[Callable[[MemoryLog], CommandRunner]]:
    runners: list[CommandRunner] = []

    def start(log: MemoryLog) -> CommandRunner:
        runner = runner_on(log)
        runner.replay()
        runner.start()
        runners.append(runner)
        return runner

    yield start
    for runner in runners:
        runner.stop()


def test_command_survives_its_record() -> None:
    command = made_type("A")
    assert Command.from_record('"type/A/create"', command.to_text()) == command


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ('"a"', "{ no JSON"),
        ("", ""),
        ("b'\\xff'", made_type("A").to_text()),
        ('"a"', "[1, 2]"),
        ('"a"', '"text"'),
        ('"a"', '{"statement": "x", "kind": "plan", "plan": null, "target": ""}'),
        ('"a"', '{"statement": "x", "kind": "plan", "plan": {"kind": "query"}, "target": ""}'),
        ('"a"', '{"statement": "x", "kind": "unheard of", "plan": null, "target": ""}'),
        ('"a"', '{"statement": "x", "kind": "terminate", "plan": null, "target": "Q", "version": 2}'),
        ('"a"', '{"statement": "CREATE STREAM S (A INT) WITH (…);", "streamsProperties": {}}'),
    ],
)
def test_refuses_record_that_is_no_command(key: str, value: str) -> None:
    with pytest.raises(UnreadableCommandError):
        Command.from_record(key, value)


def test_nothing_behind_a_record_that_is_no_command_is_applied(log: MemoryLog) -> None:
    put(log, '"type/A/create"', made_type("A").to_text())
    put(log, "foreign", "{}")
    put(log, '"type/B/create"', made_type("B").to_text())
    runner = runner_on(log)
    runner.replay()
    assert list(runner.engine.catalog.types) == ["A"]
    assert (runner.status_of_runner(), runner.degraded) == ("DEGRADED", INCOMPATIBLE)
    assert "record 1 of the command topic" in runner.damage
    with pytest.raises(KsqlError, match="cannot process further DDL statements"):
        runner.write(lambda: made_type("C"))
    assert log.end() == 3


def test_record_that_comes_later_degrades_too_and_nobody_waits_for_ever(
    log: MemoryLog, started: Callable[[MemoryLog], CommandRunner]
) -> None:
    runner = started(log)
    assert runner.write(lambda: made_type("A"))[1]["status"] == "SUCCESS"
    put(log, "foreign", "{}")
    with pytest.raises(KsqlError, match="incompatible entry"):
        runner.wait_applied(2, 10)
    assert list(runner.engine.catalog.types) == ["A"]


def test_waiting_for_a_command_that_does_not_come_names_its_number(
    log: MemoryLog, started: Callable[[MemoryLog], CommandRunner]
) -> None:
    with pytest.raises(KsqlError, match=r"command sequence number: 7$"):
        started(log).wait_applied(7 + 1, 0.01)


def test_log_that_was_cut_degrades(started: Callable[[MemoryLog], CommandRunner]) -> None:
    runner = started(CutLog())
    with pytest.raises(KsqlError, match="corruption in the command topic"):
        runner.wait_applied(1, 10)
    assert runner.degraded == CORRUPTED


def test_write_whose_answer_was_lost_is_found_and_not_repeated(
    started: Callable[[MemoryLog], CommandRunner],
) -> None:
    log = LostAnswerLog()
    runner = started(log)
    command, status, offset = runner.write(lambda: made_type("A"))
    assert (status["status"], offset, log.end()) == ("SUCCESS", 0, 1)
    assert runner.status(command.id) == status
