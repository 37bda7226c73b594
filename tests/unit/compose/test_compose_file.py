"""The compose file, its Dockerfiles and its addresses, as far as they can be checked without a container engine."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from pydantic import BaseModel

from headway.settings import PREFIX, PROJECT_DIR, Settings

FILE = PROJECT_DIR / "docker-compose.yml"
EXAMPLE = PROJECT_DIR / ".env.example"
COMPOSE: dict[str, Any] = yaml.safe_load(FILE.read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILES = sorted((PROJECT_DIR / "docker").glob("*/Dockerfile"))
EXPECTED = {
    "kafka",
    "postgres",
    "connect",
    "rest-proxy",
    "ksqldb",
    "spark-master",
    "spark-worker",
    "init",
    "airflow-api-server",
    "airflow-scheduler",
    "airflow-dag-processor",
    "airflow-triggerer",
    "faust-worker-1",
    "faust-worker-2",
}
# what each service listens on inside the network
LISTENS = {
    "kafka": 9092,
    "postgres": 5432,
    "connect": 8083,
    "rest-proxy": 8082,
    "ksqldb": 8088,
    "spark-master": 7077,
    "airflow-api-server": 8080,
    "faust-worker-1": 6166,
    "faust-worker-2": 6166,
}
UNITS = {"k": 2**10, "m": 2**20, "g": 2**30}
REQUIRED = re.compile(r"\$\{([A-Z_]+):\?[^}]+\}")


def _ports(service: str) -> list[tuple[str, int, int]]:
    """Give (address, published port, container port)."""
    out = []
    for text in SERVICES[service].get("ports", []):
        address, published, inside = text.split(":")
        out.append((address, int(published), int(inside)))
    return out


def _settings_env(service: str) -> dict[str, str]:
    """Give the service's HEADWAY__ variables with the secrets filled in."""
    env = SERVICES[service].get("environment", {})
    return {name: REQUIRED.sub("x" * 64, str(value)) for name, value in env.items() if name.startswith(PREFIX)}


@pytest.fixture
def settings_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    def build(service: str) -> Settings:
        for name in list(os.environ):
            if name.startswith(PREFIX):
                monkeypatch.delenv(name)
        for name, value in (_settings_env(service) | {f"{PREFIX}STATE_DIR": str(tmp_path)}).items():
            monkeypatch.setenv(name, value)
        return Settings()

    return build


def test_has_every_part_of_the_platform() -> None:
    assert set(SERVICES) == EXPECTED


@pytest.mark.parametrize("service", sorted(EXPECTED))
def test_an_image_is_pinned_and_a_service_has_limits_health_and_loopback_ports(service: str) -> None:
    definition = SERVICES[service]
    name, _, tag = definition["image"].rpartition(":")
    assert name
    assert re.search(r"\d", tag), definition["image"]
    assert tag != "latest"
    assert definition["mem_limit"][-1] in UNITS
    assert all(address == "127.0.0.1" for address, _, _ in _ports(service))
    if service == "init":  # ends when it is done
        assert definition["restart"] == "no"
    else:
        assert definition["healthcheck"]["test"][0] == "CMD"
        assert definition["restart"] == "unless-stopped"


def test_the_memory_limits_fit_a_machine_of_16_gb() -> None:
    total = sum(int(s["mem_limit"][:-1]) * UNITS[s["mem_limit"][-1]] for s in SERVICES.values())
    assert 8 * 2**30 < total < 16 * 2**30


def test_heaps_fit_their_containers() -> None:
    for name, definition in SERVICES.items():
        for variable, value in definition.get("environment", {}).items():
            found = re.search(r"-Xmx(\d+)m", str(value)) if variable.endswith("HEAP_OPTS") else None
            if found:
                limit = int(definition["mem_limit"][:-1]) * UNITS[definition["mem_limit"][-1]]
                assert int(found.group(1)) * 2**20 <= 0.75 * limit, name


