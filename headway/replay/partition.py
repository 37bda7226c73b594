"""Read one partition of a state topic, committed records only, to an end that is captured first."""

from __future__ import annotations

import time
from collections.abc import Iterator

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from headway.adapters.kafka import AWAY, POLL_S, broker_error, consumer_config, end_offsets, refused
from headway.errors import UnavailableError
from headway.settings import Settings
from headway.waiting import wait_until

# a topic that was just created has no leader for a moment
YOUNG = {KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE, KafkaError.UNKNOWN_TOPIC_OR_PART}


def records(settings: Settings, topic: str, partition: int, *, decided: bool = False) -> Iterator[Message]:
    """Yield a partition's committed records.

    ``decided``: read up to the high watermark that is seen now, and wait until every transaction before it is decided.
    So a writer finds its own last commit (a commit returns before its markers are written), and one that has fenced
    all others finds theirs. Otherwise the end is the last stable offset, as it is seen now.
    Raises :class:`UnavailableError` when nothing comes for ``settings.replay.wait_s``.
    """
    place = TopicPartition(topic, partition, 0)
    end = _end(settings, place, decided=decided)
    if end <= 0:
        return
    consumer = Consumer(consumer_config(settings, "headway.state", enable_partition_eof=True, fetch_wait_max_ms=20))
    try:
        consumer.assign([place])
        deadline = time.monotonic() + settings.replay.wait_s
        while True:
            for message in consumer.consume(1000, timeout=POLL_S):
                error, offset = message.error(), message.offset() or 0
                if error is None:
                    deadline = time.monotonic() + settings.replay.wait_s
                    if offset < end:
                        yield message
                    if offset >= end - 1:
                        return
                elif error.code() == KafkaError._PARTITION_EOF:
                    if offset >= end:  # before it: a transaction that is open, or a replica that is not there yet
                        return
                elif not error.retriable() and error.code() not in AWAY:
                    raise broker_error(settings, KafkaException(error), f"Topic {topic} could not be read")
            if refusal := refused(settings):
                raise refusal
            if time.monotonic() > deadline:
                raise UnavailableError(
                    f"Topic {topic} could not be read to its end: nothing came for {settings.replay.wait_s:g} s.",
                    where=f"{topic}/{partition} at {settings.kafka.bootstrap_servers}",
                    next_step="see `headway status` and `headway logs kafka`",
                )
    finally:
        consumer.close()


def wait_until_decided(settings: Settings, topic: str) -> None:
    """Wait until every transaction that a topic now has records of is decided: readers of committed records see them.

    A commit returns before its markers are in each partition. Raises :class:`UnavailableError` when that takes longer
    than ``settings.replay.wait_s``.
    """
    ends = end_offsets(settings, topic, committed=False)
    late = UnavailableError(
        f"A transaction on topic {topic} has been open for {settings.replay.wait_s:g} s.",
        where=f"{topic} at {settings.kafka.bootstrap_servers}",
        next_step="see that no other replay of the feed runs; an orphan's is aborted within a minute",
    )

    def decided() -> bool:
        return all(stable >= ends[number] for number, stable in end_offsets(settings, topic).items())

    wait_until(decided, settings.replay.wait_s, lambda _: late, poll_s=0.02)


def _end(settings: Settings, place: TopicPartition, *, decided: bool) -> int:
    # asked by a consumer of committed records, the broker gives the last stable offset, else the high watermark
    level = "read_uncommitted" if decided else "read_committed"
    consumer = Consumer(consumer_config(settings, "headway.state", isolation_level=level))
    deadline = time.monotonic() + settings.replay.wait_s
    try:
        while True:
            try:
                _, end = consumer.get_watermark_offsets(place, timeout=max(0.5, min(5.0, deadline - time.monotonic())))
                return int(end)
            except KafkaException as error:
                consumer.poll(0)  # what its error callback has to say
                if refusal := refused(settings):
                    raise refusal from error
                passing = error.args[0].retriable() or error.args[0].code() in YOUNG | AWAY
                if not passing or time.monotonic() > deadline:
                    raise broker_error(settings, error, f"The end of {place.topic} could not be read") from error
                time.sleep(0.05)
    finally:
        consumer.close()
