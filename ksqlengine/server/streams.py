"""A query's rows on their way to the client, in the three forms that ksqlDB writes.

Rows come from Java as JSON texts (``[1,"a"]``); here they are only wrapped.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any, Protocol

from ksqlengine.server.entities import compact
from ksqlengine.types import Schema

KSQL_JSON = "application/vnd.ksql.v1+json"
PLAIN_JSON = "application/json"
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
        self._error: dict[str, Any] | None = None
        self._sent = 0
        self._closed = False

    def header(self, kind: str) -> bytes:
        """Give the first line."""
        if kind == KSQL_JSON:
            head = compact({"header": {"queryId": self.query_id, "schema": self._header}})
            return f"[{head}".encode()
        names = [c.name for c in self.schema.columns]
        types = [str(c.type) for c in self.schema.columns]
        line = compact({"queryId": self.query_id, "columnNames": names, "columnTypes": types})
        return (f"[{line}" if kind == PLAIN_JSON else f"{line}\n").encode()

    async def chunks(self, kind: str) -> AsyncIterator[bytes]:
        """Give the rows in pieces until the end, the limit, or an error."""
        wait = _BUSY_S
        while True:
            rows, ended = self._take()
            if rows:
                wait = _BUSY_S
                yield self._wrap(rows, kind)
            if ended:
                return
            if not rows:
                await asyncio.sleep(wait)
                wait = min(wait * 2, _IDLE_S)

    def _take(self) -> tuple[list[str], bool]:
        if self._limit is not None and self._sent >= self._limit:
            self._final = "Limit Reached"
            return [], True
        try:
            rows = self.source.take()
        except Exception as error:  # the header is out already: the error becomes the last line
            self._error = {
                "@type": "generic_error",
                "error_code": 50000,
                "message": str(error),
            }
            return [], True
        if rows is None:
            return [], True
        if self._limit is not None:
            rows = rows[: self._limit - self._sent]
        self._sent += len(rows)
        return rows, False

    @staticmethod
    def _wrap(rows: Iterable[str], kind: str) -> bytes:
        if kind == KSQL_JSON:
            parts = [
                f',\n{{"row":{{"columns":{row[1:]},"tombstone":true}}}}'
                if row[0] == "!"
                else f',\n{{"row":{{"columns":{row}}}}}'
                for row in rows
            ]
            return "".join(parts).encode()
        bare = [row[1:] if row[0] == "!" else row for row in rows]
        if kind == PLAIN_JSON:
            return "".join(f",\n{row}" for row in bare).encode()
        return ("\n".join(bare) + "\n").encode()

    def footer(self, kind: str) -> bytes:
        """Give the last line."""
        if kind == KSQL_JSON:
            out = ""
            if self._error is not None:
                out = f",\n{compact({'errorMessage': self._error})}"
            elif self._final:
                out = f",\n{compact({'finalMessage': self._final})}"
            return f"{out}]\n".encode()
        if kind == PLAIN_JSON:
            return (f",\n{compact(self._error)}]" if self._error else "]").encode()
        return f"{compact(self._error)}\n".encode() if self._error else b""

    def rows(self) -> Iterable[str]:
        """Give all rows without waiting in an event loop (pull queries, tests)."""
        while True:
            rows, ended = self._take()
            yield from rows
            if ended:
                return

    def close_soon(self) -> None:
        """End the query without making the event loop wait for it."""
        if not self._closed:
            self._closed = True
            threading.Thread(target=self.source.close, name=f"close-{self.query_id}", daemon=True).start()


class Finished:
    """Rows that are all there already."""

    def __init__(self, rows: Iterable[str], on_close: Callable[[], None] | None = None) -> None:
        self._rows: list[str] | None = list(rows)
        self._on_close = on_close

    def take(self) -> list[str] | None:
        """Give everything once."""
        rows, self._rows = self._rows, None
        return rows

    def close(self) -> None:
        """Say that the reader is done."""
        if self._on_close is not None:
            self._on_close()
            self._on_close = None
