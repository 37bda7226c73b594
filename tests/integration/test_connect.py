"""Postgres to Kafka: the stations table's rows and changes, through Debezium on the platform's Connect."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from headway.adapters import kafka
from headway.adapters.connect import ConnectClient
from headway.adapters.postgres import transaction
from headway.core.topics import STATIONS, Topic
from headway.errors import NotAsExpectedError
from headway.settings import Settings
from headway.stations.checks import read_table, topic_equals_table
from headway.stations.connectors import load_connector
from headway.stations.seed import SeedResult, seed_stations


@pytest.fixture(scope="module")
def connect(platform: Settings) -> Iterator[ConnectClient]:
    client = ConnectClient(platform)
    kafka.ensure_topics(platform)
    seed_stations(platform)
    client.converge(*load_connector(platform))
    client.wait_running("stations", 60)
    yield client
    client.close()


@pytest.fixture
def table(platform: Settings) -> Iterator[None]:
    yield
    seed_stations(platform)  # whatever a test changed, the table is the workbook's again


def _execute(platform: Settings, statement: str) -> None:
    with transaction(platform) as link, link.cursor() as sql:
        sql.execute(statement)


def _values(platform: Settings, key: bytes) -> list[bytes | None]:
    return [message.value() for message in kafka.read_all(platform, STATIONS) if message.key() == key]


def test_the_topic_holds_exactly_the_tables_rows(platform: Settings, connect: ConnectClient) -> None:
    assert topic_equals_table(platform) == len(read_table(platform)) > 0


def test_a_second_seed_and_a_second_convergence_change_nothing(platform: Settings, connect: ConnectClient) -> None:
    result = seed_stations(platform)
    assert result == SeedResult(0, 0, 0, result.total)
    assert connect.converge(*load_connector(platform)) == "unchanged"


def test_inserts_updates_and_deletes_reach_the_topic(platform: Settings, connect: ConnectClient, table: None) -> None:
    columns = ", ".join(f'"{name}"' for name in next(iter(read_table(platform).values())) if name != "stop_id")
    _execute(
        platform,
        f"INSERT INTO stations (stop_id, {columns}) SELECT 39990, {columns} FROM stations WHERE stop_id = 30001;"
        "UPDATE stations SET station_name = 'Jarvis Avenue' WHERE stop_id = 30001;"
        "DELETE FROM stations WHERE stop_id = 30002",
    )
    total = topic_equals_table(platform)
    assert _values(platform, b'{"stop_id":39990}')[-1] is not None
    assert _values(platform, b'{"stop_id":30002}')[-1] is None  # a true tombstone, not the text null
    assert seed_stations(platform) == SeedResult(1, 1, 1, total)
    topic_equals_table(platform)
    assert _values(platform, b'{"stop_id":39990}')[-1] is None


def test_the_slot_moves_on_while_the_table_is_quiet(platform: Settings, connect: ConnectClient) -> None:
    name, config = load_connector(platform)
    connect.converge(name, {**config, "heartbeat.interval.ms": "300"})
    connect.wait_running(name)
    before = _slot_position(platform)
    deadline = time.monotonic() + 120
    while _slot_position(platform) == before and time.monotonic() < deadline:
        _execute(platform, "SELECT pg_logical_emit_message(true, 'other', 'wal that is not ours')")
        time.sleep(0.2)
    moved = _slot_position(platform)
    connect.converge(name, config)
    connect.wait_running(name)
    assert moved != before


def _slot_position(platform: Settings) -> Any:
    with transaction(platform) as link, link.cursor() as sql:
        sql.execute("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = 'headway_stations'")
        return sql.fetchone()


@pytest.fixture
def own(platform: Settings, connect: ConnectClient) -> Iterator[tuple[str, dict[str, str]]]:
    name = f"test_{uuid.uuid4().hex[:8]}"
    topic = Topic(f"{name}.stations", 1, "a test's own", compacted=True)
    kafka.ensure_topics(platform, [topic])
    _, config = load_connector(platform)
    config |= {
        "slot.name": name,
        "topic.prefix": f"{name}.cdc",
        "topic.heartbeat.prefix": name,
        "transforms.name.regex": f"{name}\\.cdc\\.public\\.stations",
        "transforms.name.replacement": topic.name,
    }
    yield name, config
    connect.delete(name)
    kafka.delete_topics(platform, [topic.name, f"{name}.{name}.cdc"])


def test_a_deleted_connector_leaves_neither_slot_nor_offsets(
    platform: Settings, connect: ConnectClient, own: tuple[str, dict[str, str]]
) -> None:
    name, config = own
    rows = len(read_table(platform))
    for snapshots in (1, 2):
        assert connect.converge(name, config) == "created"
        connect.wait_running(name)
        deadline = time.monotonic() + 120
        while (found := sum(1 for _ in kafka.read_all(platform, f"{name}.stations"))) < rows * snapshots:
            assert time.monotonic() < deadline, f"snapshot {snapshots}: {found} of {rows * snapshots}"
            time.sleep(0.3)
        connect.delete(name)
        assert connect.status(name) is None
        with transaction(platform) as link, link.cursor() as sql:
            sql.execute("SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s", (name,))
            assert sql.fetchone() == (0,)


def test_a_failed_task_is_not_taken_for_running(
    platform: Settings, connect: ConnectClient, own: tuple[str, dict[str, str]]
) -> None:
    name, config = own
    # the server checks the rest when the connector is made; a missing publication shows only in the task
    connect.converge(name, {**config, "publication.name": "no_such_publication"})
    with pytest.raises(NotAsExpectedError, match=r"connector \w+, tasks FAILED \(.*ublication"):
        connect.wait_running(name, 30)


def test_a_configuration_that_connect_refuses_is_said_in_its_words(platform: Settings, connect: ConnectClient) -> None:
    with pytest.raises(NotAsExpectedError, match="HTTP 400"):
        connect.converge("test_refused", {"connector.class": "no.such.Connector"})
