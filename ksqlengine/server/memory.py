"""The backend without a broker: topics in this process, topologies in Kafka Streams' test driver.

A ksqlDB for tests that is up as soon as the JVM is: one partition a topic, records pass through all queries before
``produce`` returns. Nothing survives the process.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import jpype

from ksqlengine.engine import BuiltTopology
from ksqlengine.errors import SERVER_ERROR, KsqlError
from ksqlengine.jvm import java
from ksqlengine.server.backend import NotReadyError, QueryError, Record, Topic
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.convert import properties, to_java, to_python
from ksqlengine.topology.serving import is_internal, parts, topics_read

_SERIALIZER = "org.apache.kafka.common.serialization.ByteArraySerializer"
_DESERIALIZER = "org.apache.kafka.common.serialization.ByteArrayDeserializer"


class MemoryBackend:
    """Topics, records, commands and queries of one process."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self._topics: dict[str, Topic] = {}
        self._records: dict[str, list[Record]] = {}
        self._queries: list[MemoryQuery] = []
        self.lock = threading.RLock()
        self._log = MemoryLog()

    def wait_until_reachable(self) -> None:
        """Do nothing: there is nobody to wait for."""

    # -- topics ------------------------------------------------------------------------------------------------------
    def cluster_id(self) -> str:
        """Give the id of the cluster that there is not."""
        return "in-memory"

    def topics(self) -> dict[str, Topic]:
        """Give all topics by name."""
        with self.lock:
            return dict(sorted(self._topics.items()))

    def consumers(self) -> dict[str, tuple[int, int]]:
        """There are no consumers: queries are handed their records."""
        return {}

    def topic(self, name: str, timeout_s: float = 0.0) -> Topic | None:
        """Give one topic, or None when it does not exist."""
        return self._topics.get(name)

    def create_topic(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> None:
        """Create a topic; one that exists stays as it is."""
        with self.lock:
            self._topics.setdefault(name, Topic(name, partitions, 1))
            self._records.setdefault(name, [])

    def delete_topic(self, name: str) -> None:
        """Delete a topic."""
        with self.lock:
            self._topics.pop(name, None)
            self._records.pop(name, None)

    # -- records -----------------------------------------------------------------------------------------------------
    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp: int | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> None:
        """Write one record and pass it through every query that reads the topic."""
        with self.lock:
            if topic not in self._topics:
                raise KsqlError(f"Topic {topic} does not exist", error_code=SERVER_ERROR)
            when = int(time.time() * 1000) if timestamp is None else timestamp
            record = Record(topic, 0, len(self._records[topic]), when, key, value, headers)
            self._records[topic].append(record)
            for query in list(self._queries):
                query.pipe(record)

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp: int | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> Callable[[], None]:
        """Write one record; there is nothing to wait for."""
        self.produce(topic, key, value, timestamp, headers)
        return lambda: None

    def records(self, topic: str) -> list[Record]:
        """Give what a topic holds."""
        with self.lock:
            return list(self._records.get(topic, ()))

    def read(self, topic: str, *, from_beginning: bool, stop: Callable[[], bool]) -> Iterator[Record | None]:
        """Give the records of a topic for ever; None now and then when there is none."""
        position = 0 if from_beginning else len(self.records(topic))
        while not stop():
            new = self.records(topic)[position:]
            position += len(new)
            yield from new
            if not new:
                yield None
                time.sleep(0.02)

    def processing_log(self) -> None:
        """Give none: bad records are counted only."""

    # -- commands and queries ----------------------------------------------------------------------------------------
    def command_log(self) -> MemoryLog:
        """Give the command log."""
        return self._log

    def start(
        self,
        application_id: str,
        built: BuiltTopology,
        streams: Mapping[str, str],
        *,
        transient: bool = False,
        paused: bool = False,
    ) -> MemoryQuery:
        """Start a topology, from the beginning of its topics when ``auto.offset.reset`` says so."""
        values = dict(streams) | {"application.id": application_id, "processing.guarantee": "at_least_once"}
        props = properties(values, over=built.properties)
        with self.lock:
            query = MemoryQuery(self, built, props)
            if paused:
                query.pause()
            self._queries.append(query)
            if values.get("auto.offset.reset") == "earliest":
                # as Kafka Streams does: of all topics the record that is next and oldest
                past = [list(self._records.get(topic, ())) for topic in query.sources]
                for record in heapq.merge(*past, key=lambda r: r.timestamp):
                    query.pipe(record)
        return query

    def drop(self, query: MemoryQuery) -> None:
        """Forget a closed query."""
        with self.lock:
            if query in self._queries:
                self._queries.remove(query)

    def forget_leftovers(self, application_ids: Collection[str]) -> None:
        """Do nothing: everything ends with the process."""

    def close(self) -> None:
        """Close what still runs."""
        for query in list(self._queries):
            query.close()


class MemoryQuery:
    """A TopologyTestDriver as a running query."""

    def __init__(self, backend: MemoryBackend, built: BuiltTopology, props: Any) -> None:
        self._backend = backend
        self._state, self._errors = "RUNNING", list[QueryError]()
        self._held: list[Record] = []
        self._driver = java("org.apache.kafka.streams.TopologyTestDriver")(built.topology, props)
        self.sources, sinks = _ends(built.topology)
        serializer, deserializer = java(_SERIALIZER), java(_DESERIALIZER)
        self._inputs = {t: self._driver.createInputTopic(t, serializer(), serializer()) for t in self.sources}
        self._outputs = {t: self._driver.createOutputTopic(t, deserializer(), deserializer()) for t in sinks}
        if own := sorted(set(self.sources) & set(sinks)):  # the driver would pass a record round for ever
            self._state = "ERROR"
            reason = f"The query writes into {own[0]}, which it reads: without a broker it would never end."
            self._errors.append(QueryError(int(time.time() * 1000), reason))

    def pipe(self, record: Record) -> None:
        """Process one record, and hand on what comes out."""
        if record.topic not in self._inputs or self._state in {"ERROR", "NOT_RUNNING"}:
            return
        if self._state == "PAUSED":
            self._held.append(record)
            return
        try:
            headers = java("org.apache.kafka.common.header.internals.RecordHeaders")()
            for name, data in record.headers:
                headers.add(name, to_java(data))
            when = java("java.time.Instant").ofEpochMilli(record.timestamp)
            made = java("org.apache.kafka.streams.test.TestRecord")(
                to_java(record.key), to_java(record.value), headers, when
            )
            self._inputs[record.topic].pipeInput(made)
        except jpype.JException as error:
            self._state = "ERROR"
            self._errors.append(QueryError(int(time.time() * 1000), str(error)))
            return
        for topic, output in self._outputs.items():
            if output.isEmpty():
                continue
            for out in output.readRecordsToList():
                made_headers = tuple((str(h.key()), to_python(h.value())) for h in out.headers())
                self._backend.produce(
                    topic, to_python(out.key()), to_python(out.value()), int(out.timestamp()), made_headers
                )

    def state(self) -> str:
        """Give the state."""
        return self._state

    def errors(self) -> list[QueryError]:
        """Give why it ended."""
        return list(self._errors)

    def pause(self) -> None:
        """Hold records back."""
        self._state = "PAUSED"

    def resume(self) -> None:
        """Go on with what was held back."""
        with self._backend.lock:
            self._state = "RUNNING"
            held, self._held = self._held, []
            for record in held:
                self.pipe(record)

    def forget(self) -> None:
        """Do nothing: it leaves nothing."""

    def close(self) -> None:
        """Stop for good."""
        self._backend.drop(self)
        with self._backend.lock:
            if self._state != "NOT_RUNNING":
                self._state = "NOT_RUNNING"
                self._driver.close()

    def store(self, name: str, kind: str, partition: int | None = None) -> Any:
        """Give the store (Java)."""
        found = {
            "keyvalue": self._driver.getTimestampedKeyValueStore,
            "window": self._driver.getTimestampedWindowStore,
            "session": self._driver.getSessionStore,
        }[kind](name)
        if found is None:
            raise NotReadyError(f"there is no store {name}")
        return found

    def owners(self, store: str) -> dict[str, list[int]]:
        """Give nobody: this process is all there is."""
        return {}

    def placement(self) -> dict[str, dict[str, Any]]:
        """Nothing is spread over servers."""
        return {}

    def lags(self) -> dict[str, dict[str, dict[str, int]]]:
        """Nothing is ever behind."""
        return {}

    def other_hosts(self) -> list[str]:
        """Give nobody: this process is all there is."""
        return []

    def drained(self) -> bool:
        """Say yes: records are processed when they are written."""
        return True


class MemoryLog:
    """The command log of one process."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, str, str]] = []
        self._changed = threading.Condition()
        self._position = 0
        self._writing = threading.Lock()

    def append(self, prepare: Callable[[], tuple[str, str]]) -> int:
        """Write a command and give its offset."""
        with self._writing:
            key, value = prepare()
            with self._changed:
                offset = len(self._entries)
                self._entries.append((offset, key, value))
                self._changed.notify_all()
                return offset

    def poll(self, timeout_s: float) -> list[tuple[int, str, str]]:
        """Wait for commands and give them."""
        with self._changed:
            if self._position >= len(self._entries):
                self._changed.wait(timeout_s)
            new = self._entries[self._position :]
            self._position += len(new)
            return new

    def position(self) -> int:
        """Give the offset after everything that was polled."""
        return self._position

    def end(self) -> int:
        """Give the offset after the last command."""
        return len(self._entries)

    def close(self) -> None:
        """Do nothing: the log lives as long as its backend."""


def _ends(topology: Any) -> tuple[list[str], list[str]]:
    """Give the topics that a topology reads from and writes to, without its internal ones."""
    nodes = [node for part in parts(topology) for node in part]
    sinks = [str(node.topic()) for node in nodes if hasattr(node, "topic") and node.topic() is not None]
    sources, targets = ([t for t in dict.fromkeys(ts) if not is_internal(t)] for ts in (topics_read(nodes), sinks))
    return sources, targets
