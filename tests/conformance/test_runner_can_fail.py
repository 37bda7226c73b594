"""A wrong engine must turn cases red."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ksqlengine.conformance import __main__ as command
from ksqlengine.conformance import run
from ksqlengine.conformance.cases import Case, load
from ksqlengine.conformance.report import Report, run_folder
from ksqlengine.conformance.run import Mismatch, Record, run_case
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
    honest = run._plan

    def wrong(*arguments: Any) -> Any:
        try:
            return honest(*arguments)
        except KsqlError as error:
            raise KsqlStatementError("Some other message") from error

    monkeypatch.setattr(run, "_plan", wrong)
    report = run_folder(CASES, "errors.json")
    assert report.negative[1] >= 12
    assert report.negative[0] == 0
    assert all("message differs" in f["reason"] for f in report.failures)


def test_missing_refusal_turns_a_negative_case_red(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ksqlengine.planner.ddl.formats.check_value", lambda *_: None)
    report = run_folder(CASES, "errors.json: two columns")
    assert [f["case"] for f in report.failures] == ["two columns in a KAFKA value"]


# -- an engine that gives other records ------------------------------------------------------------------------------
FEATURES = ("filter-and-project.json", "windows.json")


def _time(record: Record) -> Record:
    return replace(record, timestamp=record.timestamp + 1)


def _key(record: Record) -> Record:
    return replace(record, key=(record.key or b"") + b"\x00")


def _value(record: Record) -> Record:
    return replace(record, value=None if record.value is not None else b"{}")


def _header(record: Record) -> Record:
    return replace(record, headers=[("h", b"1")])


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (lambda records: records[:-1], "records, got"),
        (lambda records: [*records, records[-1]], "records, got"),
        (lambda records: [_time(r) for r in records], "timestamp"),
        (lambda records: [_key(r) for r in records], "key|window|error"),
        (lambda records: [_value(r) for r in records], "value"),
        (lambda records: [_header(r) for r in records], "headers"),
    ],
    ids=["output dropped", "output doubled", "time off by one", "other key", "other value", "header too many"],
)
@pytest.mark.parametrize("feature", FEATURES)
def test_other_records_turn_every_case_red(
    feature: str, fault: Callable[[list[Record]], list[Record]], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = run._run_query

    def wrong(engine: Engine, plan: Any, topics: dict[str, list[Record]], *rest: Any) -> None:
        before = len(topics.get(plan.sink.topic, ()))
        honest(engine, plan, topics, *rest)
        records = topics.get(plan.sink.topic, [])
        if len(records) > before:
            records[before:] = fault(records[before:])

    monkeypatch.setattr(run, "_run_query", wrong)
    expecting = {c.name for c in load(CASES) if c.file == feature and c.outputs and not c.expected_error}
    assert len(expecting) >= 2
    failures = {f["case"]: f["reason"] for f in run_folder(CASES, feature).failures}
    assert expecting <= set(failures)
    assert all(any(word in failures[name] for word in said.split("|")) for name in expecting), failures


def test_records_in_another_order_turn_a_case_red(monkeypatch: pytest.MonkeyPatch) -> None:
    case = next(c for c in load(CASES) if c.file == FEATURES[0] and len(c.outputs) > 1)
    with pytest.raises(Mismatch, match="key"):
        run_case(replace(case, outputs=case.outputs[::-1]))


# -- an engine with another catalog ----------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("post", "said"),
    [
        ({"sources": [{"name": "NOBODY"}]}, "no source NOBODY"),
        ({"sources": [{"name": "BIG", "type": "table"}]}, "BIG is a STREAM"),
        ({"sources": [{"name": "BIG", "schema": "STATION VARCHAR KEY, DOUBLED BIGINT"}]}, "schema of BIG"),
        ({"sources": [{"name": "BIG", "isSource": True}]}, "isSource"),
        ({"sources": [{"name": "BIG", "keyFormat": {"format": "JSON"}}]}, "key format"),
        ({"sources": [{"name": "BIG", "keyFormat": {"windowType": "TUMBLING"}}]}, "window of BIG"),
        ({"sources": [{"name": "BIG", "valueFormat": "DELIMITED"}]}, "value format"),
        ({"topics": {"topics": [{"name": "NOWHERE"}]}}, "no topic NOWHERE"),
        ({"topics": {"topics": [{"name": "BIG", "valueFormat": {"format": "DELIMITED"}}]}}, "valueFormat of topic BIG"),
        ({"topics": {"topics": [{"name": "BIG", "partitions": 99}]}}, "partitions, expected 99"),
    ],
)
def test_post_condition_that_does_not_hold_turns_a_case_red(post: dict[str, Any], said: str) -> None:
    case = next(c for c in load(CASES) if c.name == "keeps rows that pass and computes columns")
    run_case(case)
    with pytest.raises(Mismatch, match=said):
        run_case(replace(case, post=post))


def test_internal_topic_that_must_not_be_turns_a_case_red() -> None:
    case: Case = next(c for c in load(CASES) if "COUNT(" in " ".join(c.statements) and c.outputs)
    with pytest.raises(Mismatch, match="topics that should not be"):
        run_case(replace(case, post={"topics": {"blacklist": ".*"}}))


# -- what the command says -------------------------------------------------------------------------------------------
@pytest.fixture
def wrong_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = run._run_query

    def lossy(engine: Engine, plan: Any, topics: dict[str, list[Record]], *rest: Any) -> None:
        honest(engine, plan, topics, *rest)
        topics.pop(plan.sink.topic, None)

    monkeypatch.setattr(run, "_run_query", lossy)


def test_command_ends_with_0_and_names_nobody_when_all_pass(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([str(CASES), "--only", "windows.json*"]) == 0
    out = capsys.readouterr().out
    assert "✗" not in out
    assert "1 features passed whole" in out


def test_command_names_each_failure_with_its_reason(
    wrong_engine: None, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "result.json"
    assert command.main([str(CASES), "--only", "filter-and-project.json", "--json", str(file)]) == 1
    result = json.loads(file.read_text())
    assert list(result) == ["positive", "negative", "out_of_scope", "failures"]
    assert set(result["positive"]) == set(result["negative"]) == {"passed", "total"}
    assert result["positive"]["total"] - result["positive"]["passed"] == len(result["failures"]) > 0
    assert all(set(f) == {"file", "case", "reason"} for f in result["failures"])
    out = capsys.readouterr().out.replace("\n", " ")
    assert all(f"✗ {f['file']}: {f['case']}" in out for f in result["failures"])
    assert "feature" in out
    assert "records, got" in out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [([str(CASES), "--only", "no such case"], "No case ran"), (["/no/such/folder"], "There is no case")],
)
def test_command_that_ran_nothing_ends_with_2(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(arguments) == 2
    assert said in capsys.readouterr().out


def test_report_counts_a_failure_once_for_its_kind_and_feature() -> None:
    report = Report()
    report.add("a.json", "one", "", negative=False)
    report.add("a.json", "two", "differs", negative=True)
    assert (report.positive, report.negative, report.features) == ([1, 1], [0, 1], {"a": [1, 2]})
