"""A platform of its own for tests and benchmarks: an empty state folder and free ports, gone afterwards."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from headway.errors import RuntimeSetupError
from headway.runtime.processes import free_ports, port_is_free
from headway.settings import PREFIX, load

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


@contextmanager
def scratch_environment() -> Iterator[Path]:
    """Let the environment name an empty state folder and free ports; give the folder, which is removed at the end.

    Only what is installed is shared with the project's own platform. The caller starts and stops the parts.
    """
    home = Path(tempfile.mkdtemp(prefix="headway-"))  # short, because unix sockets live under it
    before = {name: value for name, value in os.environ.items() if name.startswith(PREFIX)}
    for name in before:
        if name != f"{PREFIX}INSTALL_DIR":
            del os.environ[name]
    os.environ[f"{PREFIX}STATE_DIR"] = str(home / "state")
    ports = free_ports(len(PORTS))
    os.environ |= {f"{PREFIX}{name}": str(port) for name, port in zip(PORTS, ports, strict=True)}
    os.environ[f"{PREFIX}FAUST__WEB_PORT"] = str(_pair(ports))
    os.environ[f"{PREFIX}AIRFLOW__WATCH"] = "false"  # parts are stopped on purpose; nobody should mend them
    load.cache_clear()
    try:
        yield home
    finally:
        shutil.rmtree(home, ignore_errors=True)
        for name in [name for name in os.environ if name.startswith(PREFIX)]:
            del os.environ[name]
        os.environ.update(before)
        load.cache_clear()


def _pair(taken: list[int]) -> int:
    """Find a port whose successor is free too: the Faust workers count on from the first."""
    for _ in range(100):
        port = free_ports(1)[0]
        if port_is_free(port + 1) and not {port, port + 1} & set(taken):
            return port
    raise RuntimeSetupError("No two neighbouring ports are free.", next_step="close what holds so many ports")
