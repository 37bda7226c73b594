"""The streaming query listener: one line a micro-batch, to a file and to a topic."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from confluent_kafka import KafkaException, Producer
from pyspark.sql.streaming.listener import StreamingQueryListener

from headway.adapters.kafka import producer_config
from headway.core.topics import SPARK_PROGRESS
from headway.spark.progress import IDLE, STARTED, TERMINATED, Progress, progress_of_batch, utc_now
from headway.spark.progress_log import ProgressLog

if TYPE_CHECKING:
    from headway.settings import Settings

log = logging.getLogger(__name__)


class ProgressListener(StreamingQueryListener):
    """Write each batch's progress as a JSON line and to ``headway.spark.progress`` (key: the job's name).

    The file is the record; the topic is for whoever watches live, so a broker that is away only costs a warning here
    (the query itself fails soon enough).
    """

    def __init__(self, settings: Settings, folder: Path, *, job: str, driver: str, trigger: str) -> None:
        self.dropped = 0  # events that were behind the watermark
        self._blank = Progress(at="", event="", job=job, driver=driver, trigger=trigger)
        self._log = ProgressLog(folder, job, driver)
        self._producer = Producer(producer_config(settings, linger_ms=50, message_timeout_ms=30_000))

    def onQueryStarted(self, event: Any) -> None:  # noqa: N802 - Spark's name
        """Write that the query started."""
        self._write(replace(self._blank, at=utc_now(), event=STARTED))

    def onQueryProgress(self, event: Any) -> None:  # noqa: N802 - Spark's name
        """Write what a batch did."""
        report = json.loads(event.progress.json)
        blank = self._blank
        line = progress_of_batch(report, at=utc_now(), job=blank.job, driver=blank.driver, trigger=blank.trigger)
        self._write(line)
        if line.dropped_late:
            log.error("Batch %d: %d events came too late and are not in the results.", line.batch, line.dropped_late)
        if line.rejected:
            log.warning("Batch %d: %d records could not be decoded and were left out.", line.batch, line.rejected)

    def onQueryIdle(self, event: Any) -> None:  # noqa: N802 - Spark's name
        """Write that the query lives and has nothing to read: the heartbeat of a quiet stream."""
        self._write(replace(self._blank, at=utc_now(), event=IDLE))

    def onQueryTerminated(self, event: Any) -> None:  # noqa: N802 - Spark's name
        """Write how the query ended."""
        error = str(event.exception).strip().splitlines()[0] if event.exception else None
        self._write(replace(self._blank, at=utc_now(), event=TERMINATED, error=error))

    def close(self) -> None:
        """Send what is left to the topic."""
        left = self._producer.flush(10)
        if left:
            log.warning("%d progress lines did not reach the topic %s.", left, SPARK_PROGRESS)

    def _write(self, line: Progress) -> None:
        self.dropped += line.dropped_late
        self._log.append(line)
        try:
            self._producer.produce(SPARK_PROGRESS, key=line.job, value=line.to_json())
            self._producer.poll(0)
        except (BufferError, KafkaException) as error:
            log.warning("A progress line did not reach the topic %s: %s", SPARK_PROGRESS, error)
