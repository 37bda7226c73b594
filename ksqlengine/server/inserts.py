"""/inserts-stream: a line with the target, then a line a row, each acknowledged by its number as soon as it is written.

Rows and acknowledgements travel at the same time: a client may keep its request open and read acknowledgements while
it sends. The first row that fails ends the stream with its error.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import jpype
from anyio import CapacityLimiter
from anyio.to_thread import run_sync
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ksqlengine.catalog import FormatInfo, Source
from ksqlengine.errors import BAD_REQUEST, SERVER_ERROR, STATEMENT_ERROR, KsqlError
from ksqlengine.server.entities import DELIMITED, TOO_LARGE, RequestError, compact
from ksqlengine.topology.build import codec
from ksqlengine.types import BIGINT, SqlType

if TYPE_CHECKING:
    from ksqlengine.server.service import KsqlService

Wait = Callable[[], None]
_RANGES = {"INTEGER": 2**31, "BIGINT": 2**63}
_JAVA_CLASSES = {bool: "java.lang.Boolean", str: "java.lang.String", list: "java.util.List", dict: "java.util.Map",
                 Decimal: "java.math.BigDecimal"}  # fmt: skip


class InsertStream(Response):
    """The answer to one insert stream."""

    def __init__(
        self, inserter: Inserter, batches: AsyncIterator[list[str]], threads: CapacityLimiter, kind: str
    ) -> None:
        super().__init__(media_type=kind)
        del self.headers["content-length"]
        self._inserter, self._batches, self._threads = inserter, batches, threads
        self._array = kind != DELIMITED
        self._first = True

    def _piece(self, answer: dict[str, Any]) -> bytes:
        """Write one answer: a line, or an element of an array."""
        if not self._array:
            return f"{compact(answer)}\n".encode()
        start, self._first = ("[" if self._first else ",\n"), False
        return f"{start}{compact(answer)}".encode()

    def _end(self) -> bytes:
        return b"" if not self._array else b"[]" if self._first else b"]"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Acknowledge rows while more of them come."""
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        number, open_ = 0, True
        try:
            async for lines in self._batches:
                answers = await run_sync(self._inserter.insert, lines, number, limiter=self._threads)
                number += len(lines)
                open_ = answers[-1]["status"] == "ok"
                for answer in answers:  # a piece each: some clients take a piece for a message
                    await send({"type": "http.response.body", "body": self._piece(answer), "more_body": True})
                if not open_:
                    break
        except ClientDisconnect:
            return
        except RequestError as error:
            body = self._piece(_error(error.error_code, error.message, number))
            await send({"type": "http.response.body", "body": body, "more_body": True})
        await send({"type": "http.response.body", "body": self._end(), "more_body": False})


