"""Starts that are interrupted, killed or impossible: nothing stays half-started, the next start repairs.

A small platform of its own (Postgres, and Kafka where order matters), so that the shared one is not disturbed.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.runtime.environment import base_environment, runtime_id
from headway.runtime.platform import Event, Platform
from headway.runtime.processes import free_ports, of_platform, port_is_free
from headway.runtime.program import ProgramSpec
from headway.runtime.supervision import Supervision
from headway.runtime.wanted import Wanted
from headway.settings import LOOPBACK, PROJECT_DIR, Settings, load
from headway.stations import workers


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Give the settings of a platform that is not running, and take down whatever a test leaves."""
    home = Path(tempfile.mkdtemp(prefix="headway-fault-"))
    names = ["KAFKA__PORT", "KAFKA__CONTROLLER_PORT", "POSTGRES__PORT", "REST_PROXY__PORT", "FAUST__WEB_PORT"]
    names += ["SPARK__MASTER_PORT", "SPARK__MASTER_UI_PORT", "SPARK__WORKER_UI_PORT"]
    ports = free_ports(len(names))
    for name in [name for name in os.environ if name.startswith("HEADWAY__") and name != "HEADWAY__INSTALL_DIR"]:
        monkeypatch.delenv(name)
    for name, port in zip(names, ports, strict=True):
        monkeypatch.setenv(f"HEADWAY__{name}", str(port))
    monkeypatch.setenv("HEADWAY__STATE_DIR", str(home / "state"))
    load.cache_clear()
    settings = load()
    yield settings
    Platform(settings).down()
    assert of_platform(runtime_id(settings)) == []
    load.cache_clear()
    shutil.rmtree(home, ignore_errors=True)


def _headway(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "headway.cli", *arguments]
    return subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, timeout=300, check=False)


def _wait_for(holds: object, what: str, timeout_s: float = 120.0) -> None:
    assert callable(holds)
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, f"not in {timeout_s:.0f} s: {what}"
        time.sleep(0.05)


def test_killed_supervisor_leaves_no_orphans_and_up_repairs(small: Settings) -> None:
    Platform(small).up(only=["postgres"])
    supervision = Supervision(small)
    assert supervision.status("postgres").pid in [process.pid for process in of_platform(runtime_id(small))]
    os.kill(supervision.pid(), signal.SIGKILL)
    _wait_for(lambda: of_platform(runtime_id(small)) == [], "the orphans end by themselves", 60)
    Platform(small).up(only=["postgres"])
    assert supervision.status("postgres").running


def test_killed_up_is_repaired_by_the_next(small: Settings) -> None:
    command = [sys.executable, "-m", "headway.cli", "up", "--only", "rest-proxy", "--only", "postgres"]
    starting = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    supervision = Supervision(small)
    _wait_for(lambda: supervision.alive() and supervision.status("kafka").running, "Kafka is being started")
    starting.kill()
    starting.wait()
    done = _headway("up", "--only", "rest-proxy", "--only", "postgres")
    assert done.returncode == 0, done.stdout + done.stderr
    assert supervision.status("rest-proxy").running


def test_interrupted_up_leaves_nothing_running(small: Settings) -> None:
    command = [sys.executable, "-m", "headway.cli", "up", "--only", "rest-proxy"]
    starting = subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    supervision = Supervision(small)
    _wait_for(lambda: supervision.alive() and supervision.status("kafka").running, "Kafka is being started")
    starting.send_signal(signal.SIGINT)
    starting.wait(120)
    assert starting.returncode != 0
    assert of_platform(runtime_id(small)) == []
    assert not supervision.alive()


def test_what_was_asked_for_before_down_runs_after_up_and_what_was_stopped_does_not(
    small: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts = ("faust-worker-1", "faust-worker-2", "spark-worker")
    platform, supervision = Platform(small), Supervision(small)
    platform.up(only=parts)
    wishes = Wanted(small)
    assert not [part.name for part in platform.chosen(parts) if part.name.startswith("faust") and platform.wanted(part)]
    workers.begin(small)
    wishes.remove("faust-worker-2")  # as stopping it alone would
    for name in ("driver", "stopped-driver"):
        spec = ProgramSpec(name, ("sleep", "600"), base_environment(small), Path("/"))
        wishes.add_program(spec, {"ASKED": "yes"})
    wishes.remove("stopped-driver")
    platform.down()

    platform.up(only=parts)
    running = {program.name for program in supervision.all() if program.running}
    assert {"faust-worker-1", "driver"} <= running
    assert not {"faust-worker-2", "stopped-driver"} & running
    pid = supervision.status("driver").pid
    asked = lambda: "ASKED=yes" in Path(f"/proc/{pid}/environ").read_text().split("\0")  # noqa: E731
    _wait_for(asked, "the launcher becomes the program", 10)
    platform.up(only=parts)
    assert supervision.status("driver").pid == pid, "one that runs is left alone"

    supervision.stop("driver")
    rows = {row["part"]: row for row in json.loads(_headway("status", "--json").stdout)}
    assert (rows["driver"]["state"], rows["driver"]["health"]) == ("stopped", "not healthy")
    assert rows["faust-worker-1"]["health"] == "healthy"
    assert rows["faust-worker-2"]["health"] == "-"

    supervision.stop("faust-worker-1")
    monkeypatch.setattr("headway.runtime.platform.RESUME_S", 5.0)
    told: list[Event] = []
    with socket.socket() as taken:
        taken.bind((LOOPBACK, small.faust.web_port))
        taken.listen()
        platform.up(told.append, only=parts)
    assert [event.part for event in told if event.state == "failed"] == ["faust-worker-1"]
    assert supervision.status("spark-worker").running, "a worker that does not start costs the platform nothing"
    assert supervision.status("driver").running


def test_taken_port_is_told_before_anything_starts(small: Settings) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, small.postgres.port))
        taken.listen()
        done = _headway("up", "--only", "postgres")
    assert done.returncode == 1
    assert f"Port {small.postgres.port}" in done.stderr
    assert "HEADWAY__POSTGRES__PORT" in done.stderr
    assert "Traceback" not in done.stderr
    assert not Supervision(small).alive()


def test_part_that_cannot_start_is_told_with_its_log_and_all_is_stopped(small: Settings) -> None:
    Platform(small).up(only=["postgres"])
    Platform(small).down()
    control = small.state_dir / "postgres" / "data" / "postgresql.conf"
    control.write_text(control.read_text() + "\nno_such_setting_at_all = on\n")
    done = _headway("up", "--only", "postgres")
    assert done.returncode == 1
    assert "no_such_setting_at_all" in done.stderr
    assert "headway logs postgres" in done.stderr
    assert not Supervision(small).alive()
    assert port_is_free(small.postgres.port)


def test_changed_port_moves_a_running_part(small: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    Platform(small).up(only=["postgres"])
    old, new = small.postgres.port, free_ports(1)[0]
    monkeypatch.setenv("HEADWAY__POSTGRES__PORT", str(new))
    load.cache_clear()
    Platform(load()).up(only=["postgres"])
    assert not port_is_free(new)
    assert port_is_free(old)
