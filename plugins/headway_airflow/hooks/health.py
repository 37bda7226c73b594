"""What `transit_health` looks at, what it leaves alone, and how it mends."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.settings import PROJECT_DIR

if TYPE_CHECKING:
    from headway.settings import Settings

CONNECTOR_FILE = "connect/stations.json"
STREAM_FRESH_S = 120.0


def _connector(settings: Settings) -> tuple[str, dict[str, str]]:
    from headway.stations.connectors import load_connector

    return load_connector(settings, Path(PROJECT_DIR, CONNECTOR_FILE))


def arguments(settings: Settings, subject: str) -> dict[str, Any]:
    """Give the probe's arguments for a subject."""
    from headway_airflow.probes import SERVICES

    match subject:
        case "services":
            return {"names": list(SERVICES)}
        case "connector":
            return {"name": _connector(settings)[0], "table_topic": True}
        case "ksql":
            return {"sinks": []}
        case "stream":
            return {"after": time.time() - STREAM_FRESH_S}
        case _:
            return {}


def in_use(settings: Settings, subject: str) -> str:
    """Say why a subject is not looked at (it was never started); empty when it is."""
    from headway.errors import UnavailableError
    from headway_airflow.hooks import faust, spark

    try:
        match subject:
            case "connector":
                from headway.adapters.connect import ConnectClient

                name = _connector(settings)[0]
                if ConnectClient(settings, give_up_after_s=5.0).status(name) is None:
                    return f"the connector {name} was never made"
            case "ksql":
                from headway.adapters.ksql import KsqlClient

                if not KsqlClient(settings).queries():
                    return "no KSQL query was ever made"
            case "faust" if settings.profile == "embedded":
                if not faust.any_wanted(settings):
                    return "the Faust workers are stopped"
            case "stream":
                if not spark.continuous_wanted(settings):
                    return "the continuous Spark driver is stopped"
            case _:
                pass
    except UnavailableError:
        return ""  # the look itself will say so
    return ""


def mend(settings: Settings, subject: str) -> list[str]:
    """Do once what may help; give what was done."""
    from headway_airflow.hooks import faust, spark

    match subject:
        case "connector":
            from headway.adapters.connect import ConnectClient

            name, config = _connector(settings)
            client = ConnectClient(settings)
            client.converge(name, config)
            client.restart_failed(name)
            return [f"the connector {name} was converged, and restarted where it had failed"]
        case "faust":
            return [f"restarted {name}" for name in faust.restart_stuck(settings)]
        case "stream":
            if spark.dropped(settings):
                return []  # a restart brings no event back: somebody has to decide
            spark.restart_continuous(settings)
            return [f"restarted {spark.PROGRAM}"]
        case "services":
            return _restart_silent(settings)
        case "ksql" if settings.profile == "embedded":
            from headway.runtime.supervision import Supervision

            Supervision(settings).restart("ksql")
            return ["restarted ksql"]
        case _:
            return []


def _restart_silent(settings: Settings) -> list[str]:
    """Restart the embedded parts that live and do not answer (a dead one is the supervisor's to bring back).

    Never Postgres: Airflow itself lives in it. Where this task runs it is only slow, and a restart would fail others.
    """
    if settings.profile != "embedded":
        return []
    from headway.runtime.supervision import Supervision
    from headway_airflow.probes import SERVICES, NotYet, services

    supervision, done = Supervision(settings), []
    for name in SERVICES:
        if name != "postgres" and isinstance(services(settings, [name]), NotYet):
            supervision.restart(name)
            done.append(f"restarted {name}")
    return done
