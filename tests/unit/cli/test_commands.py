"""The command line: help, errors in three parts, settings without secrets, records decoded."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from headway.adapters.airflow import AirflowClient, RunProgress, TaskState
from headway.cli import app as entry
from headway.cli import running
from headway.cli.app import app
from headway.cli.data import _decoded, _moment, _text
from headway.cli.running import _plain, telling
from headway.cli.screens import Steps
from headway.cli.times import hour_option, speed_option, utc_text
from headway.errors import NotAsExpectedError, RuntimeSetupError
from headway.settings import PROJECT_DIR, load

COMMANDS = [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("HEADWAY__STATE_DIR", str(tmp_path / "state"))
    load.cache_clear()
    yield
    load.cache_clear()


def test_help_names_every_command() -> None:
    done = CliRunner().invoke(app, ["--help"])
    assert done.exit_code == 0
    assert len(COMMANDS) == 14
    for command in COMMANDS:
        assert f" {command} " in done.output


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"])
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 5


def test_error_is_told_in_three_parts_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(**_: object) -> None:
        raise RuntimeSetupError("The broker fell over.", where="127.0.0.1:9092", next_step="pick it up")

    monkeypatch.setattr(entry, "app", fail)
    monkeypatch.setattr(entry, "_add_ksql", lambda: None)
    with pytest.raises(SystemExit) as ended:
        entry.main()
    assert ended.value.code == 1
    told = capsys.readouterr().err
    assert "✗ The broker fell over." in told
    assert "Where: 127.0.0.1:9092" in told
    assert "Next:  pick it up" in told
    assert "Traceback" not in told


def test_status_of_a_stopped_platform_says_how_to_start_it() -> None:
    done = CliRunner().invoke(app, ["status"])
    assert done.exit_code == 1
    assert "bin/headway up" in done.output


def test_reset_without_state_changes_nothing() -> None:
    done = CliRunner().invoke(app, ["reset"])
    assert done.exit_code == 0
    assert "nothing to forget" in done.output


def test_reset_asks_and_keeps_everything_on_no(tmp_path: Path) -> None:
    kept = tmp_path / "state" / "kafka" / "data"
    kept.mkdir(parents=True)
    done = CliRunner().invoke(app, ["reset"], input="n\n")
    assert done.exit_code == 1
    assert kept.exists()


def test_reset_with_yes_forgets_the_state_of_a_stopped_platform(tmp_path: Path) -> None:
    (tmp_path / "state" / "kafka").mkdir(parents=True)
    done = CliRunner().invoke(app, ["reset", "--yes"])
    assert done.exit_code == 0
    assert not (tmp_path / "state").exists()


def test_reset_never_removes_a_folder_that_holds_more_than_the_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = tmp_path / "state" / "home" / "thesis.txt"
    kept.parent.mkdir(parents=True)
    kept.touch()
    monkeypatch.setenv("HOME", str(kept.parent))
    done = CliRunner().invoke(app, ["reset", "--yes"])
    assert isinstance(done.exception, NotAsExpectedError)
    assert str(kept.parent) in done.exception.what
    assert kept.exists()


def test_config_lists_settings_and_masks_secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY__POSTGRES__PASSWORD", "very-secret")
    load.cache_clear()
    done = CliRunner().invoke(app, ["config", "--json"])
    assert "very-secret" not in done.output
    assert "HEADWAY__POSTGRES__PASSWORD" in done.output
    assert "********" in done.output


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-02T06:00Z", datetime(2026, 3, 2, 6, tzinfo=UTC)),
        ("2026-03-02T06:00", datetime(2026, 3, 2, 6, tzinfo=UTC)),
        ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
        ("2026-03-02T00:00-06:00", datetime(2026, 3, 2, 6, tzinfo=UTC)),
    ],
)
def test_reads_times_as_utc(text: str, moment: datetime) -> None:
    assert hour_option(text) == moment
    assert utc_text(hour_option(text)) == moment.strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.mark.parametrize("text", ["fast", "0", "-1"])
def test_refuses_a_speed_that_makes_no_sense(text: str) -> None:
    with pytest.raises(typer.BadParameter):
        speed_option(text)


@pytest.mark.parametrize(
    ("raw", "decoded"),
    [(None, None), (b'{"a":1}', {"a": 1}), (b"40830", 40830), (b"MDW", "MDW"), (b"\xff\x00", "0xff00"), (b"", "")],
)
def test_decodes_keys_and_values(raw: bytes | None, decoded: object) -> None:
    assert _decoded(raw) == decoded


def test_record_of_a_stranger_can_neither_end_the_console_nor_steer_the_terminal() -> None:
    deep = b"[" * 100_000
    assert _decoded(deep) == deep.decode()
    assert _text("a\x1b]0;b\x07\n\x9bc") == "a\\x1b]0;b\\x07\\n\\x9bc"
    assert _text({"name": "\x9bc Wabash-Süd"}) == '{"name":"\\x9bc Wabash-Süd"}'
    assert _moment(0) == "1970-01-01T00:00:00.000Z"
    assert _moment(2**63 - 1) == f"{2**63 - 1} ms"


@pytest.mark.parametrize(
    ("active", "asked", "watched"),
    [(None, {}, "new"), ("old", {}, "old"), ("old", {"seed": 9}, "new"), (None, {"seed": 9}, "new")],
)
def test_a_run_under_way_is_watched_only_when_nothing_else_was_asked_for(
    active: str | None, asked: dict[str, object], watched: str
) -> None:
    triggered: list[object] = []

    class Client:
        def active_run(self, _dag: str) -> str | None:
            return active

        def trigger(self, _dag: str, conf: object, **_: object) -> str:
            triggered.append(conf)
            return "new"

    console = Console(file=io.StringIO())
    assert running._begin(cast(AirflowClient, Client()), console, "d", asked) == watched
    assert triggered == ([asked] if watched == "new" else [])


def test_every_command_that_an_error_names_exists() -> None:
    named = set()
    for file in (*(PROJECT_DIR / "headway").rglob("*.py"), *(PROJECT_DIR / "plugins").rglob("*.py")):
        named |= set(re.findall(r"`(?:bin/)?headway ([a-z]+)((?: --[a-z-]+)?)", file.read_text(encoding="utf-8")))
    assert {"status", "logs"} <= {command for command, _ in named}
    for command, option in sorted(named - {("ksql", "")}):
        done = CliRunner().invoke(app, [command, "--help"])
        assert done.exit_code == 0, command
        assert option.strip() in done.output, f"{command}{option}"


def test_progress_without_a_terminal_is_one_line_a_change() -> None:
    out = io.StringIO()
    with Steps(Console(file=out, width=100), {"kafka": "Kafka broker", "connect": "Connect"}) as steps:
        steps.update("kafka", "active", "starting")
        steps.update("kafka", "active", "starting")
        steps.update("kafka", "done", "4 topics", seconds=2.0)
        steps.update("connect", "failed", "no answer", seconds=1.0)
    lines = out.getvalue().splitlines()
    assert len(lines) == 3
    assert lines[0].endswith("… Kafka broker: starting")
    assert lines[1].endswith("✓ Kafka broker: 4 topics (2.0 s)")
    assert lines[2].endswith("✗ Connect: no answer (1.0 s)")


def test_what_a_task_does_is_its_last_telling_log_line() -> None:
    lines = ["INFO ::group::Pre Execute", "ERROR not ours", "INFO ::endgroup::"]
    lines += [
        "INFO turnstile 06:00Z, 1,204 of 30,122 sent\nmore",
        "  ",
        "INFO ::group::Post Execute",
        "INFO Pushing xcom",
    ]
    assert [_plain(line) for line in telling(lines)] == ["turnstile 06:00Z, 1,204 of 30,122 sent"]


class _Airflow:
    """A server whose DAG has three tasks, of which the second failed at its third attempt."""

    def call(self, _method: str, _path: str) -> dict[str, object]:
        return {
            "tasks": [
                {"task_id": "verify", "downstream_task_ids": []},
                {"task_id": "replay", "downstream_task_ids": ["verify"], "task_display_name": "Replay"},
                {"task_id": "plan", "downstream_task_ids": ["replay"]},
            ]
        }

    def log(self, *_: object) -> list[str]:
        return []

    def why_failed(self, *_: object) -> str:
        return "DeliveryError: planned 10, delivered 9"

    def run_url(self, *_: object) -> str:
        return "http://127.0.0.1:8080/dags/d/runs/r"


def _ended() -> RunProgress:
    tasks = (
        TaskState("plan", "success", 1, "t0", 1.0),
        TaskState("replay", "failed", 3, "t1", 2.0),
        TaskState("verify", "upstream_failed", 0, None, None),
    )
    return RunProgress("d", "r", "failed", tasks, 9.0)


def test_red_run_tells_the_task_its_reason_and_the_next_step() -> None:
    error = running._red(cast(AirflowClient, _Airflow()), _ended())
    assert "what failed: replay" in error.what
    assert "attempt 3" in error.where
    assert "planned 10, delivered 9" in error.where
    assert "http://127.0.0.1:8080/dags/d/runs/r" in error.where
    assert "headway run" in error.next_step


def test_tasks_are_shown_in_the_order_of_the_dag_with_their_titles() -> None:
    shown = running._tasks_in_order(cast(AirflowClient, _Airflow()), "d")
    assert list(shown.items()) == [("plan", "plan"), ("replay", "Replay"), ("verify", "verify")]


def test_progress_of_a_red_run_marks_the_failed_and_the_skipped() -> None:
    out = io.StringIO()
    client = cast(AirflowClient, _Airflow())
    with Steps(Console(file=out, width=100), running._tasks_in_order(client, "d")) as steps:
        running._Watcher(client, steps).look(_ended())
    assert [line.split("] ")[1] for line in out.getvalue().splitlines()] == [
        "✓ plan (1.0 s)",
        "✗ Replay (2.0 s)",
        "- verify: upstream failed",
    ]
