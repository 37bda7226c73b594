"""The two kinds of state store: both forget windows past their retention; the one on disk outlives the process."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.settings import Settings
from tests.ksql_servers import Topics, pull_until, servers, topics_of

MINUTE_MS = 60_000
T0 = 1_000_000_000_000 // MINUTE_MS * MINUTE_MS
WINDOWS = 400
NO_CACHE = "ksql.streams.cache.max.bytes.buffering=0\n"


@pytest.fixture
def topics(platform: Settings) -> Iterator[Topics]:
    with topics_of(platform) as made:
        yield made


@pytest.mark.parametrize("store", ["in_memory", "rocksDB"])
def test_windows_leave_the_store_after_their_retention(
    topics: Topics, platform: Settings, tmp_path: Path, store: str
) -> None:
    source = topics.create("in")
    with servers(platform, topics, tmp_path, config=f"{NO_CACHE}ksql.streams.default.dsl.store={store}\n") as (server,):
        retained = "RETENTION 1 HOUR, GRACE PERIOD 1 MINUTE"
        server.ksql(
            f"CREATE STREAM s (k VARCHAR KEY, v INT) WITH (KAFKA_TOPIC='{source}', VALUE_FORMAT='JSON');"
            f"CREATE TABLE minutes WITH (KAFKA_TOPIC='{topics.prefix}.m') AS SELECT k, COUNT(*) AS n FROM s "
            f"WINDOW TUMBLING (SIZE 1 MINUTE, {retained}) GROUP BY k;"
            f"CREATE TABLE visits WITH (KAFKA_TOPIC='{topics.prefix}.v') AS SELECT k, COUNT(*) AS n FROM s "
            f"WINDOW SESSION (30 SECONDS, {retained}) GROUP BY k;"
            f"CREATE TABLE total WITH (KAFKA_TOPIC='{topics.prefix}.t') AS SELECT k, COUNT(*) AS n FROM s GROUP BY k;"
        )
        for number in range(WINDOWS):
            topics.send(source, "a", {"v": 1}, T0 + number * MINUTE_MS)
        assert topics.producer.flush(60) == 0
        pull_until(server, "SELECT k, n FROM total;", {"a": WINDOWS})
        last = T0 + (WINDOWS - 1) * MINUTE_MS
        for table in ("minutes", "visits"):
            starts = _starts(server, table, last)
            assert starts[-1] == last
            assert starts == sorted(starts)
            # RocksDB forgets by segments, each of which holds some windows
            assert 60 <= len(starts) <= (60 if store == "in_memory" else 120), table
        folder = server.folder / "streams"
        assert bool(list(folder.rglob("CURRENT"))) == (store == "rocksDB"), "what RocksDB keeps in each of its folders"
        before = {table: _starts(server, table, last)[-60:] for table in ("minutes", "visits")}
        server.stop()
        server.start()
        server.wait_ready()
        pull_until(server, "SELECT k, n FROM total;", {"a": WINDOWS})
        assert {table: _starts(server, table, last)[-60:] for table in before} == before


def _starts(server: object, table: str, last: int) -> list[int]:
    """Give the starts of the windows, once the last one is there: each query reads at its own pace."""
    deadline = time.monotonic() + 120
    found: list[int] = []
    while last not in found:
        assert time.monotonic() < deadline, found[-3:]
        rows = server.pull(f"SELECT WINDOWSTART FROM {table} WHERE k = 'a';")  # type: ignore[attr-defined]
        found = [row[0] for row in rows]
    return found
