"""Our own REST cases on the in-memory server; and that the runner finds what is wrong."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from headway import settings
from ksqlengine.__main__ import start_jvm
from ksqlengine.conformance.rest import cases, run_case

CASES = [case for _, case in cases(Path(__file__).parent / "rest")]


@pytest.fixture(scope="module", autouse=True)
def _jvm() -> None:
    start_jvm(settings.load().install_dir / "java" / "engine", in_memory=True)


def test_there_are_cases() -> None:
    assert len(CASES) >= 7


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_case(case: dict[str, Any]) -> None:
    assert run_case(case) == ""


def test_runner_finds_a_count_that_is_one_too_many() -> None:
    wrong = copy.deepcopy(CASES[0])
    wrong["responses"][2]["query"][1]["row"]["columns"][1] += 1
    assert "no row" in run_case(wrong)


def test_runner_finds_a_swapped_message() -> None:
    wrong = copy.deepcopy(next(c for c in CASES if "expectedError" in c))
    wrong["expectedError"]["message"] = "Something else"
    assert "message: expected" in run_case(wrong)


def test_runner_finds_a_row_that_is_missing() -> None:
    wrong = copy.deepcopy(CASES[1])
    del wrong["inputs"][1]
    assert "rows, expected" in run_case(wrong)
