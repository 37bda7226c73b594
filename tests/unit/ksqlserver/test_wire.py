"""The listener over both protocols: upgrade, full duplex, back-pressure, clients that leave, limits, an orderly end."""

from __future__ import annotations

import asyncio
import gc
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import uvicorn

from ksqlengine.server import listener
from ksqlengine.server.listener import ListenerProtocol
from tests.http2_client import Http2Client

MIB = 1024 * 1024


@dataclass
class Served:
    """A server of a small application, and what the application saw."""

    port: int = 0
    server: uvicorn.Server | None = None
    sent: int = 0
    left: threading.Event = field(default_factory=threading.Event)

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        """Echo a body piece by piece, or send without end, or read nothing and wait."""
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"x-version", scope["http_version"].encode())]}
        )
        if scope["path"] == "/flood":
            gone = asyncio.ensure_future(self._until_gone(receive))
            while not gone.done():
                await send({"type": "http.response.body", "body": b"x" * 8192, "more_body": True})
                self.sent += 8192
                await asyncio.sleep(0)
            self.left.set()
            return
        if scope["path"] == "/wait":
            await asyncio.sleep(1.5)
            await send({"type": "http.response.body", "body": b"end", "more_body": False})
            return
        write = scope.get("extensions", {}).get("ksqlengine.pieces")
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                self.left.set()
                return
            if message["body"] and write is not None:
                await write(message["body"].splitlines(keepends=True))
            elif message["body"]:
                await send({"type": "http.response.body", "body": message["body"], "more_body": True})
            if not message["more_body"]:
                break
        await send({"type": "http.response.body", "body": b"end", "more_body": False})

    async def _until_gone(self, receive: Any) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass


@pytest.fixture
def served() -> Iterator[Served]:
    out = Served()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        out.port = probe.getsockname()[1]
    config = uvicorn.Config(
        out.app,
        port=out.port,
        interface="asgi3",
        http=ListenerProtocol,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=3,
    )
    out.server = uvicorn.Server(config)
    thread = threading.Thread(target=out.server.run, daemon=True)
    thread.start()
    until(lambda: out.server is not None and out.server.started)
    yield out
    out.server.should_exit = True
    thread.join(60)
    assert not thread.is_alive(), "the server did not end"