def test_the_start_order_is_by_health_and_has_no_circle() -> None:
    order: dict[str, set[str]] = {}
    for name, definition in SERVICES.items():
        order[name] = set(definition.get("depends_on", {}))
        for needed, how in definition.get("depends_on", {}).items():
            assert needed in SERVICES
            wanted = "service_completed_successfully" if needed == "init" else "service_healthy"
            assert how["condition"] == wanted, f"{name} needs {needed}"
    started: set[str] = set()
    while len(started) < len(order):
        ready = {name for name, needed in order.items() if name not in started and needed <= started}
        assert ready, f"a circle among {set(order) - started}"
        started |= ready
    assert {"connect", "ksqldb", "rest-proxy", "spark-worker", "init"} <= order["airflow-scheduler"]


def test_no_secret_has_a_value_or_a_default() -> None:
    given = dict(line.split("=", 1) for line in EXAMPLE.read_text().splitlines() if re.match(r"[A-Z_]+=", line))
    assert given
    assert all(value == "" for value in given.values()), "an example password becomes somebody's password"
    text = "\n".join(line for line in FILE.read_text().splitlines() if not line.lstrip().startswith("#"))
    assert set(re.findall(r"\$\{([A-Z_]+)", text)) == set(REQUIRED.findall(text)) == set(given)
    for name, definition in SERVICES.items():
        for variable, value in definition.get("environment", {}).items():
            if re.search(r"PASSWORD|SECRET|_KEY$", variable):
                assert REQUIRED.fullmatch(str(value)), f"{name}: {variable}"


@pytest.mark.parametrize("service", sorted(name for name in EXPECTED if _settings_env(name)))
def test_every_headway_variable_is_a_setting(service: str) -> None:
    for variable in _settings_env(service):
        model: Any = Settings
        for part in variable.removeprefix(PREFIX).lower().split("__"):
            assert isinstance(model, type) and issubclass(model, BaseModel), variable
            assert part in model.model_fields, variable
            model = model.model_fields[part].annotation


def test_every_address_is_a_service_that_listens_there(settings_of: Any) -> None:
    settings: Settings = settings_of("airflow-scheduler")
    assert settings.profile == "compose"
    addresses = [settings.kafka.bootstrap_servers, f"{settings.postgres.host}:{settings.postgres.port}"]
    addresses += [settings.connect.url, settings.rest_proxy.url, settings.ksql.url, settings.airflow.url]
    addresses += [settings.spark.master_url, *settings.faust.urls()]
    found = {}
    for address in addresses:
        parts = urlsplit(address if "://" in address else f"any://{address}")
        found[parts.hostname] = parts.port
    assert found == LISTENS
    assert settings.spark.driver_host == "airflow-scheduler"
    assert len(settings.faust.urls()) == settings.faust.workers


def test_what_connect_is_told_is_reachable_from_connect(settings_of: Any) -> None:
    from headway.stations.connectors import load_connector

    _, config = load_connector(settings_of("airflow-scheduler"))
    assert (config["database.hostname"], config["database.port"]) == ("postgres", "5432")
    assert config["database.dbname"] == SERVICES["postgres"]["environment"]["POSTGRES_DB"]
    assert config["database.user"] == SERVICES["postgres"]["environment"]["POSTGRES_USER"]


def test_published_ports_are_the_settings_defaults() -> None:
    fields = {name: field.default for name, field in Settings.model_fields.items()}
    spark = fields["spark"]
    expected = {
        "kafka": [fields["kafka"].port],
        "postgres": [fields["postgres"].port],
        "connect": [fields["connect"].port],
        "rest-proxy": [fields["rest_proxy"].port],
        "ksqldb": [fields["ksql"].port],
        "airflow-api-server": [fields["airflow"].port],
        "spark-master": [spark.master_port, spark.master_ui_port],
        "spark-worker": [spark.worker_ui_port],
        "airflow-scheduler": [spark.driver_ui_port],
        "faust-worker-1": [fields["faust"].web_port],
        "faust-worker-2": [fields["faust"].web_port + 1],
    }
    assert {name: [p for _, p, _ in _ports(name)] for name in SERVICES if _ports(name)} == expected
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"HOST://127.0.0.1:{fields['kafka'].port}" in advertised
    assert SERVICES["ksqldb"]["environment"]["KSQL_KSQL_SERVICE_ID"] == fields["ksql"].service_id


