"""Operators, sensors and triggers without services: what is red says why, and what waits can move between processes."""

from __future__ import annotations

import asyncio
import importlib
import json
import sys
import time
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import BaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException, TaskDeferred
from airflow.triggers.base import TriggerEvent
from headway_airflow import ranges
from headway_airflow.errors import explained, pack, unpack
from headway_airflow.hooks import ksql, spark
from headway_airflow.operators.prepare import EnsureTopicsOperator, PlanOperator, SeedStationsOperator
from headway_airflow.operators.replay import ReplayOperator
from headway_airflow.operators.results import VerifyOperator
from headway_airflow.operators.spark import HeadwaySparkSubmitOperator, TransitStreamOperator, fill_in
from headway_airflow.operators.stream import ContinuousSparkOperator
from headway_airflow.probes import NotYet, check, too_late
from headway_airflow.sensors.services import ServiceHealthSensor
from headway_airflow.triggers.probe import ProbeTrigger

from headway.core.pools import POOLS
from headway.errors import (
    BusyError,
    HeadwayError,
    LedgerError,
    NotAsExpectedError,
    RangeError,
    UnavailableError,
    VerificationError,
    WorkbookError,
)
from headway.settings import PROJECT_DIR, load

GOOD_SPARK = {
    "driver_memory": "512m",
    "executor_memory": "768m",
    "executor_cores": "1",
    "total_executor_cores": "2",
}
START, END = "2026-03-02T06:00:00Z", "2026-03-02T09:00:00Z"


def run(operator: BaseOperator, **context: Any) -> Any:
    """Call the operator as a worker would, without one."""
    return operator.execute.__wrapped__(operator, context)  # type: ignore[attr-defined] # Airflow's guard


def fired(trigger: ProbeTrigger) -> TriggerEvent:
    """Run a trigger to its event, as the triggerer does."""

    async def first() -> TriggerEvent:
        return await anext(trigger.run())

    return asyncio.run(first())


# -- ranges and speeds


@pytest.mark.parametrize(
    ("start", "end", "complaint"),
    [
        (END, START, "unordered"),
        (START, START, "empty"),
        ("2026-03-02T06:30:00Z", END, "whole UTC hour"),
        ("2026-03-02T06:00:00+05:30", END, "whole UTC hour"),
        ("2026-03-02T06:00:00", END, "no time zone"),
        ("soon", END, "no date-time"),
        ("2024-01-01T00:00:00Z", END, "at most 366"),
    ],
)
def test_range_that_makes_no_sense_is_refused_with_the_reason(start: str, end: str, complaint: str) -> None:
    with pytest.raises(RangeError, match=complaint) as error:
        ranges.hours(start, end)
    assert error.value.next_step


def test_range_is_given_in_utc_whatever_zone_it_was_written_in() -> None:
    start, _ = ranges.hours("2026-03-02T00:00:00-06:00", END)
    assert ranges.iso(start) == START


@pytest.mark.parametrize(("value", "speed"), [("max", None), ("MAX", None), (None, None), ("60", 60.0), (0.5, 0.5)])
def test_speed_is_max_or_a_number(value: Any, speed: float | None) -> None:
    assert ranges.speed(value) == speed


@pytest.mark.parametrize("value", ["fast", "0", "-1", "2000000", "nan"])
def test_speed_that_makes_no_sense_is_refused(value: str) -> None:
    with pytest.raises(RangeError):
        ranges.speed(value)


# -- plan


def plan(**over: Any) -> PlanOperator:
    return PlanOperator(**{"task_id": "plan", "start": START, "end": END, "spark": GOOD_SPARK, **over})


def test_plan_gives_the_range_in_utc() -> None:
    assert run(plan()) == {"start": START, "end": END, "hours": 3, "speed": "max"}


def test_plan_without_a_data_interval_is_red_and_says_what_to_do() -> None:
    with pytest.raises(AirflowFailException, match=r"no data interval[\s\S]*logical date"):
        run(plan(start="", end=""), run_id="manual__1")


