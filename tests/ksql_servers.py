"""Servers of the KSQL engine for tests: real processes on a real broker, with topics and a service id of their own."""

from __future__ import annotations

import contextlib
import json
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from headway.settings import PROJECT_DIR, Settings

READY_S = 120.0  # generous, as all deadlines of tests: they cost nothing where things work
DeliveryCallback = Callable[[object, object], None]


class KsqlServer:
    """One server process."""

    def __init__(self, settings: Settings, service: str, folder: Path, *arguments: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = f"http://127.0.0.1:{self.port}"
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._command = [sys.executable, "-m", "ksqlengine", "--port", str(self.port), "--service-id", service,
                         "--bootstrap-servers", settings.kafka.bootstrap_servers, "--state-dir", str(folder),
                         "--jars", str(settings.install_dir / "java" / "engine"), *arguments]  # fmt: skip
        self.process: subprocess.Popen[bytes] | None = None
        self.start()

    def start(self) -> None:
        """Start it (again)."""
        log = (self.folder / "server.log").open("ab")
        self.process = subprocess.Popen(self._command, cwd=PROJECT_DIR, stderr=log, stdout=log)
        log.close()

    def wait_ready(self) -> None:
        """Wait until it is healthy."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self.process is not None
            if self.process.poll() is not None:
                break
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"{self.url}/healthcheck", timeout=20).status_code == httpx.codes.OK:
                    return
            time.sleep(0.05)
        raise AssertionError(f"the server is not ready:\n{(self.folder / 'server.log').read_text()[-3000:]}")

    def ksql(self, text: str, status: int = 200) -> list[dict[str, object]]:
        """Run statements and give the entities (or the error's body)."""
        properties = {"ksql.streams.auto.offset.reset": "earliest"}
        answer = httpx.post(f"{self.url}/ksql", json={"ksql": text, "streamsProperties": properties}, timeout=120)
        assert answer.status_code == status, answer.text
        out: list[dict[str, object]] = answer.json()
        return out

    def pull(self, sql: str) -> list[list[object]]:
        """Run a pull query and give its rows."""
        answer = httpx.post(f"{self.url}/query-stream", json={"sql": sql, "properties": {}}, timeout=120)
        assert answer.status_code == httpx.codes.OK, answer.text
        return [json.loads(line) for line in answer.text.splitlines()[1:]]

    def kill(self) -> None:
        """End it as a crash does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """End it kindly."""
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(60)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


@contextlib.contextmanager
def servers(
    settings: Settings, topics: Topics, folder: Path, count: int = 1, config: str = ""
) -> Iterator[list[KsqlServer]]:
    """Start servers of one service, each with its own folder, and end them."""
    folder.mkdir(exist_ok=True)
    file = folder / "server.properties"
    file.write_text(config)
    made = [KsqlServer(settings, topics.service, folder / str(n), "--config", str(file)) for n in range(count)]
    try:
        for server in made:
            server.wait_ready()
        yield made
    finally:
        for server in made:
            server.stop()


def sums(rows: list[list[object]]) -> dict[str, int]:
    """Add up the count (last column) by key (first column)."""
    out: Counter[str] = Counter()
    for row in rows:
        out[str(row[0])] += int(str(row[-1]))
    return dict(out)


def pull_until(server: KsqlServer, sql: str, expected: dict[str, int], wait_s: float = 120.0) -> None:
    """Pull until the rows add up to what is expected; fail with the difference."""
    deadline = time.monotonic() + wait_s
    found: dict[str, int] = {}
    refused = ""
    while found != expected:
        if time.monotonic() > deadline:
            differing = {k: (found.get(k), expected.get(k)) for k in found.keys() | expected.keys()}
            wrong = {k: v for k, v in differing.items() if v[0] != v[1]}
            raise AssertionError(f"{sql}: (found, expected) {wrong}; {refused}")
        try:
            found, refused = sums(server.pull(sql)), ""
        except AssertionError as error:  # not yet: its work is moving
            refused = str(error)


class Topics:
    """Topics of one test, and what is in them."""

    def __init__(self, settings: Settings) -> None:
        self.kafka = settings.kafka.librdkafka()
        self.admin = AdminClient(self.kafka)
        self.prefix = f"t{uuid.uuid4().hex[:8]}"
        self.service = f"{self.prefix}_"
        self.producer = Producer(self.kafka | {"partitioner": "murmur2_random", "linger.ms": 5})

    def create(self, name: str, partitions: int = 1) -> str:
        """Create a topic that takes any timestamp."""
        full = f"{self.prefix}.{name}"
        config = {"message.timestamp.after.max.ms": str(2**63 - 1), "retention.ms": "-1"}
        self.admin.create_topics([NewTopic(full, partitions, 1, config=config)])[full].result(60)
        deadline = time.monotonic() + 60
        while full not in self.admin.list_topics(timeout=60).topics:  # a broker knows later than its controller
            assert time.monotonic() < deadline, full
            time.sleep(0.02)
        return full

    def send(
        self, topic: str, key: str, value: dict[str, object], timestamp: int = 0, done: DeliveryCallback | None = None
    ) -> None:
        """Write one record (call flush later); ``done(error, message)`` hears what became of it."""
        when = timestamp or int(time.time() * 1000)
        self.producer.produce(topic, json.dumps(value), key, timestamp=when, on_delivery=done)
        self.producer.poll(0)

    def latest(self, topic: str, wait_s: float, enough: object) -> dict[str, dict[str, object]]:
        """Read a table's topic, committed, until ``enough(latest values by key)`` or the time is over."""
        consumer = Consumer(self.kafka | {"group.id": f"{self.prefix}.r", "isolation.level": "read_committed",
                                          "enable.auto.commit": False})  # fmt: skip
        parts = consumer.list_topics(topic, timeout=60).topics[topic].partitions
        consumer.assign([TopicPartition(topic, p, 0) for p in parts])
        out: dict[str, dict[str, object]] = {}
        deadline = time.monotonic() + wait_s
        try:
            while time.monotonic() < deadline and not enough(out):  # type: ignore[operator]
                for message in consumer.consume(1000, 0.2):
                    if not message.error() and message.value() is not None:
                        out[(message.key() or b"").decode("utf-8", "replace")] = json.loads(message.value() or b"null")
        finally:
            consumer.close()
        return out

    def delete(self) -> None:
        """Delete the test's topics."""
        self.producer.flush(60)
        names = [t for t in self.admin.list_topics(timeout=60).topics if self.prefix in t]
        for future in self.admin.delete_topics(names).values() if names else ():
            with contextlib.suppress(Exception):
                future.result(60)


@contextlib.contextmanager
def topics_of(settings: Settings) -> Iterator[Topics]:
    """Give topics that are deleted at the end."""
    topics = Topics(settings)
    try:
        yield topics
    finally:
        topics.delete()
