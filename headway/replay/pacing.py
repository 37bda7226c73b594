"""Pacing: which simulated instant is due now, and how far behind the replay is."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from headway.errors import RangeError


@dataclass
class Pace:
    """Maps the wall's time to simulated time, ``speed`` times as fast; None is as fast as can be.

    Nothing is dropped to catch up: what is late is sent at once, and the lag is kept.
    """

    speed: float | None
    clock: Callable[[], float] = time.monotonic
    max_lag_s: float = 0.0
    lag_s: float = 0.0
    _wall: float = field(default=0.0, init=False)
    _simulated_ms: int | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if self.speed is not None and not 0 < self.speed < float("inf"):
            raise RangeError(
                f"A speed of {self.speed:g} makes no sense.",
                where="the asked speed",
                next_step="give a positive number (60: a simulated hour a minute), or none for the maximum",
            )

    def start(self, simulated_ms: int) -> None:
        """Begin at a simulated instant, once."""
        if self._simulated_ms is None:
            self._wall, self._simulated_ms = self.clock(), simulated_ms

    def due_ms(self) -> int | None:
        """Give the simulated instant up to which everything is due; None: all is."""
        if self.speed is None or self._simulated_ms is None:
            return None
        return self._simulated_ms + int((self.clock() - self._wall) * 1000 * self.speed)

    def seconds_until(self, simulated_ms: int) -> float:
        """Give how long the wall takes until a simulated instant is due (0 when it is)."""
        due = self.due_ms()
        return 0.0 if due is None or self.speed is None else max(0.0, (simulated_ms - due) / 1000 / self.speed)

    def sent(self, simulated_ms: int) -> None:
        """Note that an event of an instant was sent now: the lag is in seconds of the wall."""
        due = self.due_ms()
        if due is not None and self.speed is not None:
            self.lag_s = max(0.0, (due - simulated_ms) / 1000 / self.speed)
            self.max_lag_s = max(self.max_lag_s, self.lag_s)
