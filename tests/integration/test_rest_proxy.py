"""HTTP to Kafka: the proxy on a real broker, through the platform's own client."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from headway.adapters import kafka
from headway.adapters.rest_proxy import RestProxyClient
from headway.core.topics import Topic
from headway.errors import DeliveryError
from headway.settings import PROJECT_DIR, RestProxySettings, Settings

JSON_V2 = {"content-type": "application/vnd.kafka.json.v2+json"}


@pytest.fixture(scope="module")
def topic(platform: Settings) -> Iterator[str]:
    made = Topic(f"test.rest.{uuid.uuid4().hex[:8]}", 3, "a test's own")
    kafka.ensure_topics(platform, [made])
    yield made.name
    kafka.delete_topics(platform, [made.name])


def _start(platform: Settings) -> tuple[subprocess.Popen[bytes], Settings]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "restproxy", "--port", str(port), "--max-body-bytes", "100000"]
    command += ["--bootstrap-servers", platform.kafka.bootstrap_servers]
    process = subprocess.Popen(command, cwd=PROJECT_DIR)
    own = platform.model_copy(update={"rest_proxy": RestProxySettings(port=port, max_body_bytes=100_000)})
    with RestProxyClient(own) as client:
        deadline = time.monotonic() + 120
        while not client.healthy():
            assert process.poll() is None
            assert time.monotonic() < deadline, "the proxy did not become healthy"
            time.sleep(0.05)
    return process, own


@pytest.fixture(scope="module")
def proxy(platform: Settings) -> Iterator[Settings]:
    process, own = _start(platform)
    yield own
    process.terminate()
    assert process.wait(120) == 0


def _rows(platform: Settings, topic: str) -> list[tuple[bytes | None, bytes | None, int]]:
    return [(m.key(), m.value(), m.partition() or 0) for m in kafka.read_all(platform, topic)]


def test_what_goes_in_over_http_is_in_the_topic(platform: Settings, proxy: Settings, topic: str) -> None:
    with RestProxyClient(proxy) as client:
        offsets = client.produce(topic, [(f"S{n}", {"n": n}) for n in range(1200)])
        assert topic in client.topics()
    assert len(offsets) == 1200
    rows = _rows(platform, topic)
    assert {row[0] for row in rows} >= {f'"S{n}"'.encode() for n in range(1200)}
    assert (b'"S7"', b'{"n":7}') in {row[:2] for row in rows}
    assert {(o["partition"], o["offset"]) for o in offsets} == {
        (m.partition(), m.offset()) for m in kafka.read_all(platform, topic)
    }


def test_keys_go_to_the_partition_that_jvm_clients_choose(proxy: Settings, topic: str) -> None:
    # org.apache.kafka.common.utils.Utils.murmur2 of the key's bytes, by the JVM's own vectors: "21" and "foobar"
    with httpx.Client(timeout=60, base_url=proxy.rest_proxy.url) as client:
        body = {"records": [{"key": "MjE=", "value": ""}, {"key": "Zm9vYmFy", "value": ""}]}
        answer = client.post(
            f"/topics/{topic}", json=body, headers={"content-type": "application/vnd.kafka.binary.v2+json"}
        )
    expected = [(hashed & 0x7FFFFFFF) % 3 for hashed in (-973932308, -790332482)]
    assert [entry["partition"] for entry in answer.json()["offsets"]] == expected


def test_names_a_topic_that_does_not_exist(proxy: Settings) -> None:
    with RestProxyClient(proxy) as client, pytest.raises(DeliveryError, match="error code 40401"):
        client.produce("no.such.topic", [("k", 1)])


def test_describes_topics_partitions_and_offsets(proxy: Settings, topic: str) -> None:
    with httpx.Client(timeout=60, base_url=proxy.rest_proxy.url) as client:
        described = client.get(f"/topics/{topic}").json()
        assert described["name"] == topic
        assert described["configs"]["cleanup.policy"] == "delete"
        assert [p["partition"] for p in described["partitions"]] == [0, 1, 2]
        assert client.get(f"/topics/{topic}/partitions").json() == described["partitions"]
        assert client.get(f"/topics/{topic}/partitions/1").json() == described["partitions"][1]
        assert set(client.get(f"/topics/{topic}/partitions/0/offsets").json()) == {"beginning_offset", "end_offset"}
        for path, code in ((f"/topics/{topic}/partitions/9", 40402), ("/topics/no.such", 40401)):
            answer = client.get(path)
            assert (answer.status_code, answer.json()["error_code"]) == (404, code)
        assert client.get("/brokers").json()["brokers"]
        assert client.get("/health").json()["status"] == "UP"


def test_refuses_a_partition_that_does_not_exist_and_honours_one_that_does(proxy: Settings, topic: str) -> None:
    body = {"records": [{"key": "k", "value": 1}]}
    with httpx.Client(timeout=60, base_url=proxy.rest_proxy.url, headers=JSON_V2) as client:
        assert client.post(f"/topics/{topic}/partitions/2", json=body).json()["offsets"][0]["partition"] == 2
        refused = client.post(f"/topics/{topic}/partitions/3", json=body)
        assert (refused.status_code, refused.json()["error_code"]) == (404, 40402)


def test_a_large_body_is_refused_and_the_connection_lives_on(proxy: Settings, topic: str) -> None:
    with httpx.Client(timeout=60, base_url=proxy.rest_proxy.url, headers=JSON_V2) as client:
        large = (b" " * 10_000 for _ in range(50))
        assert client.post(f"/topics/{topic}", content=large).status_code == 413
        assert client.post(f"/topics/{topic}", json={"records": [{"value": 1}]}).status_code == 200


def test_everything_acknowledged_before_and_during_a_stop_is_in_the_topic(platform: Settings, topic: str) -> None:
    process, own = _start(platform)
    acknowledged: list[str] = []
    stop = threading.Event()

    def send(worker: int) -> None:
        with httpx.Client(timeout=60, base_url=own.rest_proxy.url, headers=JSON_V2) as client:
            for number in range(100_000):
                name = f"stop-{worker}-{number}"
                try:
                    answer: Any = client.post(f"/topics/{topic}", json={"records": [{"key": name, "value": number}]})
                except httpx.TransportError:
                    return
                if answer.status_code == 200 and answer.json()["offsets"][0]["error_code"] is None:
                    acknowledged.append(name)
                if stop.is_set():
                    return

    threads = [threading.Thread(target=send, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + 120
    while len(acknowledged) < 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGTERM)
    assert process.wait(120) == 0
    stop.set()
    for thread in threads:
        thread.join(120)
    assert len(acknowledged) >= 200
    found = [row[0] for row in _rows(platform, topic) if row[0] and row[0].startswith(b'"stop-')]
    missing = {f'"{name}"'.encode() for name in acknowledged} - set(found)
    assert not missing
    assert len(found) == len(set(found))
