"""Scheduled replays: the data interval is the simulated range."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronDataIntervalTimetable, TaskGroup, chain
from headway_airflow import assets
from headway_airflow.defaults import RETRIES
from headway_airflow.operators.prepare import PlanOperator
from headway_airflow.operators.replay import ReplayOperator
from headway_airflow.operators.results import VerifyOperator
from headway_airflow.operators.spark import TransitStreamOperator

from headway.core.pools import FEEDS

DOC = """
### Each hour, the hour that has just passed

The run's **data interval is the simulated range**: unpause it and every hour is replayed when it is over. To replay any
past span use Airflow's own **backfill** (the *Trigger* button, *Backfill*; while the DAG is paused it stays queued).
Several of its runs may be active at once: the feeds' one-slot pools put their replays one after another.

- Runs that are cleared, repeated or overlap add nothing: the ledger knows what was delivered.
- Speed is `max`: pacing an hour that has passed would only make the next one late.
- A run without a data interval (triggered by hand without a logical date) has nothing to replay and is red.
- The parts must be set up: run `transit_platform` once before.
"""

# undefined in a run without a logical date
START, END = "{{ data_interval_start | default('', true) }}", "{{ data_interval_end | default('', true) }}"

with DAG(
    dag_id="transit_replay",
    dag_display_name="Transit replay, hourly",
    description="Replay the hour that is the run's data interval; backfill replays any past span",
    doc_md=DOC,
    # plain "@hourly" gives an empty data interval in Airflow 3
    schedule=CronDataIntervalTimetable("0 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2020, 1, 1, tz="UTC"),
    catchup=False,
    is_paused_upon_creation=True,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=6),
    default_args=RETRIES,
    tags=["headway", "replay"],
) as dag:
    plan = PlanOperator(task_id="plan", start=START, end=END, feeds=FEEDS)
    with TaskGroup("replay", tooltip="The feeds, side by side") as replays:
        for feed in FEEDS:
            ReplayOperator(task_id=feed, feed=feed, start=START, end=END, speed="max", retries=3)
    spark = TransitStreamOperator(
        task_id="spark_transit_stream",
        inlets=[*assets.EVENTS.values()],
        execution_timeout=timedelta(minutes=30),
    )
    verify = VerifyOperator(
        task_id="verify", start=START, end=END, outlets=[assets.VERIFIED], execution_timeout=timedelta(minutes=60)
    )
    chain(plan, replays, spark, verify)
