"""Probes: functions that look once whether something truly is so.

A probe gives what it found (plain JSON) when it is so, :class:`NotYet` with the reason when it may become so, and
raises a :class:`~headway.errors.HeadwayError` when waiting is no use. A part that is away may come back: that is
*not yet*. Triggers ask them from the triggerer, operators before they defer; heavy imports are inside each.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from headway.errors import HeadwayError, NotAsExpectedError, UnavailableError
from headway.settings import Settings, load


@dataclass(frozen=True)
class NotYet:
    """It is not so yet: why, and whether that is because a part does not answer."""

    why: str
    where: str = ""
    next_step: str = ""
    away: bool = False


Found = dict[str, Any]


def check(probe: str, arguments: Mapping[str, Any]) -> Found | NotYet:
    """Look once."""
    try:
        return PROBES[probe](load(), **arguments)
    except UnavailableError as error:
        return NotYet(error.what, error.where, error.next_step, away=True)


def too_late(last: NotYet, since: float) -> HeadwayError:
    """Say what was waited for in vain, and since when."""
    kind = UnavailableError if last.away else NotAsExpectedError
    start = datetime.fromtimestamp(since, UTC).strftime("%H:%M:%S UTC")
    return kind(
        f"Waited since {start} ({time.time() - since:.0f} s): {last.why}",
        where=last.where,
        next_step=last.next_step or "`headway status`, then `headway logs PART`; clear this task when it is mended",
    )


# -- services


def services(settings: Settings, names: Sequence[str]) -> Found | NotYet:
    """Look whether each named service answers."""
    answers = {name: _SERVICES[name](settings) for name in names}
    silent = {name: why for name, why in answers.items() if why}
    if silent:
        return NotYet(
            "these do not answer: " + "; ".join(f"{name} ({why})" for name, why in silent.items()),
            next_step="`headway status`, then `headway up` or `headway logs " + next(iter(silent)) + "`",
            away=True,
        )
    return {"answering": list(names)}


def _kafka(settings: Settings) -> str:
    from headway.adapters.kafka import wait_for_broker

    try:
        wait_for_broker(settings, timeout_s=5.0)
    except HeadwayError as error:
        return f"{error.what} {error.where}"
    return ""


def _postgres(settings: Settings) -> str:
    import psycopg2

    try:
        psycopg2.connect(settings.postgres.dsn(), connect_timeout=5).close()
    except psycopg2.OperationalError as error:
        return str(error).strip().splitlines()[0]
    return ""


def _http(url: str, path: str, auth: tuple[str, str] | None = None) -> str:
    import httpx

    try:
        answer = httpx.get(url + path, timeout=5.0, auth=auth, trust_env=False)
    except httpx.HTTPError as error:
        return f"{url}: {type(error).__name__}"
    return "" if answer.is_success else f"{url}{path} answers {answer.status_code}"


def _spark_master(settings: Settings) -> str:
    address = urlsplit(settings.spark.master_url.split(",")[0])
    if address.scheme != "spark":
        return ""  # local[*], yarn, k8s: spark-submit itself says whether that works
    try:
        socket.create_connection((address.hostname or "", address.port or 7077), timeout=5.0).close()
    except OSError as error:
        return f"{settings.spark.master_url}: {error}"
    return ""


_SERVICES: dict[str, Callable[[Settings], str]] = {
    "kafka": _kafka,
    "postgres": _postgres,
    "connect": lambda settings: _http(settings.connect.url, "/connectors", settings.connect.auth()),
    "rest-proxy": lambda settings: _http(settings.rest_proxy.url, "/topics", settings.rest_proxy.auth()),
    "ksql": lambda settings: _http(settings.ksql.url, "/healthcheck", settings.ksql.auth()),
    "spark-master": _spark_master,
}
SERVICES = tuple(_SERVICES)


# -- the steps


def connector(settings: Settings, name: str, table_topic: bool) -> Found | NotYet:
    """Look whether the connector's *task* runs, and whether its topic holds exactly the table's rows."""
    from headway.adapters.connect import ConnectClient

    status = ConnectClient(settings, give_up_after_s=0.0).status(name)
    if status is not None and "FAILED" in (status.state, *status.tasks):
        raise NotAsExpectedError(
            f"Connector {name} failed (itself {status.state}, tasks {', '.join(status.tasks)}): {status.reason}",
            where=f"{settings.connect.url}/connectors/{name}/status",
            next_step="mend the cause (the trace is there), then clear this task; `headway logs connect` has more",
        )
    if status is None or not status.running:
        state = f"{status.state}, its tasks: {', '.join(status.tasks) or 'none yet'}" if status else "not known yet"
        return NotYet(f"connector {name} is {state}", where=settings.connect.url)
    if not table_topic:
        return {"connector": name, "tasks": list(status.tasks)}
    from headway.stations.checks import topic_equals_table

    try:
        rows = topic_equals_table(settings, timeout_s=0.0)
    except NotAsExpectedError as error:
        return NotYet(error.what, error.where, error.next_step)
    return {"connector": name, "tasks": list(status.tasks), "rows": rows}


def ksql_queries(settings: Settings, sinks: Sequence[str]) -> Found | NotYet:
    """Look whether all persistent queries run, and whether each of ``sinks`` has one."""
    from headway.adapters.ksql import KsqlClient

    queries = KsqlClient(settings).queries()
    written = {sink.upper() for query in queries for sink in query.sinks}
    if missing := [sink for sink in sinks if sink.upper() not in written]:
        return NotYet(f"no query writes {', '.join(missing)}", where=settings.ksql.url)
    idle = {query.id: query.state for query in queries if query.state != "RUNNING"}
    if idle or not queries:
        return NotYet(f"queries do not run: {idle or 'there is none'}", where=settings.ksql.url)
    return {"queries": sorted(query.id for query in queries)}


def faust(settings: Settings) -> Found | NotYet:
    """Look whether the workers live, have read all station rows, and have written one row for each station."""
    from headway_airflow.hooks.faust import look

    return look(settings)


def stream(settings: Settings, after: float) -> Found | NotYet:
    """Look whether the continuous Spark driver has processed since ``after`` and reaches the topics' ends."""
    from headway_airflow.hooks.spark import processing

    return processing(settings, after)


def replays_idle(settings: Settings) -> Found | NotYet:
    """Look whether nobody holds the lock on replays."""
    from headway.adapters.locks import holders

    if held := holders(settings):
        return NotYet(
            f"the lock on replays is held by {', '.join(held)}",
            where=f"Postgres {settings.postgres.host}:{settings.postgres.port}",
            next_step="let that end, or stop it, then clear this task",
        )
    return {"lock": "free"}


PROBES: dict[str, Callable[..., Found | NotYet]] = {
    "services": services,
    "connector": connector,
    "ksql_queries": ksql_queries,
    "faust": faust,
    "stream": stream,
    "replays_idle": replays_idle,
}
