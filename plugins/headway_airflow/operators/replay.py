"""Replay a feed for a range of simulated time."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException

from headway.core.pools import replay_pool
from headway_airflow import ranges
from headway_airflow.assets import EVENTS
from headway_airflow.operators.base import HeadwayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

REPORT_EVERY_S = 5.0


class ReplayOperator(HeadwayOperator):
    """Replay one feed.

    Green: by the ledger and over all attempts, planned = delivered + rejected for every hour of the range. A retry, a
    cleared task or an overlapping run sends only what the ledger lacks: nothing is doubled, nothing is lost. Stopping
    the task (or the platform) ends the replay at its last commit; the next attempt goes on from there.

    It runs in the feed's one-slot pool, and shares the lock that a verification holds alone.

    :param feed: the feed's name in ``data/feeds.toml``
    :param start, end: the simulated range, whole UTC hours, half-open
    :param speed: ``max``, or simulated seconds a second
    :param seed: of the disturbances; empty: the setting's
    """

    template_fields: Sequence[str] = ("start", "end", "speed", "seed")

    def __init__(
        self, *, feed: str, start: str, end: str, speed: str = "max", seed: str | int | None = None, **kwargs: Any
    ) -> None:
        kwargs.setdefault("pool", replay_pool(feed))
        if feed in EVENTS:
            kwargs.setdefault("outlets", [EVENTS[feed]])
        super().__init__(**kwargs)
        self.feed, self.start, self.end, self.speed, self.seed = feed, start, end, speed, seed
        self._stopping = threading.Event()

    def step(self, context: Context) -> dict[str, Any]:
        """Replay, with progress in the log."""
        from headway.adapters.locks import replays_shared
        from headway.replay import replay

        start, end = ranges.hours(self.start, self.end)
        speed = ranges.speed(self.speed)
        seed = ranges.seed(self.seed)
        with replays_shared(self.settings, f"a replay of {self.feed}") as lock:
            result = replay(
                self.settings,
                self.feed,
                start,
                end,
                speed=speed,
                seed=seed,
                on_progress=_Reporter(self.log).tell,
                should_stop=lambda: self._stopping.is_set() or lock.lost(),
            )
        figures = {
            name: getattr(result, name)
            for name in ("planned", "delivered", "rejected", "already", "hours", "seconds", "max_lag_s")
        }
        self.log.info("Replayed %s: %s", self.feed, figures)
        for asset in self.outlets:
            context["outlet_events"][asset].extra = {"start": ranges.iso(start), "end": ranges.iso(end), **figures}
        return figures

    def execute(self, context: Context) -> Any:
        """Replay; a replay that was asked to stop is red, whatever it had delivered."""
        try:
            result = super().execute(context)
        except Exception:
            if self._stopping.is_set():
                self.log.info("The replay was stopped at its last commit; the next attempt goes on from there.")
            raise
        if self._stopping.is_set():
            raise AirflowException(f"The replay of {self.feed} was asked to stop.")
        return result

    def on_kill(self) -> None:
        """End at the next commit."""
        self.log.info("Asked to stop: ending the replay at its last commit.")
        self._stopping.set()


class _Reporter:
    """Write a replay's progress to the log, a line each few seconds."""

    def __init__(self, log: Any, clock: Any = time.monotonic) -> None:
        self._log, self._clock = log, clock
        self._next = clock() + REPORT_EVERY_S

    def tell(self, progress: Any) -> None:
        """Write a line when it is time."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + REPORT_EVERY_S
        self._log.info("Progress: %s", progress)
