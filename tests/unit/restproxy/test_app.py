"""The proxy's answers that need no broker (there is none at its address)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from restproxy.__main__ import main, read_properties
from restproxy.app import create_app
from restproxy.errors import ProxyError
from restproxy.gateway import Gateway
from restproxy.requests import JSON_V2

HEADERS = {"content-type": JSON_V2}
RECORD = b'{"records":[{"value":1}]}'


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    app = create_app(
        lambda: Gateway({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}, max_in_flight_bytes=200),
        max_body_bytes=500,
    )
    with TestClient(app, raise_server_exceptions=False) as made:
        yield made


def _chunks(size: int) -> Iterator[bytes]:
    for _ in range(size // 50):
        yield b" " * 50


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status", "code"),
    [
        ("POST", "/topics/t", {"content-type": "application/json"}, RECORD, 415, 415),
        ("POST", "/topics/t", {**HEADERS, "content-encoding": "gzip"}, RECORD, 415, 415),
        ("POST", "/topics/t", {**HEADERS, "accept": "text/html"}, RECORD, 406, 406),
        ("POST", "/topics/t", HEADERS, b"{", 400, 400),
        ("POST", "/topics/t", HEADERS, b"{}", 422, 422),
        ("POST", "/topics/t/partitions/0", HEADERS, b'{"records":[{"value":1,"partition":0}]}', 422, 422),
        ("POST", "/topics/t", HEADERS, b" " * 501, 413, 413),
        ("GET", "/nothing", {}, b"", 404, 404),
        ("DELETE", "/topics/t", {}, b"", 405, 405),
    ],
)
def test_says_what_is_wrong_in_confluents_words(
    client: TestClient, method: str, path: str, headers: dict[str, str], body: bytes, status: int, code: int
) -> None:
    answer = client.request(method, path, headers=headers, content=body)
    assert answer.status_code == status
    assert answer.json()["error_code"] == code
    assert answer.json()["message"]


def test_refuses_a_body_that_grows_beyond_the_limit_without_declaring_it(client: TestClient) -> None:
    small = create_app(lambda: Gateway({"bootstrap.servers": "127.0.0.1:1", "log_level": 0}), max_body_bytes=500)
    with TestClient(small) as made:
        assert made.post("/topics/t", headers=HEADERS, content=_chunks(1000)).status_code == 413
        assert small.state.gateway.in_flight_bytes == 0


def test_refuses_more_than_it_may_hold_and_gives_back_what_it_counted(client: TestClient) -> None:
    answer = client.post("/topics/t", headers=HEADERS, content=_chunks(400))
    assert answer.status_code == 429
    assert answer.headers["retry-after"]
    assert client.app.state.gateway.in_flight_bytes == 0  # type: ignore[attr-defined]


def test_is_not_healthy_without_a_broker(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restproxy.gateway.METADATA_TIMEOUT_S", 0.2)
    for answer in (client.get("/health"), client.post("/topics/t", headers=HEADERS, content=RECORD)):
        assert answer.status_code == 503
        assert answer.json()["error_code"] == 50003
        assert answer.headers["retry-after"]


def test_reads_librdkafka_settings_from_a_file(tmp_path: Path) -> None:
    file = tmp_path / "client.properties"
    file.write_text("# who we are\nsasl.username = me\nsasl.password=a=b\n\n")
    assert read_properties(file) == {"sasl.username": "me", "sasl.password": "a=b"}


def test_does_not_start_without_an_address() -> None:
    with pytest.raises(SystemExit, match="--bootstrap-servers"):
        main(["--port", "1"])


def test_error_bodies_have_code_and_message() -> None:
    assert ProxyError(404, 40401, "x").body() == {"error_code": 40401, "message": "x"}
