"""HTTP/2 for the ASGI application: one connection, each of its streams a request.

ksqlDB's Java client and several others speak cleartext HTTP/2, so ``listener.py`` hands connections that begin as
HTTP/2 to this protocol. It gives back-pressure in both directions: received data are acknowledged when the application
takes them, and an application that writes waits for the reader's window.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import FlowControl
from uvicorn.protocols.utils import get_local_addr, get_remote_addr, is_ssl
from uvicorn.server import ServerState

LOG = logging.getLogger(__name__)
PIECES = "ksqlengine.pieces"  # ASGI extension: write many pieces of a body at once, each in a chunk or frame of its own
_MAX_HEADER_BYTES = 64 * 1024  # as h11 has it
_MAX_STREAMS = 200
_WINDOW = 1024 * 1024
_IDLE_S = 120.0
_MAX_RESETS = 500  # streams that a client opened only to take them back, before it is told to go
_HOP_BY_HOP = {b"connection", b"transfer-encoding", b"keep-alive", b"upgrade", b"proxy-connection"}

Headers = list[tuple[bytes, bytes]]


class Http2Protocol(asyncio.Protocol):
    """One HTTP/2 connection."""

    def __init__(self, config: Config, server_state: ServerState, app_state: dict[str, Any]) -> None:
        self.config, self.server_state, self.app_state = config, server_state, app_state
        self.loop = asyncio.get_running_loop()
        self.h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        # initial values: those of an update would count only from the client's acknowledgement on, and not be sent
        self.h2.local_settings = Settings(
            client=False,
            initial_values={
                SettingCodes.MAX_CONCURRENT_STREAMS: _MAX_STREAMS,
                SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
                SettingCodes.MAX_HEADER_LIST_SIZE: _MAX_HEADER_BYTES,
            },
        )
        self.transport: asyncio.Transport
        self.flow: FlowControl
        self._streams: dict[int, _Stream] = {}
        self._flush_planned = self._going = False
        self._resets = 0
        self._idle: asyncio.TimerHandle | None = None

    # -- the connection ----------------------------------------------------------------------------------------------
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin a connection whose client knows that we speak HTTP/2."""
        self.begin(transport)
        self.h2.initiate_connection()
        self._open_window()

    def upgraded(self, transport: asyncio.Transport, settings: bytes, headers: Headers, body: bytes) -> None:
        """Begin a connection that was HTTP/1.1 until its first request, which becomes stream 1."""
        self.begin(transport)
        self.h2.initiate_upgrade_connection(settings)
        self._open_window()
        self._start(1, headers, body, ended=True)

    def begin(self, transport: asyncio.Transport) -> None:
        """Take the transport over."""
        self.transport = transport
        self.flow = FlowControl(transport)
        self.server_state.connections.add(self)  # type: ignore[arg-type]
        self._wait_for_requests()

    def _open_window(self) -> None:
        self.h2.increment_flow_control_window(_WINDOW * 4)
        self.flush()

    def data_received(self, data: bytes) -> None:
        """Read frames."""
        try:
            events = self.h2.receive_data(data)
        except H2Error as error:
            LOG.info("an HTTP/2 client was sent away: %s: %s", type(error).__name__, error)
            self.flush()
            self.transport.close()
            return
        for event in events:
            self._handle(event)
        self.flush()

    def _handle(self, event: Event) -> None:
        if isinstance(event, RequestReceived):
            self._start(event.stream_id or 0, [(bytes(n), bytes(v)) for n, v in event.headers or ()])
        elif isinstance(event, DataReceived):
            stream = self._streams.get(event.stream_id or 0)
            if stream is None:  # its response is over: nobody reads this
                self.acknowledge(event.stream_id or 0, event.flow_controlled_length or 0)
            else:
                stream.data(event.data or b"", event.flow_controlled_length or 0)
        elif isinstance(event, StreamEnded):
            if (stream := self._streams.get(event.stream_id or 0)) is not None:
                stream.end()
        elif isinstance(event, StreamReset):
            self._reset(event.stream_id or 0)
        elif isinstance(event, WindowUpdated):
            for stream in [*self._streams.values()] if not event.stream_id else [self._streams.get(event.stream_id)]:
                if stream is not None:
                    stream.window.set()
        elif isinstance(event, ConnectionTerminated):
            self.transport.close()

    def _reset(self, stream_id: int) -> None:
        if (stream := self._streams.pop(stream_id, None)) is not None:
            stream.leave()
        self._resets += 1
        if self._resets > _MAX_RESETS:
            self.h2.close_connection(ErrorCodes.ENHANCE_YOUR_CALM)
            self.flush()
            self.transport.close()

    def _start(self, stream_id: int, headers: Headers, body: bytes = b"", *, ended: bool = False) -> None:
        if self._going:
            self.h2.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            return
        stream = _Stream(self, stream_id, headers)
        self._streams[stream_id] = stream
        if body:
            stream.data(body, 0)
        if ended:
            stream.end()
        task = self.loop.create_task(stream.run(self.config.loaded_app))
        self.server_state.tasks.add(task)
        task.add_done_callback(self.server_state.tasks.discard)

    def finished(self, stream_id: int) -> None:
        """Forget a stream whose response is complete."""
        self.server_state.total_requests += 1
        self._streams.pop(stream_id, None)
        self._resets = max(self._resets - 1, 0)
        if not self._streams and self._going:
            self._say_goodbye()
        elif not self._streams:
            self._wait_for_requests()

    def _wait_for_requests(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = self.loop.call_later(_IDLE_S, self._close_when_idle)

    def _close_when_idle(self) -> None:
        if not self._streams and not self.transport.is_closing():
            self.shutdown()

    def scope(self, headers: Headers) -> dict[str, Any]:
        """Give a request's ASGI scope."""
        pseudo = {name: value for name, value in headers if name[:1] == b":"}
        target, _, query = pseudo.get(b":path", b"/").partition(b"?")
        plain = [(name, value) for name, value in headers if name[:1] != b":"]
        if b":authority" in pseudo:
            plain.insert(0, (b"host", pseudo[b":authority"]))
        return {
            "type": "http",
            "asgi": {"version": self.config.asgi_version, "spec_version": "2.3"},
            "http_version": "2",
            "server": get_local_addr(self.transport),
            "client": get_remote_addr(self.transport),
            "scheme": "https" if is_ssl(self.transport) else "http",
            "method": pseudo.get(b":method", b"GET").decode("ascii", "replace"),
            "root_path": self.config.root_path,
            "path": unquote(target.decode("ascii", "replace")),
            "raw_path": target,
            "query_string": query,
            "headers": plain,
            "state": self.app_state.copy(),
            "extensions": {},
        }

    def acknowledge(self, stream_id: int, size: int) -> None:
        """Let the client send as much again."""
        if size:
            self.h2.acknowledge_received_data(size, stream_id)
            self.flush_soon()

    def flush_soon(self) -> None:
        """Write what is waiting when the loop comes round, so that small frames leave together."""
        if not self._flush_planned:
            self._flush_planned = True
            self.loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what is waiting."""
        self._flush_planned = False
        data = self.h2.data_to_send()
        if data and not self.transport.is_closing():
            self.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """End every request: its client has left."""
        self.server_state.connections.discard(self)
        if self._idle is not None:
            self._idle.cancel()
        for stream in self._streams.values():
            stream.leave()
        self._streams.clear()
        self.flow.resume_writing()

    def pause_writing(self) -> None:
        """Hold back those who write: the reader is slower."""
        self.flow.pause_writing()

    def resume_writing(self) -> None:
        """Let those who write go on."""
        self.flow.resume_writing()

    def shutdown(self) -> None:
        """Take no more requests; close when the last one is done (uvicorn calls this when it stops)."""
        self._going = True
        if not self._streams:
            self._say_goodbye()

    def _say_goodbye(self) -> None:
        """Close; not before the last stream's end, because nothing can be sent after GOAWAY."""
        if not self.transport.is_closing():
            self.h2.close_connection()
            self.flush()
            self.transport.close()


class _Stream:
    """One request and its response."""

    def __init__(self, protocol: Http2Protocol, stream_id: int, headers: Headers) -> None:
        self.protocol, self.id = protocol, stream_id
        self.scope = protocol.scope(headers)
        self.scope["extensions"][PIECES] = self.write_pieces
        self.changed, self.window = asyncio.Event(), asyncio.Event()
        self._body = bytearray()
        self._unacknowledged = 0
        self._ended = self._told = self._gone = self._complete = False

    # -- from the connection -----------------------------------------------------------------------------------------
    def data(self, data: bytes, size: int) -> None:
        """Take a piece of the body."""
        self._body += data
        self._unacknowledged += size
        self.changed.set()

    def end(self) -> None:
        """Take the body's end."""
        self._ended = True
        self.changed.set()

    def leave(self) -> None:
        """Take the client's leaving."""
        self._gone = True
        self.changed.set()
        self.window.set()

    # -- for the application -----------------------------------------------------------------------------------------
    async def run(self, app: Any) -> None:
        """Run the application for this request."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception:  # one request that breaks must not end the connection
            LOG.exception("%s %s failed", self.scope["method"], self.scope["path"])
        if not self._complete and not self._gone:
            self._complete = True
            self.protocol.h2.reset_stream(self.id, ErrorCodes.INTERNAL_ERROR)
            self.protocol.flush_soon()
            self.protocol.finished(self.id)

    async def receive(self) -> dict[str, Any]:
        """Give the next piece of the body, or say that the client has left."""
        while True:
            if self._gone or self._complete:
                return {"type": "http.disconnect"}
            if self._body or (self._ended and not self._told):
                body, size = bytes(self._body), self._unacknowledged
                self._body.clear()
                self._unacknowledged = 0
                self._told = self._ended
                if not self._ended:
                    self.protocol.acknowledge(self.id, size)
                elif size:
                    self.protocol.h2.increment_flow_control_window(size)  # the stream's own window is of no use now
                return {"type": "http.request", "body": body, "more_body": not self._ended}
            self.changed.clear()
            await self.changed.wait()

    async def send(self, message: Any) -> None:
        """Write the response; wait while the reader is slower."""
        if self._gone:
            return
        if message["type"] == "http.response.start":
            headers = [(b":status", str(message["status"]).encode())]
            headers += [(n.lower(), v) for n, v in message.get("headers", ()) if n.lower() not in _HOP_BY_HOP]
            self.protocol.h2.send_headers(self.id, headers)
            self.protocol.flush_soon()
            return
        body = b"" if self.scope["method"] == "HEAD" else message.get("body", b"")
        await self._write(memoryview(body), last=not message.get("more_body", False))

    async def write_pieces(self, pieces: list[bytes]) -> None:
        """Write pieces of the body, a frame each where they fit."""
        for piece in pieces:
            if self._gone:
                return
            await self._write(memoryview(piece), last=False)

    async def _write(self, rest: memoryview, *, last: bool) -> None:
        h2 = self.protocol.h2
        while len(rest):
            if self.protocol.flow.write_paused:
                self.protocol.flush()
                await self.protocol.flow.drain()
            if self._gone:
                return
            room = min(h2.local_flow_control_window(self.id), h2.max_outbound_frame_size, len(rest))
            if room <= 0:
                self.protocol.flush()
                self.window.clear()
                await self.window.wait()
                continue
            final = last and room == len(rest)
            h2.send_data(self.id, bytes(rest[:room]), end_stream=final)
            rest = rest[room:]
            self.protocol.flush_soon()
            if final:
                self._finish()
                return
        if last and not self._gone:
            h2.end_stream(self.id)
            self.protocol.flush_soon()
            self._finish()

    def _finish(self) -> None:
        self._complete = True
        self.changed.set()
        if not self._ended:  # the rest of the request is of no interest
            self.protocol.h2.reset_stream(self.id, ErrorCodes.NO_ERROR)
        self.protocol.finished(self.id)
