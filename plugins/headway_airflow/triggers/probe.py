"""Wait until a probe says that something truly is so."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from airflow.triggers.base import BaseTrigger, TriggerEvent

from headway.errors import HeadwayError, NotAsExpectedError
from headway_airflow.errors import pack
from headway_airflow.probes import NotYet, check, too_late


class ProbeTrigger(BaseTrigger):
    """Ask a probe of :mod:`headway_airflow.probes` again and again, until it is ready or the limit is reached.

    :param probe: the probe's name
    :param arguments: its keyword arguments, plain JSON
    :param interval_s: seconds between two looks
    :param deadline: when to give up, seconds since the epoch (a triggerer that is restarted keeps it)
    :param since: since when the thing is waited for, seconds since the epoch

    The event is ``{"ready": {…}}``, or the packed error: a probe's own one at once (nothing to wait for), or, at the
    limit, :class:`UnavailableError` or :class:`NotAsExpectedError` that says what was missing and since when.
    """

    def __init__(
        self, probe: str, arguments: Mapping[str, Any], interval_s: float, deadline: float, since: float
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call] # Airflow's is
        self.probe, self.arguments = probe, dict(arguments)
        self.interval_s, self.deadline, self.since = interval_s, deadline, since

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Give what another process needs to make the same trigger."""
        return (
            "headway_airflow.triggers.probe.ProbeTrigger",
            {
                "probe": self.probe,
                "arguments": self.arguments,
                "interval_s": self.interval_s,
                "deadline": self.deadline,
                "since": self.since,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event: ready, or why not."""
        last = ""
        while True:
            try:
                found = await asyncio.to_thread(check, self.probe, self.arguments)
            except HeadwayError as error:
                yield TriggerEvent(pack(error))
                return
            except Exception as error:
                # an error of ours: without an event the task would only learn that its trigger is gone
                self.log.exception("%s: the look itself failed", self.probe)
                yield TriggerEvent(pack(_broken(self.probe, error)))
                return
            if not isinstance(found, NotYet):
                yield TriggerEvent({"ready": found})
                return
            if time.time() + self.interval_s > self.deadline:
                yield TriggerEvent(pack(too_late(found, self.since)))
                return
            if found.why != last:
                last = found.why
                self.log.info("%s: not yet: %s", self.probe, last)
            await asyncio.sleep(self.interval_s)


def _broken(probe: str, error: Exception) -> NotAsExpectedError:
    return NotAsExpectedError(
        f"The look at {probe} failed: {type(error).__name__}: {error}",
        where=f"probe {probe}",
        next_step="`headway logs airflow-triggerer` has the traceback; clear this task when it is mended",
    )
