"""Largest remainder: no unit is lost, no part is more than one off."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.authoring.apportion import CarryingApportioner, apportion

WEIGHTS = st.lists(st.integers(0, 1_000), min_size=1, max_size=40).filter(any)


@given(st.integers(0, 1_000_000), WEIGHTS)
def test_parts_sum_to_the_total_and_stay_within_one_of_their_share(total: int, weights: list[int]) -> None:
    parts = apportion(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - total * weight / sum(weights)) < 1 + 1e-6
        assert weight or not part


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), st.integers(1, 9), st.integers(1, 9))
def test_carrying_keeps_small_parts_alive(totals: list[int], a: int, b: int) -> None:
    splitter = CarryingApportioner(2)
    splits = [splitter.split(total, [a, b]) for total in totals]
    assert [sum(split) for split in splits] == totals
    assert abs(sum(split[0] for split in splits) - sum(totals) * a / (a + b)) <= 1 + 1e-6


def test_nothing_to_split_by_is_an_error() -> None:
    with pytest.raises(ValueError, match="cannot split 3"):
        apportion(3, [0, 0])
