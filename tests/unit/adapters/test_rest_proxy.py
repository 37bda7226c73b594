"""The REST proxy's client against a local server that answers as it is told."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from headway.adapters.rest_proxy import RestProxyClient
from headway.errors import DeliveryError, UnavailableError
from headway.settings import RestProxySettings, Settings

DROP: tuple[int, dict[str, object]] = (0, {})


class _Script:
    """What the server answers, in order, and what it got."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, dict[str, Any]]] = []
        self.bodies: list[bytes] = []
        self.url = ""


@pytest.fixture
def proxy() -> Iterator[_Script]:
    script = _Script()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            script.bodies.append(body)
            count = len(json.loads(body)["records"])
            status, answer = script.answers.pop(0) if script.answers else (200, _delivered(count))
            if status == 0:
                self.close_connection = True
                return
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    script.url = f"http://127.0.0.1:{server.server_port}"
    yield script
    server.shutdown()
    server.server_close()
    thread.join()


def _delivered(count: int) -> dict[str, Any]:
    return {"offsets": [{"partition": 0, "offset": n, "error_code": None, "error": None} for n in range(count)]}


def _client(url: str, max_body_bytes: int = 1_048_576) -> RestProxyClient:
    now = [0.0]
    settings = Settings(rest_proxy=RestProxySettings(url=url, max_body_bytes=max_body_bytes))
    return RestProxyClient(
        settings, give_up_after_s=10, clock=lambda: now[0], sleep=lambda s: now.__setitem__(0, now[0] + s)
    )


def test_gives_one_offset_a_record(proxy: _Script) -> None:
    with _client(proxy.url) as client:
        assert [o["offset"] for o in client.produce("t", [("MDW", {"t": 1}), (None, b'{"ready":1}')])] == [0, 1]
    assert json.loads(proxy.bodies[0]) == {
        "records": [{"key": "MDW", "value": {"t": 1}}, {"key": None, "value": {"ready": 1}}]
    }


def test_sends_nothing_for_no_records(proxy: _Script) -> None:
    with _client(proxy.url) as client:
        assert client.produce("t", []) == []
    assert proxy.bodies == []


def test_splits_what_is_larger_than_a_request_may_be_and_keeps_the_order(proxy: _Script) -> None:
    with _client(proxy.url, max_body_bytes=300) as client:
        assert len(client.produce("t", [(str(n), {"n": n, "fill": "x" * 40}) for n in range(20)])) == 20
    assert len(proxy.bodies) > 1
    assert max(map(len, proxy.bodies)) <= 300
    assert [r["value"]["n"] for b in proxy.bodies for r in json.loads(b)["records"]] == list(range(20))


@pytest.mark.parametrize("answer", [DROP, (503, {"error_code": 50003}), (429, {"error_code": 429})])
def test_repeats_the_same_content_when_there_was_no_answer(proxy: _Script, answer: tuple[int, dict[str, Any]]) -> None:
    proxy.answers = [answer, answer]
    with _client(proxy.url) as client:
        assert len(client.produce("t", [("k", 1)])) == 1
    assert len(proxy.bodies) == 3
    assert len(set(proxy.bodies)) == 1


def test_one_failed_record_is_a_delivery_error(proxy: _Script) -> None:
    bad = _delivered(2)
    bad["offsets"][1] = {"partition": None, "offset": None, "error_code": 50002, "error": "Message size too large"}
    proxy.answers = [(200, bad)]
    with _client(proxy.url) as client, pytest.raises(DeliveryError, match="1 of 2 records: Message size") as caught:
        client.produce("t", [("a", 1), ("b", 2)])
    assert "record 1 of 2" in caught.value.where


def test_fewer_offsets_than_records_is_a_delivery_error(proxy: _Script) -> None:
    proxy.answers = [(200, _delivered(1))]
    with _client(proxy.url) as client, pytest.raises(DeliveryError, match="1 offsets for 2 records"):
        client.produce("t", [("a", 1), ("b", 2)])


def test_a_refusal_is_not_repeated(proxy: _Script) -> None:
    proxy.answers = [(404, {"error_code": 40401, "message": "Topic t not found."})]
    with _client(proxy.url) as client, pytest.raises(DeliveryError, match="Topic t not found"):
        client.produce("t", [("a", 1)])
    assert len(proxy.bodies) == 1


def test_gives_up_and_says_where_and_for_how_long() -> None:
    client = _client("http://127.0.0.1:1")
    with client, pytest.raises(UnavailableError, match=r"has not answered for \d+ s") as caught:
        client.produce("t", [("a", 1)])
    assert "127.0.0.1:1" in caught.value.where
