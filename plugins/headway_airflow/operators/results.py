"""Check the results to the unit, and tell a person what happened."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from headway_airflow import ranges
from headway_airflow.operators.base import HeadwayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class VerifyOperator(HeadwayOperator):
    """Compare the workbook's truth with the ledger, and the ledger with every result.

    Green: equal to the unit. Red names the difference by station and hour, and is not retried: the same results differ
    again. It waits for each reader to reach the end that it captures first, and no replay runs meanwhile. It changes
    nothing.
    """

    template_fields: Sequence[str] = ("start", "end", "seed")

    def __init__(self, *, start: str, end: str, seed: str | int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.start, self.end, self.seed = start, end, seed

    def step(self, context: Context) -> dict[str, Any]:
        """Verify, and give the report."""
        from headway.adapters.locks import replays_excluded
        from headway.verify import verify

        start, end = ranges.hours(self.start, self.end)
        seed = ranges.seed(self.seed)
        with replays_excluded(self.settings):
            report = verify(self.settings, start, end, seed=seed)
        for line in str(report).splitlines():
            self.log.info("%s", line)
        return {"start": ranges.iso(start), "end": ranges.iso(end), "verified": True}


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
