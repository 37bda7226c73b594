"""Kafka to Faust to Kafka: one row a station follows the table, through the connector and the real workers."""

from __future__ import annotations

import json
from collections.abc import Iterator

import jsonschema
import pytest
from confluent_kafka import Producer

from headway.adapters import kafka
from headway.adapters.connect import ConnectClient
from headway.adapters.postgres import transaction
from headway.core.topics import STATION_LINES, STATIONS, dead_letters
from headway.settings import PROJECT_DIR, Settings
from headway.stations import workers
from headway.stations.checks import read_station_lines, read_table, station_rows_equal_table
from headway.stations.connectors import load_connector
from headway.stations.seed import seed_stations

CONTRACT = PROJECT_DIR / "headway" / "contracts" / "stations.lines.v1.json"


@pytest.fixture(scope="module")
def running(platform: Settings) -> Iterator[Settings]:
    kafka.ensure_topics(platform)
    seed_stations(platform)
    connect = ConnectClient(platform)
    connect.converge(*load_connector(platform))
    connect.wait_running("stations", 60)
    connect.close()
    workers.start(platform)
    yield platform
    seed_stations(platform)
    station_rows_equal_table(platform)


def _execute(platform: Settings, statement: str) -> None:
    with transaction(platform) as link, link.cursor() as sql:
        sql.execute(statement)


def test_one_worker_is_active_and_the_others_stand_by(running: Settings) -> None:
    now = workers.health(running)
    assert [worker.role for worker in now.workers].count("active") == 1
    assert now.covered
    assert workers.start(running).covered  # starting again changes nothing


def test_every_station_has_one_row_that_fulfils_the_contract(running: Settings) -> None:
    assert station_rows_equal_table(running) == len({row["station_id"] for row in read_table(running).values()}) > 0
    validator = jsonschema.Draft202012Validator(json.loads(CONTRACT.read_text(encoding="utf-8")))
    for row in read_station_lines(running).values():
        validator.validate(row)
    times = {message.timestamp()[1] for message in kafka.read_all(running, STATION_LINES)}
    assert times == {0}


def test_changes_in_the_table_reach_the_stations_row(running: Settings) -> None:
    # Howard is on three lines; Jarvis has two rows, one a direction
    _execute(
        running,
        "UPDATE stations SET station_name = 'Howard Street' WHERE station_id = 40900;"
        "DELETE FROM stations WHERE station_id = 41190;"
        "UPDATE stations SET station_id = 49999, station_name = 'New', station_descriptive_name = 'New (Red Line)'"
        " WHERE station_id = 40100 AND direction_id = 'S'",
    )
    station_rows_equal_table(running)
    rows = read_station_lines(running)
    assert rows[40900]["station_name"] == "Howard Street"
    assert rows[40900]["lines"] == ["red", "purple", "yellow"]
    assert 41190 not in rows
    assert {stop["direction"] for stop in rows[40100]["stops"]} == {"N"}
    assert {stop["direction"] for stop in rows[49999]["stops"]} == {"S"}
    last = [message.value() for message in kafka.read_all(running, STATION_LINES) if message.key() == b"41190"][-1]
    assert last is None
    seed_stations(running)
    station_rows_equal_table(running)
    assert 49999 not in read_station_lines(running)


def test_a_bad_row_goes_to_the_dead_letters_and_the_next_one_is_processed(running: Settings) -> None:
    before = sum(1 for _ in kafka.read_all(running, dead_letters(STATIONS)))
    producer = Producer(kafka.producer_config(running))
    producer.produce(STATIONS, key=b'{"stop_id":777}', value=b'{"stop_id":777,"red":true}')
    producer.produce(STATIONS, key=b'{"stop_id":777}', value=None)  # leave nothing for compaction to keep
    assert producer.flush(20) == 0
    workers.wait_processing(running, 30)
    letters = list(kafka.read_all(running, dead_letters(STATIONS)))[before:]
    assert [(letter.key(), letter.value()) for letter in letters] == [
        (b'{"stop_id":777}', b'{"stop_id":777,"red":true}')
    ]
    headers = {
        name: value.decode() for name, value in dict(letters[0].headers() or []).items() if isinstance(value, bytes)
    }
    assert "column station_id" in headers["why"]
    assert headers["where"].startswith(f"{STATIONS}/0/")
    assert headers["when"].endswith("+00:00")
    station_rows_equal_table(running)
