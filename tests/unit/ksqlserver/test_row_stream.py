"""Rows on the wire, in ksqlDB's three forms."""

from __future__ import annotations

import asyncio
import json

from ksqlengine.server.entities import DELIMITED, KSQL_JSON, PLAIN_JSON
from ksqlengine.server.streams import Finished, RowStream
from ksqlengine.types import BIGINT, STRING, Column, Schema

SCHEMA = Schema((Column("ID", STRING, "KEY"), Column("N", BIGINT)))


def written(kind: str, rows: list[str], **more: object) -> str:
    stream = RowStream("q1", SCHEMA, "`ID` STRING KEY, `N` BIGINT", Finished(rows), **more)  # type: ignore[arg-type]

    return asyncio.run(collect(stream, kind)).decode()


async def collect(stream: RowStream, kind: str) -> bytes:
    out = stream.header(kind)
    async for pieces in stream.pieces(kind, asyncio.get_running_loop().create_future()):
        out += b"".join(pieces)
    return out + stream.footer(kind)


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

    got = asyncio.run(collect(stream, KSQL_JSON))
    assert "the broker is gone" in json.loads(got)[-1]["errorMessage"]["message"]


class Live:
    """A source that is asked twice before it ends."""

    def __init__(self) -> None:
        self._left: list[list[str] | None] = [['["a",1]'], ['["b",2]'], None]

    def take(self) -> list[str] | None:
        return self._left.pop(0)

    def close(self) -> None:
        return None


def test_line_of_a_live_query_is_whole_at_once_and_the_answer_is_one_array() -> None:
    text = asyncio.run(collect(RowStream("q1", SCHEMA, "", Live()), KSQL_JSON)).decode()
    assert [json.loads(line.rstrip(",")) for line in text.lstrip("[").splitlines()[1:3]] == [
        {"row": {"columns": ["a", 1]}},
        {"row": {"columns": ["b", 2]}},
    ]
    assert json.loads(text)[-1] == {"finalMessage": "Query Completed"}
