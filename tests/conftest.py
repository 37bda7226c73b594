"""The running platform that integration, fault and browser tests share: started once, free ports, fresh state."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.errors import HeadwayError
from headway.settings import Settings, load

PORTS = (
    "KAFKA__PORT",
    "KAFKA__CONTROLLER_PORT",
    "POSTGRES__PORT",
    "CONNECT__PORT",
    "REST_PROXY__PORT",
    "KSQL__PORT",
    "AIRFLOW__PORT",
    "AIRFLOW__LOG_SERVER_PORT",
    "AIRFLOW__TRIGGERER_LOG_PORT",
    "AIRFLOW__SCHEDULER_HEALTH_PORT",
    "SPARK__MASTER_PORT",
    "SPARK__MASTER_UI_PORT",
    "SPARK__WORKER_UI_PORT",
    "SPARK__DRIVER_UI_PORT",
)


@pytest.fixture(scope="session")
def platform() -> Iterator[Settings]:
    """Give the settings of a running platform; with ``HEADWAY_TEST_USE_RUNNING=1`` the one that the environment names.

    A part that does not start fails the test that asked, with the end of the part's log.
    """
    if os.environ.get("HEADWAY_TEST_USE_RUNNING") == "1":
        load.cache_clear()
        yield load()
        return
    from headway.runtime.platform import Platform
    from headway.runtime.processes import free_ports

    home = Path(tempfile.mkdtemp(prefix="headway-"))  # short, because unix sockets live under it
    before = {name: value for name, value in os.environ.items() if name.startswith("HEADWAY__")}
    for name in before:
        if name != "HEADWAY__INSTALL_DIR":
            del os.environ[name]
    os.environ["HEADWAY__STATE_DIR"] = str(home / "state")
    ports = free_ports(len(PORTS) + 2)
    os.environ |= {f"HEADWAY__{name}": str(port) for name, port in zip(PORTS, ports, strict=False)}
    os.environ["HEADWAY__FAUST__WEB_PORT"] = str(_pair(ports))
    os.environ["HEADWAY__AIRFLOW__WATCH"] = "false"  # tests stop parts on purpose; nobody should mend them
    load.cache_clear()
    running = Platform(load())
    guard_file = Path(__file__).with_name("platform_guard.py")
    guard = subprocess.Popen(
        [sys.executable, str(guard_file), str(home)], stdin=subprocess.PIPE, start_new_session=True, cwd="/"
    )
    try:
        try:
            settings = running.up()
        except HeadwayError as error:
            pytest.fail(f"the platform did not start: {error}", pytrace=False)
        yield settings
        _show_troubles(running)
    finally:
        running.down()
        shutil.rmtree(home, ignore_errors=True)
        guard.communicate()
        for name in [name for name in os.environ if name.startswith("HEADWAY__")]:
            del os.environ[name]
        os.environ.update(before)
        load.cache_clear()


def _pair(taken: list[int]) -> int:
    """Find a port whose successor is free too: the Faust workers count on from the first."""
    from headway.runtime.processes import free_ports, port_is_free

    for _ in range(100):
        port = free_ports(1)[0]
        if port_is_free(port + 1) and not {port, port + 1} & set(taken):
            return port
    raise RuntimeError("no two neighbouring ports are free")


def _show_troubles(running: object) -> None:
    """Print the end of the log of each part that is not healthy when the tests are over."""
    from headway.runtime.platform import Platform

    assert isinstance(running, Platform)
    for found in running.health():
        if found.part.started_by_up and not found.healthy:
            sys.stderr.write(f"\n{found.part.name} is not healthy at the end ({found.detail}):\n")
            sys.stderr.write(running.supervision.log_tail(found.part.name, 30) + "\n")
