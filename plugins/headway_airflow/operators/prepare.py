"""The steps before any data moves: check what was asked, wait for the parts, create the topics, seed the stations."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headway.errors import RangeError, SettingsError, WorkbookError
from headway_airflow import ranges
from headway_airflow.operators.base import HeadwayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

_UNITS = {"m": 1, "g": 1024}
_SPARK_LEAST_MB = 512


def megabytes(memory: str) -> int:
    """Read ``512m`` or ``2g``."""
    return int(memory[:-1]) * _UNITS[memory[-1].lower()]


class PlanOperator(HeadwayOperator):
    """Check what a run was asked for before it changes anything.

    Green: the range is whole UTC hours and not empty, the speed makes sense, Spark can get what it is promised, and
    the feeds' workbooks are there. The result is the range, in UTC. It changes nothing, so a retry is safe.
    """

    template_fields: Sequence[str] = ("start", "end", "speed", "spark")

    def __init__(
        self,
        *,
        start: str,
        end: str,
        speed: str = "max",
        feeds: Sequence[str] = ("turnstile", "arrivals", "weather"),
        spark: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.start, self.end, self.speed = start, end, speed
        self.feeds, self.spark = feeds, spark or {}

    def step(self, context: Context) -> dict[str, Any]:
        """Check and give the plan."""
        if not self.start or self.start == "None":
            raise RangeError(
                "This run has no data interval, so there is nothing to replay.",
                where=f"run {context['run_id']}" if "run_id" in context else "",
                next_step="give the run a logical date, or use a backfill; transit_platform takes a range in its form",
            )
        start, end = ranges.hours(self.start, self.end)
        speed = ranges.speed(self.speed)
        self._check_spark()
        self._check_workbooks()
        hours = int((end - start) / timedelta(hours=1))
        self.log.info("Replaying %d simulated hours, %s to %s, speed %s.", hours, start, end, self.speed)
        if speed is not None:
            self.log.info("At that speed the replay takes %s.", timedelta(seconds=hours * 3600 / speed))
        return {"start": ranges.iso(start), "end": ranges.iso(end), "hours": hours, "speed": self.speed}

    def _check_spark(self) -> None:
        if not self.spark:
            return
        executor, driver = str(self.spark["executor_memory"]), str(self.spark["driver_memory"])
        for name, memory in (("executor_memory", executor), ("driver_memory", driver)):
            if megabytes(memory) < _SPARK_LEAST_MB:
                raise SettingsError(
                    f"Spark does not start with {name} {memory}.",
                    where=f"parameter {name}",
                    next_step=f"give {_SPARK_LEAST_MB}m or more",
                )
        each, total = int(self.spark["executor_cores"]), int(self.spark["total_executor_cores"])
        if total < each:
            raise SettingsError(
                f"An executor of {each} cores does not fit in {total} cores altogether: Spark would wait for ever.",
                where="parameters executor_cores, total_executor_cores",
                next_step="raise total_executor_cores, or lower executor_cores",
            )
        cluster = self.settings.spark
        if self.settings.profile == "embedded" and (
            megabytes(executor) > megabytes(cluster.worker_memory) or each > cluster.worker_cores
        ):
            raise SettingsError(
                f"No worker can hold an executor of {executor} and {each} cores: Spark would wait for ever.",
                where=f"the worker has {cluster.worker_memory} and {cluster.worker_cores} cores",
                next_step="lower executor_memory or executor_cores, or raise HEADWAY__SPARK__WORKER_MEMORY / …_CORES",
            )

    def _check_workbooks(self) -> None:
        from headway.replay.ledger import feed_named

        settings = self.settings
        for name in self.feeds:
            workbook = feed_named(settings, name).workbook_path(settings.data_dir)
            if not workbook.is_file():
                raise WorkbookError(
                    f"The workbook of feed {name} is missing.",
                    where=str(workbook),
                    next_step="put it there, or correct the feed in data/feeds.toml",
                )


class EnsureTopicsOperator(HeadwayOperator):
    """Create the topics and correct their configuration.

    Green: every topic of the table exists with its partitions, retention and compaction. A retry changes nothing more.
    """

    def step(self, context: Context) -> list[str]:
        """Create and correct; give what was touched."""
        from headway.adapters.kafka import ensure_topics
        from headway.core.feeds import load_feeds
        from headway.replay.topics import feed_topics

        touched = ensure_topics(self.settings, feed_topics(load_feeds(self.settings.replay.feeds_file)))
        self.log.info("Topics created or corrected: %s", ", ".join(touched) or "none, all are as the table says")
        return touched


class SeedStationsOperator(HeadwayOperator):
    """Make Postgres' table ``stations`` equal to the workbook's sheet.

    Green: the table holds exactly the workbook's rows (inserted, updated, deleted in one transaction). A retry finds
    nothing left to do.

    :param workbook: another workbook than the shipped one; a relative path counts from the setting ``data_dir``
    """

    template_fields: Sequence[str] = ("workbook",)

    def __init__(self, *, workbook: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.workbook = workbook

    def step(self, context: Context) -> dict[str, int]:
        """Seed, and count."""
        from headway.stations.seed import seed_stations

        settings = self.settings
        seeded = seed_stations(settings, settings.data_dir / self.workbook if self.workbook else None)
        counts = {
            "inserted": seeded.inserted,
            "updated": seeded.updated,
            "deleted": seeded.deleted,
            "total": seeded.total,
        }
        self.log.info(
            "Stations: %(total)d rows, as in the workbook (%(inserted)d inserted, %(updated)d updated, "
            "%(deleted)d deleted)",
            counts,
        )
        return counts
