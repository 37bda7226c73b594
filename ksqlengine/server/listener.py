"""The listener: HTTP/1.1 by uvicorn and h11, HTTP/2 beside it on the same port.

A connection that begins with HTTP/2's preface (cleartext "prior knowledge", or chosen by TLS) and one whose request
asks to be upgraded (``Upgrade: h2c``) go on in :class:`Http2Protocol`. H11 bounds the size of headers; their time is
bounded here.
"""

from __future__ import annotations

import asyncio
import json
import sys
from functools import partial
from typing import Any

import h11
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from ksqlengine.server.entities import KSQL_JSON, generic_error
from ksqlengine.server.http2 import PIECES, Http2Protocol

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS_S = 30.0  # a client that has not sent its headers by then is sent away
_MAX_UPGRADE_BODY = 1024 * 1024
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


class ListenerProtocol(H11Protocol):
    """Uvicorn's HTTP/1.1, which gives connections of HTTP/2 away."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._first: bytes | None = b""  # what came so far, until it is clear which protocol it is
        self._late: asyncio.TimerHandle | None = None
        self._carried: tuple[h11.Request, bytearray] | None = None  # what becomes stream 1, until its body is whole

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and wait for headers only so long."""
        super().connection_made(transport)
        self._late = self.loop.call_later(_HEADERS_S, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection."""
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Tell HTTP/2 from HTTP/1.1 by a connection's first bytes."""
        if self._first is not None:
            data = self._first + data
            if PREFACE.startswith(data[: len(PREFACE)]):
                if len(data) < len(PREFACE):
                    self._first = data
                else:
                    protocol = self._give_away()
                    protocol.connection_made(self.transport)
                    protocol.data_received(data)
                return
            self._first = None
        super().data_received(data)
        if self.conn.their_state is h11.IDLE and self._late is None:
            self._late = self.loop.call_later(_HEADERS_S, self._too_late)

    def handle_events(self) -> None:
        """Take what h11 made of the bytes; the application of a new request may write many pieces at once."""
        before = self.cycle
        if self._carried is None:
            super().handle_events()
        else:
            self._carry_over(*self._carried)
        if self.cycle is not before and self.scope["http_version"] == "1.1":  # before that there are no chunks
            self.cycle.scope["extensions"] = {PIECES: partial(_write_pieces, self.cycle)}  # type: ignore[dict-item]
        if self.conn.their_state is not h11.IDLE:
            self._in_time()

    def _give_away(self) -> Http2Protocol:
        self._in_time()
        self.connections.discard(self)
        protocol = Http2Protocol(self.config, self.server_state, self.app_state)
        self.transport.set_protocol(protocol)
        return protocol

    # -- from HTTP/1.1 to HTTP/2 -------------------------------------------------------------------------------------
    def _should_upgrade(self) -> bool:
        """Say whether the request asks for HTTP/2 and can be carried over; else it is the plain request it also is."""
        fields = dict(self.headers)
        return (
            self._get_upgrade() == b"h2c"
            and b"http2-settings" in fields
            and int(fields.get(b"content-length", b"0")) <= _MAX_UPGRADE_BODY
            and not fields.keys() & {b"transfer-encoding", b"expect"}
            and self.scheme == "http"
        )

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Carry the request over (the base class knows of no other upgrade)."""
        self._carried = event, bytearray()
        self._carry_over(*self._carried)

    def _carry_over(self, request: h11.Request, body: bytearray) -> None:
        """Collect the body of the request that asked; then it becomes stream 1 of an HTTP/2 connection."""
        while isinstance(part := self.conn.next_event(), h11.Data):
            body += part.data
        if not isinstance(part, h11.EndOfMessage):
            return
        fields = dict(self.headers)
        own = {b"connection", b"upgrade", b"http2-settings", b"host"}
        headers = [(b":method", request.method), (b":path", request.target), (b":scheme", b"http")]
        headers += [(b":authority", v) for n, v in self.headers if n == b"host"]
        headers += [(n, v) for n, v in self.headers if n not in own]
        self.transport.write(_SWITCHING)
        protocol = self._give_away()
        protocol.upgraded(self.transport, fields[b"http2-settings"], headers, bytes(body))
        if rest := self.conn.trailing_data[0]:
            protocol.data_received(rest)

    # -- refusals ----------------------------------------------------------------------------------------------------
    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        if not self.transport.is_closing():
            self._refuse(408, f"The request's headers did not come within {_HEADERS_S:.0f} seconds.")

    def send_400_response(self, msg: str) -> None:
        """Refuse what h11 cannot read, with its reason."""
        error = sys.exception()
        status = error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400
        self._refuse(status, f"The request is not HTTP, or its headers are too large: {error}")

    def _refuse(self, status: int, message: str) -> None:
        """Answer what is no request, in ksqlDB's form, and close."""
        body = json.dumps(generic_error(status * 100, message)).encode()
        head = (
            f"HTTP/1.1 {status} Refused\r\ncontent-type: {KSQL_JSON}\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


async def _write_pieces(cycle: RequestResponseCycle, pieces: list[bytes]) -> None:
    """Write pieces of a chunked body, a chunk each, in one go."""
    if cycle.flow.write_paused and not cycle.disconnected:
        await cycle.flow.drain()
    if not cycle.disconnected:
        cycle.transport.write(b"".join([b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]))
