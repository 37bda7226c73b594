"""Routes, content types, errors and limits of the REST API, without a broker."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from starlette.requests import Request
from starlette.routing import Route

from ksqlengine.errors import KsqlError
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import DELIMITED, KSQL_JSON, PLAIN_JSON, RequestError
from ksqlengine.server.http import Api, bounded, preferred
from ksqlengine.server.openapi import OPENAPI


class Service:
    """What the routes need of a service that has not started yet."""

    config = ServerConfig("broker:9092", properties={"ksql.server.max.request.bytes": "1000"})
    ready = False
    cluster_id = "c"

    @property
    def runner(self) -> Any:
        raise RequestError("KSQL is not yet ready to serve requests.", status=503, error_code=50300)

    def execute(self, text: str, *_: object) -> list[Any]:
        if text == "deep;":
            raise RecursionError
        raise KsqlError(f"refused: {text}", statement=text)


def ask(method: str, path: str, **request: Any) -> httpx.Response:
    """Send one request."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(Api(Service()).application())  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://here") as client:
            return await client.request(method, path, **request)

    return asyncio.run(send())


def test_every_route_is_described_and_every_description_is_a_route() -> None:
    routes = {r.path.replace(":path", "") for r in Api(Service()).application().routes if isinstance(r, Route)}  # type: ignore[arg-type]
    assert routes - {"/"} == set(OPENAPI["paths"])
    schemas = OPENAPI["components"]["schemas"]
    named = [part.split("'")[0] for part in str(OPENAPI).split("#/components/schemas/")[1:]]
    assert named
    assert set(named) <= set(schemas)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", DELIMITED),
        ("*/*", DELIMITED),
        ("application/json, text/plain, */*", PLAIN_JSON),
        ("application/vnd.ksql.v1+json; q=0.9, application/json; q=0.5", KSQL_JSON),
        ("application/json, application/vnd.ksqlapi.delimited.v1;q=0", PLAIN_JSON),
        ("application/*;q=0.2, application/VND.KSQL.v1+JSON;q=0.1", DELIMITED),
    ],
)
def test_client_gets_the_content_type_that_it_likes_best(accept: str, expected: str) -> None:
    headers = [(b"accept", accept.encode())] if accept else []
    request = Request({"type": "http", "headers": headers})
    assert preferred(request, DELIMITED, KSQL_JSON, PLAIN_JSON) == expected


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status", "code"),
    [
        ("POST", "/ksql", b"{", {}, 400, 40000),
        ("POST", "/ksql", b"[]", {}, 400, 40000),
        ("POST", "/ksql", b"{}", {}, 400, 40000),
        ("POST", "/ksql", b'{"ksql":"x;","commandSequenceNumber":1.5}', {}, 400, 40000),
        ("POST", "/ksql", b'{"ksql":"x;","streamsProperties":{"application.id":"y"}}', {}, 400, 40000),
        ("POST", "/ksql", b'{"ksql":"x;","streamsProperties":{"linger.ms":null}}', {}, 400, 40000),
        ("POST", "/ksql", b'{"ksql":"x;","requestProperties":"y"}', {}, 400, 40000),
        ("POST", "/ksql", b'{"ksql":"x;"}', {}, 400, 40001),
        ("POST", "/ksql", b'{"ksql":"deep;"}', {}, 400, 40001),
        ("POST", "/ksql", b"x" * 1001, {}, 413, 41300),
        ("POST", "/ksql", b'{"ksql":"x;"}', {"Content-Type": "text/xml"}, 415, 41500),
        ("POST", "/query-stream", b'{"sql":"x;"}', {"Accept": "text/html"}, 406, 40600),
        ("POST", "/query-stream", b'{"sql":"SELECT 1;"}', {}, 503, 50300),
        ("POST", "/inserts-stream", b"", {}, 400, 40000),
        ("POST", "/inserts-stream", b'{"target":"S"}\n', {}, 503, 50300),
        ("GET", "/ksql", b"", {}, 405, 40500),
        ("GET", "/nowhere", b"", {}, 404, 40400),
    ],
)
def test_refusals_have_ksqldbs_status_and_code(
    method: str, path: str, body: bytes, headers: dict[str, str], status: int, code: int
) -> None:
    answer = ask(method, path, content=body, headers=headers)
    assert (answer.status_code, answer.json()["error_code"]) == (status, code)
    assert answer.headers["content-type"] == KSQL_JSON


def test_statement_that_is_refused_is_told_as_one() -> None:
    answer = ask("POST", "/ksql", json={"ksql": "x;"}).json()
    assert (answer["@type"], answer["statementText"], answer["entities"]) == ("statement_error", "x;", [])


def test_info_says_that_the_server_starts() -> None:
    assert ask("GET", "/").status_code == 307
    assert ask("GET", "/info").json()["KsqlServerInfo"]["serverStatus"] == "INITIALIZING"


def test_long_literals_and_comments_are_a_word_each() -> None:
    assert bounded("SELECT '" + "it''s " * 100_000 + "' /* " + "a b " * 100_000 + "*/;")
    with pytest.raises(RequestError, match="words"):
        bounded("a," * 60_000)
