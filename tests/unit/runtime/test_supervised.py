"""Specs, environments, configuration files and the checks of the machine, without starting anything."""

from __future__ import annotations

import json
import shutil
import socket
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from xmlrpc.client import Fault

import psutil
import pytest

from headway.errors import RuntimeSetupError
from headway.runtime import preflight
from headway.runtime.credentials import ensure_credentials
from headway.runtime.environment import RUNTIME_ID, base_environment
from headway.runtime.parts import all_parts
from headway.runtime.parts.airflow import airflow_environment
from headway.runtime.parts.kafka import Kafka
from headway.runtime.parts.part import properties, write_if_changed
from headway.runtime.platform import _STOP_WAVES, Platform
from headway.runtime.processes import free_ports, holder_of, memory_of, port_is_free, tree, uptime_text
from headway.runtime.program import ProgramSpec
from headway.runtime.supervision import LONGEST_SOCKET_PATH, Supervision, socket_path
from headway.settings import LOOPBACK, Settings, load


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    monkeypatch.setenv("HEADWAY__STATE_DIR", str(tmp_path / "state"))
    for name in ("POSTGRES__PASSWORD", "AIRFLOW__PASSWORD", "PROFILE"):
        monkeypatch.delenv(f"HEADWAY__{name}", raising=False)
    load.cache_clear()
    yield load()
    load.cache_clear()


def test_every_dependency_of_a_part_comes_before_it(settings: Settings) -> None:
    seen: set[str] = set()
    for part in all_parts(settings):
        assert set(part.depends) <= seen, part.name
        seen.add(part.name)
    assert len(seen) == 13


def test_everything_is_stopped_before_what_it_depends_on(settings: Settings) -> None:
    wave = {name: number for number, names in enumerate(_STOP_WAVES) for name in names}
    for part in all_parts(settings):
        for needed in part.depends:
            assert wave[part.name] <= wave[needed]


def test_no_part_listens_on_another_address_than_loopback(settings: Settings) -> None:
    for part in all_parts(settings):
        text = part.spec().to_json() if part.name != "postgres" else ""
        assert ".".join("0000") not in text
        assert "[::]" not in text
    listeners = str(Kafka(settings)._config("/data")["listeners"])
    assert [entry.split("//")[1].split(":")[0] for entry in listeners.split(",")] == [LOOPBACK, LOOPBACK]
    airflow = airflow_environment(settings)
    assert airflow["AIRFLOW__API__HOST"] == LOOPBACK
    assert base_environment(settings)["SPARK_LOCAL_IP"] == LOOPBACK


def test_log_servers_of_airflow_are_off_because_they_bind_everywhere(settings: Settings) -> None:
    commands = {part.name: part.spec().command for part in all_parts(settings) if part.name.startswith("airflow")}
    assert "--skip-serve-logs" in commands["airflow-scheduler"]
    assert "--skip-serve-logs" in commands["airflow-triggerer"]


