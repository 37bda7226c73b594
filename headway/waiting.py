"""Wait until something is so: look, and look again, up to a limit."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from headway.errors import HeadwayError

T = TypeVar("T")


def wait_until(
    look: Callable[[], T],
    timeout_s: float,
    late: Callable[[T], HeadwayError],
    *,
    holds: Callable[[T], object] = bool,
    poll_s: float = 0.2,
) -> T:
    """Look until ``holds`` says that what was seen will do, and give it; raise what ``late`` makes of the last look.

    It looks once at least, and once more after the limit: a limit of 0 is one look.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        over = time.monotonic() >= deadline
        seen = look()
        if holds(seen):
            return seen
        if over or timeout_s <= 0:
            raise late(seen)
        time.sleep(min(poll_s, max(0.0, deadline - time.monotonic())))