def until(check: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not check():
        assert time.monotonic() < deadline, "not in time"
        time.sleep(0.02)


def raw(port: int, data: bytes) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", port), timeout=60)
    link.sendall(data)
    return link


@pytest.mark.parametrize(("first", "second"), [(True, False), (False, True)])
def test_one_port_serves_both_protocols(served: Served, first: bool, second: bool) -> None:
    with httpx.Client(http1=first, http2=second, timeout=60) as client:
        answer = client.post(f"http://127.0.0.1:{served.port}/", content=b"a\nb\n")
    assert answer.text == "a\nb\nend"
    assert answer.headers["x-version"] == ("1.1" if first else "2")


def test_request_that_asks_for_an_upgrade_is_answered_as_stream_one_with_its_body(served: Served) -> None:
    head = (
        b"POST / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nContent-Length: 4\r\n\r\n"
    )
    with raw(served.port, head) as link:
        link.sendall(b"bod")
        link.sendall(b"y")
        answer = b""
        while b"end" not in answer:
            answer += link.recv(4096)
    assert answer.startswith(b"HTTP/1.1 101 ")
    assert b"body" in answer


def test_request_that_cannot_be_upgraded_keeps_its_body(served: Served) -> None:
    head = (
        b"POST / HTTP/1.1\r\nHost: here\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        b"HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
    )
    with raw(served.port, head) as link:
        answer = b""
        while b"0\r\n\r\n" not in answer:
            answer += link.recv(4096)
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"body" in answer


def test_answers_travel_while_the_request_is_open(served: Served) -> None:
    with Http2Client(served.port) as client:
        stream = client.open("/", b"one\n", end=False)
        assert client.pieces_of(stream, 1) == [b"one\n"]
        client.send(stream, b"two\nthree\n")
        assert client.pieces_of(stream, 3) == [b"one\n", b"two\n", b"three\n"]
        client.send(stream, b"", end=True)
        assert client.answer(stream) == b"one\ntwo\nthree\nend"
    with raw(served.port, b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n") as link:
        answer = b""
        while b"one" not in answer:
            answer += link.recv(4096)
        link.sendall(b"4\r\ntwo\n\r\n0\r\n\r\n")
        while b"end" not in answer:
            answer += link.recv(4096)


@pytest.mark.parametrize("protocol", ["1.1", "2"])
def test_slow_reader_holds_the_writer_back_and_its_leaving_is_seen(served: Served, protocol: str) -> None:
    if protocol == "2":
        link: Any = Http2Client(served.port)
        link.open("/flood")
        link.read(acknowledge=False)
    else:
        link = raw(served.port, b"POST /flood HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n")
    until(lambda: served.sent > 0)
    before = -1
    while before != served.sent:
        before = served.sent
        time.sleep(0.3)
    assert served.sent < 16 * MIB
    (link._socket if protocol == "2" else link).close()
    assert served.left.wait(60)


def test_stream_that_is_taken_back_ends_its_request_only(served: Served) -> None:
    with Http2Client(served.port) as client:
        doomed = client.open("/flood")
        client.pieces_of(doomed, 1)
        client.h2.reset_stream(doomed)
        client.flush()
        assert served.left.wait(60)
        assert client.answer(client.open("/", b"x\n")) == b"x\nend"


def test_streams_taken_back_in_a_row_end_the_connection(served: Served) -> None:
    with Http2Client(served.port) as client:
        try:
            for _ in range(2000):
                client.h2.reset_stream(client.open("/flood"))
                client.flush()
        except OSError:
            client.gone = True
        while not client.gone:
            client.read()
    assert httpx.post(f"http://127.0.0.1:{served.port}/", content=b"y", timeout=60).text == "yend"


def test_headers_without_end_are_refused(served: Served) -> None:
    with raw(served.port, b"POST / HTTP/1.1\r\nHost: here\r\nX-Long: ") as link:
        answer = b""
        try:
            for _ in range(200):
                link.sendall(b"a" * 16384)
        except OSError:
            pass
        try:
            answer = link.recv(65536)
        except ConnectionResetError:
            answer = b"reset"
    assert answer == b"reset" or b" 431 " in answer
    with Http2Client(served.port) as client:
        client.open("/", headers=(("x-long", "a" * 100_000),))
        client.read()
        while not client.gone and not client.reset:
            client.read()


def test_headers_that_come_too_slowly_are_refused(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listener, "_HEADERS_S", 0.5)
    with raw(served.port, b"GET / HTTP/1.1\r\nHost: here\r\n") as link:
        link.settimeout(0.1)
        answer = b""
        for _ in range(50):
            try:
                link.sendall(b"X-Slow: y\r\n")
                answer = answer or link.recv(4096)
            except TimeoutError:
                continue
            except OSError:
                break
    assert answer.startswith(b"HTTP/1.1 408 ")


def test_half_a_request_behind_one_that_is_answered_does_not_cut_the_answer(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "_HEADERS_S", 0.5)
    with raw(served.port, b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\nGET / HT") as link:
        answer = b""
        while b"0\r\n\r\n" not in answer and (data := link.recv(4096)):
            answer += data
    assert answer.endswith(b"3\r\nend\r\n0\r\n\r\n")
    assert b"408" not in answer


def test_client_of_http_1_0_gets_no_chunks(served: Served) -> None:
    with raw(served.port, b"POST / HTTP/1.0\r\nContent-Length: 4\r\n\r\na\nb\n") as link:
        answer = b""
        while data := link.recv(4096):
            answer += data
    assert answer.endswith(b"\r\n\r\na\nb\nend")


def test_stream_whose_body_nobody_reads_holds_up_no_other(served: Served) -> None:
    with Http2Client(served.port) as client:
        unread = client.open("/wait", end=False)
        for _ in range(30):
            client.send(unread, b"x" * 1000)
        assert client.answer(client.open("/", b"y\n")) == b"y\nend"
        assert unread not in client.ended
        assert client.answer(unread) == b"end"  # before its body's end
        assert client.answer(client.open("/", b"z\n")) == b"z\nend"


def test_stream_stays_open_beside_a_thousand_others(served: Served) -> None:
    with Http2Client(served.port) as client:
        stream = client.open("/", b"a\n", end=False)
        for _ in range(1100):
            assert client.answer(client.open("/", b"y\n")) == b"y\nend"
        client.send(stream, b"b\n", end=True)
        assert client.answer(stream) == b"a\nb\nend"


def test_requests_one_after_another_leave_no_timer_each(served: Served) -> None:
    with Http2Client(served.port) as client:
        for _ in range(500):
            assert client.answer(client.open("/", b"y\n")) == b"y\nend"
        assert sum(type(o).__name__ == "TimerHandle" for o in gc.get_objects()) < 300


def test_large_body_is_not_taken_for_headers(served: Served) -> None:
    body = b"z" * MIB
    for _ in range(3):
        assert len(httpx.post(f"http://127.0.0.1:{served.port}/", content=body, timeout=60).content) == MIB + 3


def test_body_larger_than_any_window_arrives_while_it_is_answered(served: Served) -> None:
    body = (b"y" * 1023 + b"\n") * 6 * 1024
    with httpx.Client(http1=False, http2=True, timeout=60) as client:
        assert client.post(f"http://127.0.0.1:{served.port}/", content=body).content == body + b"end"


def test_what_is_no_http_is_refused_in_ksqldbs_form(served: Served) -> None:
    with raw(served.port, b"\x16\x03\x01 hello\r\n\r\n") as link:
        answer = link.recv(65536)
    assert json.loads(answer.split(b"\r\n\r\n")[1])["error_code"] == 40000


def test_server_that_ends_lets_an_open_stream_finish(served: Served) -> None:
    with Http2Client(served.port) as client:
        stream = client.open("/", b"a\n", end=False)
        client.pieces_of(stream, 1)
        assert served.server is not None
        served.server.config.timeout_graceful_shutdown = 60
        served.server.should_exit = True
        time.sleep(0.5)
        client.send(stream, b"b\n", end=True)
        assert client.answer(stream) == b"a\nb\nend"
        while not client.gone:
            client.read()


def test_server_ends_though_a_stream_stays_open(served: Served) -> None:
    with Http2Client(served.port) as client:
        client.pieces_of(client.open("/", b"a\n", end=False), 1)
        assert served.server is not None
        served.server.should_exit = True
        began = time.monotonic()
        while not client.gone:
            client.read()
        assert time.monotonic() - began < 30
