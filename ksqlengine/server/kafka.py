"""The real backend: Kafka's own Java clients and KafkaStreams, through JPype."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jpype

from ksqlengine.engine import BuiltTopology
from ksqlengine.errors import KsqlError
from ksqlengine.server.backend import NotReadyError, QueryError, Record, Topic
from ksqlengine.server.config import ServerConfig

LOG = logging.getLogger(__name__)
BYTES_SERDE = "org.apache.kafka.common.serialization.ByteArray"
_FOREVER = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.after.max.ms": str(2**63 - 1),
}


def java(name: str) -> Any:
    """Give a Java class."""
    return jpype.JClass(name)


def properties(values: Mapping[str, str]) -> Any:
    """Give java.util.Properties."""
    out = java("java.util.Properties")()
    for name, value in values.items():
        out.put(name, value)
    return out


def to_java(data: bytes | None) -> Any:
    """Give a Java byte array, or null."""
    return None if data is None else jpype.JArray(jpype.JByte)(data)


def to_python(data: Any) -> bytes | None:
    """Give a Java byte array as bytes."""
    return None if data is None else bytes(data)


class KafkaBackend:
    """Topics, records, commands and queries of a Kafka cluster."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self._admin: Any = None
        self._producer: Any = None
        self._lock = threading.Lock()

    # -- clients -----------------------------------------------------------------------------------------------------
    @property
    def admin(self) -> Any:
        """Give the admin client, made at first use."""
        with self._lock:
            if self._admin is None:
                self._admin = java("org.apache.kafka.clients.admin.Admin").create(
                    properties(self.config.connection() | {"metric.reporters": ""})
                )
            return self._admin

    @property
    def producer(self) -> Any:
        """Give the producer of INSERT VALUES."""
        with self._lock:
            if self._producer is None:
                self._producer = java("org.apache.kafka.clients.producer.KafkaProducer")(
                    properties(
                        self.config.connection()
                        | {
                            "key.serializer": f"{BYTES_SERDE}Serializer",
                            "value.serializer": f"{BYTES_SERDE}Serializer",
                            "acks": "all",
                            "metric.reporters": "",
                        }
                    )
                )
            return self._producer

    def consumer(self, **over: str) -> Any:
        """Make a consumer of committed records without a group."""
        return java("org.apache.kafka.clients.consumer.KafkaConsumer")(
            properties(
                self.config.connection()
                | {
                    "key.deserializer": f"{BYTES_SERDE}Deserializer",
                    "value.deserializer": f"{BYTES_SERDE}Deserializer",
                    "enable.auto.commit": "false",
                    "isolation.level": "read_committed",
                    "metric.reporters": "",
                }
                | over
            )
        )

    # -- topics ------------------------------------------------------------------------------------------------------
    def cluster_id(self) -> str:
        """Give the id of the Kafka cluster."""
        return str(self._get(self.admin.describeCluster().clusterId()))

    def topics(self) -> dict[str, Topic]:
        """Give all topics by name."""
        names = self._get(self.admin.listTopics().names())
        described = self._get(self.admin.describeTopics(names).allTopicNames())
        return {str(n): self._topic(described.get(n)) for n in sorted(map(str, names))}

    def topic(self, name: str) -> Topic | None:
        """Give one topic, or None when it does not exist."""
        future = self.admin.describeTopics(java("java.util.List").of(name)).allTopicNames()
        try:
            return self._topic(self._get(future).get(name))
        except MissingTopicError:
            return None

    @staticmethod
    def _topic(description: Any) -> Topic:
        parts = description.partitions()
        return Topic(str(description.name()), int(parts.size()), int(parts.get(0).replicas().size()))

    def create_topic(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> None:
        """Create a topic; one that exists stays as it is."""
        new = java("org.apache.kafka.clients.admin.NewTopic")(name, jpype.JInt(partitions), jpype.JShort(replicas))
        new.configs(java("java.util.HashMap")(dict(config)))
        try:
            self._get(self.admin.createTopics(java("java.util.List").of(new)).all())
        except TopicExistsError:
            return

    def delete_topic(self, name: str) -> None:
        """Delete a topic and wait until it is gone."""
        try:
            self._get(self.admin.deleteTopics(java("java.util.List").of(name)).all())
        except MissingTopicError:
            return
        deadline = time.monotonic() + 15
        while self.topic(name) is not None and time.monotonic() < deadline:
            time.sleep(0.05)

    def _get(self, future: Any) -> Any:
        """Wait for an admin result; broker errors become ours."""
        try:
            return future.get(30, java("java.util.concurrent.TimeUnit").SECONDS)
        except jpype.JException as error:
            cause = error.getCause() if error.getCause() is not None else error
            kind = str(cause.getClass().getSimpleName())
            if kind == "UnknownTopicOrPartitionException":
                raise MissingTopicError(str(cause.getMessage())) from None
            if kind == "TopicExistsException":
                raise TopicExistsError(str(cause.getMessage())) from None
            raise KsqlError(f"Kafka refused: {kind}: {cause.getMessage()}", error_code=50000) from None

    # -- records -----------------------------------------------------------------------------------------------------
    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp: int | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> None:
        """Write one record and wait until it is acknowledged."""
        self.send(topic, key, value, timestamp, headers)()

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp: int | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> Callable[[], None]:
        """Begin to write one record and give what waits for its acknowledgement."""
        when = None if timestamp is None else java("java.lang.Long").valueOf(timestamp)
        record = java("org.apache.kafka.clients.producer.ProducerRecord")(
            topic, None, when, to_java(key), to_java(value)
        )
        for name, data in headers:
            record.headers().add(name, to_java(data))
        future = self.producer.send(record)
        return lambda: self._get(future)

    def read(self, topic: str, *, from_beginning: bool, stop: Callable[[], bool]) -> Iterator[Record | None]:
        """Give the records of a topic for ever; None now and then when there is none."""
        consumer = self.consumer()
        duration = java("java.time.Duration").ofMillis(200)
        try:
            parts = java("java.util.ArrayList")()
            for part in consumer.partitionsFor(topic):
                parts.add(java("org.apache.kafka.common.TopicPartition")(topic, part.partition()))
            consumer.assign(parts)
            (consumer.seekToBeginning if from_beginning else consumer.seekToEnd)(parts)
            while not stop():
                empty = True
                for record in consumer.poll(duration):
                    empty = False
                    yield Record(
                        topic,
                        int(record.partition()),
                        int(record.offset()),
                        int(record.timestamp()),
                        to_python(record.key()),
                        to_python(record.value()),
                        tuple((str(h.key()), to_python(h.value())) for h in record.headers()),
                    )
                if empty:
                    yield None
        finally:
            consumer.close()

    def after_last_records(self, topics: list[str]) -> dict[tuple[str, int], int]:
        """Give, for each partition that holds records, the offset after its last one.

        The end offset will not do: transaction markers take offsets, and nothing commits beyond them.
        """
        consumer = self.consumer()
        out: dict[tuple[str, int], int] = {}
        try:
            for topic in topics:
                for info in consumer.partitionsFor(topic):
                    part = java("org.apache.kafka.common.TopicPartition")(topic, info.partition())
                    last = self._after_last(consumer, part)
                    if last:
                        out[(topic, int(info.partition()))] = last
        finally:
            consumer.close()
        return out

    @staticmethod
    def _after_last(consumer: Any, part: Any) -> int:
        """Look back from a partition's end, further each time, until a record is found; 0 when there is none."""
        parts = java("java.util.List").of(part)
        consumer.assign(parts)
        begin = int(consumer.beginningOffsets(parts).get(part))
        end = int(consumer.endOffsets(parts).get(part))
        back, duration, last = 16, java("java.time.Duration").ofMillis(100), 0
        while end > begin and not last:
            start = max(begin, end - back)
            consumer.seek(part, java("java.lang.Long")(start).longValue())
            while int(consumer.position(part)) < end:
                for record in consumer.poll(duration):
                    if int(record.offset()) < end:
                        last = int(record.offset()) + 1
            if start == begin:
                break
            back *= 16
        return last

    # -- commands and queries ----------------------------------------------------------------------------------------
    def command_log(self) -> KafkaCommandLog:
        """Open the command log, creating it when it does not exist."""
        self.create_topic(self.config.command_topic, 1, self.config.replication_factor, _FOREVER)
        return KafkaCommandLog(self)

    def start(
        self, application_id: str, built: BuiltTopology, streams: Mapping[str, str], *, transient: bool = False
    ) -> StreamsQuery:
        """Start a topology. Transient ones leave nothing behind when they are closed."""
        values = dict(streams) | {"application.id": application_id, "application.server": self.config.address}
        if transient:
            values |= {"processing.guarantee": "at_least_once", "statestore.cache.max.bytes": "0"}
        else:
            values["group.instance.id"] = f"{application_id}-{self.config.instance_id()}"
        props = java("java.util.Properties")()
        if built.properties is not None:
            props.putAll(built.properties)
        props.putAll(properties(values))
        return StreamsQuery(self, application_id, built, props, transient=transient)

    def close(self) -> None:
        """Close the clients."""
        for client in (self._producer, self._admin):
            if client is not None:
                client.close(java("java.time.Duration").ofSeconds(5))
        self._producer = self._admin = None

    def forget_application(self, application_id: str) -> None:
        """Delete the internal topics and the consumer group of an application that has ended."""
        lists = java("java.util.ArrayList")
        mine = lists([n for n in self._topic_names() if n.startswith(f"{application_id}-")])
        if mine.size():
            self._quietly(lambda: self._get(self.admin.deleteTopics(mine).all()), f"topics of {application_id}")
        group = java("java.util.List").of(application_id)
        self._quietly(lambda: self._get(self.admin.deleteConsumerGroups(group).all()), f"group {application_id}")

    def _topic_names(self) -> list[str]:
        return [str(n) for n in self._get(self.admin.listTopics().names())]

    @staticmethod
    def _quietly(action: Callable[[], Any], what: str) -> None:
        try:
            action()
        except (KsqlError, MissingTopicError) as error:
            LOG.debug("could not remove %s: %s", what, error)


class MissingTopicError(Exception):
    """The broker has no such topic."""


class TopicExistsError(Exception):
    """The broker has that topic already."""


class KafkaCommandLog:
    """The command topic: written in transactions by whichever server holds the transactional id."""

    def __init__(self, backend: KafkaBackend) -> None:
        self._backend = backend
        self._topic = backend.config.command_topic
        self._partition = java("org.apache.kafka.common.TopicPartition")(self._topic, 0)
        self._consumer = backend.consumer()
        self._consumer.assign(java("java.util.List").of(self._partition))
        self._consumer.seekToBeginning(java("java.util.List").of(self._partition))
        self._position = 0
        self._producer: Any = None
        self._end_consumer = backend.consumer()
        self._lock = threading.Lock()

    def append(self, prepare: Callable[[], tuple[str, str]]) -> int:
        """Write a command as the only writer and give its offset."""
        with self._lock:
            for attempt in range(5):
                try:
                    return self._append(prepare, fresh=attempt > 0)
                except jpype.JException as error:
                    self._drop_producer()
                    LOG.info("the command topic has another writer (%s), trying again", error.getClass().getName())
            raise KsqlError("Could not write the statement into the command topic.", error_code=50000)

    def _append(self, prepare: Callable[[], tuple[str, str]], *, fresh: bool) -> int:
        if self._producer is None or fresh:
            self._open_producer()
        key, value = prepare()
        self._producer.beginTransaction()
        try:
            record = java("org.apache.kafka.clients.producer.ProducerRecord")(
                self._topic, java("java.lang.Integer").valueOf(0), to_java(key.encode()), to_java(value.encode())
            )
            sent = self._producer.send(record)
            self._producer.commitTransaction()
        except jpype.JException:
            self._drop_producer()
            raise
        return int(sent.get().offset())

    def _open_producer(self) -> None:
        self._drop_producer()
        config = self._backend.config
        self._producer = java("org.apache.kafka.clients.producer.KafkaProducer")(
            properties(
                config.connection()
                | {
                    "key.serializer": f"{BYTES_SERDE}Serializer",
                    "value.serializer": f"{BYTES_SERDE}Serializer",
                    "transactional.id": f"{config.prefix}_command_writer",
                    "acks": "all",
                    "max.request.size": "16777216",
                    "metric.reporters": "",
                }
            )
        )
        self._producer.initTransactions()

    def _drop_producer(self) -> None:
        if self._producer is not None:
            self._producer.close(java("java.time.Duration").ofSeconds(1))
            self._producer = None

    def poll(self, timeout_s: float) -> list[tuple[int, str, str]]:
        """Wait for commands and give (offset, key, value)."""
        out = []
        for record in self._consumer.poll(java("java.time.Duration").ofMillis(int(timeout_s * 1000))):
            key, value = to_python(record.key()), to_python(record.value())
            if key is not None and value is not None:
                out.append((int(record.offset()), key.decode(), value.decode()))
        self._position = int(self._consumer.position(self._partition))
        return out

    def position(self) -> int:
        """Give the offset after everything that :meth:`poll` has given."""
        return self._position

    def end(self) -> int:
        """Give the offset after the last committed command."""
        ends = self._end_consumer.endOffsets(java("java.util.List").of(self._partition))
        return int(ends.get(self._partition))

    def close(self) -> None:
        """Close the clients (the poll thread must have ended)."""
        self._drop_producer()
        self._consumer.close()
        self._end_consumer.close()


class StreamsQuery:
    """A KafkaStreams and what the server asks of it."""

    def __init__(
        self, backend: KafkaBackend, application_id: str, built: BuiltTopology, props: Any, *, transient: bool
    ) -> None:
        self.backend, self.application_id, self.built, self.transient = backend, application_id, built, transient
        self._paused = False
        self._targets: dict[tuple[str, int], int] | None = None
        self._watch = java("ksql.server.QueryWatch")(0 if transient else 5)
        self._streams = java("org.apache.kafka.streams.KafkaStreams")(built.topology, props)
        self._streams.setUncaughtExceptionHandler(self._watch)
        self._streams.start()

    def state(self) -> str:
        """Give Kafka Streams' state, or PAUSED."""
        state = str(self._streams.state())
        return "PAUSED" if self._paused and state in {"RUNNING", "REBALANCING"} else state

    def errors(self) -> list[QueryError]:
        """Give the uncaught exceptions so far, oldest first."""
        return [QueryError(int(e[0]), str(e[1]), str(e[2])) for e in self._watch.errors()]

    def pause(self) -> None:
        """Stop processing, keep the state."""
        self._streams.pause()
        self._paused = True

    def resume(self) -> None:
        """Go on."""
        self._streams.resume()
        self._paused = False

    def close(self, *, leave: bool = True) -> None:
        """Stop for good; ``leave`` hands the partitions over at once."""
        options = java("org.apache.kafka.streams.KafkaStreams$CloseOptions")()
        options = options.timeout(java("java.time.Duration").ofSeconds(20)).leaveGroup(leave)
        self._streams.close(options)
        if self.transient:
            self._streams.cleanUp()
            self.backend.forget_application(self.application_id)

    def forget(self) -> None:
        """Remove what a terminated query leaves at the broker and on disk."""
        self._streams.cleanUp()
        self.backend.forget_application(self.application_id)

    def store(self, name: str, kind: str) -> Any:
        """Give the queryable store (Java), or raise :class:`NotReadyError`."""
        types = java("org.apache.kafka.streams.state.QueryableStoreTypes")
        chosen = {
            "keyvalue": types.timestampedKeyValueStore,
            "window": types.timestampedWindowStore,
            "session": types.sessionStore,
        }[kind]()
        parameters = java("org.apache.kafka.streams.StoreQueryParameters").fromNameAndType(name, chosen)
        try:
            return self._streams.store(parameters)
        except jpype.JException as error:
            raise NotReadyError(str(error.getMessage())) from None

    def other_hosts(self) -> list[str]:
        """Give host:port of the other servers that run parts of this query."""
        hosts = set()
        for client in self._streams.metadataForAllStreamsClients():
            hosts.add(f"{client.host()}:{client.port()}")
        return sorted(hosts - {self.backend.config.address})

    def drained(self) -> bool:
        """Say whether everything that was in its source topics when it was first asked has been processed."""
        if self.state() != "RUNNING":
            return False
        if self._targets is None:
            self._targets = self.backend.after_last_records(self._source_topics())
        for thread in self._streams.metadataForLocalThreads():
            for task in thread.activeTasks():
                done = task.committedOffsets()
                for part in done.keySet():
                    key = (str(part.topic()), int(part.partition()))
                    if int(done.get(part)) >= self._targets.get(key, 0):
                        self._targets.pop(key, None)
        return not self._targets

    def _source_topics(self) -> list[str]:
        found: list[str] = []
        for sub in self.built.topology.describe().subtopologies():
            for node in sub.nodes():
                if hasattr(node, "topicSet") and node.topicSet() is not None:
                    found += [str(t) for t in node.topicSet()]
        return found
