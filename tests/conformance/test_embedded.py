"""A ksqlDB inside a Python program, without a broker."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

import ksqlengine
from ksqlengine.embedding import Embedded
from ksqlengine.errors import KsqlError, SetupError

pytestmark = pytest.mark.usefixtures("test_driver_jvm")

VISITS = """
CREATE STREAM clicks (user_id STRING KEY, page STRING) WITH (kafka_topic='clicks', value_format='JSON', partitions=1);
CREATE TABLE visits AS SELECT user_id, COUNT(*) AS n FROM clicks GROUP BY user_id EMIT CHANGES;
"""


def test_each_test_gets_an_empty_ksqldb(ksql: Embedded) -> None:
    ksql.run(VISITS)
    ksql.insert("clicks", {"user_id": "ada", "page": "/"})
    assert ksql.rows("visits") == [{"USER_ID": "ada", "N": 1}]


def test_and_so_does_the_next_one(ksql: Embedded) -> None:
    ksql.run(VISITS)
    assert ksql.rows("visits") == []


@pytest.mark.ksql(
    properties={
        "ksql.streams.sasl.jaas.config": "Module required password='hidden';",
        "ksql.schema.registry.basic.auth.user.info": "me:hidden",
        "ksql.functions.collect_list.limit": "2",
    }
)
def test_plan_keeps_the_settings_it_was_made_with_and_no_password(ksql: Embedded) -> None:
    ksql.run(VISITS)
    (query,) = ksql.service.queries.all()
    assert query.plan.properties["ksql.functions.collect_list.limit"] == "2"
    assert "hidden" not in str(query.plan.to_json())
    assert "hidden" not in str(ksql.run(f"EXPLAIN {query.id};"))


@pytest.mark.ksql(properties={"ksql.streams.num.stream.threads": "3"})
def test_marker_configures_the_ksqldb_of_one_test(ksql: Embedded) -> None:
    properties = ksql.run("SHOW PROPERTIES;")[0]["properties"]
    assert {"3"} == {p["value"] for p in properties if p["name"] == "ksql.streams.num.stream.threads"}


def test_values_of_every_type_come_back_as_they_went_in(ksql: Embedded) -> None:
    ksql.run(
        """CREATE STREAM s (k BIGINT KEY, b BOOLEAN, i INT, d DOUBLE, x DECIMAL(6, 2), t STRING, y BYTES, day DATE,
        at TIME, ts TIMESTAMP, a ARRAY<INT>, m MAP<STRING, DECIMAL(4, 1)>, o STRUCT<name STRING, `lower` ARRAY<DOUBLE>>)
        WITH (kafka_topic='s', value_format='JSON', partitions=1);"""
    )
    row = {
        "k": 1, "b": True, "i": -7, "d": 0.1, "x": Decimal("12.50"), "t": "it's 日本\n", "y": b"\x00\xff",
        "day": date(2026, 1, 2), "at": time(3, 4, 5), "ts": datetime(2026, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
        "a": [1, None, 3], "m": {"it's": Decimal("1.5")}, "o": {"name": None, "lower": [1.5, 2.0]},
    }  # fmt: skip
    ksql.insert("s", row, {"k": 2})
    full, empty = ksql.rows("s")
    assert full == {
        "K": 1, "B": True, "I": -7, "D": 0.1, "X": Decimal("12.50"), "T": "it's 日本\n", "Y": b"\x00\xff",
        "DAY": "2026-01-02", "AT": "03:04:05", "TS": "2026-01-02T03:04:05.678", "A": [1, None, 3],
        "M": {"it's": Decimal("1.5")}, "O": {"NAME": None, "lower": [1.5, 2.0]},
    }  # fmt: skip
    assert empty == {name.upper(): 2 if name == "k" else None for name in row}


def test_rows_carry_the_time_that_they_are_given(ksql: Embedded) -> None:
    ksql.run(VISITS)
    ksql.insert("clicks", {"user_id": "ada"}, timestamp=1234)
    ksql.insert("clicks", {"user_id": "bob", "ROWTIME": 99})
    assert [r.timestamp for r in ksql.topic("clicks")] == [1234, 99]


def test_bad_record_is_skipped_and_the_next_one_counts(ksql: Embedded) -> None:
    ksql.run(VISITS.replace("COUNT(*)", "COUNT(page)"))
    ksql.produce("clicks", b"ada", b"{ this is not JSON")
    ksql.insert("clicks", {"user_id": "ada", "page": "/"})
    assert ksql.rows("visits") == [{"USER_ID": "ada", "N": 1}]


def test_table_over_a_topic_shows_the_latest_of_each_key(ksql: Embedded) -> None:
    ksql.run("CREATE TABLE t (k STRING PRIMARY KEY, v INT) WITH (kafka_topic='t', value_format='JSON', partitions=1);")
    ksql.insert("t", {"k": "a", "v": 1}, {"k": "b", "v": 2}, {"k": "a", "v": 3})
    ksql.produce("t", b"b", None)
    assert ksql.rows("t") == [{"K": "a", "V": 3}]


def test_statements_see_variables_and_keep_what_was_set(ksql: Embedded, tmp_path: Path) -> None:
    file = tmp_path / "a.sql"
    file.write_text("CREATE STREAM ${name} (id INT KEY) WITH (kafka_topic='x', value_format='JSON', partitions=1);")
    ksql.run_file(file, name="things")
    ksql.run("SET 'auto.offset.reset' = 'latest';")
    ksql.insert("things", {"id": 1})
    with ksql.changes("SELECT id FROM ${name} EMIT CHANGES;", timeout_s=0.2) as rows, pytest.raises(TimeoutError):
        next(rows)


def test_nothing_has_run_when_one_statement_is_wrong(ksql: Embedded) -> None:
    with pytest.raises(KsqlError, match="NOPE"):
        ksql.run(VISITS + "CREATE TABLE bad AS SELECT nope FROM clicks EMIT CHANGES;")
    assert ksql.run("SHOW STREAMS;")[0]["streams"] == []


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda k: k.insert("clicks", {"pgae": "/"}), "`PGAE` does not exist. It has: USER_ID, PAGE"),
        (lambda k: k.rows("nothing"), "NOTHING"),
        (lambda k: k.query("SELECT * FROM clicks EMIT CHANGES;"), "never ends"),
        (lambda k: k.query("SHOW STREAMS;"), "takes a SELECT"),
        (lambda k: k.insert("clicks", {"page": object()}), "has no SQL form"),
    ],
)
def test_says_what_is_wrong_with_a_call(ksql: Embedded, call: object, message: str) -> None:
    ksql.run(VISITS)
    with pytest.raises(KsqlError, match=message):
        call(ksql)  # type: ignore[operator]


def test_push_query_with_a_limit_gives_up_in_time(ksql: Embedded) -> None:
    ksql.run(VISITS)
    ksql.insert("clicks", {"user_id": "ada"})
    assert ksql.query("SELECT user_id FROM clicks EMIT CHANGES LIMIT 1;") == [{"USER_ID": "ada"}]
    with pytest.raises(TimeoutError):
        ksql.query("SELECT user_id FROM clicks EMIT CHANGES LIMIT 2;", timeout_s=0.2)


def test_rest_clients_can_connect_as_long_as_the_block_lasts() -> None:
    with ksqlengine.embedded() as ksql:
        url = ksql.url
        assert httpx.get(f"{url}/info", timeout=60).json()["KsqlServerInfo"]["serverStatus"] == "RUNNING"
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/info")
    with pytest.raises(SetupError, match="inside its block"):
        ksql.run("SHOW STREAMS;")
