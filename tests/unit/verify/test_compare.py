"""Comparing two tables: equal to the unit, or the difference by place."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headway.errors import VerificationError
from headway.verify.compare import SHOWN, Check, compare
from headway.verify.result import VerifyReport

TABLES = st.dictionaries(st.tuples(st.integers(0, 9), st.integers(0, 9)), st.tuples(st.integers(1, 99)))


def _compare(expected: dict[object, tuple[object, ...]], found: dict[object, tuple[object, ...]], **over: Any) -> Check:
    return compare("c", expected, found, place=str, fields=("entries",), cure="mend it", **over)


def test_names_a_station_and_hour_that_differ_by_one() -> None:
    check = compare(
        "KSQL, each station and hour",
        {(40380, 0): (10, 2), (40380, 3_600_000): (7, 1)},
        {(40380, 0): (10, 2), (40380, 3_600_000): (8, 1)},
        place=lambda key: f"Clark/Lake, hour {key[1] // 3_600_000}",
        fields=("entries", "records"),
        cure="mend it",
    )
    assert (check.equal, check.different, check.expected, check.observed) == (False, 1, 17, 18)
    assert str(check.differences[0]) == "Clark/Lake, hour 1: expected entries 7, records 1, found entries 8, records 1"


@given(TABLES, TABLES)
def test_is_equal_exactly_when_the_tables_are(
    expected: dict[object, tuple[object, ...]], found: dict[object, tuple[object, ...]]
) -> None:
    check = _compare(expected, found)
    assert check.equal == (expected == found)
    assert check.different == sum(expected.get(k) != found.get(k) for k in expected.keys() | found.keys())
    assert len(check.differences) == min(SHOWN, check.different)


def test_a_missing_key_differs_even_from_zero_unless_zero_is_absent() -> None:
    assert not _compare({"a": (0,)}, {}).equal
    assert _compare({"a": (0,)}, {}, zero_is_absent=True).equal
    assert not _compare({"a": (1,)}, {}, zero_is_absent=True).equal
    assert not _compare({}, {"a": (1,)}).equal


def test_keeps_the_first_differences_in_the_order_of_their_keys() -> None:
    check = _compare({(n,): (n,) for n in range(100, 0, -1)}, {})
    assert [d.place for d in check.differences] == [f"({n},)" for n in range(1, SHOWN + 1)]
    assert check.different == 100


def test_the_error_names_places_and_cures_and_counts_the_rest() -> None:
    wrong = _compare({n: (n,) for n in range(1, 31)}, {})
    at = datetime(2026, 3, 2, tzinfo=UTC)
    report = VerifyReport(at, at, 3, (_compare({1: (1,)}, {1: (1,)}), wrong), 0.5)
    assert not report.equal
    with pytest.raises(VerificationError) as error:
        report.raise_if_different()
    assert "1 of 2 checks differ: c." in error.value.what
    assert "c: 1: expected 1, found nothing" in error.value.where
    assert "and 25 more" in error.value.where
    assert error.value.next_step == "mend it"
    assert "DIFFERS" in str(report) and "equal" in str(report) and "and 20 more" in str(report)


def test_an_equal_report_raises_nothing() -> None:
    at = datetime(2026, 3, 2, tzinfo=UTC)
    VerifyReport(at, at, 1, (_compare({1: (1,)}, {1: (1,)}),), 0.1).raise_if_different()
