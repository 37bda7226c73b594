"""The Faust workers: supervised processes that Airflow starts, stops and watches."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from headway_airflow.operators.base import WaitingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

Action = Literal["start", "stop", "restart"]


class FaustWorkersOperator(WaitingOperator):
    """Start the Faust workers (the first is active, the others stand by), or stop them.

    Green after ``start`` and ``restart``: the workers live, all station rows are read (no lag), and the topic of
    stations has a row for each station, and no other. Green after ``stop``: they are gone. The supervisor restarts a
    worker that dies; a standby takes over meanwhile. A retry changes nothing that need not change.

    Where no supervisor of ours runs (compose, external), starting and stopping is the orchestrator's; this waits only.
    """

    probe = "faust"

    def __init__(self, *, action: Action = "start", limit: timedelta = timedelta(minutes=3), **kwargs: Any) -> None:
        super().__init__(limit=limit, **kwargs)
        self.action = action

    def execute(self, context: Context) -> Any:
        """Do it, and wait for a start's effect."""
        if self.action == "stop":
            from headway_airflow.errors import explained
            from headway_airflow.hooks.faust import stop

            with explained():
                return {"stopped": stop(self.settings)}
        return super().execute(context)

    def step(self, context: Context) -> None:
        """Start or restart."""
        from headway_airflow.hooks import faust

        started = faust.start(self.settings) if self.action == "start" else faust.restart(self.settings)
        self.log.info("Workers: %s", ", ".join(started) or "not ours to start here")
