"""/inserts-stream: rows as JSON lines, each acknowledged by its number."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import Request

from ksqlengine.errors import KsqlError
from ksqlengine.server.entities import RequestError

if TYPE_CHECKING:
    from ksqlengine.server.service import KsqlService


async def _lines(request: Request, limit: int) -> AsyncIterator[str]:
    rest = b""
    async for chunk in request.stream():
        rest += chunk
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if line.strip():
                yield line.decode("utf-8")
        if len(rest) > limit:
            raise RequestError(f"A line is longer than {limit} bytes.", status=413, error_code=41300)
    if rest.strip():
        yield rest.decode("utf-8")


async def acks(service: KsqlService, request: Request, threads: CapacityLimiter) -> AsyncIterator[bytes]:
    """Insert each line and acknowledge it; the first that fails ends the stream with its error."""
    target, number = "", 0
    try:
        async for line in _lines(request, service.config.max_body_bytes):
            row = json.loads(line)
            if not target:
                target = str(row["target"])
                service.source(target.strip("`") if target.startswith("`") else target.upper())
                continue
            await run_sync(service.execute, _statement(target, row), _session(), limiter=threads)
            yield json.dumps({"status": "ok", "seq": number}).encode() + b"\n"
            number += 1
    except (KsqlError, ValueError, KeyError, TypeError) as error:
        message = error.message if isinstance(error, KsqlError) else f"Not a row: {error}"
        body = {"status": "error", "seq": number, "error_code": 40000, "message": message}
        yield json.dumps(body).encode() + b"\n"


def _session() -> Any:
    from ksqlengine.server.service import Session

    return Session()


def _statement(target: str, row: dict[str, Any]) -> str:
    names = ", ".join(_name(n) for n in row)
    return f"INSERT INTO {target} ({names}) VALUES ({', '.join(literal(v) for v in row.values())});"  # noqa: S608 - values are quoted by literal()


def _name(name: str) -> str:
    return name if name.startswith("`") else f"`{name}`" if not name.isidentifier() else name


def literal(value: Any) -> str:
    """Write a JSON value as an SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, list):
        return f"ARRAY[{', '.join(literal(v) for v in value)}]"
    if isinstance(value, dict):
        return f"STRUCT({', '.join(f'{_name(str(k))} := {literal(v)}' for k, v in value.items())})"
    raise ValueError(f"{value!r} cannot be inserted")
