"""ksqlDB's REST API on starlette: routes, content types, limits, errors."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable
from fnmatch import fnmatchcase
from typing import Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from ksqlengine import tree
from ksqlengine.engine import ParsedStatement
from ksqlengine.errors import BAD_REQUEST, SERVER_ERROR, STATEMENT_ERROR, KsqlError
from ksqlengine.server import entities
from ksqlengine.server.cluster import INTERNAL, cluster_status, store_lags
from ksqlengine.server.config import VERSION
from ksqlengine.server.ending import terminate_cluster
from ksqlengine.server.entities import DELIMITED, KSQL_JSON, PLAIN_JSON, RequestError, error_body, generic_error
from ksqlengine.server.gathering import forwarded_partitions
from ksqlengine.server.inserts import open_stream
from ksqlengine.server.openapi import OPENAPI
from ksqlengine.server.printing import print_topic
from ksqlengine.server.properties import check_overrides, is_valid_property
from ksqlengine.server.service import KsqlService, Session
from ksqlengine.server.streams import Rows, RowStream

LOG = logging.getLogger(__name__)
_BODIES = {PLAIN_JSON, KSQL_JSON, DELIMITED, "text/plain", "application/x-www-form-urlencoded"}

# literals, names in quotes, comments, words and numbers, anything else that is not blank
_WORD = re.compile(
    r"""'(?:[^']|'')*+'?|`[^`]*+`?|"[^"]*+"?|--[^\n]*+|/\*(?:[^*]|\*(?!/))*+(?:\*/)?|\w++|[^\s\w]""", re.DOTALL
)
_MAX_WORDS = 100_000

Handler = Callable[[Request], Awaitable[Response]]


