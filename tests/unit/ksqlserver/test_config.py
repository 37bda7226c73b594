"""The server's configuration."""

from __future__ import annotations

from pathlib import Path

import pytest

from ksqlengine.__main__ import parse_arguments
from ksqlengine.errors import KsqlError
from ksqlengine.server.config import ServerConfig, read_properties
from ksqlengine.server.properties import (
    check_overrides,
    check_property,
    is_valid_property,
    prefixed,
    show_properties,
)


def config(**properties: str) -> ServerConfig:
    return ServerConfig("broker:9092", service_id="t_", properties=properties)


def test_reads_a_properties_file(tmp_path: Path) -> None:
    file = tmp_path / "server.properties"
    file.write_text("# a comment\nksql.service.id=one_\nsasl.jaas.config: module \\\n  required;\nempty=\n")
    got = read_properties(file)
    assert got == {"ksql.service.id": "one_", "sasl.jaas.config": "module required;", "empty": ""}


def test_command_line_is_stronger_than_the_file(tmp_path: Path) -> None:
    file = tmp_path / "server.properties"
    file.write_text("bootstrap.servers=file:9092\nksql.service.id=file_\n")
    got, _ = parse_arguments(["--config", str(file), "--service-id", "line_"])
    assert (got.bootstrap_servers, got.service_id) == ("file:9092", "line_")
    assert got.command_topic == "_confluent-ksql-line__command_topic"


def test_connection_properties_reach_every_client() -> None:
    given = config(**{"security.protocol": "SASL_SSL", "ksql.streams.ssl.truststore.type": "PEM", "ksql.other": "x"})
    expected = {"bootstrap.servers": "broker:9092", "security.protocol": "SASL_SSL", "ssl.truststore.type": "PEM"}
    assert given.connection() == expected
    assert expected.items() <= given.streams({}).items()


def test_statement_is_stronger_than_the_server_and_cannot_move_it() -> None:
    given = config(**{"ksql.streams.commit.interval.ms": "500"})
    assert given.streams({})["commit.interval.ms"] == "500"
    assert given.streams({"ksql.streams.commit.interval.ms": 7})["commit.interval.ms"] == "7"
    assert given.streams({"bootstrap.servers": "evil:1"})["bootstrap.servers"] == "broker:9092"


@pytest.mark.parametrize(
    ("name", "expected"), [("rocksDB", "RocksDB"), ("in_memory", "InMemory"), ("ROCKSDB", "RocksDB")]
)
def test_older_name_of_the_kind_of_store_counts_too(name: str, expected: str) -> None:
    for got in (
        config(**{"ksql.streams.default.dsl.store": name}).streams({}),
        config().streams({"ksql.streams.default.dsl.store": name}),
    ):
        assert got["dsl.store.suppliers.class"].endswith(f"${expected}DslStoreSuppliers")


def test_what_decides_over_bad_records_reaches_the_topology() -> None:
    given = config(**{"ksql.fail.on.production.error": "true", "ksql.other": "x"})
    assert given.streams({})["ksql.fail.on.production.error"] == "true"
    assert given.streams({"ksql.fail.on.production.error": False})["ksql.fail.on.production.error"] == "false"
    assert "ksql.other" not in given.streams({})


@pytest.mark.parametrize("name", ["exactly_once", "exactly_once_beta", "exactly_once_v2"])
def test_older_names_of_exactly_once_are_the_one_that_there_is(name: str) -> None:
    assert config().streams({"ksql.streams.processing.guarantee": name})["processing.guarantee"] == "exactly_once_v2"
    assert config().streams({"processing.guarantee": "at_least_once"})["processing.guarantee"] == "at_least_once"


def test_default_is_exactly_once_and_takes_any_time() -> None:
    got = config().streams({})
    assert got["processing.guarantee"] == "exactly_once_v2"
    assert int(got["topic.message.timestamp.after.max.ms"]) == 2**63 - 1


@pytest.mark.parametrize(
    "name", ["auto.offset.reset", "ksql.streams.num.stream.threads", "ksql.query.pull.table.scan.enabled"]
)
def test_accepts_a_property_that_a_query_may_set(name: str) -> None:
    assert is_valid_property(name)


@pytest.mark.parametrize(
    "name", ["application.id", "ksql.streams.bootstrap.servers", "no.such.thing", "ksql.service.id"]
)
def test_refuses_a_property_that_it_may_not(name: str) -> None:
    with pytest.raises(KsqlError):
        check_property(name)


def test_secrets_are_not_shown() -> None:
    shown = show_properties(config(**{"sasl.jaas.config": "password=hush", "ssl.key.password": "hush"}), {})
    assert "hush" not in str(shown)


def test_instance_keeps_its_identity(tmp_path: Path) -> None:
    first = ServerConfig("b:1", state_dir=tmp_path).instance_id()
    assert first == ServerConfig("b:1", state_dir=tmp_path).instance_id()


def test_statement_keeps_what_was_set_without_a_prefix() -> None:
    kept = prefixed({"auto.offset.reset": "earliest", "ksql.query.pull.table.scan.enabled": "false"})
    assert kept == {"ksql.streams.auto.offset.reset": "earliest", "ksql.query.pull.table.scan.enabled": "false"}
    assert config().streams(kept)["auto.offset.reset"] == "earliest"


def test_request_cannot_move_a_query_or_its_state() -> None:
    with pytest.raises(KsqlError, match="Cannot override"):
        check_overrides({"ksql.streams.state.dir": "/"})
