"""Kafka: topics as the table in :mod:`headway.core.topics` says, client configurations, reading a topic to its end.

Every producer hashes keys as the JVM does (``murmur2_random``) and every consumer reads committed records only; nothing
here counts records by offsets, because transaction markers take offsets too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future
from functools import partial
from typing import Any

import orjson
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, IsolationLevel, KafkaError, KafkaException, Message
from confluent_kafka import TopicPartition as Partition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from headway.core.topics import TOPICS, Topic
from headway.errors import HeadwayError, NotAsExpectedError, SettingsError, UnavailableError
from headway.settings import Settings
from headway.waiting import wait_until

REQUEST_S = 15.0
POLL_S = 0.05  # `consume` waits this long for a full batch, so longer makes small topics slow
AWAY = {
    KafkaError._TRANSPORT,
    KafkaError._TIMED_OUT,
    KafkaError._ALL_BROKERS_DOWN,
    KafkaError._RESOLVE,
    KafkaError.REQUEST_TIMED_OUT,
}
NOT_LET_IN = {KafkaError._AUTHENTICATION, KafkaError.SASL_AUTHENTICATION_FAILED}
# A client that is not let in tells its caller that the broker is away, and only its error callback why: by address.
_refusals: dict[str, tuple[float, str]] = {}
_REFUSAL_S = 60.0


def producer_config(settings: Settings, **over: Any) -> dict[str, Any]:
    """Give the configuration of an idempotent producer that partitions as JVM clients do.

    ``over`` takes librdkafka names with the dots as underscores (``transactional_id="…"``).
    """
    return {
        **settings.kafka.librdkafka(),
        "enable.idempotence": True,
        "acks": "all",
        "partitioner": "murmur2_random",
        "compression.type": "lz4",
        "linger.ms": 5,
        "error_cb": partial(_note_refusal, settings.kafka.bootstrap_servers),
        **_dotted(over),
    }


def consumer_config(settings: Settings, group: str, **over: Any) -> dict[str, Any]:
    """Give the configuration of a consumer of committed records that starts at the earliest one.

    Offsets are not committed by themselves; ``over`` as in :func:`producer_config`.
    """
    return {
        **settings.kafka.librdkafka(),
        "group.id": group,
        "isolation.level": "read_committed",
        "auto.offset.reset": "earliest",
        "enable.auto.commit": False,
        "fetch.queue.backoff.ms": 10,
        "error_cb": partial(_note_refusal, settings.kafka.bootstrap_servers),
        **_dotted(over),
    }


def admin(settings: Settings) -> AdminClient:
    """Give an admin client (it connects at its first request).

    Keep it in a variable until its futures are done: a client that is collected never completes them.
    """
    noting = partial(_note_refusal, settings.kafka.bootstrap_servers)
    config: dict[str, Any] = {**settings.kafka.librdkafka(), "socket.timeout.ms": 10_000, "log_level": 5}
    return AdminClient(config | {"error_cb": noting})


def _note_refusal(servers: str, error: KafkaError) -> None:
    if error.code() in NOT_LET_IN:
        _refusals[servers] = (time.monotonic(), error.str())


def wait_for_broker(settings: Settings, timeout_s: float = 30.0) -> None:
    """Wait until the broker answers a metadata request; raise :class:`UnavailableError` when it does not in time.

    Raises :class:`SettingsError` at once when it answers, and does not let us in.
    """
    deadline = time.monotonic() + timeout_s
    client = admin(settings)
    while True:
        try:
            client.list_topics(timeout=max(0.5, min(5.0, deadline - time.monotonic())))
            return
        except KafkaException as error:
            client.poll(0)  # what its error callback has to say
            found = broker_error(settings, error, f"Kafka did not answer within {timeout_s:g} s")
            if isinstance(found, SettingsError) or time.monotonic() >= deadline:
                raise found from error


def broker_error(settings: Settings, error: KafkaException, what: str) -> HeadwayError:
    """Translate a client's error.

    Away is :class:`UnavailableError`, refused :class:`NotAsExpectedError`; a password that is wrong
    :class:`SettingsError`, though the client itself then says that the broker is away.
    """
    cause = error.args[0]
    where = f"Kafka at {settings.kafka.bootstrap_servers}"
    if isinstance(cause, KafkaError):
        if cause.code() in NOT_LET_IN:
            _note_refusal(settings.kafka.bootstrap_servers, cause)
        if cause.code() in AWAY | NOT_LET_IN and (refusal := refused(settings)):
            return refusal
    if isinstance(cause, KafkaError) and cause.code() in AWAY:
        return UnavailableError(
            f"{what}: {cause.str()}.", where=where, next_step="see `headway status` and `headway logs kafka`"
        )
    return NotAsExpectedError(f"{what}: {cause}.", where=where, next_step="see `headway logs kafka`")


def refused(settings: Settings) -> SettingsError | None:
    """Give the error that says so, when a client of this process was not let in lately."""
    at, why = _refusals.get(settings.kafka.bootstrap_servers, (-_REFUSAL_S, ""))
    if time.monotonic() - at >= _REFUSAL_S:
        return None
    return SettingsError(
        f"Kafka does not let us in: {why}.",
        where=f"Kafka at {settings.kafka.bootstrap_servers}, user {settings.kafka.sasl_username or '(none)'}",
        next_step="correct HEADWAY__KAFKA__SASL_USERNAME, HEADWAY__KAFKA__SASL_PASSWORD or …SASL_MECHANISM",
    )


def partition_counts(settings: Settings) -> dict[str, int]:
    """Give the number of partitions of every topic that exists."""
    client = admin(settings)
    try:
        return {name: len(t.partitions) for name, t in client.list_topics(timeout=REQUEST_S).topics.items()}
    except KafkaException as error:
        client.poll(0)
        raise broker_error(settings, error, "Kafka could not list its topics") from error


def ensure_topics(settings: Settings, topics: Iterable[Topic] = TOPICS) -> list[str]:
    """Create the topics that are missing, alter configurations that differ; give the names of what changed.

    Repeating it changes nothing. Raises :class:`NotAsExpectedError` when a topic has another number of partitions
    (keys would move: that is never altered behind anybody's back).
    """
    topics = list(topics)
    existing = partition_counts(settings)
    for topic in topics:
        if topic.name in existing and existing[topic.name] != topic.partitions:
            raise NotAsExpectedError(
                f"Topic {topic.name} has {existing[topic.name]} partitions and must have {topic.partitions}.",
                where=f"{topic.name} at {settings.kafka.bootstrap_servers}",
                next_step="delete the topic (its records are lost) and run `headway topics --ensure`, or start anew",
            )
    missing = [topic for topic in topics if topic.name not in existing]
    client = admin(settings)
    if missing:
        new = [NewTopic(t.name, t.partitions, settings.kafka.replication_factor, config=t.config()) for t in missing]
        for name, future in client.create_topics(new, request_timeout=REQUEST_S).items():
            _result(settings, future, f"Topic {name} could not be created", KafkaError.TOPIC_ALREADY_EXISTS)
        _wait_until(
            settings,
            lambda: {t.name for t in missing} <= set(partition_counts(settings)),
            f"The topics {', '.join(t.name for t in missing)} did not appear",
        )
    altered = _alter_configs(settings, client, [topic for topic in topics if topic.name in existing])
    return [topic.name for topic in missing] + altered


def _alter_configs(settings: Settings, client: AdminClient, topics: Sequence[Topic]) -> list[str]:
    if not topics:
        return []
    by_resource = {ConfigResource(ResourceType.TOPIC, t.name): t for t in topics}
    changes = []
    for resource, future in client.describe_configs(list(by_resource), request_timeout=REQUEST_S).items():
        topic = by_resource[resource]
        now = _result(settings, future, f"The configuration of {topic.name} could not be read")
        wrong = {key: value for key, value in topic.config().items() if now[key].value != value}
        if wrong:
            entries = [ConfigEntry(k, v, incremental_operation=AlterConfigOpType.SET) for k, v in wrong.items()]
            changes.append(ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=entries))
    if changes:
        for resource, done in client.incremental_alter_configs(changes, request_timeout=REQUEST_S).items():
            _result(settings, done, f"The configuration of {resource.name} could not be altered")
    return [resource.name for resource in changes]


def delete_topics(settings: Settings, names: Iterable[str]) -> list[str]:
    """Delete the topics that exist and wait until they are gone; give the names of those deleted."""
    doomed = sorted(set(names) & set(partition_counts(settings)))
    if doomed:
        client = admin(settings)
        for name, future in client.delete_topics(doomed, request_timeout=REQUEST_S).items():
            _result(settings, future, f"Topic {name} could not be deleted", KafkaError.UNKNOWN_TOPIC_OR_PART)
        _wait_until(
            settings,
            lambda: not set(doomed) & set(partition_counts(settings)),
            f"The topics {', '.join(doomed)} did not go",
        )
    return doomed


def end_offsets(settings: Settings, topic: str, *, committed: bool = True) -> dict[int, int]:
    """Give each partition's end: the last stable offset (``committed``) or the high watermark.

    Raises :class:`NotAsExpectedError` when the topic does not exist.
    """
    partitions = _partitions(settings, topic)
    level = IsolationLevel.READ_COMMITTED if committed else IsolationLevel.READ_UNCOMMITTED
    asked = {Partition(topic, number): OffsetSpec.latest() for number in range(partitions)}
    client = admin(settings)
    futures = client.list_offsets(asked, isolation_level=level, request_timeout=REQUEST_S)
    return {
        at.partition: _result(settings, future, f"The end of {topic}/{at.partition} could not be read").offset
        for at, future in futures.items()
    }


def read_all(settings: Settings, topic: str, *, idle_timeout_s: float = 30.0) -> Iterator[Message]:
    """Yield every committed record of a topic, from its beginning to the end captured at the call's start.

    The end is the last stable offset: records of a transaction that is still open are not waited for. Joins no group.
    Raises :class:`UnavailableError` when nothing arrives for ``idle_timeout_s`` before the end.
    """
    ends = {number: end for number, end in end_offsets(settings, topic).items() if end > 0}
    if not ends:
        return
    over: dict[str, Any] = {"enable_partition_eof": True, "fetch_wait_max_ms": 20}
    consumer = Consumer(consumer_config(settings, "headway.read_all", **over))
    try:
        consumer.assign([Partition(topic, number, 0) for number in ends])
        # offset 0 may be gone (compaction keeps offsets, deletion moves the start): auto.offset.reset takes over
        open_partitions = set(ends)
        last = time.monotonic()
        while open_partitions:
            batch = consumer.consume(1000, timeout=POLL_S)
            if batch:
                last = time.monotonic()
            elif time.monotonic() - last > idle_timeout_s:
                raise UnavailableError(
                    f"Nothing arrived for {idle_timeout_s:g} s before the end of topic {topic}.",
                    where=f"partitions {sorted(open_partitions)} at {settings.kafka.bootstrap_servers}",
                    next_step="see `headway status` and `headway logs kafka`",
                )
            for message in batch:
                number, offset = message.partition() or 0, message.offset() or 0
                error = message.error()
                if error is not None:
                    if error.code() != KafkaError._PARTITION_EOF:
                        raise broker_error(settings, KafkaException(error), f"Topic {topic} could not be read")
                    if offset >= ends[number]:  # markers take offsets too, so the last record may be before it
                        open_partitions.discard(number)
                    continue  # a replica that is not there yet: the end is reached when it says so
                if number in open_partitions and offset < ends[number]:
                    yield message
                if offset >= ends[number] - 1:
                    open_partitions.discard(number)
    finally:
        consumer.close()


def latest(settings: Settings, topic: str) -> dict[bytes, dict[str, Any]]:
    """Give the newest value of each key of a compacted topic; keys whose newest record is a tombstone are gone."""
    found: dict[bytes, dict[str, Any]] = {}
    for message in read_all(settings, topic):
        key, value = message.key() or b"", message.value()
        if value is None:
            found.pop(key, None)
        else:
            found[key] = orjson.loads(value)
    return found


def group_offsets(settings: Settings, group: str, topic: str) -> dict[int, int]:
    """Give the offset that a group has committed in each partition of a topic; 0 where it has committed none."""
    asked = ConsumerGroupTopicPartitions(group, [Partition(topic, at) for at in range(_partitions(settings, topic))])
    client = admin(settings)
    future = client.list_consumer_group_offsets([asked], request_timeout=REQUEST_S)[group]
    answer = _result(settings, future, f"The offsets of group {group} could not be read", KafkaError.GROUP_ID_NOT_FOUND)
    return {at.partition: max(at.offset, 0) for at in answer.topic_partitions} if answer else {}


def group_lag(settings: Settings, group: str, topic: str) -> int:
    """Give how many offsets a group's commits are behind the topic's stable end, over all partitions.

    A partition without a commit counts from its beginning. Transaction markers count: on a topic that is written in
    transactions a reader that has read everything may rest at one a partition.
    """
    ends, offsets = end_offsets(settings, topic), group_offsets(settings, group, topic)
    return sum(max(0, end - offsets.get(number, 0)) for number, end in ends.items())


def _partitions(settings: Settings, topic: str) -> int:
    partitions = partition_counts(settings).get(topic)
    if partitions is None:
        raise NotAsExpectedError(
            f"Topic {topic} does not exist.",
            where=f"Kafka at {settings.kafka.bootstrap_servers}",
            next_step="run `headway topics --ensure`",
        )
    return partitions


def _dotted(over: dict[str, Any]) -> dict[str, Any]:
    # the few names that librdkafka and its Python client write with an underscore
    kept = {"log_level", "on_commit"}
    return {key if key in kept or key.endswith("_cb") else key.replace("_", "."): v for key, v in over.items()}


def _result(settings: Settings, future: Future[Any], what: str, *harmless: int) -> Any:
    """Wait for an admin future; a harmless error code (it is so already) gives None."""
    try:
        return future.result(timeout=REQUEST_S + 5)
    except KafkaException as error:
        if error.args[0].code() in harmless:
            return None
        raise broker_error(settings, error, what) from error


def _wait_until(settings: Settings, holds: Callable[[], bool], what: str, timeout_s: float = 20.0) -> None:
    late = NotAsExpectedError(
        f"{what} within {timeout_s:g} s.",
        where=f"Kafka at {settings.kafka.bootstrap_servers}",
        next_step="see `headway logs kafka`",
    )
    wait_until(holds, timeout_s, lambda _: late, poll_s=0.05)
