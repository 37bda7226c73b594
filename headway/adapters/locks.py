"""A lock between processes: replays share it, a verification holds it alone.

A verification compares totals of all time with the ledger, so no replay may run meanwhile; an Airflow task can be in
one pool only, and the command line is in none. A Postgres advisory lock ends with its holder's connection, so a killed
task leaves nothing behind, and a waiting verification is not overtaken for ever: who asks later queues behind it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from headway.errors import NotAsExpectedError, UnavailableError
from headway.settings import Settings

log = logging.getLogger(__name__)

# Any two constants that no other advisory lock of this database uses.
_NAMESPACE, _REPLAYS = 0x4845_4144, 1


@contextmanager
def replays_shared(settings: Settings, *, timeout_s: float = 1800.0) -> Iterator[None]:
    """Hold off verifications while a replay runs; other replays go on."""
    with _advisory(settings, "pg_advisory_lock_shared", timeout_s):
        yield


@contextmanager
def replays_excluded(settings: Settings, *, timeout_s: float = 1800.0) -> Iterator[None]:
    """Hold off every replay; wait up to ``timeout_s`` for those that run."""
    with _advisory(settings, "pg_advisory_lock", timeout_s):
        yield


@contextmanager
def _advisory(settings: Settings, function: str, timeout_s: float) -> Iterator[None]:
    import psycopg2

    where = f"Postgres {settings.postgres.host}:{settings.postgres.port}"
    connection = _connect(settings, where)
    try:
        connection.autocommit = True
        started = time.monotonic()
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = %s", (int(timeout_s * 1000),))
            try:
                cursor.execute(f"SELECT {function}(%s, %s)", (_NAMESPACE, _REPLAYS))
            except psycopg2.errors.LockNotAvailable as error:
                raise NotAsExpectedError(
                    f"The lock on replays was not free within {timeout_s:.0f} s: a replay or a verification runs.",
                    where=where,
                    next_step="let it end (Airflow's list of running tasks shows it), then run this again",
                ) from error
            waited = time.monotonic() - started
            if waited > 1:
                log.info("Waited %.1f s for the lock on replays.", waited)
        yield
    finally:
        connection.close()


def _connect(settings: Settings, where: str) -> Any:
    import psycopg2

    connect: Callable[..., Any] = psycopg2.connect
    try:
        return connect(
            settings.postgres.dsn(), connect_timeout=10, application_name="headway-replay-lock", keepalives_idle=30
        )
    except psycopg2.OperationalError as error:
        raise UnavailableError(
            "Postgres does not answer, so the lock on replays cannot be taken.",
            where=where,
            next_step="`headway status`, then `headway up`",
        ) from error
