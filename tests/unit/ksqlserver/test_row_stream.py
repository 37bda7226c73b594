"""Rows on the wire, in ksqlDB's three forms."""

from __future__ import annotations

import asyncio
import json

from ksqlengine.server.streams import KSQL_JSON, PLAIN_JSON, Finished, RowStream
from ksqlengine.types import BIGINT, STRING, Column, Schema

SCHEMA = Schema((Column("ID", STRING, "KEY"), Column("N", BIGINT)))
DELIMITED = "application/vnd.ksqlapi.delimited.v1"


def written(kind: str, rows: list[str], **more: object) -> str:
    stream = RowStream("q1", SCHEMA, "`ID` STRING KEY, `N` BIGINT", Finished(rows), **more)  # type: ignore[arg-type]

    async def collect() -> bytes:
        out = stream.header(kind)
        async for chunk in stream.chunks(kind):
            out += chunk
        return out + stream.footer(kind)

    return asyncio.run(collect()).decode()


def test_query_endpoint_writes_one_json_array() -> None:
    got = json.loads(written(KSQL_JSON, ['["a",1]', '!["b",null]'], limit=2))
    assert got[0]["header"] == {"queryId": "q1", "schema": "`ID` STRING KEY, `N` BIGINT"}
    assert got[1] == {"row": {"columns": ["a", 1]}}
    assert got[2] == {"row": {"columns": ["b", None], "tombstone": True}}
    assert got[3] == {"finalMessage": "Limit Reached"}


def test_query_stream_writes_a_line_a_row() -> None:
    head, *rows = written(DELIMITED, ['["a",1]', '["b",2]']).splitlines()
    assert json.loads(head) == {"queryId": "q1", "columnNames": ["ID", "N"], "columnTypes": ["STRING", "BIGINT"]}
    assert [json.loads(r) for r in rows] == [["a", 1], ["b", 2]]


def test_query_stream_as_plain_json_is_one_array() -> None:
    assert json.loads(written(PLAIN_JSON, ['["a",1]']))[1] == ["a", 1]


def test_limit_cuts_the_rows() -> None:
    got = json.loads(written(KSQL_JSON, ['["a",1]', '["b",2]', '["c",3]'], limit=2))
    assert [m["row"]["columns"][0] for m in got if "row" in m] == ["a", "b"]


class Breaks:
    """A source that fails after its first row."""

    def __init__(self) -> None:
        self._given = False

    def take(self) -> list[str] | None:
        if self._given:
            raise RuntimeError("the broker is gone")
        self._given = True
        return ['["a",1]']

    def close(self) -> None:
        return None


def test_error_after_the_header_is_the_last_message() -> None:
    stream = RowStream("q1", SCHEMA, "", Breaks())

    async def collect() -> bytes:
        out = stream.header(KSQL_JSON)
        async for chunk in stream.chunks(KSQL_JSON):
            out += chunk
        return out + stream.footer(KSQL_JSON)

    assert "the broker is gone" in json.loads(asyncio.run(collect()))[-1]["errorMessage"]["message"]
