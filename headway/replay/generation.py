"""The generation: which life of the event topics this is.

Only the record of its number is here. A new generation is a reset: readers are stopped, event and result topics
recreated, KSQL dropped, Spark begins anew; the DAG ``transit_new_generation`` does all of it.
"""

from __future__ import annotations

import orjson
from confluent_kafka import KafkaException, Producer

from headway.adapters.kafka import broker_error, ensure_topics, producer_config
from headway.core.topics import GENERATIONS, TOPICS
from headway.errors import UnavailableError
from headway.replay.partition import records
from headway.settings import Settings

KEY = b"present"


def current(settings: Settings) -> int:
    """Give the number of the present generation; 1 when none was begun."""
    number = 1
    for message in records(settings, GENERATIONS, 0):
        value = message.value()
        if value is not None and message.key() == KEY:
            number = int(orjson.loads(value)["generation"])
    return number


def begin_new(settings: Settings) -> int:
    """Record that the next generation begins, and give its number.

    Raises :class:`UnavailableError` when the broker does not take the record.
    """
    ensure_topics(settings, [topic for topic in TOPICS if topic.name == GENERATIONS])
    number = current(settings) + 1
    producer = Producer(producer_config(settings))
    failures: list[Exception] = []
    producer.produce(
        GENERATIONS,
        orjson.dumps({"generation": number}),
        KEY,
        on_delivery=lambda error, _: failures.append(KafkaException(error)) if error else None,
    )
    left = producer.flush(settings.replay.wait_s)
    if failures:
        raise broker_error(settings, KafkaException(failures[0].args[0]), "The new generation was not recorded")
    if left:
        raise UnavailableError(
            f"The new generation was not recorded within {settings.replay.wait_s:g} s.",
            where=f"Kafka at {settings.kafka.bootstrap_servers}",
            next_step="see `headway status` and `headway logs kafka`",
        )
    return number
