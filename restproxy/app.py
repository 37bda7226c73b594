"""The HTTP side: routes of Confluent's API v2, limits, error bodies."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from restproxy.errors import ProxyError, partition_not_found
from restproxy.gateway import Gateway
from restproxy.requests import RESPONSE_V2, Record, accepts, embedded_format, parse_records

log = logging.getLogger(__name__)


def create_app(make_gateway: Callable[[], Gateway], *, max_body_bytes: int = 1_048_576) -> Starlette:
    """Build the application; the gateway is made when it starts and flushed when it stops."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        gateway = make_gateway()
        app.state.gateway = gateway
        app.state.max_body_bytes = max_body_bytes
        yield
        left = await gateway.close(timeout_s=20)
        if left:
            log.error("%d records were not delivered before the end; their requests were not answered", left)

    return Starlette(
        lifespan=lifespan,
        routes=[
            Route("/", _root),
            Route("/health", _health),
            Route("/brokers", _brokers),
            Route("/topics", _topics),
            Route("/topics/{topic}", _topic, methods=["GET"]),
            Route("/topics/{topic}", _produce, methods=["POST"]),
            Route("/topics/{topic}/partitions", _partitions),
            Route("/topics/{topic}/partitions/{partition:int}", _partition, methods=["GET"]),
            Route("/topics/{topic}/partitions/{partition:int}", _produce, methods=["POST"]),
            Route("/topics/{topic}/partitions/{partition:int}/offsets", _offsets),
        ],
        exception_handlers={ProxyError: _proxy_error, HTTPException: _http_error, Exception: _unexpected},
    )


async def _root(_: Request) -> Response:
    return _answer({})


async def _health(request: Request) -> Response:
    gateway = _gateway(request)
    if gateway.fatal:
        raise ProxyError(503, 50301, f"The producer ended: {gateway.fatal}")
    return _answer({"status": "UP", "brokers": await gateway.brokers(), "in_flight_bytes": gateway.in_flight_bytes})


async def _brokers(request: Request) -> Response:
    return _answer({"brokers": await _gateway(request).brokers()})


async def _topics(request: Request) -> Response:
    return _answer(sorted(await _gateway(request).topics()))


async def _topic(request: Request) -> Response:
    gateway, name = _gateway(request), request.path_params["topic"]
    topic = await gateway.topic(name)
    configs = await gateway.topic_configs(name)
    return _answer({"name": name, "configs": configs, "partitions": _describe(topic)})


async def _partitions(request: Request) -> Response:
    return _answer(_describe(await _gateway(request).topic(request.path_params["topic"])))


async def _partition(request: Request) -> Response:
    name, number = request.path_params["topic"], request.path_params["partition"]
    for partition in _describe(await _gateway(request).topic(name)):
        if partition["partition"] == number:
            return _answer(partition)
    raise partition_not_found(name, number)


async def _offsets(request: Request) -> Response:
    name, number = request.path_params["topic"], request.path_params["partition"]
    gateway = _gateway(request)
    if number not in (await gateway.topic(name)).partitions:
        raise partition_not_found(name, number)
    return _answer(await gateway.offsets(name, number))


async def _produce(request: Request) -> Response:
    """Answer when every record is acknowledged or has failed: 200 with one entry a record, in the request's order."""
    gateway = _gateway(request)
    media = embedded_format(request.headers.get("content-type", ""))
    if not accepts(request.headers.get("accept", "")):
        raise ProxyError(406, 406, f"HTTP 406 Not Acceptable: this answers {RESPONSE_V2}.")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise ProxyError(415, 415, "HTTP 415 Unsupported Media Type: a compressed body is not read.")
    body = await _read_body(request, gateway)
    try:
        records = parse_records(body, media)
        fixed = request.path_params.get("partition")
        if fixed is not None:
            if any(record.partition is not None for record in records):
                raise ProxyError(422, 422, "Partition may not be set in a record when it is in the path.")
            records = [Record(record.key, record.value, fixed) for record in records]
        offsets = await gateway.produce(request.path_params["topic"], records)
    finally:
        gateway.release(len(body))
    return _answer({"offsets": offsets, "key_schema_id": None, "value_schema_id": None})


async def _read_body(request: Request, gateway: Gateway) -> bytes:
    """Read the body, never more than the limit, counted as in flight (the caller gives it back)."""
    limit: int = request.app.state.max_body_bytes
    too_large = ProxyError(413, 413, f"The request is larger than {limit} bytes; send fewer records in one request.")
    declared = request.headers.get("content-length", "0")
    if declared.isdigit() and int(declared) > limit:
        raise too_large
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            if size + len(chunk) > limit:
                raise too_large
            gateway.reserve(len(chunk))
            size += len(chunk)
            chunks.append(chunk)
    except BaseException:
        gateway.release(size)
        raise
    return b"".join(chunks)


def _describe(topic: Any) -> list[dict[str, Any]]:
    return [
        {
            "partition": number,
            "leader": partition.leader,
            "replicas": [
                {"broker": broker, "leader": broker == partition.leader, "in_sync": broker in partition.isrs}
                for broker in partition.replicas
            ],
        }
        for number, partition in sorted(topic.partitions.items())
    ]


def _gateway(request: Request) -> Gateway:
    gateway: Gateway = request.app.state.gateway
    return gateway


def _answer(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type=RESPONSE_V2)


async def _proxy_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, ProxyError)  # noqa: S101  # starlette routes by type
    return _answer(error.body(), error.status, error.headers)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # starlette routes by type
    headers = dict(error.headers) if error.headers else None
    code, message = error.status_code, f"HTTP {error.status_code} {error.detail}"
    return _answer({"error_code": code, "message": message}, code, headers)


async def _unexpected(_: Request, error: Exception) -> Response:
    if isinstance(error, ClientDisconnect):
        return _answer({"error_code": 400, "message": "The client left before the body ended."}, 400)
    return _answer({"error_code": 500, "message": "Internal Server Error"}, 500)