@pytest.mark.parametrize(
    ("spark", "complaint"),
    [
        ({"executor_memory": "400m"}, "does not start"),
        ({"driver_memory": "256m"}, "does not start"),
        ({"executor_cores": "4", "total_executor_cores": "2"}, "wait for ever"),
        ({"executor_memory": "64g"}, "No worker can hold"),
    ],
)
def test_plan_refuses_what_spark_would_wait_for_in_vain(spark: dict[str, str], complaint: str) -> None:
    with pytest.raises(AirflowFailException, match=complaint):
        run(plan(spark=GOOD_SPARK | spark))


def test_plan_names_the_workbook_that_is_missing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HEADWAY__DATA_DIR", str(tmp_path))
    load.cache_clear()
    with pytest.raises(AirflowFailException, match=r"WorkbookError[\s\S]*transit\.xlsx"):
        run(plan())


def test_plan_names_the_feed_that_is_not_described() -> None:
    with pytest.raises(AirflowFailException, match=r"no feed 'trams'[\s\S]*Next:"):
        run(plan(feeds=("trams",)))


def test_a_run_that_makes_no_sense_is_red_at_its_plan_without_a_retry() -> None:
    dag = DagBag(str(PROJECT_DIR / "dags")).dags["transit_platform"].partial_subset("plan")
    red = dag.test(run_conf={"start": START, "end": START})
    assert red.state == "failed"
    assert [(task.task_id, task.state, task.try_number) for task in red.get_task_instances() if task.state] == [
        ("plan", "failed", 1)
    ]


def test_a_confirmed_reset_gets_past_its_question() -> None:
    dag = DagBag(str(PROJECT_DIR / "dags")).dags["transit_new_generation"]
    run_conf = {"confirm": "begin a new generation"}
    assert dag.test(run_conf=run_conf, mark_success_pattern="^(?!confirm$).*").state == "success"


# -- errors


@pytest.mark.parametrize("kind", [RangeError, WorkbookError, LedgerError, VerificationError])
def test_what_no_retry_mends_is_not_retried(kind: type[HeadwayError]) -> None:
    with pytest.raises(AirflowFailException, match=f"{kind.__name__}: x\nWhere: y\nNext: z"), explained():
        raise kind("x", where="y", next_step="z")


@pytest.mark.parametrize("kind", [UnavailableError, NotAsExpectedError])
def test_what_may_mend_itself_is_retried(kind: type[HeadwayError]) -> None:
    with pytest.raises(kind), explained():
        raise kind("x")


def test_error_crosses_from_the_triggerer_to_the_task() -> None:
    there = NotAsExpectedError("what", where="where", next_step="next")
    back = unpack(json.loads(json.dumps(pack(there))))
    assert type(back) is NotAsExpectedError
    assert str(back) == str(there)


# -- services away


def test_seeding_without_postgres_is_red_and_says_so() -> None:
    with pytest.raises(UnavailableError, match=r"(?i)postgres"):
        run(SeedStationsOperator(task_id="seed"))


def test_topics_without_a_broker_are_red_and_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("headway.adapters.kafka.REQUEST_S", 1.0)
    with pytest.raises(UnavailableError, match="Kafka"):
        run(EnsureTopicsOperator(task_id="topics"))


def test_waiting_for_services_defers_then_says_which_were_away_and_since_when() -> None:
    sensor = ServiceHealthSensor(
        task_id="wait", services=["postgres", "ksql", "spark-master"], limit=timedelta(seconds=0.5), interval_s=0.1
    )
    with pytest.raises(TaskDeferred) as deferred:
        run(sensor)
    trigger = deferred.value.trigger
    assert isinstance(trigger, ProbeTrigger)
    event = fired(trigger)
    with pytest.raises(UnavailableError) as error:
        getattr(sensor, deferred.value.method_name)({}, json.loads(json.dumps(event.payload)))
    text = str(error.value)
    assert all(name in text for name in ("postgres", "ksql", "spark-master", "Waited since", "headway status"))


def test_a_service_that_answers_is_not_waited_for() -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        settings = load().model_copy(deep=True)
        settings.spark.master_url = f"spark://127.0.0.1:{server.getsockname()[1]}"
        from headway_airflow.probes import services

        assert services(settings, ["spark-master"]) == {"answering": ["spark-master"]}


def test_probe_that_is_too_late_tells_away_from_not_so() -> None:
    assert isinstance(too_late(NotYet("no answer", away=True), time.time() - 5), UnavailableError)
    assert isinstance(too_late(NotYet("3 rows behind"), time.time() - 5), NotAsExpectedError)


