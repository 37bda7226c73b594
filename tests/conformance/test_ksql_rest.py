"""Our own REST cases on the in-memory server; and that the runner finds what is wrong."""

from __future__ import annotations

import copy
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from headway import settings
from ksqlengine.__main__ import start_jvm
from ksqlengine.conformance.report import why_not
from ksqlengine.conformance.rest import cases, run_case

FILES = list(cases(Path(__file__).parent / "rest"))
CASES = [case for _, case in FILES]
COUNTS, WINDOWS = [case for file, case in FILES if file == "turnstiles.json"][:2]


@pytest.fixture(scope="module", autouse=True)
def _jvm() -> None:
    start_jvm(settings.load().install_dir / "java" / "engine", in_memory=True)


def outcome(case: dict[str, Any]) -> str:
    """Run a case and give what is wrong with it, or nothing."""
    return why_not(partial(run_case, case))


def test_there_are_cases() -> None:
    assert len(CASES) >= 7


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_case(case: dict[str, Any]) -> None:
    assert outcome(case) == ""


def test_runner_finds_a_count_that_is_one_too_many() -> None:
    wrong = copy.deepcopy(COUNTS)
    wrong["responses"][2]["query"][1]["row"]["columns"][1] += 1
    assert "no row" in outcome(wrong)


def test_runner_finds_a_swapped_message() -> None:
    wrong = copy.deepcopy(next(c for c in CASES if "expectedError" in c))
    wrong["expectedError"]["message"] = "Something else"
    assert "message: expected" in outcome(wrong)


def test_runner_finds_a_row_that_is_missing() -> None:
    wrong = copy.deepcopy(WINDOWS)
    del wrong["inputs"][1]
    assert "rows, expected" in outcome(wrong)


def test_runner_minds_the_order_of_rows_where_a_case_asks_for_it() -> None:
    case = next(c for c in CASES if c["name"].startswith("pull query on a stream"))
    swapped = copy.deepcopy(case)
    rows = [m for m in swapped["responses"][-1]["query"] if "row" in m]
    assert len(rows) > 1
    first, second = (swapped["responses"][-1]["query"].index(row) for row in rows[:2])
    query = swapped["responses"][-1]["query"]
    query[first], query[second] = query[second], query[first]
    assert outcome(swapped) == ""
    assert "no row" in outcome(swapped | {"outputConditions": {"verifyOrder": True}})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [("type", "io.confluent.ksql.rest.entity.KsqlErrorMessage", ""), ("status", 500, "status: expected 500, got 400")],
)
def test_runner_checks_type_and_status_of_an_error(key: str, value: object, said: str) -> None:
    wrong = copy.deepcopy(next(c for c in CASES if "expectedError" in c))
    wrong["expectedError"][key] = value
    assert outcome(wrong) == said


def test_runner_finds_an_answer_with_another_text() -> None:
    wrong = copy.deepcopy(COUNTS)
    wrong["responses"][0]["admin"]["commandStatus"] = {"message": "Something else"}
    assert "Something else" in outcome(wrong)


def test_runner_finds_a_written_record_that_differs() -> None:
    wrong = copy.deepcopy(next(c for c in CASES if c.get("outputs")))
    wrong["outputs"][0]["value"] = {"NO": "SUCH"}
    assert "value: expected" in outcome(wrong)
