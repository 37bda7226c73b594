"""The continuous Spark driver: a supervised process that a task starts, waits for, and leaves."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headway.core.pools import CONTROL_POOL
from headway.errors import NotAsExpectedError
from headway_airflow.errors import explained, unpack
from headway_airflow.operators.spark import HeadwaySparkSubmitOperator, fill_in

if TYPE_CHECKING:
    from airflow.sdk import Context


class ContinuousSparkOperator(HeadwaySparkSubmitOperator):
    """Start (or stop) the never-ending driver.

    The arguments are :class:`SparkSubmitOperator`'s own. Green after ``start``: the driver **truly processes** (its
    listener reports batches, or that all is read, after this start). Then the task leaves; the supervisor keeps the
    driver alive and ``transit_health`` watches it. Green after ``stop``: it is gone, its checkpoint whole. A retry
    finds it running as asked, and changes nothing.
    """

    template_fields: Sequence[str] = (*HeadwaySparkSubmitOperator.template_fields, "action")

    def __init__(
        self,
        *,
        action: str = "start",
        limit: timedelta = timedelta(minutes=4),
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("pool", CONTROL_POOL)
        kwargs.setdefault("name", "transit_stream_continuous")
        super().__init__(**kwargs)
        self.action, self.limit = action, limit

    def execute(self, context: Context) -> Any:
        """Bring the program to what is asked; defer until a start truly processes."""
        from headway.runtime.supervision import Supervision
        from headway.runtime.wanted import Wanted
        from headway_airflow.hooks.spark import PROGRAM
        from headway_airflow.triggers.probe import ProbeTrigger

        with explained():
            if self.settings.profile != "embedded":
                raise NotAsExpectedError(
                    "The continuous driver runs under Headway's supervisor, which this profile does not have.",
                    where=f"profile {self.settings.profile}",
                    next_step="run spark_jobs/transit_stream.py --trigger continuous as a service (docs/spark.md)",
                )
            supervision = Supervision(self.settings)
            if self.action == "stop":
                Wanted(self.settings).remove(PROGRAM)
                supervision.remove_program(PROGRAM)
                return {"stopped": PROGRAM}
            since = time.time()
            before = supervision.status(PROGRAM)
            program = self.program()
            supervision.ensure_program(program)
            # before the start: a task that is killed right after it has asked all the same
            Wanted(self.settings).add_program(program, self.more_environment())
            supervision.start(PROGRAM)
            after = supervision.status(PROGRAM)
        if before.running and before.pid == after.pid:
            since -= 60  # it ran as asked: what it reported lately counts
        deadline = time.time() + self.limit.total_seconds()
        return self.defer(
            trigger=ProbeTrigger("stream", {"after": since}, 1.0, deadline, time.time()),
            method_name="resume",
            timeout=self.limit + timedelta(minutes=1),
        )

    def program(self) -> Any:
        """Give the supervised program: the command that SparkSubmitOperator would run."""
        from headway.runtime.environment import base_environment
        from headway.runtime.program import ProgramSpec
        from headway.settings import PROJECT_DIR
        from headway.spark.lease import CONTINUOUS
        from headway_airflow.hooks.spark import PROGRAM

        fill_in(self, CONTINUOUS)
        command = self._get_hook()._build_spark_submit_command(self.application)
        env = base_environment(self.settings) | self.more_environment()
        return ProgramSpec(PROGRAM, tuple(map(str, command)), env, PROJECT_DIR, stop_seconds=60)

    def more_environment(self) -> dict[str, str]:
        """Give what the driver's environment has beside that of every program."""
        return {str(name): str(value) for name, value in (self.env_vars or {}).items()}

    def resume(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Leave when it processes."""
        with explained():
            if "ready" not in event:
                raise unpack(event)
        self.log.info("The driver processes: %s", event["ready"])
        return event["ready"]
