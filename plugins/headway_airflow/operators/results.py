"""Check the results to the unit, and tell a person what happened."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NoReturn

from headway.errors import BusyError
from headway_airflow import ranges
from headway_airflow.errors import explained, unpack
from headway_airflow.operators.base import HeadwayOperator
from headway_airflow.triggers.probe import ProbeTrigger

if TYPE_CHECKING:
    from airflow.sdk import Context

IN_LINE_S = 60.0


class VerifyOperator(HeadwayOperator):
    """Compare the workbook's truth with the ledger, and the ledger with every result.

    Green: equal to the unit. Red names the difference by station and hour, and is not retried: the same results differ
    again. It waits for each reader to reach the end that it captures first, and no replay runs meanwhile: it waits in
    the triggerer for one that does (a paced one may take hours). It changes nothing.

    :param limit: how long to wait for other replays
    """

    template_fields: Sequence[str] = ("start", "end", "seed")

    def __init__(
        self,
        *,
        start: str,
        end: str,
        seed: str | int | None = None,
        limit: timedelta = timedelta(hours=5),
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.start, self.end, self.seed, self.limit = start, end, seed, limit

    def step(self, context: Context) -> dict[str, Any]:
        """Verify, and give the report."""
        return self._verified(time.time())

    def resume(self, context: Context, event: Mapping[str, Any], since: float) -> dict[str, Any]:
        """Go on when no replay runs any more."""
        with explained():
            if "ready" not in event:
                raise unpack(event)
            return self._verified(since)

    def _verified(self, since: float) -> dict[str, Any]:
        from headway.adapters.locks import replays_excluded
        from headway.verify import verify

        start, end = ranges.hours(self.start, self.end)
        seed = ranges.seed(self.seed)
        try:
            # who asks for the lock later waits behind us: not for longer than a short replay takes
            with replays_excluded(self.settings, "a verification", timeout_s=IN_LINE_S):
                report = verify(self.settings, start, end, seed=seed)
        except BusyError as error:
            self._wait(error, since)
        for line in str(report).splitlines():
            self.log.info("%s", line)
        return {"start": ranges.iso(start), "end": ranges.iso(end), "verified": True}

    def _wait(self, busy: BusyError, since: float) -> NoReturn:
        deadline = since + self.limit.total_seconds()
        if time.time() >= deadline:
            raise busy
        self.log.info("%s Waiting in the triggerer, %s at most.", busy.what, self.limit)
        trigger = ProbeTrigger("replays_idle", {}, 5.0, deadline, since)
        self.defer(trigger=trigger, method_name="resume", kwargs={"since": since})


class ReportOperator(HeadwayOperator):
    """Write the report: what was delivered, the busiest stations, Spark's rates, where to look next.

    Green: the report was made from what is really there. It changes nothing.
    """

    def step(self, context: Context) -> str:
        """Make the report; it is the task's result."""
        from headway.report import build_report, render

        text = str(render(build_report(self.settings)))
        for line in text.splitlines():
            self.log.info("%s", line)
        return text
