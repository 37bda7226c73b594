"""Spark through ``spark-submit``: the operator that Airflow users know, with what it lacks for us."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.apache.spark.operators.spark_submit import SparkSubmitOperator

from headway.core.pools import SPARK_POOL
from headway.errors import NotAsExpectedError
from headway_airflow.assets import HEADWAYS, RIDERSHIP
from headway_airflow.errors import explained
from headway_airflow.links import SparkDriverLink, SparkMasterLink

if TYPE_CHECKING:
    from airflow.providers.apache.spark.hooks.spark_submit import SparkSubmitHook
    from airflow.sdk import Context

    from headway.settings import Settings


class HeadwaySparkSubmitOperator(SparkSubmitOperator):
    """:class:`SparkSubmitOperator` whose memory and cores can be templates.

    The connection is ``spark_default``; when there is none, the master of the settings is used (the provider would
    fall back to YARN).
    """

    template_fields: Sequence[str] = (
        *SparkSubmitOperator.template_fields,
        "_executor_memory",
        "_driver_memory",
        "_executor_cores",
        "_total_executor_cores",
        "_num_executors",
    )
    operator_extra_links: ClassVar[tuple[Any, ...]] = (SparkMasterLink(), SparkDriverLink())
    ui_color = "#fdf0e4"

    @property
    def settings(self) -> Settings:
        """Give the platform's settings."""
        from headway.settings import load

        return load()

    def _get_hook(self) -> SparkSubmitHook:
        from airflow.sdk import BaseHook
        from airflow.sdk.exceptions import AirflowNotFoundException

        try:
            BaseHook.get_connection(self._conn_id)
        except AirflowNotFoundException:
            master = {"conn_type": "spark", "host": self.settings.spark.master_url, "extra": {"deploy-mode": "client"}}
            os.environ[f"AIRFLOW_CONN_{self._conn_id.upper()}"] = json.dumps(master)  # of this task's process only
        return super()._get_hook()


class TransitStreamOperator(HeadwaySparkSubmitOperator):
    """Run ``spark_jobs/transit_stream.py`` over everything new, then end (``availableNow``).

    Green: the job has processed to the ends that the topics had when the task began, by its own progress records, and
    its state dropped nothing. A retry first ends the previous driver and goes on at the checkpoint; when nothing is
    new, nothing is submitted. While the continuous driver runs, that one processes the topics: the task waits until it
    has reached the ends.
    """

    def __init__(self, *, limit: timedelta = timedelta(minutes=10), **kwargs: Any) -> None:
        kwargs.setdefault("pool", SPARK_POOL)
        kwargs.setdefault("outlets", [RIDERSHIP, HEADWAYS])
        kwargs.setdefault("name", "transit_stream")
        super().__init__(**kwargs)
        self.limit = limit

    def execute(self, context: Context) -> Any:
        """Submit, and check what was processed."""
        from headway_airflow.hooks import spark as job

        with explained():
            ends = job.ends(self.settings)
            behind = job.missing(ends, job.reached(self.settings))
            if not behind:
                self.log.info("The job has processed all there is; nothing is submitted.")
                return self._summary(context)
            self.log.info("To process (offsets, by topic): %s", behind)
            if job.continuous_runs(self.settings):
                self._wait_for_continuous(ends)
            else:
                self._fill_in()
                super().execute(context)
            left = job.missing(ends, job.reached(self.settings))
            if left:
                raise NotAsExpectedError(
                    f"The job ended well, but has not processed to the ends of its topics: {left} are missing.",
                    where=f"{self.settings.output / 'progress'}",
                    next_step="see this task's log for the driver's, then clear the task",
                )
            return self._summary(context)

    def _fill_in(self) -> None:
        """Add what the job needs whatever was asked: its file, its jars, its arguments."""
        from headway.spark import submit

        arguments = submit.arguments(self.settings)
        self.application = str(arguments.application)
        self.application_args = list(arguments.args)
        self.jars = arguments.jars
        self.conf = {**arguments.conf, **(self.conf or {})}
        self.env_vars = {**arguments.env, **(self.env_vars or {})}

    def _wait_for_continuous(self, ends: dict[str, dict[int, int]]) -> None:
        import time

        from headway_airflow.hooks.spark import caught_up
        from headway_airflow.probes import NotYet, too_late

        self.log.info("The continuous driver runs: waiting until it has reached the ends.")
        since = time.time()
        while isinstance(found := caught_up(self.settings, ends), NotYet):
            if time.time() - since > self.limit.total_seconds():
                raise too_late(found, since)
            time.sleep(1.0)

    def _summary(self, context: Context) -> dict[str, Any]:
        from dataclasses import asdict

        from headway.spark.progress import check_exact, read_progress, summarise
        from headway_airflow.hooks.spark import job_name

        name = job_name(self.settings)
        lines = read_progress(self.settings, job=name)
        check_exact(lines, name)
        summary = {key: value for key, value in asdict(summarise(lines)).items() if value is not None}
        self.log.info("Spark job %s: %s", name, summary)
        return summary
