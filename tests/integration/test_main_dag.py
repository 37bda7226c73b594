"""The whole of it: the main DAG, a repeat, a backfill and a reset, through Airflow's own scheduler and REST API."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from headway.adapters.airflow import AirflowClient, RunProgress
from headway.adapters.kafka import read_all
from headway.adapters.locks import replays_excluded
from headway.core.topics import ARRIVALS, TURNSTILE, WEATHER
from headway.errors import NotAsExpectedError
from headway.replay import replay
from headway.replay.generation import current
from headway.runtime.supervision import Supervision
from headway.settings import Settings
from headway.verify import verify

pytestmark = pytest.mark.timeout(2 * 900 + 120)

# A morning that no other test replays.
START = datetime(2026, 4, 15, 12, tzinfo=UTC)
HOURS = 3
END = START + timedelta(hours=HOURS)
FEEDS = ("turnstile", "arrivals", "weather")
LIMIT_S = 900.0  # seconds for one run; a minute on a machine that does nothing else
STREAM = "spark-transit-stream"


@pytest.fixture(scope="module")
def airflow(platform: Settings) -> Iterator[AirflowClient]:
    with AirflowClient(platform) as client:
        client.wait_for_dag("transit_replay")
        client.ensure_pools()
        yield client


def green(airflow: AirflowClient, dag_id: str, conf: Mapping[str, object] | None = None) -> RunProgress:
    """Run a DAG to its end; fail with the reasons of the red tasks."""
    ended = airflow.wait(dag_id, airflow.trigger(dag_id, conf), timeout_s=LIMIT_S)
    reasons = {task.task_id: airflow.why_failed(dag_id, ended.run_id, task) for task in ended.failed()}
    assert ended.state == "success", reasons
    assert {task.state for task in ended.tasks} == {"success"}
    return ended


def figures(airflow: AirflowClient, run: RunProgress) -> dict[str, dict[str, int]]:
    """Give what each feed's replay task said of itself."""
    return {feed: airflow.xcom(run.dag_id, run.run_id, f"replay.{feed}") for feed in FEEDS}


def records(settings: Settings) -> Counter[str]:
    """Count the committed records of each event topic."""
    return Counter({topic: sum(1 for _ in read_all(settings, topic)) for topic in (TURNSTILE, ARRIVALS, WEATHER)})


@pytest.fixture(scope="module")
def first_run(airflow: AirflowClient) -> RunProgress:
    return green(airflow, "transit_platform", {"start": START.isoformat(), "end": END.isoformat()})


def test_main_dag_is_green_and_every_result_is_verified(airflow: AirflowClient, first_run: RunProgress) -> None:
    assert len(first_run.tasks) == 13
    for figure in figures(airflow, first_run).values():
        assert figure["hours"] == HOURS
        assert figure["planned"] > 0
        assert figure["planned"] == figure["delivered"] + figure["rejected"] + figure["already"]
    assert airflow.xcom("transit_platform", first_run.run_id, "verify")["verified"] is True
    assert "ntries" in airflow.xcom("transit_platform", first_run.run_id, "report")


def test_second_run_adds_nothing(platform: Settings, airflow: AirflowClient, first_run: RunProgress) -> None:
    before, planned = records(platform), figures(airflow, first_run)
    again = green(airflow, "transit_platform", {"start": START.isoformat(), "end": END.isoformat()})
    for feed, figure in figures(airflow, again).items():
        assert figure["delivered"] == figure["rejected"] == 0
        assert figure["already"] == figure["planned"] == planned[feed]["planned"]
    assert records(platform) == before


def test_api_refuses_a_form_that_makes_no_sense(airflow: AirflowClient) -> None:
    with pytest.raises(NotAsExpectedError, match="start"):
        airflow.trigger("transit_platform", {"start": "2026-04-15T12:30:00Z"})


def test_backfill_replays_its_hours_one_at_a_time_and_again_adds_nothing(
    platform: Settings, airflow: AirflowClient, first_run: RunProgress
) -> None:
    last = END + timedelta(hours=1)
    airflow.set_paused("transit_replay", False)  # a paused DAG's backfill waits; this also lets the hour of now run
    airflow.wait_backfill(airflow.backfill("transit_replay", END, last, max_active_runs=2), timeout_s=LIMIT_S)
    hours = {f"{END:%Y-%m-%dT%H}", f"{last:%Y-%m-%dT%H}"}
    runs = [run for run in airflow.runs("transit_replay") if (run["data_interval_start"] or "")[:13] in hours]
    assert {run["data_interval_start"][:13]: run["state"] for run in runs} == dict.fromkeys(hours, "success")
    assert {run["run_type"] for run in runs} == {"backfill"}
    ended = [airflow.progress("transit_replay", run["dag_run_id"]) for run in runs]
    for figure in (figure for run in ended for figure in figures(airflow, run).values()):
        assert figure["hours"] == 1
        assert figure["planned"] == figure["delivered"] + figure["rejected"] + figure["already"]
    assert sum(figures(airflow, run)["turnstile"]["delivered"] for run in ended) > 0

    while other := airflow.active_run("transit_replay"):
        airflow.wait("transit_replay", other, timeout_s=LIMIT_S)
    before = records(platform)
    airflow.clear("transit_replay", ended[0].run_id)
    assert airflow.wait("transit_replay", ended[0].run_id, timeout_s=LIMIT_S).state == "success"
    assert records(platform) == before
    with replays_excluded(platform, "a test"):
        verify(platform, START, last + timedelta(hours=1))


def test_run_without_a_data_interval_is_red_and_says_why(airflow: AirflowClient) -> None:
    run_id = airflow.trigger("transit_replay")
    ended = airflow.wait("transit_replay", run_id, timeout_s=LIMIT_S)
    airflow.set_paused("transit_replay", True)
    assert ended.state == "failed"
    assert [task.task_id for task in ended.failed()] == ["plan"]
    assert "no data interval" in airflow.why_failed("transit_replay", run_id, ended.failed()[0])


def test_new_generation_forgets_all_and_the_main_dag_is_green_in_it(platform: Settings, airflow: AirflowClient) -> None:
    generation = current(platform)
    green(airflow, "transit_new_generation", {"confirm": "begin a new generation"})
    assert current(platform) == generation + 1
    assert records(platform) == Counter()
    hour = {"start": START.isoformat(), "end": (START + timedelta(hours=1)).isoformat()}
    ended = green(airflow, "transit_platform", hour)
    delivered = sum(figure["delivered"] for figure in figures(airflow, ended).values())
    assert sum(records(platform).values()) == delivered > 0


def test_continuous_driver_follows_a_new_generation_and_its_results_are_exact(
    platform: Settings, airflow: AirflowClient
) -> None:
    driver = Supervision(platform)
    green(airflow, "transit_stream", {"action": "start"})
    first = driver.status(STREAM).pid
    green(airflow, "transit_new_generation", {"confirm": "begin a new generation"})
    assert driver.status(STREAM).pid not in (0, first), "the driver goes on in the new generation, anew"
    for feed in FEEDS:
        assert replay(platform, feed, START, START + timedelta(hours=2)).delivered > 0
    with replays_excluded(platform, "a test"):
        report = verify(platform, START, START + timedelta(hours=2))
    assert [check.name for check in report.checks if "Spark" in check.name]
    green(airflow, "transit_stream", {"action": "stop"})
    assert not driver.status(STREAM).running
