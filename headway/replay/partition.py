"""Read one partition of a state topic, committed records only, to an end that is captured first."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from headway.adapters.kafka import AWAY, broker_error, consumer_config
from headway.errors import UnavailableError
from headway.settings import Settings

# a topic that was just created has no leader for a moment
YOUNG = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}


def records(settings: Settings, topic: str, partition: int, *, fenced: bool = False) -> Iterator[Message]:
    """Yield a partition's committed records.

    ``fenced``: the caller has fenced every other writer, so everything up to the high watermark that it now sees is
    decided, and is read; a transaction that is not is waited for. Otherwise the end is the last stable offset.
    Raises :class:`UnavailableError` when nothing comes for ``settings.replay.wait_s``.
    """
    consumer = Consumer(consumer_config(settings, "headway.state", enable_partition_eof=True, fetch_wait_max_ms=20))
    place = TopicPartition(topic, partition, 0)
    try:
        end = _high_watermark(settings, consumer, place)
        if end <= 0:
            return
        consumer.assign([place])
        deadline = time.monotonic() + settings.replay.wait_s
        while True:
            for message in consumer.consume(1000, timeout=0.5):
                error, offset = message.error(), message.offset() or 0
                if error is None:
                    deadline = time.monotonic() + settings.replay.wait_s
                    if offset < end:
                        yield message
                    if offset >= end - 1:
                        return
                elif error.code() == KafkaError._PARTITION_EOF:
                    if not fenced or offset >= end:
                        return
                elif not error.retriable() and error.code() not in AWAY:
                    raise broker_error(settings, KafkaException(error), f"Topic {topic} could not be read")
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"Topic {topic} could not be read to its end: nothing came for {settings.replay.wait_s:g} s.",
                    where=f"{topic}/{partition} at {settings.kafka.bootstrap_servers}",
                    next_step="see `headway status` and `headway logs kafka`",
                )
    finally:
        consumer.close()


def _high_watermark(settings: Settings, consumer: Consumer, place: TopicPartition) -> int:
    deadline = time.monotonic() + settings.replay.wait_s
    while True:
        try:
            _, end = consumer.get_watermark_offsets(place, timeout=max(0.5, deadline - time.monotonic()))
            return int(end)
        except KafkaException as error:
            passing = error.args[0].retriable() or error.args[0].code() in YOUNG | AWAY
            if not passing or time.monotonic() > deadline:
                raise broker_error(settings, error, f"The end of {place.topic} could not be read") from error
            time.sleep(0.05)
