"""The processing log: what went wrong with single records, written to a topic in ksqlDB's shape.

ksqlDB's settings (``ksql.logging.processing.…``) decide. As in the settings that ksqlDB is delivered with, the topic is
created by itself; here only when there is something to write.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import jpype

from ksqlengine.errors import KsqlError
from ksqlengine.jvm import java

if TYPE_CHECKING:
    from ksqlengine.server.kafka import KafkaBackend

LOG = logging.getLogger(__name__)
_PREFIX = "ksql.logging.processing."
_SAY_S = 10.0
_RETENTION = {"cleanup.policy": "delete"}
# As the documentation of ksqlDB declares it.
_STREAM = """
CREATE STREAM IF NOT EXISTS `{name}` (
  logger VARCHAR, level VARCHAR, time BIGINT,
  message STRUCT<
    type INTEGER,
    deserializationError STRUCT<target VARCHAR, errorMessage VARCHAR, recordB64 VARCHAR, cause ARRAY<VARCHAR>,
                                topic VARCHAR>,
    recordProcessingError STRUCT<errorMessage VARCHAR, record VARCHAR, cause ARRAY<VARCHAR>>,
    productionError STRUCT<errorMessage VARCHAR>,
    serializationError STRUCT<target VARCHAR, errorMessage VARCHAR, record VARCHAR, cause ARRAY<VARCHAR>,
                              topic VARCHAR>,
    kafkaStreamsThreadError STRUCT<errorMessage VARCHAR, threadName VARCHAR, cause ARRAY<VARCHAR>>>
) WITH (KAFKA_TOPIC='{topic}', VALUE_FORMAT='JSON');"""


class ProcessingLogWriter:
    """Hear of bad records from the JVM, write them to the topic and, now and then, into the server's log."""

    def __init__(self, backend: KafkaBackend) -> None:
        self._backend = backend
        given = backend.config.properties
        self.topic = given.get(f"{_PREFIX}topic.name") or f"{backend.config.service_id}ksql_processing_log"
        self._create = _true(given.get(f"{_PREFIX}topic.auto.create", "true"))
        self.stream = given.get(f"{_PREFIX}stream.name") or "KSQL_PROCESSING_LOG"
        self.wants_stream = _true(given.get(f"{_PREFIX}stream.auto.create", "false"))
        self._partitions = int(given.get(f"{_PREFIX}topic.partitions", 1))
        self._replicas = int(given.get(f"{_PREFIX}topic.replication.factor", backend.config.replication_factor))
        self._writes = self._create or f"{_PREFIX}topic.name" in given
        self._java: Any = None
        self._said, self._say_next = 0, 0.0
        rows = _true(given.get(f"{_PREFIX}rows.include", "false"))
        if self._writes:
            self._java = self._open(include_rows=rows)

    def _open(self, *, include_rows: bool) -> Any:
        values = java("java.util.HashMap")()
        for name, value in (self._backend.config.connection() | {
            "linger.ms": "20", "max.block.ms": "10000", "metric.reporters": "", "acks": "1",
            "compression.type": "lz4",
        }).items():  # fmt: skip
            values.put(name, value)
        opener = jpype.JProxy("ksql.server.ProcessingLogTopic$Opener", dict={"open": self.create_topic})
        log = java("ksql.server.ProcessingLogTopic")(values, self.topic, include_rows, opener)
        java("ksql.runtime.ProcessingLog").listen(log)
        return log

    def create_topic(self) -> None:
        """Create the topic unless it is there or must be made by hand."""
        if not self._create:
            return
        try:
            self._backend.create_topic(self.topic, self._partitions, self._replicas, _RETENTION)
        except KsqlError as error:
            LOG.warning("the topic of the processing log, %s, cannot be created: %s", self.topic, error.message)

    def stream_statement(self) -> str:
        """Give the statement that declares the log as a stream."""
        return _STREAM.format(name=self.stream, topic=self.topic).strip()

    def report(self) -> None:
        """Say in the server's log how many records were bad, at most now and then."""
        counts = {str(k): int(v) for k, v in java("ksql.runtime.ProcessingLog").counts().items()}
        total, now = sum(counts.values()), time.monotonic()
        if total == self._said or now < self._say_next:
            return
        self._said, self._say_next = total, now + _SAY_S
        where = f"topic {self.topic}" if self._writes else "written nowhere: ksql.logging.processing.topic.auto.create"
        lost = int(self._java.lost()) if self._java is not None else 0
        more = f"; {lost} entries of the log are lost" if lost else ""
        LOG.warning("bad records and expressions so far, by query: %s (%s%s)", counts, where, more)

    def close(self) -> None:
        """Write what waits and stop listening."""
        if self._java is not None:
            java("ksql.runtime.ProcessingLog").listen(None)
            self._java.close()
            self._java = None


def _true(value: object) -> bool:
    return str(value).strip().lower() == "true"
