"""A wrong engine must turn cases red."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from ksqlengine.conformance.report import run_folder
from ksqlengine.engine import Engine
from ksqlengine.errors import KsqlError, KsqlStatementError
from ksqlengine.planner.builder import PlanBuilder

CASES = Path(__file__).parent / "cases"
pytestmark = pytest.mark.usefixtures("test_driver_jvm")


def test_count_that_is_one_too_many_turns_its_cases_red(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = PlanBuilder.code
    more = "{ public Object result(Object s) { return Long.valueOf(((Long) s).longValue() + 1L); } }"
    monkeypatch.setattr(
        PlanBuilder,
        "code",
        lambda self: honest(self).replace("new ksql.functions.Count();", f"new ksql.functions.Count() {more};"),
    )
    report = run_folder(CASES, "windows.json")
    assert report.positive[1] >= 5
    reasons = [f["reason"] for f in report.failures]
    assert len(reasons) >= 4
    assert all("value" in r for r in reasons)


def test_swapped_messages_turn_negative_cases_red(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = Engine.plan

    def wrong(self: Engine, *arguments: Any) -> Any:
        try:
            return honest(self, *arguments)
        except KsqlError as error:
            raise KsqlStatementError("Some other message") from error

    monkeypatch.setattr(Engine, "plan", wrong)
    report = run_folder(CASES, "errors.json")
    assert report.negative[1] >= 12
    assert report.negative[0] <= 1  # the syntax error comes from the parser, not from here
    assert all("message differs" in f["reason"] for f in report.failures)


def test_missing_refusal_turns_a_negative_case_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ksqlengine.planner.ddl.formats.check_value", lambda *_: None)
    report = run_folder(CASES, "errors.json: two columns")
    assert [f["case"] for f in report.failures] == ["two columns in a KAFKA value"]
