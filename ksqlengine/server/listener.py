"""The listener: HTTP/1.1 by uvicorn, HTTP/2 beside it on the same port, with limits on what comes before a body.

A connection that begins with HTTP/2's preface (cleartext "prior knowledge", or chosen by TLS) and one whose first
request asks to be upgraded (``Upgrade: h2c``) go on in :class:`Http2Protocol`.
"""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from ksqlengine.server.entities import KSQL_JSON, generic_error
from ksqlengine.server.http2 import MAX_HEADER_BYTES, PIECES, Http2Protocol

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEADERS_S = 30.0  # a client that has not sent its headers by then is sent away
_MAX_UPGRADE_BODY = 1024 * 1024
_SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"


class ListenerProtocol(HttpToolsProtocol):
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
        self._in_headers = self._begun = False  # a request's headers are being read; it began with what came last
        self._header_bytes = 0
        self._late: asyncio.TimerHandle | None = None
        self._asked = False  # the request that is read asks for another protocol
        self._carried: tuple[bytes, int, bytearray] | None = None  # its settings, and its body until that is whole

    # -- which protocol ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin, and wait for headers only so long."""
        super().connection_made(transport)
        self._late = self.loop.call_later(_HEADERS_S, self._too_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the connection."""
        self._in_time()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Tell HTTP/2 from HTTP/1.1 by a connection's first bytes; bound what comes before a body."""
        if self._carried is not None:
            self._carry_over(data)
            return
        if self._first is not None:
            data = self._first + data
            if PREFACE.startswith(data[: len(PREFACE)]):
                if len(data) < len(PREFACE):
                    self._first = data
                else:
                    self._first = None
                    self._give_away().data_received(data)
                return
            self._first = None
        self._unset_keepalive_if_required()
        self._begun = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._asked_to_upgrade(data[upgrade.args[0] :])
            return
        except httptools.HttpParserError as error:
            self._refuse(400, f"The request is not HTTP: {error}")
            return
        if self._in_headers and not self._begun:
            self._header_bytes += len(data)
            if self._header_bytes > MAX_HEADER_BYTES:
                self._refuse(431, f"The request's headers are larger than {MAX_HEADER_BYTES} bytes.")

    def _give_away(self) -> Http2Protocol:
        self._in_time()
        self.connections.discard(self)
        protocol = Http2Protocol(self.config, self.server_state, self.app_state)
        self.transport.set_protocol(protocol)
        protocol.connection_made(self.transport)
        return protocol

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Start a request whose application may write many pieces at once."""
        cycle.scope["extensions"] = {PIECES: partial(_write_pieces, cycle)}  # type: ignore[dict-item]
        super()._start_asgi_task(cycle, app)

    # -- from HTTP/1.1 to HTTP/2 -------------------------------------------------------------------------------------
    def _asked_to_upgrade(self, rest: bytes) -> None:
        """Go on as HTTP/2 when the request can be carried over, else read it again as the plain request it also is."""
        self._asked = False
        fields = dict(self.headers)
        settings = fields.get(b"http2-settings")
        length = int(fields.get(b"content-length", b"0"))
        idle = self.cycle is None or self.cycle.response_complete
        if (
            fields.get(b"upgrade", b"").lower() == b"h2c"
            and settings is not None
            and length <= _MAX_UPGRADE_BODY
            and not fields.keys() & {b"transfer-encoding", b"expect"}
            and self.scheme == "http"
            and idle
        ):
            self._carried = (settings, length, bytearray())
            self.data_received(rest)
            return
        method = self.parser.get_method()
        kept = [(n, v) for n, v in self.headers if n not in {b"upgrade", b"http2-settings", b"connection"}]
        head = b"%b %b HTTP/1.1\r\n" % (method, self.url) + b"".join(b"%b: %b\r\n" % pair for pair in kept) + b"\r\n"
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(head + rest)

    def _carry_over(self, data: bytes) -> None:
        """Collect the body of the request that asked; then it becomes stream 1 of an HTTP/2 connection."""
        assert self._carried is not None  # noqa: S101 - the caller has looked
        settings, length, body = self._carried
        body += data
        if len(body) < length:
            return
        self._carried = None
        own = {b"connection", b"upgrade", b"http2-settings", b"host"}
        headers = [(b":method", self.parser.get_method()), (b":path", self.url), (b":scheme", b"http")]
        headers += [(b":authority", v) for n, v in self.headers if n == b"host"]
        headers += [(n, v) for n, v in self.headers if n not in own]
        self._in_time()
        self.connections.discard(self)
        self.transport.write(_SWITCHING)
        protocol = Http2Protocol(self.config, self.server_state, self.app_state)
        self.transport.set_protocol(protocol)
        protocol.upgraded(self.transport, settings, headers, bytes(body[:length]))
        if len(body) > length:
            protocol.data_received(bytes(body[length:]))

    # -- limits ------------------------------------------------------------------------------------------------------
    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        self._in_headers = self._begun = True
        self._header_bytes = 0
        if self._late is None:
            self._late = self.loop.call_later(_HEADERS_S, self._too_late)

    def on_headers_complete(self) -> None:
        """Take a request's headers."""
        self._in_headers = False
        self._in_time()
        self._asked = bool(self.parser.should_upgrade())
        if not self._asked:
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Take a request's end."""
        if not self._asked:
            super().on_message_complete()

    def _in_time(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        self._late = None
        if not self.transport.is_closing():
            self._refuse(408, f"The request's headers did not come within {_HEADERS_S:.0f} seconds.")

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
