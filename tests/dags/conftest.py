"""Airflow without services: a database file of its own, set up before anything imports Airflow."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

PROJECT = Path(__file__).resolve().parents[2]
HOME = Path(tempfile.mkdtemp(prefix="headway-dags-"))
CLOSED = "1"  # a port where nothing listens

# At import, because collecting a test module of this folder already imports Airflow.
os.environ.update(
    {
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__UNIT_TEST_MODE": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(PROJECT / "plugins"),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(HOME / "passwords.json"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME}/airflow.db",
        "AIRFLOW__LOGGING__BASE_LOG_FOLDER": str(HOME / "logs"),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
    }
)


@pytest.fixture(scope="session", autouse=True)
def airflow_database() -> Iterator[None]:
    """Make Airflow's database, once; take it away at the end."""
    from airflow.utils.db import initdb

    initdb()
    yield
    shutil.rmtree(HOME, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def signals_of_the_jvm() -> Iterator[None]:
    """Keep Airflow's DAG importer from taking SIGSEGV: a JVM in this process (the engine's tests) would spin for ever.

    It goes on without, as it does in any thread but the main one.
    """
    from airflow.dag_processing.importers import python_importer

    def register(number: int, handler: Any) -> Any:
        if number == signal.SIGSEGV:
            raise ValueError("SIGSEGV is the JVM's")
        return signal.signal(number, handler)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(python_importer, "signal", SimpleNamespace(**{**vars(signal), "signal": register}))
        yield


@pytest.fixture(autouse=True)
def nothing_answers(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Point every address at a closed port and the state at an empty folder: no test here may need a service."""
    from headway import settings

    for section in ("KAFKA", "POSTGRES", "CONNECT", "REST_PROXY", "KSQL", "AIRFLOW"):
        monkeypatch.setenv(f"HEADWAY__{section}__PORT", CLOSED)
    monkeypatch.setenv("HEADWAY__SPARK__MASTER_PORT", CLOSED)
    monkeypatch.setenv("HEADWAY__STATE_DIR", str(tmp_path / "state"))
    forget = settings.load.cache_clear  # a test may put something else in its place
    forget()
    yield
    forget()