def test_programs_see_the_settings_and_not_the_callers_python(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWAY__KAFKA__PORT", "19999")
    monkeypatch.setenv("PYTHONDONTWRITEBYTECODE", "1")
    monkeypatch.setenv("AIRFLOW_HOME", "/elsewhere")
    monkeypatch.setenv("NO_PROXY", "example.org")
    env = base_environment(settings)
    assert env["HEADWAY__KAFKA__PORT"] == "19999"
    assert env["HEADWAY__STATE_DIR"] == str(settings.state_dir)
    assert "PYTHONDONTWRITEBYTECODE" not in env
    assert "AIRFLOW_HOME" not in env
    assert env["NO_PROXY"].split(",") == ["example.org", LOOPBACK, "localhost"]
    assert env["PATH"].startswith(str(Path(__file__).resolve().parents[3] / "headway" / "spark" / "bin"))
    assert len(env[RUNTIME_ID]) == 16


def test_makes_secrets_once_and_for_the_owner_only(settings: Settings) -> None:
    first = ensure_credentials(settings)
    path = first.secrets_file
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(first.airflow.jwt_secret.get_secret_value()) >= 64
    assert len(first.postgres.password.get_secret_value()) >= 20
    before = path.read_text()
    second = ensure_credentials(load())
    assert path.read_text() == before
    assert second.postgres.password == first.postgres.password


def test_settings_older_than_the_secrets_do_not_make_new_ones(settings: Settings) -> None:
    made = ensure_credentials(settings)
    again = ensure_credentials(settings)  # still without any password
    assert again.postgres.password == made.postgres.password
    assert again.airflow.jwt_secret == made.airflow.jwt_secret


def test_keeps_a_password_that_the_user_gave(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY__POSTGRES__PASSWORD", "mine")
    load.cache_clear()
    made = ensure_credentials(load())
    assert made.postgres.password.get_secret_value() == "mine"
    assert "POSTGRES__PASSWORD" not in made.secrets_file.read_text()


def test_taken_port_names_its_holder_and_its_setting(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        port = taken.getsockname()[1]
        monkeypatch.setenv("HEADWAY__KAFKA__PORT", str(port))
        # the project's own platform may be running on this machine
        monkeypatch.setenv("HEADWAY__KAFKA__CONTROLLER_PORT", str(free_ports(1)[0]))
        monkeypatch.setattr(preflight, "_available_memory", lambda: preflight.ADVISED_MEMORY)
        load.cache_clear()
        with pytest.raises(RuntimeSetupError) as caught:
            preflight.check(load(), [Kafka(load())])
        assert not port_is_free(port)
        holder = holder_of(port)
        assert holder is not None
        assert holder.pid == psutil.Process().pid
    assert f"Port {port}" in caught.value.what
    assert f"process {psutil.Process().pid}" in caught.value.what
    assert "HEADWAY__KAFKA__PORT" in caught.value.next_step


def test_too_little_memory_stops_the_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_available_memory", lambda: 2 * 2**30)
    with pytest.raises(RuntimeSetupError, match=r"2\.0 GB of memory"):
        preflight.check(settings, [])


def test_no_java_stops_the_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "find_java", lambda _: None)
    with pytest.raises(RuntimeSetupError, match="no Java 17"):
        preflight.check(settings, [])


def test_full_disk_stops_the_start(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type("Usage", (), {"free": 10 * 2**20})()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    with pytest.raises(RuntimeSetupError, match="are free for"):
        preflight.check(settings, [])


def test_refuses_to_start_parts_that_live_elsewhere(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEADWAY__PROFILE", "external")
    load.cache_clear()
    with pytest.raises(RuntimeSetupError, match="profile is external"):
        Platform(load())


def test_unknown_part_is_told_with_those_there_are(settings: Settings) -> None:
    with pytest.raises(RuntimeSetupError, match="no part kafak") as caught:
        Platform(settings).chosen(["kafak"])
    assert "kafka" in caught.value.next_step


def test_chosen_part_brings_what_it_depends_on(settings: Settings) -> None:
    assert [part.name for part in Platform(settings).chosen(["connect"])] == ["kafka", "connect"]


def test_long_state_folder_gets_a_short_private_socket(tmp_path: Path) -> None:
    short, long = Path("/tmp/s"), tmp_path / ("deep" * 30)
    assert socket_path(short) == Path("/tmp/s/supervisor.sock")
    found = socket_path(long)
    assert len(str(found)) <= LONGEST_SOCKET_PATH
    assert stat.S_IMODE(found.parent.stat().st_mode) == 0o700
    assert socket_path(long) == found
    found.parent.rmdir()


@pytest.mark.parametrize("code", [10, 70])  # supervisord's BAD_NAME and NOT_RUNNING
def test_stopping_what_does_not_run_is_harmless(settings: Settings, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    def refuse(self: Supervision, method: str, *args: object) -> None:
        raise Fault(code, method)

    monkeypatch.setattr(Supervision, "_call", refuse)
    Supervision(settings).stop("nobody")
    Supervision(settings).begin_stop("nobody")


def test_fingerprint_changes_with_the_command_and_the_environment() -> None:
    spec = ProgramSpec("p", ("a",), {"X": "1"}, Path("/"))
    assert spec.fingerprint() == ProgramSpec("p", ("a",), {"X": "1"}, Path("/")).fingerprint()
    assert spec.fingerprint() == ProgramSpec("p", ("a",), {"X": "1", "PATH": "/bin"}, Path("/")).fingerprint()
    assert spec.fingerprint() != ProgramSpec("p", ("b",), {"X": "1"}, Path("/")).fingerprint()
    assert spec.fingerprint() != ProgramSpec("p", ("a",), {"X": "2"}, Path("/")).fingerprint()
    assert json.loads(spec.to_json())["command"] == ["a"]


def test_configuration_file_is_private_and_written_only_when_it_differs(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "server.properties"
    write_if_changed(path, properties({"a": 1, "b": "c\\d"}))
    assert path.read_text() == "a=1\nb=c\\\\d\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.stat().st_ino
    write_if_changed(path, "a=1\nb=c\\\\d\n")
    assert path.stat().st_ino == written
    write_if_changed(path, "a=2\n")
    assert path.stat().st_ino != written


def test_parts_that_are_prepared_side_by_side_may_write_the_same_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, written, rename = tmp_path / "passwords.json", Barrier(4), Path.replace

    def all_have_written(temporary: Path, target: Path) -> Path:
        written.wait(60)
        return rename(temporary, target)

    monkeypatch.setattr(Path, "replace", all_have_written)
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: write_if_changed(path, "x" * 1000), range(4)))
    assert path.read_text() == "x" * 1000
    assert [found.name for found in tmp_path.iterdir()] == ["passwords.json"]


def test_free_ports_are_free_and_different() -> None:
    ports = free_ports(20)
    assert len(set(ports)) == 20
    assert all(port_is_free(port) for port in ports)


def test_memory_of_a_tree_counts_this_process() -> None:
    memory = memory_of(tree(psutil.Process().pid))
    assert memory.processes >= 1
    assert memory.resident > 10 * 2**20


@pytest.mark.parametrize(("seconds", "text"), [(5, "5 s"), (65, "1 min"), (3_700, "1 h 1 min"), (90_000, "1 d 1 h")])
def test_says_a_duration_as_a_person_would(seconds: float, text: str) -> None:
    assert uptime_text(seconds) == text


def test_who_asks_changes_no_program(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = {part.name: part.spec().fingerprint() for part in all_parts(settings)}
    for name in ("_", "MAKELEVEL", "OLDPWD", "AIRFLOW_CTX_TASK_ID", "SUPERVISOR_PROCESS_NAME", "PYTEST_CURRENT_TEST"):
        monkeypatch.setenv(name, "another")
    monkeypatch.setenv("PATH", base_environment(settings)["PATH"])  # as a task that one of our programs runs
    assert {part.name: part.spec().fingerprint() for part in all_parts(settings)} == specs
