"""The lock on replays when Postgres ends connections: nobody goes on as if it still held it."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg2
import pytest

from headway.adapters.locks import holders, replays_excluded, replays_shared
from headway.adapters.postgres import transaction
from headway.errors import BusyError, ReplayStoppedError, UnavailableError, VerificationError
from headway.runtime.platform import Platform
from headway.runtime.processes import free_ports
from headway.settings import Settings, load


@pytest.fixture(scope="module")
def postgres() -> Iterator[Settings]:
    """Give the settings of a Postgres of these tests' own."""
    home = Path(tempfile.mkdtemp(prefix="headway-lock-"))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("HEADWAY__") and name != "HEADWAY__INSTALL_DIR"]:
            patch.delenv(name)
        patch.setenv("HEADWAY__POSTGRES__PORT", str(free_ports(1)[0]))
        patch.setenv("HEADWAY__STATE_DIR", str(home / "state"))
        load.cache_clear()
        platform = Platform(load())
        try:
            yield platform.up(only=["postgres"])
        finally:
            platform.down()
            load.cache_clear()
            shutil.rmtree(home, ignore_errors=True)


def end_connections(settings: Settings, like: str) -> int:
    """Have Postgres end the connections of a name, as a restart of it would; count them."""
    with transaction(settings) as link, link.cursor() as sql:
        sql.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE %s",
            (f"headway: {like}%",),
        )
        row = sql.fetchone()
    return int(row[0]) if row else 0


def wait_for(holds: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    end = time.monotonic() + timeout_s
    while not holds():
        assert time.monotonic() < end, f"not in {timeout_s:g} s: {what}"
        time.sleep(0.02)


def test_replays_share_and_the_one_that_waits_for_them_learns_who_they_are(
    postgres: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with replays_shared(postgres, "a replay of turnstile"), replays_shared(postgres, "a replay of weather"):
        assert [held.split(" (since")[0] for held in holders(postgres)] == [
            "a replay of turnstile",
            "a replay of weather",
        ]
        with (
            pytest.raises(BusyError, match=r"a replay of turnstile \(since .*a replay of weather"),
            replays_excluded(postgres, "a verification", timeout_s=0.2),
        ):
            pass
        assert "Who holds it: a replay of turnstile (since" in caplog.text, "who waits is told at once"
    assert holders(postgres) == []
    with replays_excluded(postgres, "a verification", timeout_s=0.2):
        pass


def test_replay_learns_that_its_lock_is_lost_and_its_end_says_so(postgres: Settings) -> None:
    with pytest.raises(UnavailableError, match="went away during a replay") as caught, replays_shared(postgres) as lock:
        assert not lock.lost()
        assert end_connections(postgres, "a replay") == 1
        wait_for(lock.lost, "the loss is seen")
        raise ReplayStoppedError("stopped at the last commit")
    assert isinstance(caught.value.__cause__, ReplayStoppedError)


@pytest.mark.parametrize("equal", [True, False])
def test_verification_whose_lock_was_lost_counts_for_nothing(postgres: Settings, equal: bool) -> None:
    with (
        pytest.raises(UnavailableError, match="others may have run meanwhile"),
        replays_excluded(postgres, "a verification"),
    ):
        assert end_connections(postgres, "a verification") == 1
        if not equal:
            raise VerificationError("differs")


def test_connection_that_is_lost_while_waiting_is_told_in_our_words(postgres: Settings) -> None:
    seen: list[BaseException] = []

    def wait() -> None:
        try:
            with replays_excluded(postgres, "a verification"):
                pass
        except UnavailableError as error:
            seen.append(error)
        except psycopg2.Error as error:
            seen.append(error)

    def waiting() -> bool:
        with transaction(postgres) as link, link.cursor() as sql:
            sql.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")
            return sql.fetchone() == (1,)

    with replays_shared(postgres):
        thread = threading.Thread(target=wait)
        thread.start()
        wait_for(waiting, "it waits")
        time.sleep(0.6)  # beyond the first try, which has a limit of its own
        wait_for(waiting, "it waits in line")
        assert end_connections(postgres, "a verification") == 1
        thread.join(60)
    assert [type(error) for error in seen] == [UnavailableError]
    assert "waiting for the lock on replays" in str(seen[0])