def test_health_restarts_what_does_not_answer_but_never_airflow_s_own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    from headway_airflow.hooks import health
    from headway_airflow.probes import SERVICES

    restarted: list[str] = []
    monkeypatch.setattr("headway.runtime.supervision.Supervision.restart", lambda self, name: restarted.append(name))
    monkeypatch.setattr("headway_airflow.probes.services", lambda settings, names: NotYet("silent", away=True))
    told = health.mend(load(), "services")
    assert set(restarted) == set(SERVICES) - {"postgres"}
    assert len(told) == len(restarted) > 0


# -- triggers


def test_trigger_is_the_same_after_a_trip_to_the_triggerer() -> None:
    trigger = ProbeTrigger("connector", {"name": "stations", "table_topic": True}, 1.0, 2000.0, 1000.0)
    path, arguments = trigger.serialize()
    module, _, name = path.rpartition(".")
    again = getattr(importlib.import_module(module), name)(**json.loads(json.dumps(arguments)))
    assert isinstance(again, ProbeTrigger)
    assert again.serialize() == trigger.serialize()


def test_trigger_fires_when_the_probe_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter([NotYet("not yet"), NotYet("not yet"), {"rows": 3}])
    monkeypatch.setattr("headway_airflow.triggers.probe.check", lambda probe, arguments: next(looks))
    event = fired(ProbeTrigger("faust", {}, 0.01, time.time() + 5, time.time()))
    assert event.payload == {"ready": {"rows": 3}}


