"""The real backend: Kafka's own Java clients and KafkaStreams, through JPype."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

import jpype

from ksqlengine.engine import BuiltTopology
from ksqlengine.errors import SERVER_ERROR, KsqlError
from ksqlengine.jvm import java
from ksqlengine.server.backend import Record, Topic
from ksqlengine.server.command_log import KafkaCommandLog
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.convert import properties, root_cause, to_java, to_python
from ksqlengine.server.processing import ProcessingLogWriter
from ksqlengine.server.streams_query import StreamsQuery

LOG = logging.getLogger(__name__)
_ANSWER_S = 30.0
_PROBE_S = 5.0
_SAY_S = 10.0
# how the ids of push queries begin
_TRANSIENT = ("transient_", "SCALABLE_PUSH_QUERY_")
BYTES_SERDE = "org.apache.kafka.common.serialization.ByteArray"
_FOREVER = {
    "cleanup.policy": "delete",
    "retention.ms": "-1",
    "retention.bytes": "-1",
    "message.timestamp.after.max.ms": str(2**63 - 1),
}


class KafkaBackend:
    """Topics, records, commands and queries of a Kafka cluster."""

    def __init__(self, config: ServerConfig) -> None:
        self.config = config
        self._admin: Any = None
        self._producer: Any = None
        self._lock = threading.Lock()
        self._closed = threading.Event()

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

    def wait_until_reachable(self) -> None:
        """Wait until Kafka answers, saying so all the while. Raises KsqlError when waiting cannot help."""
        begun = said = time.monotonic()
        while not self._closed.is_set():
            try:
                self._get(self.admin.describeCluster().clusterId(), timeout_s=_PROBE_S)
                return
            except UnreachableError as error:
                reason = error.message
            except jpype.JException as error:  # the client cannot even be made
                cause = root_cause(error)
                reason = f"{cause.getClass().getSimpleName()}: {cause.getMessage()}"
                if "No resolvable bootstrap" not in reason:
                    raise KsqlError(
                        f"Kafka's client cannot be made for {self.config.bootstrap_servers}: {reason}. "
                        "Look at the connection settings (security.protocol, sasl.*, ssl.*).",
                        error_code=SERVER_ERROR,
                    ) from None
            if time.monotonic() - said >= _SAY_S or said == begun:
                said = time.monotonic()
                LOG.warning(
                    "waiting for Kafka at %s since %d s (%s); is it up, and is security.protocol %s what it speaks?",
                    self.config.bootstrap_servers, said - begun, reason,
                    self.config.connection().get("security.protocol", "PLAINTEXT"),
                )  # fmt: skip
            self._closed.wait(0.5)

    # -- topics ------------------------------------------------------------------------------------------------------
    def cluster_id(self) -> str:
        """Give the id of the Kafka cluster."""
        return str(self._get(self.admin.describeCluster().clusterId()))

    def topics(self) -> dict[str, Topic]:
        """Give all topics by name."""
        names = self._get(self.admin.listTopics().names())
        described = self.admin.describeTopics(names).topicNameValues()
        out: dict[str, Topic] = {}
        for name in sorted(map(str, names)):
            with contextlib.suppress(MissingTopicError):  # deleted meanwhile
                out[name] = self._topic(self._get(described.get(name)))
        return out

    def consumers(self) -> dict[str, tuple[int, int]]:
        """Give, for each topic that is read just now, how many consumers and how many groups have partitions of it."""
        admin = java("org.apache.kafka.clients.admin.ListGroupsOptions")
        groups = [g.groupId() for g in self._get(self.admin.listGroups(admin.forConsumerGroups()).all())]
        readers: dict[str, tuple[set[str], set[str]]] = {}
        described = self.admin.describeConsumerGroups(java("java.util.ArrayList")(groups)).describedGroups()
        for group in groups:
            try:
                members = self._get(described.get(group)).members()
            except KsqlError:  # it has ended meanwhile
                continue
            for member in members:
                for part in member.assignment().topicPartitions():
                    consumers, ids = readers.setdefault(str(part.topic()), (set(), set()))
                    consumers.add(str(member.consumerId()))
                    ids.add(str(group))
        return {topic: (len(consumers), len(ids)) for topic, (consumers, ids) in readers.items()}

    def topic(self, name: str, timeout_s: float = _ANSWER_S) -> Topic | None:
        """Give one topic, or None when it does not exist."""
        future = self.admin.describeTopics(java("java.util.List").of(name)).allTopicNames()
        try:
            return self._topic(self._get(future, timeout_s).get(name))
        except MissingTopicError:
            return None

    @staticmethod
    def _topic(description: Any) -> Topic:
        parts = description.partitions()
        return Topic(str(description.name()), int(parts.size()), int(parts.get(0).replicas().size()))

    def create_topic(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> None:
        """Create a topic and wait until it is known; one that exists stays as it is."""
        new = java("org.apache.kafka.clients.admin.NewTopic")(name, jpype.JInt(partitions), jpype.JShort(replicas))
        new.configs(java("java.util.HashMap")(dict(config)))
        with contextlib.suppress(TopicExistsError):
            self._get(self.admin.createTopics(java("java.util.List").of(new)).all())
        self._wait_until_known(name, there=True)

    def delete_topic(self, name: str) -> None:
        """Delete a topic and wait until it is gone."""
        try:
            self._get(self.admin.deleteTopics(java("java.util.List").of(name)).all())
        except MissingTopicError:
            return
        self._wait_until_known(name, there=False)

    def _wait_until_known(self, name: str, *, there: bool) -> None:
        """Wait until the broker says what its controller has done: it hears of topics later."""
        deadline = time.monotonic() + _ANSWER_S
        while (self.topic(name) is not None) is not there:
            if time.monotonic() > deadline:
                kept = "is still there" if not there else "is not there yet"
                LOG.warning("the topic %s %s %d s after Kafka agreed to it", name, kept, _ANSWER_S)
                return
            time.sleep(0.02)

    def _get(self, future: Any, timeout_s: float = _ANSWER_S) -> Any:
        """Wait for an admin result; broker errors become ours."""
        try:
            return future.get(int(timeout_s * 1000), java("java.util.concurrent.TimeUnit").MILLISECONDS)
        except jpype.JException as error:
            cause = error.getCause() if error.getCause() is not None else error
            kind = str(cause.getClass().getSimpleName())
            if kind == "UnknownTopicOrPartitionException":
                raise MissingTopicError(str(cause.getMessage())) from None
            if kind == "TopicExistsException":
                raise TopicExistsError(str(cause.getMessage())) from None
            if kind in {"TimeoutException", "DisconnectException", "BrokerNotAvailableException"}:
                raise UnreachableError(
                    f"Kafka at {self.config.bootstrap_servers} does not answer ({cause.getMessage() or kind})",
                    error_code=SERVER_ERROR,
                ) from None
            if kind.endswith("AuthenticationException"):
                raise KsqlError(
                    f"Kafka at {self.config.bootstrap_servers} does not let this server in: {cause.getMessage()}. "
                    "Look at security.protocol, sasl.mechanism, sasl.jaas.config and ssl.* in the properties file.",
                    error_code=SERVER_ERROR,
                ) from None
            raise KsqlError(f"Kafka refused: {kind}: {cause.getMessage()}", error_code=SERVER_ERROR) from None

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
        deadline = time.monotonic() + _ANSWER_S
        while end > begin and not last:
            start = max(begin, end - back)
            consumer.seek(part, java("java.lang.Long")(start).longValue())
            while int(consumer.position(part)) < end:
                for record in consumer.poll(duration):
                    if int(record.offset()) < end:
                        last = int(record.offset()) + 1
                if time.monotonic() > deadline:
                    raise UnreachableError(f"{part} could not be read to its end in {_ANSWER_S:.0f} s")
            if start == begin:
                break
            back *= 16
        return last

    def processing_log(self) -> ProcessingLogWriter:
        """Start to write the processing log, as the properties say."""
        return ProcessingLogWriter(self)

    # -- commands and queries ----------------------------------------------------------------------------------------
    def command_log(self) -> KafkaCommandLog:
        """Open the command log, creating it when it does not exist."""
        self.create_topic(self.config.command_topic, 1, self.config.replication_factor, _FOREVER)
        return KafkaCommandLog(self)

    def start(
        self,
        application_id: str,
        built: BuiltTopology,
        streams: Mapping[str, str],
        *,
        transient: bool = False,
        paused: bool = False,
    ) -> StreamsQuery:
        """Start a topology. Transient ones leave nothing behind when they are closed."""
        query_id = application_id.removeprefix(self.config.prefix).removeprefix("query_")
        values = dict(streams) | {
            "application.id": application_id,
            "application.server": self.config.address,
            "ksql.query.id": query_id,  # for the handlers of bad records
        }
        if transient:
            values |= {"processing.guarantee": "at_least_once", "statestore.cache.max.bytes": "0"}
        else:
            values["group.instance.id"] = f"{application_id}-{self.config.instance_id()}"
        props = properties(values, over=built.properties)
        return StreamsQuery(self, application_id, built, props, query_id=query_id, transient=transient, paused=paused)

    def close(self) -> None:
        """Close the clients."""
        self._closed.set()
        for client in (self._producer, self._admin):
            if client is not None:
                client.close(java("java.time.Duration").ofSeconds(5))
        self._producer = self._admin = None

    def forget_application(self, application_id: str) -> None:
        """Delete the internal topics and the consumer group of an application that has ended."""
        lists = java("java.util.ArrayList")
        mine = lists([n for n in self.topic_names() if n.startswith(f"{application_id}-")])
        if mine.size():
            self._quietly(lambda: self._get(self.admin.deleteTopics(mine).all()), f"topics of {application_id}")
        group = java("java.util.List").of(application_id)
        self._quietly(lambda: self._get(self.admin.deleteConsumerGroups(group).all()), f"group {application_id}")

    def forget_leftovers(self, application_ids: Collection[str]) -> None:
        """Remove what ended applications left: the named ones, and push queries of servers that were killed."""
        try:
            names = self.topic_names()
            groups = [str(g.groupId()) for g in self._get(self.admin.listGroups().all())]
        except KsqlError as error:
            LOG.warning("what ended queries left could not be looked for: %s", error.message)
            return
        for application_id in application_ids:
            if application_id in groups or any(n.startswith(f"{application_id}-") for n in names):
                self.forget_application(application_id)
        transient = tuple(self.config.transient_id(kind) for kind in _TRANSIENT)
        for group in groups:
            if group.startswith(transient) and self._remove_group(group):  # it had no member any more
                self.forget_application(group)

    def _remove_group(self, group: str) -> bool:
        try:
            self._get(self.admin.deleteConsumerGroups(java("java.util.List").of(group)).all())
        except KsqlError:
            return False
        return True

    def topic_names(self) -> list[str]:
        """Name all topics."""
        return [str(n) for n in self._get(self.admin.listTopics().names())]

    @staticmethod
    def _quietly(action: Callable[[], Any], what: str) -> None:
        try:
            action()
        except (KsqlError, MissingTopicError) as error:
            LOG.debug("could not remove %s: %s", what, error)


class UnreachableError(KsqlError):
    """No broker answered in time."""


class MissingTopicError(Exception):
    """The broker has no such topic."""


class TopicExistsError(Exception):
    """The broker has that topic already."""
