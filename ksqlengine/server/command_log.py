"""The command topic: one order of statements for all servers of a service, written in transactions."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jpype

from ksqlengine.errors import SERVER_ERROR, KsqlError
from ksqlengine.jvm import java
from ksqlengine.server.backend import LogDamagedError
from ksqlengine.server.convert import properties, root_cause, to_java, to_python

if TYPE_CHECKING:
    from ksqlengine.server.kafka import KafkaBackend

LOG = logging.getLogger(__name__)
BYTES = "org.apache.kafka.common.serialization.ByteArray"
# Another server that writes at the same moment fences this one; both try again, not in step with each other.
_WRITE_S = 60.0
_BACKOFF_S, _LONGEST_BACKOFF_S = 0.02, 8.0
_CHECK_S = 5.0


class KafkaCommandLog:
    """Read and write the command topic; whichever server holds the transactional id is the writer."""

    def __init__(self, backend: KafkaBackend) -> None:
        self._backend = backend
        self._topic = backend.config.command_topic
        self._partition = java("org.apache.kafka.common.TopicPartition")(self._topic, 0)
        # none: an offset that is gone is an error to show, not a place to jump from
        self._consumer = backend.consumer(**{"auto.offset.reset": "none"})
        parts = java("java.util.List").of(self._partition)
        self._consumer.assign(parts)
        self._consumer.seekToBeginning(parts)
        self._position = 0
        self._written = 0  # the offset after the last command of this server
        self._checked = time.monotonic()
        self._producer: Any = None
        self._end_consumer = backend.consumer()
        self._end_lock = threading.Lock()
        self._lock = threading.Lock()

    # -- write -------------------------------------------------------------------------------------------------------
    def append(self, prepare: Callable[[], tuple[str, str]]) -> int:
        """Write a command as the only writer and give its offset.

        ``prepare`` is called again when the attempt before it may or may not have been written: it must notice.
        """
        with self._lock:
            deadline = time.monotonic() + _WRITE_S
            wait = _BACKOFF_S
            while True:
                begun = time.monotonic()
                try:
                    return self._append(prepare)
                except jpype.JException as error:
                    self._drop_producer()
                    cause = root_cause(error)
                    if self._is_refusal(cause) or time.monotonic() > deadline:
                        raise KsqlError(
                            "Could not write the statement into the command topic. "
                            f"Caused by: {cause.getClass().getSimpleName()}: {cause.getMessage()}",
                            error_code=SERVER_ERROR,
                        ) from None
                    LOG.info("the command topic has another writer (%s), trying again", cause.getClass().getName())
                # An attempt that takes longer than the other waits is fenced by it each time, and the other way round.
                wait = min(max(wait, 2 * (time.monotonic() - begun)), _LONGEST_BACKOFF_S)
                time.sleep(random.uniform(wait / 4, wait))
                wait *= 2

    @staticmethod
    def _is_refusal(error: Any) -> bool:
        refusals = ("AuthorizationException", "AuthenticationException", "RecordTooLargeException")
        return str(error.getClass().getSimpleName()).endswith(refusals)

    def _append(self, prepare: Callable[[], tuple[str, str]]) -> int:
        if self._producer is None:
            self._open_producer()
        key, value = prepare()
        record = java("org.apache.kafka.clients.producer.ProducerRecord")(
            self._topic, java("java.lang.Integer").valueOf(0), to_java(key.encode()), to_java(value.encode())
        )
        self._producer.beginTransaction()
        sent = self._producer.send(record)
        self._producer.commitTransaction()
        offset = int(sent.get().offset())
        self._written = offset + 1
        return offset

    def _open_producer(self) -> None:
        config = self._backend.config
        self._producer = java("org.apache.kafka.clients.producer.KafkaProducer")(
            properties(
                config.connection()
                | {
                    "key.serializer": f"{BYTES}Serializer",
                    "value.serializer": f"{BYTES}Serializer",
                    "transactional.id": f"{config.prefix}_command_writer",
                    # a server that is killed between two steps must not hold the others up for a minute
                    "transaction.timeout.ms": "15000",
                    "max.block.ms": "15000",
                    "delivery.timeout.ms": "15000",
                    "request.timeout.ms": "10000",
                    "linger.ms": "0",
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

    # -- read --------------------------------------------------------------------------------------------------------
    def poll(self, timeout_s: float) -> list[tuple[int, str, str]]:
        """Wait for commands and give (offset, key, value); what is not text is given as no JSON that there is.

        Raises LogDamagedError when commands that were applied here are gone from the topic, or the topic is.
        """
        out = []
        try:
            for record in self._consumer.poll(java("java.time.Duration").ofMillis(int(timeout_s * 1000))):
                out.append((int(record.offset()), _text(record.key()), _text(record.value())))
            position = int(self._consumer.position(self._partition))
        except jpype.JException as error:
            if str(error.getClass().getSimpleName()) in {
                "OffsetOutOfRangeException",
                "NoOffsetForPartitionException",
            }:
                raise LogDamagedError(f"{self._topic} no longer holds the offset {self._position}") from None
            raise
        if out:
            self._checked = time.monotonic()
        elif time.monotonic() - self._checked > _CHECK_S:
            self._checked = time.monotonic()
            self._check()
        self._position = position
        return out

    def _check(self) -> None:
        """Look whether the topic still is what was read: a consumer says nothing of one that was deleted."""
        if self._backend.topic(self._topic) is None:
            raise LogDamagedError(f"the topic {self._topic} does not exist any more")
        if self._position and self._committed_end() < self._position:
            raise LogDamagedError(f"{self._topic} ends before the offset {self._position}: it was made anew")

    def position(self) -> int:
        """Give the offset after everything that :meth:`poll` has given."""
        return self._position

    def end(self) -> int:
        """Give the offset after the last committed command.

        The broker acknowledges a commit before it has written the commit's marker, and shows the end before the
        command until then: another server waits for the marker (initTransactions), this one must remember.
        """
        return max(self._committed_end(), self._written)

    def _committed_end(self) -> int:
        with self._end_lock:  # a consumer serves one thread at a time
            ends = self._end_consumer.endOffsets(java("java.util.List").of(self._partition))
        return int(ends.get(self._partition))

    def close(self) -> None:
        """Close the clients (the poll thread must have ended)."""
        self._drop_producer()
        self._consumer.close()
        self._end_consumer.close()


def _text(data: Any) -> str:
    """Give a record's bytes as text; null and bytes that are no UTF-8 become a text that is no JSON."""
    found = to_python(data)
    if found is None:
        return ""
    try:
        return found.decode()
    except UnicodeDecodeError:
        return repr(found[:100])
