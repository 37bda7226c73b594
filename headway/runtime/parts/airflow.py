"""Airflow: API server, scheduler, DAG processor and triggerer, on Postgres with LocalExecutor."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any
from urllib.parse import quote

from headway.runtime.environment import python
from headway.runtime.parts.part import NotReadyError, Part, http_json, run_once, write_if_changed
from headway.runtime.parts.spark import spark_environment
from headway.runtime.program import ProgramSpec
from headway.settings import LOOPBACK, PROJECT_DIR, Settings

_MIGRATING = threading.Lock()


def airflow_environment(settings: Settings) -> dict[str, str]:
    """Give Airflow's configuration, as environment variables (holds secrets)."""
    airflow, home = settings.airflow, settings.state_dir.resolve() / "airflow"
    database = settings.postgres.dsn(settings.postgres.airflow_database).removeprefix("postgresql://")
    options: dict[str, Mapping[str, object]] = {
        "CORE": {
            "DAGS_FOLDER": PROJECT_DIR / "dags",
            "PLUGINS_FOLDER": PROJECT_DIR / "plugins",
            "LOAD_EXAMPLES": False,
            "EXECUTOR": "LocalExecutor",
            "PARALLELISM": airflow.parallelism,
            "FERNET_KEY": airflow.fernet_key.get_secret_value(),
            "SIMPLE_AUTH_MANAGER_USERS": f"{airflow.username}:admin",
            "SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": home / "passwords.json",
            "EXECUTION_API_SERVER_URL": f"http://{LOOPBACK}:{airflow.port}/execution/",
            "MIN_SERIALIZED_DAG_UPDATE_INTERVAL": 5,
        },
        "DATABASE": {
            "SQL_ALCHEMY_CONN": f"postgresql+psycopg2://{database}",
            "SQL_ALCHEMY_CONN_ASYNC": f"postgresql+asyncpg://{database}",
        },
        "API": {
            "HOST": LOOPBACK,
            "PORT": airflow.port,
            "BASE_URL": f"http://{LOOPBACK}:{airflow.port}",
            "WORKERS": 1,
            "SECRET_KEY": airflow.jwt_secret.get_secret_value()[:32],
            "INSTANCE_NAME": "Headway",
        },
        "API_AUTH": {"JWT_SECRET": airflow.jwt_secret.get_secret_value(), "JWT_ISSUER": "headway"},
        "SCHEDULER": {
            "ENABLE_HEALTH_CHECK": False,
            "SCHEDULER_HEALTH_CHECK_SERVER_HOST": LOOPBACK,
            "SCHEDULER_HEALTH_CHECK_SERVER_PORT": airflow.scheduler_health_port,
            "CATCHUP_BY_DEFAULT": False,
        },
        "DAG_PROCESSOR": {"REFRESH_INTERVAL": 10, "MIN_FILE_PROCESS_INTERVAL": 30, "PARSING_PROCESSES": 1},
        "LOGGING": {
            "BASE_LOG_FOLDER": home / "logs",
            "DAG_PROCESSOR_CHILD_PROCESS_LOG_DIRECTORY": home / "logs" / "dag_processor",
            "WORKER_LOG_SERVER_PORT": airflow.log_server_port,
            "TRIGGER_LOG_SERVER_PORT": airflow.triggerer_log_port,
            "COLORED_CONSOLE_LOG": False,
        },
        "USAGE_DATA_COLLECTION": {"ENABLED": False},
    }
    env = {
        f"AIRFLOW__{section}__{name}": str(value)
        for section, values in options.items()
        for name, value in values.items()
    }
    env["AIRFLOW_HOME"] = str(home)
    return env | _connections(settings) | spark_environment(settings)


