"""Postgres: connections whose failures say which server, and a wait until it answers."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from headway.errors import UnavailableError
from headway.settings import Settings

if TYPE_CHECKING:
    from psycopg2.extensions import connection


@contextmanager
def transaction(settings: Settings, database: str = "") -> Iterator[connection]:
    """Give a connection whose work is committed at the end of the block, or rolled back when it raises.

    Raises :class:`UnavailableError` when the server does not let us in, or goes away meanwhile.
    """
    import psycopg2

    link = _connect(settings, database)
    try:
        with link:
            yield link
    except (psycopg2.OperationalError, psycopg2.InterfaceError) as error:
        if not link.closed:
            raise
        raise UnavailableError(
            f"Postgres went away in the middle of a transaction: {str(error).strip()}",
            where=f"{settings.postgres.host}:{settings.postgres.port}",
            next_step="see `headway status` and `headway logs postgres`, then run the task again",
        ) from error
    finally:
        link.close()


def wait_for_postgres(settings: Settings, timeout_s: float = 30.0) -> None:
    """Wait until the server accepts us; raise :class:`UnavailableError` when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            _connect(settings, "").close()
            return
        except UnavailableError:
            if time.monotonic() >= deadline:
                raise
        time.sleep(0.2)


def _connect(settings: Settings, database: str) -> connection:
    import psycopg2

    name = database or settings.postgres.database
    try:
        return psycopg2.connect(
            settings.postgres.dsn(database), connect_timeout=10, application_name="headway", keepalives_idle=30
        )
    except psycopg2.OperationalError as error:
        raise UnavailableError(
            f"Postgres does not let us in: {str(error).strip()}",
            where=f"database {name} at {settings.postgres.host}:{settings.postgres.port}",
            next_step="see `headway status` and `headway logs postgres`",
        ) from error
