"""What every operator of ours shares: settings, errors that say what to do next, and waiting without a worker."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.sdk import BaseOperator

from headway_airflow.errors import explained, unpack

if TYPE_CHECKING:
    from airflow.sdk import Context

    from headway.settings import Settings


class HeadwayOperator(BaseOperator):
    """Do one step against the platform.

    Subclasses write :meth:`step`. An error that the same input would cause again fails the task without a retry.
    """

    ui_color = "#e8f1f8"

    @property
    def settings(self) -> Settings:
        """Give the platform's settings (read when the task runs, never when the DAG file is parsed)."""
        from headway.settings import load

        return load()

    def execute(self, context: Context) -> Any:
        """Do the step."""
        with explained():
            return self.step(context)

    def step(self, context: Context) -> Any:
        """Do the step; raise a :class:`~headway.errors.HeadwayError` when it cannot be done."""
        raise NotImplementedError


class WaitingOperator(HeadwayOperator):
    """Do a step, then wait in the triggerer until a probe says that it truly took effect.

    :param limit: how long to wait
    :param interval_s: seconds between two looks
    """

    probe = ""

    def __init__(self, *, limit: timedelta = timedelta(minutes=3), interval_s: float = 1.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.limit, self.interval_s = limit, interval_s

    def probe_arguments(self) -> dict[str, Any]:
        """Give the probe's keyword arguments."""
        return {}

    def execute(self, context: Context) -> Any:
        """Do the step, look once, and defer when it is not so yet."""
        from headway_airflow.probes import NotYet, check

        with explained():
            self.step(context)
            since = time.time()
            arguments = self.probe_arguments()
            found = check(self.probe, arguments)
            if not isinstance(found, NotYet):
                return self.ready(context, found)
        self.log.info("Not yet: %s. Waiting in the triggerer, %s at most.", found.why, self.limit)
        from headway_airflow.triggers.probe import ProbeTrigger

        seconds = self.limit.total_seconds()
        trigger = ProbeTrigger(self.probe, arguments, self.interval_s, since + seconds, since)
        # the trigger itself ends at the limit and says why; Airflow's own timeout is for a triggerer that hangs
        return self.defer(trigger=trigger, method_name="resume", timeout=timedelta(seconds=seconds + 60))

    def step(self, context: Context) -> Any:
        """Do nothing but wait."""

    def resume(self, context: Context, event: Mapping[str, Any]) -> Any:
        """Go on when the trigger has fired."""
        with explained():
            if "ready" not in event:
                raise unpack(event)
            return self.ready(context, dict(event["ready"]))

    def ready(self, context: Context, found: dict[str, Any]) -> Any:
        """Say what is so now; its answer is the task's result."""
        self.log.info("Ready: %s", found)
        return found
