"""Start one of Airflow's processes in a container, with the environment that the embedded profile gives it.

``run.py init`` prepares what the others count on; ``run.py api-server | scheduler | dag-processor | triggerer`` serve;
``run.py airflow …`` and ``run.py headway …`` are the two command lines.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence

from headway.runtime.parts.airflow import airflow_environment
from headway.settings import PROJECT_DIR, Settings, load

# the tasks' log servers are off: all four processes share the log folder
SERVERS = {
    "api-server": ("api-server",),
    "scheduler": ("scheduler", "--skip-serve-logs"),
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
}
EMBEDDED_ONLY = ("SPARK_LOCAL_IP", "SPARK_PUBLIC_DNS")


def environment(settings: Settings) -> dict[str, str]:
    """Give Airflow's environment: the embedded one, with addresses that other containers reach."""
    env = {name: value for name, value in airflow_environment(settings).items() if name not in EMBEDDED_ONLY}
    return env | {
        "AIRFLOW__API__HOST": "0.0.0.0",  # noqa: S104  # the port is published on the host's loopback only
        "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{settings.airflow.url}/execution/",
        "AIRFLOW__SCHEDULER__SCHEDULER_HEALTH_CHECK_SERVER_HOST": "127.0.0.1",
    }


def command(arguments: Sequence[str]) -> list[str]:
    """Give the program for the arguments."""
    first, rest = arguments[0], list(arguments[1:])
    if first in SERVERS:
        return [sys.executable, "-m", "airflow", *SERVERS[first], *rest]
    if first == "airflow":
        return [sys.executable, "-m", "airflow", *rest]
    if first == "headway":
        return [sys.executable, "-m", "headway.cli", *rest]
    raise SystemExit(f"{first} is none of init, airflow, headway, {', '.join(SERVERS)}.")


def prepare(settings: Settings) -> None:
    """Write the login, migrate Airflow's database, make its pools, the topics and the tables."""
    import subprocess

    from headway.adapters.kafka import ensure_topics
    from headway.core.pools import POOLS
    from headway.stations.seed import ensure_schema

    home = settings.state_dir / "airflow"
    home.mkdir(parents=True, exist_ok=True)
    passwords = home / "passwords.json"
    passwords.touch(mode=0o600)
    passwords.write_text(json.dumps({settings.airflow.username: settings.airflow.password.get_secret_value()}))
    pools = {
        pool.name: {"slots": pool.slots, "description": pool.description, "include_deferred": True} for pool in POOLS
    }
    (home / "pools.json").write_text(json.dumps(pools))
    for arguments in (["db", "migrate"], ["pools", "import", str(home / "pools.json")]):
        subprocess.run(command(["airflow", *arguments]), check=True)
    ensure_topics(settings)
    ensure_schema(settings)


def main() -> None:
    """Become the program that the arguments name."""
    settings = load()
    os.environ.update(environment(settings))
    os.chdir(PROJECT_DIR)
    arguments = sys.argv[1:] or ["api-server"]
    if arguments == ["init"]:
        prepare(settings)
        return
    program = command(arguments)
    os.execv(program[0], program)  # noqa: S606  # no shell is meant


if __name__ == "__main__":
    main()