def test_trigger_fires_at_once_when_waiting_is_no_use(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(probe: str, arguments: Any) -> Any:
        raise NotAsExpectedError("the task FAILED")

    monkeypatch.setattr("headway_airflow.triggers.probe.check", broken)
    event = fired(ProbeTrigger("connector", {}, 60.0, time.time() + 600, time.time()))
    assert event.payload["what"] == "the task FAILED"


def test_trigger_tells_the_task_of_a_look_that_broke(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(probe: str, arguments: Any) -> Any:
        raise KeyError("role")

    monkeypatch.setattr("headway_airflow.triggers.probe.check", broken)
    event = fired(ProbeTrigger("faust", {}, 60.0, time.time() + 600, time.time()))
    error = unpack(json.loads(json.dumps(event.payload)))
    assert isinstance(error, NotAsExpectedError)
    assert "faust failed: KeyError: 'role'" in error.what
    assert "triggerer" in error.next_step


def test_stations_of_another_workbook_are_looked_for_where_the_workbooks_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    for asked, place in (("mine.xlsx", load().data_dir / "mine.xlsx"), (str(tmp_path / "x.xlsx"), tmp_path / "x.xlsx")):
        with pytest.raises(AirflowFailException, match=str(place)):
            run(SeedStationsOperator(task_id="seed", workbook=asked))


def test_every_probe_that_an_operator_names_exists() -> None:
    from headway_airflow.operators.base import WaitingOperator
    from headway_airflow.probes import PROBES

    def below(kind: type[WaitingOperator]) -> list[type[WaitingOperator]]:
        return [kind, *(deeper for child in kind.__subclasses__() for deeper in below(child))]

    named = {kind.probe for kind in below(WaitingOperator)} - {""}
    assert len(named) >= 4
    assert named <= set(PROBES)


def test_a_part_that_is_away_is_not_yet() -> None:
    found = check("ksql_queries", {"sinks": []})
    assert isinstance(found, NotYet)
    assert found.away


# -- replay


@pytest.fixture
def replay(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Put a replay without Kafka in the operator's way; it records how it was called."""
    calls: list[Any] = []
    figures = {"planned": 5, "delivered": 5, "rejected": 0, "already": 0, "hours": 3, "seconds": 0.1, "max_lag_s": 0.0}

    def replayed(*args: Any, **options: Any) -> Any:
        calls.append((args, options))
        if stop := getattr(replayed, "stop", None):
            stop()
        return SimpleNamespace(**figures)

    lock = SimpleNamespace(lost=lambda: False)
    monkeypatch.setattr("headway.replay.replay", replayed, raising=False)
    monkeypatch.setattr("headway.adapters.locks.replays_shared", lambda settings, who: nullcontext(lock))
    replayed.lock = lock  # type: ignore[attr-defined] # a note on the stand-in
    replayed.calls = calls  # type: ignore[attr-defined] # a note on the stand-in
    return replayed


def test_replay_asks_for_its_feed_range_speed_and_seed(replay: Any) -> None:
    operator = ReplayOperator(task_id="r", feed="turnstile", start=START, end=END, speed="600", seed="9", outlets=[])
    assert run(operator)["delivered"] == 5
    (_, feed, start, end), options = replay.calls[0]
    assert (feed, ranges.iso(start), ranges.iso(end)) == ("turnstile", START, END)
    assert (options["speed"], options["seed"]) == (600.0, 9)


def test_replay_that_was_asked_to_stop_is_red(replay: Any) -> None:
    operator = ReplayOperator(task_id="r", feed="turnstile", start=START, end=END, outlets=[])
    replay.stop = operator.on_kill
    with pytest.raises(AirflowException, match="asked to stop"):
        run(operator)
    assert replay.calls[0][1]["should_stop"]()


def test_replay_ends_when_its_lock_is_lost(replay: Any) -> None:
    run(ReplayOperator(task_id="r", feed="turnstile", start=START, end=END, outlets=[]))
    stop = replay.calls[0][1]["should_stop"]
    assert not stop()
    replay.lock.lost = lambda: True
    assert stop()


def test_verification_waits_in_the_triggerer_for_a_long_replay_and_then_says_whose_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = "a replay of turnstile (since 06:00:00 UTC)"

    def busy(settings: Any, who: str, timeout_s: float) -> Any:
        raise BusyError(f"The lock is held: {held}.")

    monkeypatch.setattr("headway.adapters.locks.replays_excluded", busy)
    monkeypatch.setattr("headway.adapters.locks.holders", lambda settings: [held])
    operator = VerifyOperator(task_id="v", start=START, end=END, limit=timedelta(seconds=4))
    with pytest.raises(TaskDeferred) as deferred:
        run(operator)
    trigger = deferred.value.trigger
    assert isinstance(trigger, ProbeTrigger)
    event = fired(trigger)
    with pytest.raises(NotAsExpectedError, match="a replay of turnstile"):
        getattr(operator, deferred.value.method_name)({}, event.payload, **(deferred.value.kwargs or {}))

    monkeypatch.setattr("headway.adapters.locks.holders", lambda settings: [])
    event = fired(ProbeTrigger("replays_idle", {}, 5.0, time.time() + 5, time.time()))
    monkeypatch.setattr("headway.adapters.locks.replays_excluded", lambda *_, **__: nullcontext())
    monkeypatch.setattr("headway.verify.verify", lambda settings, start, end, seed: "as it must be")
    assert operator.resume({}, event.payload, since=time.time())["verified"]


# -- spark, ksql


def test_spark_operator_without_a_connection_uses_the_master_of_the_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AIRFLOW_CONN_NO_SUCH", raising=False)
    operator = HeadwaySparkSubmitOperator(task_id="s", application="job.py", conn_id="no_such", executor_memory="1g")
    command = operator._get_hook()._build_spark_submit_command("job.py")
    assert command[command.index("--master") + 1] == load().spark.master_url
    assert command[command.index("--executor-memory") + 1] == "1g"
    monkeypatch.delenv("AIRFLOW_CONN_NO_SUCH")


def test_spark_has_to_reach_every_partition_s_end() -> None:
    ends = {"a": {"0": 10, "1": 5}, "b": {"0": 0}}
    assert spark.behind(ends, {"a": {"0": 10, "1": 5}}) == {}
    assert spark.behind(ends, {"a": {"0": 12, "1": 3}}) == {"a": 2}
    assert spark.behind(ends, {}) == {"a": 15}


def test_supervised_driver_names_no_generation_because_it_outlives_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from headway.spark.layout import Layout

    monkeypatch.setattr("headway_airflow.hooks.spark.layout", lambda settings: Layout(tmp_path, generation=3))
    monkeypatch.setattr("headway.spark.submit.kafka_jars", lambda settings: [])
    bounded = TransitStreamOperator(task_id="bounded")
    fill_in(bounded, "available-now")
    assert bounded.application_args is not None
    assert bounded.application_args[bounded.application_args.index("--generation") + 1] == "3"
    command = ContinuousSparkOperator(task_id="continuous").program().command
    assert command[command.index("--trigger") + 1] == "continuous"
    assert "--generation" not in command


def test_stopped_driver_is_forgotten_so_that_health_leaves_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    from headway_airflow.hooks import health

    from headway.runtime.program import ProgramSpec, ProgramStatus
    from headway.runtime.supervision import Supervision
    from headway.runtime.wanted import Wanted

    Wanted(load()).add_program(ProgramSpec(spark.PROGRAM, ("spark-submit",)), {})
    programs = {spark.PROGRAM: "FATAL"}
    state = lambda self, name: ProgramStatus(name, programs.get(name, "ABSENT"), 0, 0.0)  # noqa: E731
    monkeypatch.setattr(Supervision, "status", state)
    monkeypatch.setattr(Supervision, "remove_program", lambda self, name: programs.pop(name, None))
    assert health.in_use(load(), "stream") == "", "one that gave up is meant to run"
    for _ in range(2):
        assert run(ContinuousSparkOperator(task_id="s", action="stop")) == {"stopped": spark.PROGRAM}
    assert "stopped" in health.in_use(load(), "stream")


def test_worker_that_was_stopped_on_purpose_is_left_alone_though_it_had_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from headway_airflow.hooks import faust, health

    from headway.runtime.program import ProgramStatus
    from headway.runtime.supervision import Supervision

    fatal = lambda self, name: ProgramStatus(name, "FATAL", 0, 0.0)  # noqa: E731
    monkeypatch.setattr(Supervision, "status", fatal)
    for told in ("ensure_program", "start", "stop"):
        monkeypatch.setattr(Supervision, told, lambda self, what: None)
    faust.start(load())
    assert health.in_use(load(), "faust") == "", "one that gave up is meant to run"
    faust.stop(load())
    assert "stopped" in health.in_use(load(), "faust")


@pytest.mark.parametrize(
    ("asked", "state", "resumes"),
    [(True, "RUNNING", True), (True, "STOPPED", True), (True, "ABSENT", True), (False, "ABSENT", False)],
)
def test_repeated_reset_still_knows_that_the_driver_must_go_on(
    monkeypatch: pytest.MonkeyPatch, asked: bool, state: str, resumes: bool
) -> None:
    from headway_airflow.hooks import generation

    from headway.runtime.program import ProgramSpec, ProgramStatus
    from headway.runtime.supervision import Supervision
    from headway.runtime.wanted import Wanted

    if asked:
        Wanted(load()).add_program(ProgramSpec(spark.PROGRAM, ("spark-submit",)), {})
    monkeypatch.setattr(Supervision, "status", lambda self, name: ProgramStatus(name, state, 0, 0.0))
    monkeypatch.setattr(Supervision, "stop", lambda self, name: None)
    monkeypatch.setattr(spark, "wait_until_idle", lambda settings: None)
    monkeypatch.setattr(generation, "drop_statements", lambda settings: [])
    monkeypatch.setattr("headway.replay.topics.reset_topics", lambda settings: [])
    monkeypatch.setattr("headway.adapters.kafka.ensure_topics", lambda settings: [])
    monkeypatch.setattr("headway.replay.generation.begin_new", lambda settings: 2)
    assert generation.begin(load(), lambda *_: None) == {"generation": 2, "stream_was_running": resumes}


def test_only_what_the_present_process_of_the_driver_reports_counts(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from headway_airflow.hooks import health

    from headway.runtime.program import ProgramStatus
    from headway.runtime.supervision import Supervision
    from headway.spark.layout import Layout
    from headway.spark.progress import Progress
    from headway.spark.progress_log import ProgressLog

    folders, settings = Layout(tmp_path), load()
    monkeypatch.setattr("headway_airflow.hooks.spark.layout", lambda settings: folders)
    driver = SimpleNamespace(state="RUNNING", since_s=40.0)
    status = lambda self, name: ProgramStatus(name, driver.state, 7, driver.since_s)  # noqa: E731
    monkeypatch.setattr(Supervision, "status", status)

    def report(ago_s: float, **more: Any) -> None:
        at = (datetime.now(UTC) - timedelta(seconds=ago_s)).isoformat(timespec="milliseconds")
        line = Progress(at=at, event="batch", job=folders.name, driver="d", trigger="continuous", **more)
        ProgressLog(folders.progress, folders.name, "d").append(line)

    def look() -> Any:
        return spark.processing(settings, **health.arguments(settings, "stream"))

    report(30)
    assert look()["driver"] == "d"
    driver.since_s = 10.0  # it was restarted: what it reported half a minute ago was another process' work
    assert "nothing yet" in look().why
    report(5)
    assert look()["driver"] == "d"
    driver.state = "BACKOFF"
    assert "BACKOFF" in look().why

    driver.state = "RUNNING"
    report(4, dropped_late=2)
    report(3)
    with pytest.raises(NotAsExpectedError, match="2 events came later"):
        look()
    assert health.mend(settings, "stream") == [], "a restart brings no event back"


def test_reset_waits_for_the_driver_that_still_works(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from headway.spark.layout import Layout
    from headway.spark.lease import BOUNDED, lease

    folders = Layout(tmp_path)
    monkeypatch.setattr("headway_airflow.hooks.spark.layout", lambda settings: folders)
    with lease(folders.lease, BOUNDED), pytest.raises(NotAsExpectedError, match="still works") as error:
        spark.wait_until_idle(load(), limit_s=0.0)
    assert error.value.next_step
    spark.wait_until_idle(load(), limit_s=0.0)


def test_half_written_note_about_the_stations_makes_the_results_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from headway.spark.layout import Layout

    monkeypatch.setattr("headway_airflow.hooks.spark.layout", lambda settings: Layout(tmp_path))
    monkeypatch.setattr("headway_airflow.hooks.spark.stations", lambda settings: {"0": 5})
    settings = load()
    assert spark.stations_changed(settings)
    spark.note_stations(settings, {"0": 5})
    assert not spark.stations_changed(settings)
    note = next(Layout(tmp_path).folder.iterdir())
    note.write_text('{"0"', encoding="utf-8")
    assert spark.stations_changed(settings)


def test_the_tables_that_queries_write_are_found_in_our_statements() -> None:
    made = [entry for file in sorted((PROJECT_DIR / "ksql").glob("*.sql")) for entry in ksql.made(file.read_text())]
    filled = {name.lower() for _, name, by_query in made if by_query}
    declared = {name.lower() for _, name, by_query in made if not by_query}
    assert {"turnstile_summary"} <= filled
    assert {"turnstile"} <= declared


# -- the plugin


def test_plugin_loads_registers_its_parts_and_shadows_no_module() -> None:
    from airflow import plugins_manager

    plugins, errors = plugins_manager._get_plugins()
    assert errors == {}
    ours = next(plugin for plugin in plugins if plugin.name == "headway")
    assert {link.name for link in ours.operator_extra_links} >= {"Spark master", "ksqlDB", "Kafka Connect"}
    assert {view["name"] for view in ours.external_views} == {"Spark master", "ksqlDB", "Kafka Connect"}
    # Airflow runs each file of the folder as a top-level module; .airflowignore must keep it from ours
    files = {name: str(getattr(module, "__file__", "")) for name, module in sys.modules.items()}
    bare = {
        name for name, file in files.items() if "headway_airflow" in file and not name.startswith("headway_airflow")
    }
    assert bare == set()


def test_scheduler_makes_the_pools_when_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.jobs.job import Job
    from airflow.models.pool import Pool
    from headway_airflow.listener import on_starting

    monkeypatch.setattr(sys, "argv", ["airflow", "triggerer"])
    on_starting(component=Job())
    monkeypatch.setattr(sys, "argv", ["airflow", "scheduler"])
    on_starting(component=object())  # a task, forked from the scheduler: it may not touch the database
    assert Pool.get_pool(POOLS[0].name) is None
    on_starting(component=Job())
    on_starting(component=Job())
    assert {pool.pool: pool.slots for pool in Pool.get_pools()}.items() >= {p.name: p.slots for p in POOLS}.items()


def test_links_lead_to_the_addresses_of_the_settings() -> None:
    from headway_airflow.links import LINKS

    settings = load()
    for link in LINKS:
        assert link().address(settings).startswith("http://127.0.0.1:")


def test_rest_client_says_that_airflow_is_away() -> None:
    from headway.adapters.airflow import ensure_pools

    with pytest.raises(UnavailableError, match="API server does not answer"):
        ensure_pools(load())