async def open_stream(
    service: KsqlService, request: Request, threads: CapacityLimiter, kind: str = DELIMITED
) -> InsertStream:
    """Read the first line and find its target. Raises KsqlError when there is none, so that the status says so."""
    batches = _batches(request, service.config.max_body_bytes)
    first = await anext(batches, None)
    if not first:
        raise RequestError("The request is empty: its first line must be an object with the target of the rows.")
    try:
        arguments = json.loads(first[0])
        target = arguments["target"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise RequestError('The first line must be a JSON object like {"target": "NAME"}.') from None
    inserter = await run_sync(Inserter, service, str(target), limiter=threads)
    return InsertStream(inserter, _after(first[1:], batches), threads, kind)


async def _after(lines: list[str], batches: AsyncIterator[list[str]]) -> AsyncIterator[list[str]]:
    if lines:
        yield lines
    async for batch in batches:
        yield batch


async def _batches(request: Request, limit: int) -> AsyncIterator[list[str]]:
    """Give the whole lines of each piece of the body."""
    rest = b""
    async for chunk in request.stream():
        rest += chunk
        *whole, rest = rest.split(b"\n")
        if len(rest) > limit or any(len(line) > limit for line in whole):
            raise RequestError(f"A line is longer than {limit} bytes.", status=413, error_code=TOO_LARGE)
        if lines := [line.decode("utf-8", "replace") for line in whole if line.strip()]:
            yield lines
    if rest.strip():
        yield [rest.decode("utf-8", "replace")]


def _error(code: int, message: str, number: int) -> dict[str, Any]:
    return {"status": "error", "seq": number, "error_code": code, "message": message}


class Inserter:
    """Turn JSON objects into records of one stream or table."""

    def __init__(self, service: KsqlService, target: str) -> None:
        enabled = str(service.config.properties.get("ksql.insert.into.values.enabled", "true")).lower()
        if enabled == "false":
            raise KsqlError(
                "The server has disabled INSERT INTO ... VALUES functionality. To enable it, restart your ksqlDB "
                "server with 'ksql.insert.into.values.enabled'=true"
            )
        service.runner  # noqa: B018  # refuses while the server starts
        self.service, self.source = service, _target(service, target)
        schema = self.source.schema
        self._columns = {column.name: column for column in (*schema.key, *schema.value)}
        plain = [[name, str(column.type)] for name, column in self._columns.items()]
        self._reader = codec(FormatInfo("JSON"), plain)
        self._key_width = len(schema.key)
        self._key = codec(self.source.key_format, [[c.name, str(c.type)] for c in schema.key], key=True)
        self._value = codec(self.source.value_format, [[c.name, str(c.type)] for c in schema.value])

    def insert(self, lines: list[str], number: int) -> list[dict[str, Any]]:
        """Write rows in their order and give an answer for each; nothing is written after one that fails."""
        waiting: list[Wait] = []
        failed: list[dict[str, Any]] = []
        for line in lines:
            at = number + len(waiting)
            try:
                key, value, when = self._record(line)
                waiting.append(self.service.backend.send(self.source.topic, key, value, when))
            except KsqlError as error:
                failed.append(_error(error.error_code, error.message, at))
                break
            except (ValueError, ArithmeticError, RecursionError) as error:
                failed.append(_error(BAD_REQUEST, f"Failed to insert the row: {error}", at))
                break
            except jpype.JException as error:
                failed.append(_error(BAD_REQUEST, f"Failed to insert the row: {error.getMessage()}", at))
                break
        out: list[dict[str, Any]] = []
        for at, wait in enumerate(waiting, number):
            try:
                wait()
            except KsqlError as error:
                return [*out, _error(SERVER_ERROR, error.message, at)]
            out.append({"status": "ok", "seq": at})
        return out + failed

    def _record(self, line: str) -> tuple[bytes | None, bytes | None, int | None]:
        given = json.loads(line, parse_float=Decimal)
        if not isinstance(given, dict):
            raise ValueError("a row must be a JSON object")
        named: dict[str, Any] = {}
        when = None
        for field, value in given.items():
            name = _column_name(field)
            if name == "ROWTIME" and name not in self._columns:
                when = coerce(value, BIGINT)
                if when is not None and when < 0:
                    raise KsqlError(
                        f"Invalid timestamp: {when}. Timestamp should always be non-negative or null.",
                        error_code=BAD_REQUEST,
                    )
            elif name in self._columns:
                named[name] = coerce(value, self._columns[name].type)
            else:
                raise KsqlError(f"Column name `{name}` does not exist.", error_code=BAD_REQUEST)
        if self.source.is_table:
            missing = [c.name for c in self.source.schema.key if named.get(c.name) is None]
            if missing:
                raise KsqlError(f"Key field must be specified: {missing[0]}", error_code=BAD_REQUEST)
        row = self._reader.read(json.dumps(named).encode())
        width = self._key_width
        objects = jpype.JArray(jpype.JObject)
        key = self._key.write(objects(list(row[:width]))) if width else None
        bare = self.source.is_table and not named.keys() - {c.name for c in self.source.schema.key}
        value = None if bare else self._value.write(objects(list(row[width:])))
        return (None if key is None else bytes(key), None if value is None else bytes(value), when)


def _target(service: KsqlService, name: str) -> Source:
    source = service.engine.catalog.get(_column_name(name))
    if source is None:
        raise KsqlError(f"Cannot insert values into an unknown stream/table: {name}", error_code=STATEMENT_ERROR)
    if source.read_only:
        message = f"Cannot insert values into read-only {source.kind.lower()}: {source.name}"
        raise KsqlError(message, error_code=STATEMENT_ERROR)
    if source.window is not None:
        raise KsqlError("Cannot insert values into windowed stream/table", error_code=STATEMENT_ERROR)
    if source.schema.headers:
        names = ", ".join(c.name for c in source.schema.headers)
        raise KsqlError(f"Cannot insert into HEADER columns: {names}", error_code=STATEMENT_ERROR)
    return source


def _column_name(name: str) -> str:
    """Read a name as SQL does: upper case unless it is quoted."""
    for quote in '`"':
        if len(name) > 1 and name[0] == name[-1] == quote:
            return name[1:-1]
    return name.upper()


def coerce(value: Any, sql_type: SqlType) -> Any:
    """Give a JSON value in the form in which the JSON codec reads its type. Raises KsqlError in ksqlDB's words."""
    if value is None:
        return None
    base = sql_type.base
    try:
        if base in _RANGES and type(value) is int and -_RANGES[base] <= value < _RANGES[base]:
            return value
        if base == "DOUBLE" and type(value) in {int, Decimal}:
            return float(value)
        if base == "DECIMAL" and type(value) in {int, Decimal, str}:
            return _decimal(Decimal(value), sql_type)
        if (base, type(value)) in {("BOOLEAN", bool), ("STRING", str)}:
            return value
        if base == "BYTES" and isinstance(value, str):
            base64.b64decode(value, validate=True)
            return value
        if base in {"TIMESTAMP", "DATE", "TIME"}:
            return _moment(value, base)
        if base == "ARRAY" and isinstance(value, list) and sql_type.element is not None:
            return [coerce(v, sql_type.element) for v in value]
        if base == "MAP" and isinstance(value, dict) and sql_type.element is not None:
            return {k: coerce(v, sql_type.element) for k, v in value.items()}
        if base == "STRUCT" and isinstance(value, dict):
            return _struct(value, sql_type)
    except (ValueError, ArithmeticError, binascii.Error):
        pass
    raise KsqlError(
        f"Can't coerce a field of type class {_java_class(value)} ({_shown(value)}) into type {sql_type}",
        error_code=BAD_REQUEST,
    )


def _struct(value: dict[str, Any], sql_type: SqlType) -> dict[str, Any]:
    out = {}
    for field, inner in value.items():
        name = field if sql_type.field(field) else _column_name(field)
        kind = sql_type.field(name)
        if kind is None:
            raise KsqlError(f"Column name `{name}` does not exist.", error_code=BAD_REQUEST)
        out[name] = coerce(inner, kind)
    return out


def _decimal(value: Decimal, sql_type: SqlType) -> str:
    limit = Decimal(10) ** (sql_type.precision - sql_type.scale)
    if not value.is_finite() or abs(value) >= limit:
        raise KsqlError(
            f"Numeric field overflow: A field with precision {sql_type.precision} and scale {sql_type.scale} must "
            f"round to an absolute value less than 10^{sql_type.precision - sql_type.scale}. Got {value}",
            error_code=BAD_REQUEST,
        )
    return format(value, "f")


def _moment(value: Any, base: str) -> int:
    if type(value) is int:
        return value
    if not isinstance(value, str):
        raise ValueError(value)
    if base == "DATE":
        return date.fromisoformat(value).toordinal() - date(1970, 1, 1).toordinal()
    if base == "TIME":
        at = time.fromisoformat(value)
        return ((at.hour * 60 + at.minute) * 60 + at.second) * 1000 + at.microsecond // 1000
    when = datetime.fromisoformat(value)
    since = (when if when.tzinfo else when.replace(tzinfo=UTC)) - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1000 + since.microseconds // 1000


def _java_class(value: Any) -> str:
    if type(value) is int:
        return "java.lang.Integer" if -(2**31) <= value < 2**31 else "java.lang.Long"
    return _JAVA_CLASSES.get(type(value), type(value).__name__)


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, str | int | Decimal) else json.dumps(value, default=str)
    return text if len(text) <= 100 else text[:100] + "…"
