"""Spark through ``spark-submit``: the operator that Airflow users know, with what it lacks for us."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any

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
    from headway.spark.catch_up import Ends

LOOK_AGAIN_S = 20.0  # whether the continuous driver still lives


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
    operator_extra_links = (SparkMasterLink(), SparkDriverLink())
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
        from headway.spark.catch_up import input_ends
        from headway.spark.lease import BOUNDED
        from headway_airflow.hooks import spark as job

        with explained():
            ends, stations = input_ends(self.settings), job.stations(self.settings)
            behind = job.behind(ends, job.reached(self.settings))
            if not behind and not job.stations_changed(self.settings):
                self.log.info("The job has processed all there is; nothing is submitted.")
                return self._summary()
            self.log.info("To process (offsets, by topic): %s", behind or "none, but the stations changed")
            if not self._continuous_has_reached(ends):
                fill_in(self, BOUNDED)
                super().execute(context)
                job.note_stations(self.settings, stations)
            if left := job.behind(ends, job.reached(self.settings)):
                raise NotAsExpectedError(
                    f"The job ended well, but has not processed to the ends of its topics: {left} are missing.",
                    where=str(self.settings.output / "progress"),
                    next_step="see this task's log for the driver's, then clear the task",
                )
            return self._summary()

    def _continuous_has_reached(self, ends: Ends) -> bool:
        """Wait while a continuous driver holds the checkpoint, until it has reached the ends; False when none runs."""
        from headway.spark.catch_up import wait_until_passed
        from headway.spark.lease import CONTINUOUS, owner
        from headway_airflow.hooks.spark import layout

        folders, deadline = layout(self.settings), time.monotonic() + self.limit.total_seconds()
        while (holder := owner(folders.lease)) and holder.mode == CONTINUOUS:
            self.log.info("The continuous driver (process %d) runs: waiting for it to reach the ends.", holder.pid)
            try:
                wait_until_passed(folders, ends, min(LOOK_AGAIN_S, max(0.0, deadline - time.monotonic())))
            except NotAsExpectedError:
                if time.monotonic() >= deadline:
                    raise
            else:
                return True
        return False

    def _summary(self) -> dict[str, Any]:
        from headway.spark.progress import check_exact, summarise
        from headway.spark.progress_log import history
        from headway_airflow.hooks.spark import layout

        folders = layout(self.settings)
        before, lines = history(folders.progress, job=folders.name)
        done = summarise(lines, before)
        check_exact(done.dropped_late, folders.name)
        summary = {key: value for key, value in asdict(done).items() if value is not None}
        self.log.info("Spark job %s: %s", folders.name, summary)
        return summary


def fill_in(operator: HeadwaySparkSubmitOperator, trigger: str) -> None:
    """Add what the job needs whatever was asked: its file, jars, arguments, and the settings' sizes where none were."""
    from headway.spark import submit
    from headway.spark.lease import CONTINUOUS
    from headway_airflow.hooks.spark import layout

    settings = operator.settings
    spark = settings.spark
    folders = layout(settings)
    operator._driver_memory = operator._driver_memory or spark.driver_memory
    operator._executor_memory = operator._executor_memory or spark.executor_memory
    operator._executor_cores = operator._executor_cores or spark.executor_cores
    operator._total_executor_cores = operator._total_executor_cores or spark.total_executor_cores
    tuning = submit.Tuning(total_executor_cores=int(operator._total_executor_cores), packages=operator.packages or "")
    operator.conf = submit.spark_conf(settings, tuning) | (operator.conf or {})
    operator.env_vars = submit.submit_environment(settings) | (operator.env_vars or {})
    operator.application = str(submit.APPLICATION)
    operator.application_args = submit.application_args(
        trigger=trigger,
        # a supervised driver is started again as it was registered, also after a reset: it asks for itself
        generation=None if trigger == CONTINUOUS else folders.generation,
        window_minutes=folders.window_minutes,
        output=folders.root,
    )
