"""A small HTTP/2 client whose requests stay open: cleartext, prior knowledge."""

from __future__ import annotations

import socket
from types import TracebackType
from typing import Self

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, ResponseReceived, StreamEnded, StreamReset


class Http2Client:
    """One connection."""

    def __init__(self, port: int, *, window: int = 2**20) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self.h2 = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
        self.h2.initiate_connection()
        self.h2.increment_flow_control_window(window)
        self.pieces: dict[int, list[bytes]] = {}
        self.status: dict[int, int] = {}
        self.ended: set[int] = set()
        self.reset: set[int] = set()
        self.gone = False
        self.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._socket.close()

    def flush(self) -> None:
        """Send what waits."""
        self._socket.sendall(self.h2.data_to_send())

    def open(self, path: str, body: bytes = b"", *, end: bool = True, headers: tuple[tuple[str, str], ...] = ()) -> int:
        """Begin a request and give its stream."""
        stream = self.h2.get_next_available_stream_id()
        known = [(":method", "POST"), (":path", path), (":scheme", "http"), (":authority", "here"), *headers]
        self.h2.send_headers(stream, known, end_stream=end and not body)
        self.pieces[stream] = []
        if body:
            self.send(stream, body, end=end)
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, *, end: bool = False) -> None:
        """Send a piece of a request."""
        self.h2.send_data(stream, data, end_stream=end)
        self.flush()

    def read(self, *, acknowledge: bool = True) -> list[Event]:
        """Read once from the wire."""
        try:
            data = self._socket.recv(65536)
        except ConnectionResetError:
            data = b""
        if not data:
            self.gone = True
            return []
        events = self.h2.receive_data(data)
        for event in events:
            if isinstance(event, ResponseReceived):
                self.status[event.stream_id] = int({str(name): value for name, value in event.headers}[":status"])
            elif isinstance(event, DataReceived):
                self.pieces[event.stream_id].append(event.data)
                if acknowledge and event.flow_controlled_length:
                    self.h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            elif isinstance(event, StreamEnded):
                self.ended.add(event.stream_id)
            elif isinstance(event, StreamReset):
                self.reset.add(event.stream_id)
            elif isinstance(event, ConnectionTerminated):
                self.gone = True
        try:
            self.flush()
        except OSError:  # the server has closed after its last frames
            self.gone = True
        return events

    def pieces_of(self, stream: int, count: int) -> list[bytes]:
        """Read until a stream has given so many pieces (or has ended)."""
        while len(self.pieces[stream]) < count and stream not in self.ended | self.reset and not self.gone:
            self.read()
        return self.pieces[stream]

    def answer(self, stream: int) -> bytes:
        """Read a stream to its end."""
        while stream not in self.ended | self.reset and not self.gone:
            self.read()
        return b"".join(self.pieces[stream])
