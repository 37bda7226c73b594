"""Client configurations: librdkafka itself accepts them, for plain and for secured clusters."""

from __future__ import annotations

from pathlib import Path

import certifi
import pytest
from confluent_kafka import Consumer, KafkaError, Producer

from headway.adapters import kafka
from headway.core.topics import TOPICS
from headway.settings import KafkaSettings, Settings

PLAIN = KafkaSettings(bootstrap_servers="127.0.0.1:1")
SECURED = KafkaSettings(
    bootstrap_servers="127.0.0.1:1",
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-512",
    sasl_username="me",
    sasl_password="it's a secret",
    ssl_ca_location=certifi.where(),
)


@pytest.mark.parametrize("cluster", [PLAIN, SECURED], ids=["plain", "secured"])
def test_librdkafka_accepts_what_the_settings_become(cluster: KafkaSettings) -> None:
    settings = Settings(kafka=cluster)
    Producer(kafka.producer_config(settings, transactional_id="t", log_level=0))
    Consumer(kafka.consumer_config(settings, "g", max_poll_interval_ms=100_000, log_level=0)).close()
    kafka.admin(settings)


class Record:
    """A message, or with ``eof`` the note that a partition's end was reached."""

    def __init__(self, offset: int, *, eof: bool = False) -> None:
        self._offset, self._eof = offset, eof

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self._offset

    def error(self) -> KafkaError | None:
        return KafkaError(KafkaError._PARTITION_EOF) if self._eof else None


def test_a_partition_s_end_is_reached_at_the_offset_that_was_captured_and_not_where_a_replica_lags(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    batches = [[Record(0), Record(1)], [Record(2, eof=True)], [], [Record(2), Record(3)], [Record(5, eof=True)]]

    class Scripted:
        def __init__(self, _: object) -> None: ...

        def assign(self, _: object) -> None: ...

        def consume(self, count: int, timeout: float) -> list[Record]:
            return batches.pop(0)

        def close(self) -> None: ...

    monkeypatch.setattr(kafka, "Consumer", Scripted)
    monkeypatch.setattr(kafka, "end_offsets", lambda settings, topic: {0: 5})  # offset 4 is a transaction's marker
    read = kafka.read_all(Settings(kafka=PLAIN), "t")
    assert [message.offset() for message in read] == [0, 1, 2, 3]
    assert batches == []


def test_producers_hash_keys_as_the_jvm_does_and_wait_for_all_replicas() -> None:
    config = kafka.producer_config(Settings(kafka=PLAIN))
    assert config["partitioner"] == "murmur2_random"
    assert (config["enable.idempotence"], config["acks"]) == (True, "all")


def test_consumers_read_committed_records_and_commit_only_when_told() -> None:
    config = kafka.consumer_config(Settings(kafka=PLAIN), "g")
    assert config["isolation.level"] == "read_committed"
    assert config["enable.auto.commit"] is False


def test_a_secret_is_in_no_text_of_the_settings() -> None:
    assert "it's a secret" not in repr(Settings(kafka=SECURED))
    assert "it's a secret" in SECURED.java()["sasl.jaas.config"]


def test_the_table_of_topics_names_each_once_and_keeps_everything() -> None:
    assert len({topic.name for topic in TOPICS}) == len(TOPICS) >= 10
    for topic in TOPICS:
        assert topic.config()["message.timestamp.after.max.ms"] == str(2**63 - 1), topic.name


def test_nobody_makes_a_producer_or_consumer_with_a_configuration_of_its_own() -> None:
    project = Path(kafka.__file__).parents[2]
    own = [
        str(path.relative_to(project))
        for folder in ("headway", "plugins", "dags", "spark_jobs")
        for path in (project / folder).rglob("*.py")
        if "bootstrap.servers" in path.read_text(encoding="utf-8")
    ]
    assert own == ["headway/settings.py"]
