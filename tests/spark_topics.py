"""Topics of their own for a Spark test, filled with made-up events in transactions, and read back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from uuid import uuid4

from confluent_kafka import Producer

from benchmarks.spark_events import Record, encode
from headway.adapters.kafka import delete_topics, ensure_topics, producer_config, read_all
from headway.core.topics import ARRIVALS, HEADWAYS, RIDERSHIP, STATION_LINES, TOPICS, TURNSTILE, WEATHER
from headway.settings import Settings

USED = (TURNSTILE, ARRIVALS, WEATHER, STATION_LINES, RIDERSHIP, HEADWAYS)


@contextmanager
def own_topics(settings: Settings) -> Iterator[str]:
    """Create the job's topics under a prefix of their own; delete them at the end."""
    prefix = f"sparktest-{uuid4().hex[:8]}."
    topics = [replace(topic, name=prefix + topic.name) for topic in TOPICS if topic.name in USED]
    ensure_topics(settings, topics)
    try:
        yield prefix
    finally:
        delete_topics(settings, [topic.name for topic in topics])


def send(settings: Settings, prefix: str, records: Iterable[Record], *, commit: bool = True) -> int:
    """Send records in one transaction (aborted when not ``commit``); give how many."""
    producer = Producer(
        producer_config(settings, transactional_id=f"{prefix}{uuid4().hex}", queue_buffering_max_messages=2**21)
    )
    producer.init_transactions(30)
    producer.begin_transaction()
    records = list(records)
    for record in records:
        topic, key, value = encode(record)
        producer.produce(prefix + topic, key=key, value=value)
    (producer.commit_transaction if commit else producer.abort_transaction)(60)
    return len(records)


def newest(settings: Settings, topic: str) -> dict[str, dict[str, Any]]:
    """Read a compacted result topic: the newest value of each key."""
    rows: dict[str, dict[str, Any]] = {}
    for message in read_all(settings, topic):
        key, value = message.key(), message.value()
        assert key is not None and value is not None
        rows[key.decode()] = json.loads(value)
    return rows
