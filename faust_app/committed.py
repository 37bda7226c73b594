"""A consumer that reads committed records only, which Faust otherwise does only where it writes in transactions."""

from __future__ import annotations

from typing import Any

from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport


class CommittedConsumerThread(AIOKafkaConsumerThread):  # type: ignore[misc]  # Faust has no types here
    """The thread that owns the aiokafka consumer."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._isolation_level = "read_committed"  # the fetcher takes it when the consumer starts
        return consumer


class CommittedConsumer(Consumer):  # type: ignore[misc]  # Faust has no types here
    """The consumer service."""

    def _new_consumer_thread(self) -> CommittedConsumerThread:
        return CommittedConsumerThread(self, loop=self.loop, beacon=self.beacon)


class CommittedTransport(Transport):  # type: ignore[misc]  # Faust has no types here
    """The transport of the consuming side."""

    Consumer = CommittedConsumer
