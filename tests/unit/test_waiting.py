"""Waiting until something is so."""

from __future__ import annotations

import time

import pytest

from headway.errors import UnavailableError
from headway.waiting import wait_until


def late(seen: object) -> UnavailableError:
    return UnavailableError(f"last seen {seen}")


def test_gives_what_it_saw_when_it_was_so() -> None:
    looks = iter([0, 0, 7])
    assert wait_until(lambda: next(looks), 5, late, poll_s=0.001) == 7
    looks = iter([1, 2, 3])
    assert wait_until(lambda: next(looks), 5, late, holds=lambda seen: seen == 3, poll_s=0.001) == 3


def test_a_limit_of_nothing_is_one_look() -> None:
    looks = iter([0])
    with pytest.raises(UnavailableError, match="last seen 0"):
        wait_until(lambda: next(looks), 0, late)


def test_looks_once_more_at_the_limit_and_tells_what_it_saw_last() -> None:
    begun, looks = time.monotonic(), []

    def look() -> int:
        looks.append(time.monotonic() - begun)
        return 0

    with pytest.raises(UnavailableError):
        wait_until(look, 0.05, late, poll_s=0.04)
    assert looks[-1] >= 0.05
    assert len(looks) == 3
