"""A query's rows on their way to the client, in the three forms that ksqlDB writes.

Rows come from Java as JSON texts (``[1,"a"]``); here they are only wrapped.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterable
from functools import partial
from typing import Any, Protocol

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from ksqlengine.errors import SERVER_ERROR
from ksqlengine.server.entities import KSQL_JSON, PLAIN_JSON, compact, generic_error
from ksqlengine.server.http2 import PIECES
from ksqlengine.types import Schema

_BUSY_S, _IDLE_S = 0.001, 0.02


class RowSource(Protocol):
    """Where rows come from: some rows now (maybe none), or None at the end."""

    def take(self) -> list[str] | None:
        """Give the rows that are there; ``!`` in front marks a deleted row. Must not block for long."""

    def close(self) -> None:
        """Stop producing; idempotent."""


class RowStream:
    """Rows with their header, ready to be written."""

    def __init__(
        self,
        query_id: str,
        schema: Schema,
        header: str,
        source: RowSource,
        *,
        limit: int | None = None,
        final: str = "",
    ) -> None:
        self.query_id, self.schema, self.source = query_id, schema, source
        self._header, self._limit, self._final = header, limit, final
        self.error: dict[str, Any] | None = None
        self._sent = 0
        self._closed = False
        # Who reads lines wants each whole at once: a live query's lines end in a comma, and it has a last message.
        self._before, self._after = (",\n", "") if isinstance(source, Finished) else ("", ",\n")

    def header(self, kind: str) -> bytes:
        """Give the first line."""
        if kind == KSQL_JSON:
            head = compact({"header": {"queryId": self.query_id, "schema": self._header}})
            return f"[{head}{self._after}".encode()
        names = [c.name for c in self.schema.columns]
        types = [str(c.type) for c in self.schema.columns]
        line = compact({"queryId": self.query_id, "columnNames": names, "columnTypes": types})
        return (f"[{line}" if kind == PLAIN_JSON else f"{line}\n").encode()

    async def pieces(self, kind: str, left: asyncio.Future[None]) -> AsyncIterator[list[bytes]]:
        """Give the rows, a piece each, until the end, the limit, an error, or until the client has left."""
        wait = _BUSY_S
        while not left.done():
            rows, ended = self.take()
            if rows:
                wait = _BUSY_S
                yield self._wrap(rows, kind)
            if ended:
                return
            if not rows:
                await asyncio.wait({left}, timeout=wait)
                wait = min(wait * 2, _IDLE_S)

    def take(self) -> tuple[list[str], bool]:
        """Give the rows that are there, and whether they are the last; ``error`` is why when the query has failed."""
        if self._limit is not None and self._sent >= self._limit:
            self._final = "Limit Reached"
            return [], True
        try:
            rows = self.source.take()
        except Exception as error:  # the header is out already: the error becomes the last line
            self.error = generic_error(SERVER_ERROR, str(error))
            return [], True
        if rows is None:
            return [], True
        if self._limit is not None:
            rows = rows[: self._limit - self._sent]
        self._sent += len(rows)
        return rows, False

    def _wrap(self, rows: Iterable[str], kind: str) -> list[bytes]:
        if kind == KSQL_JSON:
            return [
                (
                    f'{self._before}{{"row":{{"columns":{row[1:]},"tombstone":true}}}}{self._after}'
                    if row[0] == "!"
                    else f'{self._before}{{"row":{{"columns":{row}}}}}{self._after}'
                ).encode()
                for row in rows
            ]
        bare = [row[1:] if row[0] == "!" else row for row in rows]
        if kind == PLAIN_JSON:
            return [f",\n{row}".encode() for row in bare]
        return [f"{row}\n".encode() for row in bare]

    def footer(self, kind: str) -> bytes:
        """Give the last line."""
        if kind == KSQL_JSON:
            if self.error is not None:
                return f"{self._before}{compact({'errorMessage': self.error})}]\n".encode()
            final = self._final or ("Query Completed" if self._after else "")
            return f"{self._before}{compact({'finalMessage': final})}]\n".encode() if final else b"]\n"
        if kind == PLAIN_JSON:
            return (f",\n{compact(self.error)}]" if self.error else "]").encode()
        return f"{compact(self.error)}\n".encode() if self.error else b""

    def close_soon(self) -> None:
        """End the query without making the event loop wait for it."""
        if not self._closed:
            self._closed = True
            threading.Thread(target=self.source.close, name=f"close-{self.query_id}", daemon=True).start()


class Finished:
    """Rows that are all there already."""

    def __init__(self, rows: Iterable[str]) -> None:
        self._rows: list[str] | None = list(rows)

    def take(self) -> list[str] | None:
        """Give everything once."""
        rows, self._rows = self._rows, None
        return rows

    def close(self) -> None:
        """Do nothing: nothing runs."""


class Rows(Response):
    """A query's rows on the wire: a piece each, as ksqlDB writes them, because some clients take a piece for a message.

    The query ends when its client leaves; a slower reader holds it back.
    """

    def __init__(self, rows: RowStream, kind: str) -> None:
        super().__init__(media_type=kind)
        del self.headers["content-length"]
        self._rows, self._kind = rows, kind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Write them."""
        left = asyncio.ensure_future(_until_gone(receive))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await send({"type": "http.response.body", "body": self._rows.header(self._kind), "more_body": True})
            write = scope.get("extensions", {}).get(PIECES) or partial(_write_each, send)
            async for pieces in self._rows.pieces(self._kind, left):
                await write(pieces)
            await send({"type": "http.response.body", "body": self._rows.footer(self._kind), "more_body": False})
        finally:
            left.cancel()
            self._rows.close_soon()


async def _write_each(send: Send, pieces: list[bytes]) -> None:
    for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
