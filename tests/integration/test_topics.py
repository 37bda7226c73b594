"""Topics on a real broker: made as the table says, corrected when they differ, read to their end."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from headway.adapters import kafka
from headway.core.topics import Topic
from headway.errors import NotAsExpectedError, UnavailableError
from headway.settings import KafkaSettings, Settings


@pytest.fixture
def topic(platform: Settings) -> Iterator[Topic]:
    made = Topic(f"test.topics.{uuid.uuid4().hex[:8]}", 2, "a test's own")
    yield made
    kafka.delete_topics(platform, [made.name])


def _write(platform: Settings, topic: Topic, ids: range, *, commit: bool = True) -> None:
    producer = Producer(kafka.producer_config(platform, transactional_id=f"{topic.name}.writer"))
    producer.init_transactions(20)
    producer.begin_transaction()
    for number in ids:
        producer.produce(topic.name, key=str(number).encode(), value=b"x")
    producer.flush(20)
    if commit:
        producer.commit_transaction(20)
    else:
        producer.abort_transaction(20)


def test_creates_what_is_missing_and_changes_nothing_the_second_time(platform: Settings, topic: Topic) -> None:
    assert kafka.ensure_topics(platform, [topic]) == [topic.name]
    assert kafka.ensure_topics(platform, [topic]) == []


def test_corrects_a_configuration_that_differs(platform: Settings, topic: Topic) -> None:
    kafka.ensure_topics(platform, [topic])
    compacted = Topic(topic.name, topic.partitions, topic.purpose, compacted=True)
    assert kafka.ensure_topics(platform, [compacted]) == [topic.name]
    assert kafka.ensure_topics(platform, [compacted]) == []


def test_refuses_another_number_of_partitions(platform: Settings, topic: Topic) -> None:
    kafka.ensure_topics(platform, [topic])
    with pytest.raises(NotAsExpectedError, match="has 2 partitions and must have 3"):
        kafka.ensure_topics(platform, [Topic(topic.name, 3, "other")])


def test_accepts_an_event_of_last_century_and_of_the_next(platform: Settings, topic: Topic) -> None:
    kafka.ensure_topics(platform, [topic])
    failures: list[object] = []

    def told(error: object, _: object) -> None:
        if error:
            failures.append(error)

    producer = Producer(kafka.producer_config(platform))
    for stamp in (1, 4_000_000_000_000):
        producer.produce(topic.name, b"x", timestamp=stamp, on_delivery=told)
    assert producer.flush(20) == 0
    assert failures == []


def test_reads_committed_records_only_and_ends_behind_the_markers(platform: Settings, topic: Topic) -> None:
    kafka.ensure_topics(platform, [topic])
    _write(platform, topic, range(100))
    _write(platform, topic, range(100, 200), commit=False)
    began = time.monotonic()
    keys = sorted(int(message.key() or b"") for message in kafka.read_all(platform, topic.name))
    assert keys == list(range(100))
    assert time.monotonic() - began < 10
    assert sum(kafka.end_offsets(platform, topic.name).values()) > 200  # markers take offsets: never count by them


def test_lag_of_an_unknown_group_is_the_whole_topic(platform: Settings, topic: Topic) -> None:
    kafka.ensure_topics(platform, [topic])
    _write(platform, topic, range(10))
    lag = kafka.group_lag(platform, f"{topic.name}.nobody", topic.name)
    assert lag == sum(kafka.end_offsets(platform, topic.name).values())


def test_says_which_broker_is_away_and_what_to_do(platform: Settings) -> None:
    away = platform.model_copy(update={"kafka": KafkaSettings(bootstrap_servers="127.0.0.1:1")})
    with pytest.raises(UnavailableError, match=r"127\.0\.0\.1:1") as caught:
        kafka.wait_for_broker(away, timeout_s=1)
    assert "headway logs kafka" in caught.value.next_step
