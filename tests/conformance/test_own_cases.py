"""Our own cases, one file a feature, in the format that ksqlDB's authors use."""

from __future__ import annotations

from pathlib import Path

import pytest

from ksqlengine.conformance.cases import Case, load
from ksqlengine.conformance.run import run_case

CASES = list(load(Path(__file__).parent / "cases"))


def test_there_are_cases_of_both_kinds() -> None:
    assert sum(c.expected_error is None for c in CASES) >= 25
    assert sum(c.expected_error is not None for c in CASES) >= 12
    assert not [c for c in CASES if c.out_of_scope]


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.file}: {c.name}")
def test_engine_agrees_with(case: Case, test_driver_jvm: None) -> None:
    run_case(case)