class Api:
    """The routes of one server."""

    def __init__(self, service: KsqlService) -> None:
        self.service = service
        self._threads = CapacityLimiter(64)

    def application(self) -> Starlette:
        """Give the ASGI application."""
        routes = [
            Route("/", self._guard(self.root)),
            Route("/info", self._guard(self.info)),
            Route("/healthcheck", self._guard(self.healthcheck)),
            Route("/clusterStatus", self._guard(self.cluster_status)),
            Route("/heartbeat", self._guard(self.heartbeat), methods=["POST"]),
            Route("/lag", self._guard(self.lag)),
            Route("/status", self._guard(self.all_statuses)),
            Route("/status/{command:path}", self._guard(self.status)),
            Route("/is_valid_property/{name}", self._guard(self.valid_property)),
            Route("/v1/metadata", self._guard(self.metadata)),
            Route("/v1/metadata/id", self._guard(self.metadata_id)),
            Route("/openapi.json", self._guard(self.openapi)),
            Route("/ksql", self._guard(self.ksql), methods=["POST"]),
            Route("/ksql/terminate", self._guard(self.terminate), methods=["POST"]),
            Route("/query", self._guard(self.query), methods=["POST"]),
            Route("/query-stream", self._guard(self.query_stream), methods=["POST"]),
            Route("/close-query", self._guard(self.close_query), methods=["POST"]),
            Route("/inserts-stream", self._guard(self.inserts_stream), methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={404: self._not_found, 405: self._wrong_method})

    # -- around every route ------------------------------------------------------------------------------------------
    def _guard(self, handler: Handler) -> Handler:
        """Turn errors into ksqlDB's bodies."""

        async def guarded(request: Request) -> Response:
            try:
                return await handler(request)
            except RequestError as error:
                return self._refuse(error, error.status)
            except KsqlError as error:
                status = 503 if error.error_code // 100 == 503 else 500 if error.error_code >= SERVER_ERROR else 400
                return self._refuse(error, status)
            except ClientDisconnect:
                return Response(status_code=499)
            except RecursionError:
                deep = RequestError("The request is nested too deeply.", error_code=STATEMENT_ERROR)
                return self._refuse(deep, deep.status)
            except Exception as error:  # an error of ours must not end the server
                if "codehaus.commons.compiler" in type(error).__name__:  # Java's own limit on a method's size
                    large = RequestError(
                        "The statement's expressions are too large to be compiled.", error_code=STATEMENT_ERROR
                    )
                    return self._refuse(large, large.status)
                LOG.exception("%s %s failed", request.method, request.url.path)
                body = generic_error(SERVER_ERROR, f"{type(error).__name__}: {error}")
                return JSONResponse(body, 500, media_type=KSQL_JSON)

        return guarded

    @staticmethod
    def _refuse(error: KsqlError, status: int) -> Response:
        return JSONResponse(error_body(error), status, media_type=KSQL_JSON)

    @staticmethod
    def _json(request: Request, content: Any, status: int = 200) -> Response:
        """Answer with JSON of the type that the client likes best."""
        return JSONResponse(content, status, media_type=preferred(request, KSQL_JSON, PLAIN_JSON))

    async def _not_found(self, request: Request, _: Exception) -> Response:
        body = generic_error(entities.NOT_FOUND, f"HTTP 404 Not Found: {request.url.path}")
        return JSONResponse(body, 404, media_type=KSQL_JSON)

    async def _wrong_method(self, request: Request, _: Exception) -> Response:
        body = generic_error(40500, f"HTTP 405 Method Not Allowed: {request.method}")
        return JSONResponse(body, 405, media_type=KSQL_JSON)

    async def _body(self, request: Request) -> dict[str, Any]:
        """Read a JSON object within the size limit."""
        kind = request.headers.get("content-type", PLAIN_JSON).split(";")[0].strip().lower()
        if kind not in _BODIES:
            raise RequestError(f"Unsupported content type {kind}; send {KSQL_JSON}.", status=415, error_code=41500)
        limit = self.service.config.max_body_bytes
        too_large = RequestError(
            f"The request is larger than {limit} bytes (ksql.server.max.request.bytes).",
            status=413,
            error_code=entities.TOO_LARGE,
        )
        if int(request.headers.get("content-length") or 0) > limit:
            raise too_large
        data = bytearray()
        async for chunk in request.stream():
            data += chunk
            if len(data) > limit:
                raise too_large
        try:
            body = json.loads(bytes(data))
        except (ValueError, RecursionError) as error:
            raise RequestError(f"The request is not JSON: {error}") from None
        if not isinstance(body, dict):
            raise RequestError("The request must be a JSON object.")
        return body

    @staticmethod
    def _session(body: dict[str, Any], *names: str) -> Session:
        properties: dict[str, Any] = {}
        for name in names:
            properties |= _object(body, name)
        check_overrides(properties)
        variables = _object(body, "sessionVariables")
        internal = bool(_object(body, "requestProperties").get(INTERNAL))
        return Session(properties, {str(k): _variable(v) for k, v in variables.items()}, internal)

    @staticmethod
    def _text(body: dict[str, Any], *names: str) -> str:
        for name in names:
            if isinstance(body.get(name), str) and body[name].strip():
                return bounded(str(body[name]))
        raise RequestError(f"The request has no {names[0]}.")

    # -- state -------------------------------------------------------------------------------------------------------
    async def root(self, request: Request) -> Response:
        """Redirect to /info, as ksqlDB does."""
        return RedirectResponse("/info", status_code=307)

    async def info(self, request: Request) -> Response:
        """Give version, cluster, service and state."""
        service = self.service
        info = {
            "version": VERSION,
            "kafkaClusterId": service.cluster_id,
            "ksqlServiceId": service.config.service_id,
            "serverStatus": "RUNNING" if service.ready else "INITIALIZING",
        }
        return self._json(request, {"KsqlServerInfo": info})

    async def healthcheck(self, request: Request) -> Response:
        """Say whether the server is healthy."""
        health = await run_sync(self.service.health, limiter=self._threads)
        return self._json(request, health, 200 if health["isHealthy"] else 503)

    async def cluster_status(self, request: Request) -> Response:
        """Give the servers of the service that are known here, and their state stores."""
        if self.service.config.properties.get("ksql.heartbeat.enable", "true").lower() == "false":
            raise RequestError("HTTP 404 Not Found: /clusterStatus", status=404, error_code=entities.NOT_FOUND)
        answer = await run_sync(cluster_status, self.service, limiter=self._threads)
        return self._json(request, answer)

    async def lag(self, request: Request) -> Response:
        """Give another server how far the stores here are behind."""
        return self._json(request, await run_sync(store_lags, self.service, limiter=self._threads))

    async def heartbeat(self, request: Request) -> Response:
        """Take another server's heartbeat (liveness comes from the consumer groups: nothing to note)."""
        await self._body(request)
        return self._json(request, {"isOk": True})

    async def all_statuses(self, request: Request) -> Response:
        """Give the status of every command."""
        return self._json(request, {"commandStatuses": self.service.runner.statuses()})

    async def status(self, request: Request) -> Response:
        """Give the status of one command."""
        name = request.path_params["command"]
        kind, _, rest = name.partition("/")
        which, _, action = rest.rpartition("/")
        # ids have the name in back quotes, but may be asked for without
        status = self.service.runner.status(name) or self.service.runner.status(f"{kind}/`{which}`/{action}")
        if status is None:
            raise RequestError("Command not found", status=404, error_code=entities.NOT_FOUND)
        return self._json(request, status)

    async def valid_property(self, request: Request) -> Response:
        """Say whether a property may be set."""
        name = request.path_params["name"]
        if not is_valid_property(name):
            raise RequestError(
                f"One or more properties overrides set locally are prohibited by the KSQL server: {name}"
            )
        return self._json(request, True)

    async def metadata(self, request: Request) -> Response:
        """Give the cluster's scope, as ksqlDB does."""
        config = self.service.config
        clusters = {"kafka-cluster": self.service.cluster_id, "ksql-cluster": config.service_id}
        return self._json(request, {"id": "", "scope": {"path": [], "clusters": clusters}})

    async def metadata_id(self, request: Request) -> Response:
        """Give the server's id, as ksqlDB does."""
        return self._json(request, {"id": self.service.config.service_id})

    async def openapi(self, request: Request) -> Response:
        """Describe this API."""
        return JSONResponse(OPENAPI)

    # -- statements and queries --------------------------------------------------------------------------------------
    async def ksql(self, request: Request) -> Response:
        """Run statements."""
        body = await self._body(request)
        text = self._text(body, "ksql")
        session = self._session(body, "streamsProperties")
        number = body.get("commandSequenceNumber")
        number = -1 if number is None else number
        if type(number) is not int:
            raise RequestError("commandSequenceNumber must be a whole number.")
        answer = await run_sync(self.service.execute, text, session, number, limiter=self._threads)
        return self._json(request, answer)

    async def terminate(self, request: Request) -> Response:
        """End the service for good."""
        topics = (await self._body(request)).get("deleteTopicList", [])
        return self._json(request, await run_sync(terminate_cluster, self.service, topics, limiter=self._threads))

    async def query(self, request: Request) -> Response:
        """Run one SELECT or PRINT; answer with chunked JSON."""
        kind = preferred(request, KSQL_JSON, PLAIN_JSON, DELIMITED)
        body = await self._body(request)
        session = self._session(body, "streamsProperties")
        text = self._text(body, "ksql", "sql")
        return await self._select(text, session, body, kind=KSQL_JSON if kind == PLAIN_JSON else kind)

    async def query_stream(self, request: Request) -> Response:
        """Run one SELECT; answer with a header and an array a row."""
        kind = preferred(request, DELIMITED, KSQL_JSON, PLAIN_JSON)
        body = await self._body(request)
        session = self._session(body, "properties", "streamsProperties")
        return await self._select(self._text(body, "sql", "ksql"), session, body, kind=kind)

    async def _select(self, text: str, session: Session, body: dict[str, Any], *, kind: str) -> Response:
        self.service.runner  # noqa: B018  # refuses while the server starts
        statement = await run_sync(self._only, text, session, limiter=self._threads)
        node = statement.node
        try:
            if isinstance(node, tree.Admin) and node.verb == "PRINT":
                lines = await run_sync(print_topic, self.service, node, limiter=self._threads)
                return StreamingResponse(lines, media_type="text/plain")
            if not isinstance(node, tree.Select):
                raise RequestError(
                    "Statement type not supported for this resource: send all but SELECT and PRINT to /ksql.",
                    statement=statement.text,
                )
            rows = await run_sync(self._open, statement, session, body, limiter=self._threads)
        except KsqlError as error:
            error.statement = error.statement or statement.text
            raise
        return Rows(rows, kind)

    def _only(self, text: str, session: Session) -> ParsedStatement:
        statements = self.service.engine.parse(text, session.variables)
        if len(statements) != 1:
            raise RequestError(
                f"Expected exactly one KSQL statement; found {len(statements)} instead",
                error_code=STATEMENT_ERROR,
                statement=text,
            )
        return statements[0]

    def _open(self, statement: ParsedStatement, session: Session, body: dict[str, Any]) -> RowStream:
        if statement.node.query.emit is None:
            return self.service.pull.open(
                statement, session.properties, partitions=forwarded_partitions(body.get("requestProperties"))
            )
        return self.service.push.open(statement, session.properties)

    async def close_query(self, request: Request) -> Response:
        """End a push query by id."""
        body = await self._body(request)
        query_id = self._text(body, "queryId")
        if not self.service.push.close_query(query_id):
            raise RequestError(f"No query with id {query_id}", error_code=BAD_REQUEST)
        return Response(status_code=200)

    async def inserts_stream(self, request: Request) -> Response:
        """Insert rows that come as lines: a first object with the target, then an object a row."""
        kind = preferred(request, DELIMITED, PLAIN_JSON, KSQL_JSON)
        return await open_stream(self.service, request, self._threads, kind)


def _object(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Give a field of a request that is an object, or nothing."""
    given = body.get(name)
    if given is not None and not isinstance(given, dict):
        raise RequestError(f"{name} must be an object.")
    return given or {}


def bounded(text: str) -> str:
    """Give a text of statements back, or refuse one that would keep the server busy for long.

    Long literals and comments count as one word each.
    """
    words = sum(1 for _ in zip(_WORD.finditer(text), range(_MAX_WORDS + 1), strict=False))
    if words > _MAX_WORDS:
        raise RequestError(
            f"The statements have more than {_MAX_WORDS} words; send them in several requests.",
            status=413,
            error_code=entities.TOO_LARGE,
        )
    return text


def preferred(request: Request, *offered: str) -> str:
    """Give the offered content type that a client likes best; one that it names before one of ``*/*``, else the first.

    Raises RequestError (406) when it likes none.
    """
    accept = ",".join(request.headers.getlist("accept")) or "*/*"
    ranges = [part.split(";") for part in accept.lower().split(",")[:50]]
    best, best_rank = "", (0.0, 0)
    for kind in offered:
        fits = [
            (len(wanted.strip().replace("*", "")), _weight(parameters))
            for wanted, *parameters in ranges
            if fnmatchcase(kind, wanted.strip() or "*/*")
        ]
        specific, weight = max(fits, default=(0, 0.0))  # the most specific range decides
        if weight > 0 and (weight, specific) > best_rank:
            best, best_rank = kind, (weight, specific)
    if not best:
        raise RequestError(
            f"Not acceptable: {accept[:200]}. This resource gives {', '.join(offered)}.", status=406, error_code=40600
        )
    return best


def _weight(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


def _variable(value: Any) -> str:
    """Write a session variable's value as SQL has it."""
    return str(value).lower() if isinstance(value, bool) else str(value)
