"""Starts that are interrupted, killed or impossible: nothing stays half-started, the next start repairs.

A small platform of its own (Postgres, and Kafka where order matters), so that the shared one is not disturbed.
"""

from __future__ import annotations

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

from headway.runtime.environment import runtime_id
from headway.runtime.platform import Platform
from headway.runtime.processes import free_ports, of_platform, port_is_free
from headway.runtime.supervision import Supervision
from headway.settings import LOOPBACK, PROJECT_DIR, Settings, load


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Give the settings of a platform that is not running, and take down whatever a test leaves."""
    home = Path(tempfile.mkdtemp(prefix="headway-fault-"))
    ports = free_ports(4)
    names = ("KAFKA__PORT", "KAFKA__CONTROLLER_PORT", "POSTGRES__PORT", "REST_PROXY__PORT")
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


def _wait_for(holds: object, what: str, timeout_s: float = 60.0) -> None:
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
    _wait_for(lambda: of_platform(runtime_id(small)) == [], "the orphans end by themselves", 20)
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
    starting.wait(60)
    assert starting.returncode != 0
    assert of_platform(runtime_id(small)) == []
    assert not supervision.alive()


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
