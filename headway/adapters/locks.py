"""A lock between processes: replays share it, a verification holds it alone.

A verification compares totals of all time with the ledger, so no replay may run meanwhile; an Airflow task can be in
one pool only, and the command line is in none. A Postgres advisory lock ends with its holder's connection, so a killed
task leaves nothing behind, and a waiting verification is not overtaken for ever: who asks later queues behind it.

A connection that is lost has lost the lock, too. It is asked each second: a replay ends at its last commit then
(:meth:`Held.lost` is its reason to stop), and whatever was done under a lock that was lost ends in an error.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from headway.errors import BusyError, HeadwayError, UnavailableError
from headway.settings import Settings

log = logging.getLogger(__name__)

# Any two constants that no other advisory lock of this database uses.
_NAMESPACE, _REPLAYS = 0x4845_4144, 1
_NAME = "headway: "
_AT_ONCE_MS = 500
PING_S, SILENT_S = 1.0, 15.0
_HOLDERS = """
    SELECT a.application_name, to_char(a.backend_start AT TIME ZONE 'UTC', 'HH24:MI:SS'), l.granted
    FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.classid = %s AND l.objid = %s AND l.objsubid = 2
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND a.pid <> pg_backend_pid()
    ORDER BY a.backend_start
"""


class Held:
    """A lock that is held, as long as its connection answers."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._answered, self._failed = time.monotonic(), False
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name="headway-lock", daemon=True)
        self._watcher.start()

    def lost(self) -> bool:
        """Say whether the connection is gone or silent, and the lock perhaps another's by now."""
        return self._failed or time.monotonic() - self._answered > SILENT_S

    def still(self) -> bool:
        """Ask the connection now, rather than within the next second, whether the lock is held."""
        self._ping()
        return not self.lost()

    def end(self) -> None:
        """Watch no more."""
        self._over.set()
        self._watcher.join(SILENT_S)

    def _watch(self) -> None:
        while not self._failed and not self._over.wait(PING_S):
            self._ping()

    def _ping(self) -> None:
        import psycopg2

        try:
            with self._connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            self._answered = time.monotonic()
        except psycopg2.Error as error:
            if not self._failed:
                log.warning("The lock on replays is lost: %s", str(error).strip())
            self._failed = True


@contextmanager
def replays_shared(settings: Settings, who: str = "a replay", *, timeout_s: float = 1800.0) -> Iterator[Held]:
    """Hold off verifications while a replay runs; other replays go on.

    ``who`` is the name by which those who wait know the holder. Raises :class:`BusyError` that names who holds it when
    it is not free within ``timeout_s``, and :class:`UnavailableError` when Postgres is away, or went away meanwhile.
    """
    with _advisory(settings, "pg_advisory_lock_shared", who, timeout_s) as held:
        yield held


@contextmanager
def replays_excluded(settings: Settings, who: str, *, timeout_s: float = 1800.0) -> Iterator[Held]:
    """Hold off every replay; wait up to ``timeout_s`` for those that run. It fails as :func:`replays_shared` does."""
    with _advisory(settings, "pg_advisory_lock", who, timeout_s) as held:
        yield held


def holders(settings: Settings) -> list[str]:
    """Give who holds the lock on replays now, and since when."""
    where = _where(settings)
    with _connected(settings, where, "a look at the lock") as connection, _translated(where, "looking at"):
        return _holders(connection)


def _holders(connection: Any) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(_HOLDERS, (_NAMESPACE, _REPLAYS))
        rows = cursor.fetchall()
    return [f"{name.removeprefix(_NAME)} (since {since} UTC)" for name, since, granted in rows if granted]


@contextmanager
def _advisory(settings: Settings, function: str, who: str, timeout_s: float) -> Iterator[Held]:
    where = _where(settings)
    with _connected(settings, where, who) as connection:
        with _translated(where, "waiting for"):
            _take(connection, function, where, timeout_s)
        held = Held(connection)
        try:
            yield held
        except HeadwayError as error:
            if not held.still():
                raise _lost(who, where) from error  # it may be the reason of any other error
            raise
        else:
            if not held.still():
                raise _lost(who, where)
        finally:
            held.end()


def _take(connection: Any, function: str, where: str, timeout_s: float) -> None:
    started = time.monotonic()
    if _try(connection, function, min(_AT_ONCE_MS, int(timeout_s * 1000))):
        return
    # a warning, so that the command line shows it too
    log.warning("Waiting for the lock on replays, %.0f s at most. Who holds it: %s.", timeout_s, _named(connection))
    if not _try(connection, function, int(timeout_s * 1000)):
        raise BusyError(
            f"The lock on replays was not free within {timeout_s:g} s. Who holds it: {_named(connection)}.",
            where=where,
            next_step="let that end (a paced replay takes as long as its pace says), or stop it, then run this again",
        )
    log.info("Waited %.1f s for the lock on replays.", time.monotonic() - started)


def _try(connection: Any, function: str, timeout_ms: int) -> bool:
    import psycopg2

    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = %s", (max(1, timeout_ms),))  # 0 would wait for ever
        try:
            cursor.execute(f"SELECT {function}(%s, %s)", (_NAMESPACE, _REPLAYS))
        except psycopg2.errors.LockNotAvailable:
            return False
    return True


def _named(connection: Any) -> str:
    return ", ".join(_holders(connection)) or "nobody any more"


def _lost(who: str, where: str) -> UnavailableError:
    return UnavailableError(
        f"Postgres went away during {who}, and the lock on replays with it: others may have run meanwhile.",
        where=where,
        next_step="`headway status`; then run this again: a replay goes on at its last commit",
    )


def _where(settings: Settings) -> str:
    return f"Postgres {settings.postgres.host}:{settings.postgres.port}"


@contextmanager
def _translated(where: str, doing: str) -> Iterator[None]:
    import psycopg2

    try:
        yield
    except psycopg2.Error as error:
        raise UnavailableError(
            f"Postgres went away while {doing} the lock on replays: {str(error).strip()}",
            where=where,
            next_step="`headway status`, then run this again",
        ) from error


@contextmanager
def _connected(settings: Settings, where: str, who: str) -> Iterator[Any]:
    import psycopg2

    connect: Callable[..., Any] = psycopg2.connect
    try:
        connection = connect(
            settings.postgres.dsn(),
            connect_timeout=10,
            application_name=f"{_NAME}{who}"[:63],
            keepalives_idle=10,
            keepalives_interval=5,
            keepalives_count=3,
            tcp_user_timeout=int(SILENT_S * 1000),
        )
    except psycopg2.OperationalError as error:
        raise UnavailableError(
            f"Postgres does not let us in, so the lock on replays cannot be taken: {str(error).strip()}",
            where=where,
            next_step="`headway status`, then `headway up`",
        ) from error
    try:
        connection.autocommit = True
        yield connection
    finally:
        connection.close()
