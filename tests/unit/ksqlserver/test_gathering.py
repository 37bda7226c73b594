"""Pull queries over several servers: every partition once, or an error; never some of the rows."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from ksqlengine.errors import KsqlError
from ksqlengine.server.backend import NotReadyError
from ksqlengine.server.cluster import aggregate
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import RequestError
from ksqlengine.server.gathering import Gathering, Request, forwarded_partitions
from ksqlengine.server.peers import Peers

HERE = "127.0.0.1:8088"
ASK = Request("SELECT * FROM t;", {})


class Running:
    """A query whose work is where the test says, one answer after the other."""

    def __init__(self, *owners: dict[str, list[int]]) -> None:
        self._owners = list(owners)

    def owners(self, store: str) -> dict[str, list[int]]:
        """Give the next answer, the last one for ever."""
        return self._owners.pop(0) if len(self._owners) > 1 else self._owners[0]


def gathering(running: Running, read: Any, *, wait_ms: int = 60_000) -> Gathering:
    config = ServerConfig("broker:9092", properties={"ksql.query.pull.forwarding.timeout.ms": str(wait_ms)})
    query = SimpleNamespace(id="CTAS_T_0", running=running, streams_state=lambda: "RUNNING")
    plan = SimpleNamespace(query=query, store=SimpleNamespace(name="store"), source=SimpleNamespace(name="T"))
    return Gathering(config, Peers(config), plan, read)  # type: ignore[arg-type]


def answers(monkeypatch: pytest.MonkeyPatch, *given: httpx.Response | Exception) -> list[dict[str, Any]]:
    """Let the other server give these answers, the last one for ever; give what it was asked."""
    left, asked = list(given), list[dict[str, Any]]()

    def post(_self: Peers, host: str, path: str, body: dict[str, Any], *, timeout: float) -> httpx.Response:
        asked.append(body["requestProperties"] | {"timeout": timeout})
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(Peers, "post", post)
    return asked


def lines(*rows: str) -> httpx.Response:
    return httpx.Response(200, text="\n".join(['{"queryId":"q"}', *rows]) + "\n")


def test_each_server_is_asked_for_its_own_partitions(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, lines('["b",1.50]'))
    found = gathering(Running({HERE: [0, 2], "other:1": [1, 3]}), lambda parts: [str(parts)]).rows(ASK)
    assert found == ["(0, 2)", '["b",1.50]']
    assert forwarded_partitions(asked[0]) == (1, 3)


def test_server_alone_reads_the_partitions_that_it_should_have_and_not_those_that_it_has() -> None:
    assert gathering(Running({HERE: [0, 1]}), lambda parts: [str(parts)]).rows(ASK) == ["(0, 1)"]
    assert gathering(Running({}), lambda parts: [str(parts)]).rows(ASK) == ["None"], "without a broker"


def test_rows_are_gathered_again_when_the_work_has_moved_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    answers(monkeypatch, lines("[2]"))
    before, after = {HERE: [0], "other:1": [1]}, {HERE: [0, 1]}
    assert gathering(Running(before, after), lambda parts: ["[1]"] if parts == (0,) else ["[1]", "[2]"]).rows(ASK) == [
        "[1]",
        "[2]",
    ]


def test_server_that_has_the_partitions_not_yet_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, httpx.Response(503, json={"message": "not here"}), lines("[2]"))
    assert gathering(Running({HERE: [0], "other:1": [1]}), lambda _: ["[1]"]).rows(ASK) == ["[1]", "[2]"]
    assert len(asked) == 2
    assert asked[1]["timeout"] < asked[0]["timeout"], "both together may take no longer than one"


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (httpx.Response(503, json={"message": "not here"}), "cannot be read now.*not here"),
        (httpx.Response(500, json={"message": "its store closed"}), "cannot be read now.*its store closed"),
        (httpx.Response(400, json={"message": "no"}), "Unable to execute pull query on T at other:1: no"),
        (lines("[2]", '{"@type":"generic_error","message":"broke off"}'), "broke off"),
    ],
)
def test_some_of_the_rows_are_never_an_answer(
    monkeypatch: pytest.MonkeyPatch, answer: httpx.Response, message: str
) -> None:
    answers(monkeypatch, answer)
    with pytest.raises(KsqlError, match=message):
        gathering(Running({HERE: [0], "other:1": [1]}), lambda _: ["[1]"], wait_ms=300).rows(ASK)


def test_state_that_is_not_there_is_an_error_after_a_bounded_time() -> None:
    def read(_: object) -> list[str]:
        raise NotReadyError("it restores")

    with pytest.raises(KsqlError, match="The table T cannot be read now, its query CTAS_T_0 is RUNNING: it restores"):
        gathering(Running({HERE: [0]}), read, wait_ms=300).rows(ASK)
    with pytest.raises(RequestError) as refused:  # another server decides how long to wait
        gathering(Running({HERE: [0]}), read).rows(Request("…", {}, (0,)))
    assert refused.value.status == 503


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({"a": "RUNNING", "b": "RUNNING"}, "RUNNING"),
        ({"a": "RUNNING", "b": "ERROR"}, "ERROR"),
        ({"a": "RUNNING", "b": "UNRESPONSIVE"}, "UNRESPONSIVE"),
        ({"a": "PAUSED"}, "PAUSED"),
    ],
)
def test_query_is_as_bad_as_its_worst_server_says(states: dict[str, str], expected: str) -> None:
    assert aggregate(states) == expected
