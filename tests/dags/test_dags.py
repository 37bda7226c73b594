"""Every DAG imports, is not empty, and is what it should be."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pendulum
import pytest
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.serialized_objects import DagSerialization
from headway_airflow.operators.prepare import PlanOperator
from headway_airflow.operators.replay import ReplayOperator
from headway_airflow.operators.spark import TransitStreamOperator

from headway.core.pools import POOLS
from headway.settings import PROJECT_DIR

FILES = sorted((PROJECT_DIR / "dags").glob("*.py"))
EXPECTED = {"transit_health", "transit_new_generation", "transit_platform", "transit_replay", "transit_stream"}
# task → the tasks it waits for
PLATFORM = {
    "plan": set(),
    "wait_for_services": {"plan"},
    "create_topics": {"wait_for_services"},
    "seed_stations": {"create_topics"},
    "connect_stations": {"seed_stations"},
    "ksql_statements": {"connect_stations"},
    "faust_stations": {"ksql_statements"},
    "replay.turnstile": {"faust_stations"},
    "replay.arrivals": {"faust_stations"},
    "replay.weather": {"faust_stations"},
    "spark_transit_stream": {"replay.turnstile", "replay.arrivals", "replay.weather"},
    "verify": {"spark_transit_stream"},
    "report": {"verify"},
}


@pytest.fixture(scope="module")
def bag() -> DagBag:
    return DagBag(str(PROJECT_DIR / "dags"))


def test_there_is_a_file_for_each_dag() -> None:
    assert {file.stem for file in FILES} == EXPECTED


def test_every_dag_imports_and_is_not_empty(bag: DagBag) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == EXPECTED
    assert all(dag.tasks for dag in bag.dags.values())


def test_parsing_a_file_takes_less_than_a_second_and_does_no_io(monkeypatch: pytest.MonkeyPatch) -> None:
    from headway import settings

    def forbidden(*args: Any, **kwargs: Any) -> None:
        raise AssertionError("a DAG file read the settings or opened a connection while it was parsed")

    monkeypatch.setattr(settings, "load", forbidden)
    monkeypatch.setattr("socket.socket.connect", forbidden)
    parsed = DagBag(str(PROJECT_DIR / "dags"))
    monkeypatch.undo()
    assert parsed.import_errors == {}
    assert len(parsed.dagbag_stats) == len(FILES)
    assert all(file.duration < timedelta(seconds=1) for file in parsed.dagbag_stats)


@pytest.mark.parametrize("dag_id", sorted(EXPECTED))
def test_dag_is_documented_tagged_bounded_and_serialises(bag: DagBag, dag_id: str) -> None:
    dag = bag.dags[dag_id]
    assert dag.doc_md
    assert dag.description
    assert "headway" in dag.tags
    assert dag.max_active_runs == 1
    assert dag.dagrun_timeout is not None
    assert not dag.catchup
    json.dumps(DagSerialization.to_dict(dag))


def test_retries_are_bounded_exponential_and_in_every_dag_but_health(bag: DagBag) -> None:
    tasks = [task for dag in bag.dags.values() for task in dag.tasks]
    assert len(tasks) > 25
    for task in tasks:
        if task.dag_id == "transit_health":
            assert task.retries == 0
        else:
            assert task.retries in (1, 2, 3)
            assert task.retry_exponential_backoff
            assert isinstance(task.max_retry_delay, timedelta)
            assert task.max_retry_delay <= timedelta(minutes=5)


def test_every_pool_that_a_task_names_is_one_of_ours(bag: DagBag) -> None:
    named = {task.pool for dag in bag.dags.values() for task in dag.tasks} - {"default_pool"}
    assert named == {pool.name for pool in POOLS}
    assert all(pool.slots == 1 for pool in POOLS)


def test_both_dags_that_replay_a_feed_share_its_pool(bag: DagBag) -> None:
    for feed in ("turnstile", "arrivals", "weather"):
        pools = {bag.dags[dag_id].get_task(f"replay.{feed}").pool for dag_id in ("transit_platform", "transit_replay")}
        assert pools == {f"replay_{feed}"}


def test_main_dag_runs_the_steps_of_the_design_in_order(bag: DagBag) -> None:
    dag = bag.dags["transit_platform"]
    assert {task.task_id: set(task.upstream_task_ids) for task in dag.tasks} == PLATFORM
    assert dag.schedule is None


def test_each_step_of_the_main_dag_leaves_an_asset(bag: DagBag) -> None:
    tasks = bag.dags["transit_platform"].tasks
    left = {asset.name for task in tasks for asset in task.outlets}
    taken = {asset.name for task in tasks for asset in task.inlets}
    assert {"stations", "transit.stations.v1", "transit.turnstile.v1", "transit.ridership.v1"} <= left
    assert taken <= left


def test_spark_memory_and_cores_are_templates(bag: DagBag) -> None:
    task = bag.dags["transit_platform"].get_task("spark_transit_stream")
    needed = {"_executor_memory", "_driver_memory", "_executor_cores", "_total_executor_cores", "_num_executors"}
    assert needed <= set(task.template_fields)
    task = task.prepare_for_execution()
    assert isinstance(task, TransitStreamOperator)
    params = bag.dags["transit_platform"].params.dump() | {"executor_memory": "1g", "total_executor_cores": 3}
    task.render_template_fields({"params": params})
    assert task._executor_memory == "1g"
    assert str(task._total_executor_cores) == "3"
    assert task.conf is not None
    assert task.conf["spark.sql.shuffle.partitions"] == str(params["shuffle_partitions"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", "2026-03-02T06:30:00Z"),
        ("start", "2026-03-02"),
        ("start", "yesterday"),
        ("start", None),
        ("end", "2026-03-02T06:00:01Z"),
        ("speed", "fast"),
        ("speed", "-3"),
        ("seed", -1),
        ("seed", "seven"),
        ("driver_memory", "lots"),
        ("executor_memory", "0g"),
        ("executor_memory", "512"),
        ("executor_cores", 0),
        ("total_executor_cores", 1.5),
        ("shuffle_partitions", 0),
        ("default_parallelism", 100_000),
        ("memory_fraction", 1.5),
        ("packages", "not a coordinate"),
        ("packages", "group:artifact"),
    ],
)
def test_form_refuses_nonsense(bag: DagBag, name: str, value: Any) -> None:
    with pytest.raises(ParamValidationError):
        bag.dags["transit_platform"].params.get_param(name).resolve(value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("start", "2026-03-02T06:00:00Z"),
        ("start", "2026-03-02T06:00:00.000Z"),  # what the form's date picker sends
        ("start", "2026-03-02T00:00:00-06:00"),
        ("speed", "max"),
        ("speed", "0.5"),
        ("speed", "3600"),
        ("packages", None),
        ("packages", "org.apache.spark:spark-avro_2.13:4.2.0,a.b:c:1"),
        ("executor_memory", "2G"),
    ],
)
def test_form_takes_what_makes_sense(bag: DagBag, name: str, value: Any) -> None:
    assert bag.dags["transit_platform"].params.get_param(name).resolve(value) == value


def test_every_question_of_a_form_has_a_title_a_description_and_a_good_default(bag: DagBag) -> None:
    asked = [(dag_id, name, param) for dag_id, dag in bag.dags.items() for name, param in dag.params.items()]
    for dag_id in ("transit_platform", "transit_stream", "transit_new_generation"):
        dag = bag.dags[dag_id]
        for name in dag.params:
            param = dag.params.get_param(name)
            assert param.schema["title"], name
            assert param.description or name == "action", name
            if name != "confirm":
                param.resolve()
    assert len(asked) > 12


def test_new_generation_must_be_typed_to_be_confirmed(bag: DagBag) -> None:
    confirm = bag.dags["transit_new_generation"].params.get_param("confirm")
    for value in ("", "yes", "begin"):
        with pytest.raises(ParamValidationError):
            confirm.resolve(value)
    assert confirm.resolve("Begin a new generation")


def test_replay_dag_is_hourly_paused_and_its_interval_is_the_hour_before(bag: DagBag) -> None:
    from airflow.timetables.base import TimeRestriction

    dag = bag.dags["transit_replay"]
    assert dag.is_paused_upon_creation
    timetable = DagSerialization.from_dict(DagSerialization.to_dict(dag)).timetable
    info = timetable.next_dagrun_info_v2(
        last_dagrun_info=None,
        restriction=TimeRestriction(earliest=pendulum.datetime(2026, 3, 2, tz="UTC"), latest=None, catchup=True),
    )
    assert info is not None and info.data_interval is not None
    assert info.data_interval.end - info.data_interval.start == timedelta(hours=1)
    assert info.data_interval.start == pendulum.datetime(2026, 3, 2, tz="UTC")
    replay = dag.get_task("replay.turnstile").prepare_for_execution()
    assert isinstance(replay, ReplayOperator)
    replay.render_template_fields(
        {"data_interval_start": info.data_interval.start, "data_interval_end": info.run_after}
    )
    assert replay.start.startswith("2026-03-02 00:00:00")
    assert replay.end.startswith("2026-03-02 01:00:00")


def test_run_without_a_data_interval_renders_an_empty_range_for_its_plan_to_refuse(bag: DagBag) -> None:
    plan = bag.dags["transit_replay"].get_task("plan").prepare_for_execution()
    assert isinstance(plan, PlanOperator)
    plan.render_template_fields({})
    assert (plan.start, plan.end) == ("", "")
