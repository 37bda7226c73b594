"""The running platform, as its runtime sees it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from headway.cli.app import app
from headway.runtime.environment import RUNTIME_ID, base_environment, runtime_id
from headway.runtime.platform import Event, Platform
from headway.runtime.processes import of_platform
from headway.runtime.program import ProgramSpec
from headway.runtime.supervision import Supervision
from headway.settings import LOOPBACK, Settings

PROGRAM = "test-sleeper"


def _wait_state(supervision: Supervision, program: str, state: str, timeout_s: float = 120.0) -> None:
    end = time.monotonic() + timeout_s
    while supervision.status(program).state != state:
        assert time.monotonic() < end, supervision.status(program)
        time.sleep(0.1)


def test_every_part_is_healthy_by_its_own_word(platform: Settings) -> None:
    health = {found.part.name: found for found in Platform(platform).health()}
    sick = {name: found.detail for name, found in health.items() if found.part.started_by_up and not found.healthy}
    assert len(health) == 13
    assert sick == {}


def test_every_listener_of_the_platform_is_on_loopback(platform: Settings) -> None:
    listening = [
        (process.name(), connection.laddr.ip, connection.laddr.port)
        for process in of_platform(runtime_id(platform))
        for connection in process.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    ]
    assert len(listening) >= 9
    assert [entry for entry in listening if entry[1] not in (LOOPBACK, f"::ffff:{LOOPBACK}", "::1")] == []


def test_up_again_starts_nothing_and_is_quick(platform: Settings) -> None:
    before = {status.name: status.pid for status in Supervision(platform).all()}
    events: list[Event] = []
    began = time.monotonic()
    Platform(platform).up(events.append)
    assert time.monotonic() - began < 20
    assert [event for event in events if event.state == "starting" and event.part != "furnish"] == []
    after = {status.name: status.pid for status in Supervision(platform).all()}
    assert {name: after[name] for name in before if before[name]} == {name: pid for name, pid in before.items() if pid}


def test_status_command_tells_each_part_with_its_memory(platform: Settings) -> None:
    done = CliRunner().invoke(app, ["status", "--json"])
    rows = {row["part"]: row for row in json.loads(done.output)}
    assert rows["kafka"]["health"] == "healthy"
    assert rows["kafka"]["address"] == platform.kafka.bootstrap_servers
    assert rows["kafka"]["resident_bytes"] > 100 * 2**20


def test_whole_platform_at_rest_stays_under_nine_gigabytes(platform: Settings) -> None:
    rows = json.loads(CliRunner().invoke(app, ["status", "--json"]).output)
    assert sum(row["proportional_bytes"] or row["resident_bytes"] for row in rows) < 9 * 2**30


def test_files_with_secrets_are_for_the_owner_only(platform: Settings) -> None:
    state = platform.state_dir
    secret = platform.postgres.password.get_secret_value()
    holders = [
        path
        for path in [state / "secrets.env", *(state / "programs").iterdir(), *(state / "airflow").glob("*.json")]
        if path.is_file() and secret in path.read_text(encoding="utf-8", errors="replace")
    ]
    assert len(holders) >= 5
    assert [path for path in holders if path.stat().st_mode & 0o077] == []
    assert state.stat().st_mode & 0o077 == 0


def _sleeper(platform: Settings, seconds: str, **more: str) -> ProgramSpec:
    env = base_environment(platform) | more
    return ProgramSpec(PROGRAM, ("sleep", seconds), env, Path("/"), stop_seconds=3)


@pytest.fixture
def supervision(platform: Settings) -> Iterator[Supervision]:
    yield Supervision(platform)
    Supervision(platform).remove_program(PROGRAM)
    assert Supervision(platform).status(PROGRAM).state == "ABSENT"


def test_program_is_added_live_restarted_when_it_differs_and_left_alone_when_not(
    platform: Settings, supervision: Supervision
) -> None:
    supervision.ensure_program(_sleeper(platform, "600"))
    assert supervision.status(PROGRAM).state == "STOPPED"
    supervision.start(PROGRAM)
    supervision.start(PROGRAM)  # again is no error
    _wait_state(supervision, PROGRAM, "RUNNING")
    first = supervision.status(PROGRAM).pid
    supervision.ensure_program(_sleeper(platform, "600"))
    assert supervision.status(PROGRAM).pid == first
    supervision.ensure_program(_sleeper(platform, "601"))
    _wait_state(supervision, PROGRAM, "RUNNING")
    second = supervision.status(PROGRAM)
    assert second.pid != first
    assert psutil.Process(second.pid).cmdline() == ["sleep", "601"]
    assert psutil.Process(second.pid).environ()[RUNTIME_ID] == runtime_id(platform)
    supervision.stop(PROGRAM)
    supervision.stop(PROGRAM)
    assert not psutil.pid_exists(second.pid)


def test_killed_program_comes_back(platform: Settings, supervision: Supervision) -> None:
    supervision.ensure_program(_sleeper(platform, "602"))
    supervision.start(PROGRAM)
    _wait_state(supervision, PROGRAM, "RUNNING")
    killed = supervision.status(PROGRAM).pid
    os.kill(killed, 9)
    end = time.monotonic() + 120
    while supervision.status(PROGRAM).pid in (0, killed):
        assert time.monotonic() < end
        time.sleep(0.1)
    supervision.stop(PROGRAM)


def test_unknown_program_is_absent_and_stopping_it_is_harmless(platform: Settings) -> None:
    Supervision(platform).stop("no-such-program")
    assert Supervision(platform).status("no-such-program").state == "ABSENT"


def test_a_second_up_at_the_same_time_is_told_to_wait(platform: Settings) -> None:
    from headway.errors import UnavailableError

    running = Platform(platform)
    with running._alone(), pytest.raises(UnavailableError, match="Another `headway up`"):
        Platform(platform).up()
