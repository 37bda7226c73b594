"""The proxy's side to Kafka: one idempotent producer, its deliveries awaited, and what is known about topics."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    ClusterMetadata,
    ConfigResource,
    OffsetSpec,
    ResourceType,
    TopicMetadata,
)

from restproxy.errors import ProxyError, kafka_away, partition_not_found, record_error_code, topic_not_found
from restproxy.requests import Record

METADATA_TTL_S = 30.0
METADATA_TIMEOUT_S = 5.0
# librdkafka reads only connection settings and tuning from the user's file; these are what the proxy promises
PROMISES = {"enable.idempotence": True, "acks": "all", "partitioner": "murmur2_random"}


class _Batch:
    """The records of one request on their way; completes a future of its event loop when the last one is settled."""

    def __init__(self, size: int) -> None:
        self._loop = asyncio.get_running_loop()
        self.done: asyncio.Future[None] = self._loop.create_future()
        self.offsets: list[dict[str, Any]] = [{}] * size
        self._left = size
        self._lock = threading.Lock()

    def settle(self, index: int, error: KafkaError | None, message: Message | None) -> None:
        if error is None and message is not None:
            outcome: dict[str, Any] = {
                "partition": message.partition(),
                "offset": message.offset(),
                "error_code": None,
                "error": None,
            }
        else:
            error = error or KafkaError(KafkaError._FAIL)
            outcome = {
                "partition": None,
                "offset": None,
                "error_code": record_error_code(error),
                "error": error.str(),
            }
        self.offsets[index] = outcome
        with self._lock:  # the event loop settles what it could not enqueue, the poll thread all else
            self._left -= 1
            last = self._left == 0
        if last:
            self._loop.call_soon_threadsafe(self._finish)

    def _finish(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class Gateway:
    """Send records, with a bound on what is in flight, and answer questions about topics."""

    def __init__(
        self,
        config: dict[str, Any],
        *,
        delivery_timeout_s: float = 30.0,
        max_in_flight_bytes: int = 64 * 1024 * 1024,
        on_fatal: Callable[[], None] = lambda: None,
    ) -> None:
        self._on_fatal = on_fatal
        self.fatal = ""
        self.max_in_flight_bytes = max_in_flight_bytes
        self.in_flight_bytes = 0
        producer_config = {
            "compression.type": "lz4",
            "linger.ms": 2,
            **config,
            **PROMISES,
            "message.timeout.ms": round(delivery_timeout_s * 1000),
            "error_cb": self._error,
        }
        self._producer = Producer(producer_config)
        self._admin = AdminClient(config)
        self._metadata: tuple[float, dict[str, TopicMetadata]] = (float("-inf"), {})
        self._metadata_lock = asyncio.Lock()
        self._stopping = threading.Event()
        self._poller = threading.Thread(target=self._poll, name="restproxy-deliveries", daemon=True)
        self._poller.start()

    def reserve(self, size: int) -> None:
        """Count ``size`` bytes as in flight, or raise 429 when that is more than the proxy holds."""
        if self.in_flight_bytes + size > self.max_in_flight_bytes:
            raise ProxyError(429, 429, "Too much is in flight; try again.", {"Retry-After": "1"})
        self.in_flight_bytes += size

    def release(self, size: int) -> None:
        """Give back what :meth:`reserve` counted."""
        self.in_flight_bytes -= size

    async def produce(self, topic: str, records: Sequence[Record]) -> list[dict[str, Any]]:
        """Send records in order and wait until each is acknowledged or has failed; give one offset entry a record."""
        partitions = len((await self.topic(topic)).partitions)
        for record in records:
            if record.partition is not None and record.partition >= partitions:
                raise partition_not_found(topic, record.partition)
        batch = _Batch(len(records))
        for index, record in enumerate(records):
            at = -1 if record.partition is None else record.partition
            settle = partial(batch.settle, index)
            try:
                self._producer.produce(topic, record.value, record.key, at, on_delivery=settle)
            except BufferError:
                batch.settle(index, KafkaError(KafkaError._QUEUE_FULL), None)
            except KafkaException as error:  # larger than message.max.bytes, or the producer is dead
                batch.settle(index, error.args[0], None)
        await batch.done
        if any(entry["error_code"] for entry in batch.offsets):
            self._metadata = (float("-inf"), {})  # the topic may be gone: look again next time
        return batch.offsets

    async def topics(self) -> dict[str, TopicMetadata]:
        """Give every topic; asks Kafka anew."""
        return (await self._refresh()).topics

    async def topic(self, name: str) -> TopicMetadata:
        """Give a topic from a short-lived cache, or raise 404."""
        read, topics = self._metadata
        if name not in topics or time.monotonic() - read > METADATA_TTL_S:
            async with self._metadata_lock:
                read, topics = self._metadata
                if name not in topics or time.monotonic() - read > METADATA_TTL_S:
                    topics = (await self._refresh()).topics
        if name not in topics:
            raise topic_not_found(name)
        return topics[name]

    async def brokers(self) -> list[int]:
        """Give the ids of the live brokers; asks Kafka anew."""
        return sorted((await self._refresh()).brokers)

    async def topic_configs(self, name: str) -> dict[str, str]:
        """Give a topic's configuration."""
        resource = ConfigResource(ResourceType.TOPIC, name)
        try:
            future = self._admin.describe_configs([resource], request_timeout=METADATA_TIMEOUT_S)[resource]
            entries = await asyncio.wrap_future(future)
        except KafkaException as error:
            raise kafka_away(error.args[0].str()) from error
        return {key: entry.value for key, entry in sorted(entries.items()) if not entry.is_sensitive}

    async def offsets(self, topic: str, partition: int) -> dict[str, int]:
        """Give a partition's first offset and its end."""
        at = TopicPartition(topic, partition)
        specs = (OffsetSpec.earliest(), OffsetSpec.latest())
        try:
            futures = [self._admin.list_offsets({at: spec}, request_timeout=METADATA_TIMEOUT_S)[at] for spec in specs]
            begin, end = [await asyncio.wrap_future(future) for future in futures]
        except KafkaException as error:
            raise kafka_away(error.args[0].str()) from error
        return {"beginning_offset": begin.offset, "end_offset": end.offset}

    async def close(self, timeout_s: float) -> int:
        """Wait for what is on its way, then stop; give the number of records that could not be sent."""
        left: int = await asyncio.to_thread(self._producer.flush, timeout_s)
        self._stopping.set()
        await asyncio.to_thread(self._poller.join, 5.0)
        return left

    async def _refresh(self) -> ClusterMetadata:
        try:
            # the whole list: asking for one name would create it where brokers create topics by themselves
            metadata = await asyncio.to_thread(self._admin.list_topics, timeout=METADATA_TIMEOUT_S)
        except KafkaException as error:
            raise kafka_away(error.args[0].str()) from error
        self._metadata = (time.monotonic(), metadata.topics)
        return metadata

    def _poll(self) -> None:
        while not self._stopping.is_set():
            self._producer.poll(0.2)

    def _error(self, error: KafkaError) -> None:
        if error.fatal():  # an idempotent producer cannot go on: end, and let the supervisor start a new one
            self.fatal = error.str()
            self._on_fatal()