def test_every_mount_exists_and_every_volume_is_declared() -> None:
    binds = 0
    for name, definition in SERVICES.items():
        for mount in definition.get("volumes", []):
            source, target, *mode = mount.split(":")
            assert target.startswith("/")
            if source.startswith("."):
                binds += 1
                assert mode == ["ro"], f"{name}: {mount} must be read-only"
                assert (PROJECT_DIR / source).is_dir(), f"{name}: {source}"
                assert any((PROJECT_DIR / source).iterdir()), f"{name}: {source} is empty"
            else:
                assert source in COMPOSE["volumes"], f"{name}: {source}"
    assert binds > 5


def test_driver_and_executors_share_a_folder_and_a_user() -> None:
    assert "state:/var/lib/headway" in SERVICES["spark-worker"]["volumes"]
    assert "state:/var/lib/headway" in SERVICES["airflow-scheduler"]["volumes"]
    dockerfile = (PROJECT_DIR / "docker" / "headway" / "Dockerfile").read_text()
    assert SERVICES["spark-worker"]["user"] == "185"
    assert "\nUSER 185\n" in dockerfile


@pytest.mark.parametrize("dockerfile", DOCKERFILES, ids=lambda path: path.parent.name)
def test_dockerfiles_are_clean_and_copy_what_is_there(dockerfile: Path) -> None:
    assert len(DOCKERFILES) == 2
    program = shutil.which("hadolint") or str(Path(sys.executable).with_name("hadolint"))
    done = subprocess.run([program, str(dockerfile)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    allowed = {line[1:] for line in (PROJECT_DIR / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = re.findall(r"^COPY (?!--from)(\S+) \S+$", dockerfile.read_text(), re.MULTILINE)
    assert copied
    for source in copied:
        assert (PROJECT_DIR / source).exists(), source
        assert source.split("/")[0] in allowed, f"{source} is kept out by .dockerignore"


def test_no_secret_can_reach_an_image() -> None:
    lines = (PROJECT_DIR / ".dockerignore").read_text().splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    assert not {"!.env", "!.headway", "!.git"} & set(rules)


def _run_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("compose_run", PROJECT_DIR / "docker" / "headway" / "run.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_airflows_environment_has_no_loopback_address_that_another_container_needs(settings_of: Any) -> None:
    run = _run_module()
    settings = settings_of("airflow-scheduler")
    env = run.environment(settings)
    assert env["AIRFLOW__CORE__EXECUTION_API_SERVER_URL"] == "http://airflow-api-server:8080/execution/"
    assert "@postgres:5432/airflow" in env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]
    assert "SPARK_LOCAL_IP" not in env
    local = {name for name, value in env.items() if "127.0.0.1" in value}
    assert local == {"AIRFLOW__API__BASE_URL", "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST"}


def test_commands_in_the_file_are_commands_that_the_image_knows() -> None:
    run = _run_module()
    used = {name: definition["command"] for name, definition in SERVICES.items() if name.startswith("airflow-")}
    assert len(used) == 4
    for name, command in used.items():
        assert run.command(command)[2] == "airflow", name
    assert run.command(["headway", "run"])[1:] == ["-m", "headway.cli", "run"]
    with pytest.raises(SystemExit, match="none of"):
        run.command(["nothing"])


@pytest.mark.skipif("HEADWAY_COMPOSE" not in os.environ, reason="HEADWAY_COMPOSE names no docker-compose binary")
def test_docker_compose_itself_accepts_the_file() -> None:
    command = [*os.environ["HEADWAY_COMPOSE"].split(), "-f", str(FILE), "config", "-q"]
    names = REQUIRED.findall(FILE.read_text())
    filled = {**os.environ, **dict.fromkeys(names, "x" * 64)}
    done = subprocess.run(command, env=filled, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    empty = {name: value for name, value in os.environ.items() if name not in names} | {names[0]: ""}
    refused = subprocess.run(
        [*command[:-2], "--env-file", os.devnull, "config", "-q"],
        env=empty,
        capture_output=True,
        text=True,
        check=False,
    )
    assert refused.returncode != 0
    assert "set it in .env" in refused.stderr