def _connections(settings: Settings) -> dict[str, str]:
    """Give Airflow's connections to the parts, so that the providers' own operators find them."""
    postgres, host_port = settings.postgres, settings.spark.master_url.removeprefix("spark://")
    master, _, port = host_port.rpartition(":")
    kafka = settings.kafka.librdkafka() | {"group.id": "headway-airflow", "auto.offset.reset": "earliest"}
    values: dict[str, dict[str, Any]] = {
        "SPARK_DEFAULT": {"conn_type": "spark", "host": f"spark://{master}", "port": int(port or 7077)},
        "POSTGRES_DEFAULT": {
            "conn_type": "postgres",
            "host": postgres.host,
            "port": postgres.port,
            "login": postgres.user,
            "password": postgres.password.get_secret_value(),
            "schema": postgres.database,
        },
        "KAFKA_DEFAULT": {"conn_type": "kafka", "extra": kafka},
    }
    for name, service in (
        ("HEADWAY_CONNECT", settings.connect),
        ("HEADWAY_REST_PROXY", settings.rest_proxy),
        ("HEADWAY_KSQL", settings.ksql),
    ):
        scheme, _, rest = service.url.partition("://")
        host, _, number = rest.partition(":")
        values[name] = {"conn_type": "http", "schema": scheme, "host": quote(host)}
        if number.isdigit():
            values[name]["port"] = int(number)
        if service.username:
            values[name] |= {"login": service.username, "password": service.password.get_secret_value()}
    return {f"AIRFLOW_CONN_{name}": json.dumps(value) for name, value in values.items()}


class AirflowPart(Part):
    """What Airflow's four programs share."""

    depends = ("postgres",)
    monitored: str = ""
    arguments: tuple[str, ...] = ()

    @property
    def address(self) -> str:
        """Give the API server's address: the others have none."""
        return self.settings.airflow.url if self.name == "airflow-api-server" else ""

    def prepare(self) -> None:
        """Write the password file and, once a version, migrate the database."""
        home = self.settings.state_dir.resolve() / "airflow"
        home.mkdir(parents=True, exist_ok=True)
        airflow = self.settings.airflow
        passwords = json.dumps({airflow.username: airflow.password.get_secret_value()})
        write_if_changed(home / "passwords.json", passwords)
        with _MIGRATING:
            stamp, wanted = home / "migrated", version("apache-airflow")
            if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
                return
            command = [python(self.settings), "-m", "airflow", "db", "migrate"]
            run_once(command, self._env(), "Migrating Airflow's database", timeout_s=300)
            write_if_changed(stamp, wanted)

    def _env(self) -> dict[str, str]:
        return self.environment(**airflow_environment(self.settings))

    def spec(self) -> ProgramSpec:
        """Give the program."""
        command = (python(self.settings), "-m", "airflow", *self.arguments)
        return ProgramSpec(self.name, command, self._env(), PROJECT_DIR, stop_seconds=30)

    def probe(self) -> str:
        """Read this program's line on Airflow's health page (its heartbeat is in the database)."""
        health = http_json(f"{self.settings.airflow.url}/api/v2/monitor/health")
        found = health.get(self.monitored) if isinstance(health, dict) else None
        status = found.get("status") if isinstance(found, dict) else None
        if status != "healthy":
            raise NotReadyError(f"Airflow says that the {self.monitored} is {status or 'not there yet'}")
        return "healthy"


class AirflowApiServer(AirflowPart):
    """The API server and web interface."""

    name = "airflow-api-server"
    title = "Airflow API and web UI"
    monitored = "metadatabase"
    arguments = ("api-server",)

    def ports(self) -> dict[str, int]:
        """Give the HTTP port."""
        return {"AIRFLOW__PORT": self.settings.airflow.port}


class AirflowScheduler(AirflowPart):
    """The scheduler.

    Its log server would bind to all interfaces, so it is off: the API server reads the same files.
    """

    name = "airflow-scheduler"
    title = "Airflow scheduler"
    monitored = "scheduler"
    arguments = ("scheduler", "--skip-serve-logs")


class AirflowDagProcessor(AirflowPart):
    """The DAG processor."""

    name = "airflow-dag-processor"
    title = "Airflow DAG processor"
    monitored = "dag_processor"
    arguments = ("dag-processor",)


class AirflowTriggerer(AirflowPart):
    """The triggerer; its log server is off for the same reason."""

    name = "airflow-triggerer"
    title = "Airflow triggerer"
    monitored = "triggerer"
    arguments = ("triggerer", "--skip-serve-logs")
