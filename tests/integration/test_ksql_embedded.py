"""A ksqlDB inside a Python program, on a real broker: results are waited for, and nothing is left behind."""

from __future__ import annotations

import uuid

import pytest
from confluent_kafka.admin import AdminClient

import ksqlengine
from headway.settings import Settings


def test_rows_are_there_when_asked_for_and_nothing_is_left(platform: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KSQLENGINE_JARS", str(platform.install_dir / "java"))
    prefix = f"e{uuid.uuid4().hex[:8]}"
    admin = AdminClient(platform.kafka.librdkafka())
    with ksqlengine.embedded(platform.kafka.bootstrap_servers) as ksql:
        ksql.run(
            f"""
            CREATE STREAM a (k STRING KEY, page STRING)
              WITH (kafka_topic='{prefix}.a', value_format='JSON', partitions=3);
            CREATE STREAM b WITH (kafka_topic='{prefix}.b') AS SELECT * FROM a WHERE page IS NOT NULL EMIT CHANGES;
            CREATE TABLE c WITH (kafka_topic='{prefix}.c') AS
              SELECT page, COUNT(*) AS n FROM b GROUP BY page EMIT CHANGES;
            """
        )
        ksql.insert("a", *({"k": str(i), "page": ["/", "/x", None][i % 3]} for i in range(60)))
        assert sorted((row["PAGE"], row["N"]) for row in ksql.rows("c")) == [("/", 20), ("/x", 20)]
        assert len(ksql.rows("b")) == 40
        assert len(ksql.topic(f"{prefix}.a")) == 60
        service = ksql.service.config.prefix
    topics = admin.list_topics(timeout=60).topics
    assert [name for name in topics if prefix in name or name.startswith(service)] == []
    groups = admin.list_consumer_groups(request_timeout=60).result().valid
    assert [group.group_id for group in groups if group.group_id.startswith(service)] == []
