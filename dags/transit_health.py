"""Look after what runs for ever."""

from __future__ import annotations

from datetime import timedelta

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable
from headway_airflow.defaults import RETRIES, WATCH
from headway_airflow.operators.health import HealthOperator

from headway.core.pools import CONTROL_POOL

DOC = """
### Is what runs for ever well?

Every five minutes: do the parts answer, does the connector's *task* run and its topic equal the table, do the KSQL
queries run, have the Faust workers no lag, does the continuous Spark driver process? What is stuck is restarted once;
red when that does not help. What was never started is left alone.
It is on from the start (`HEADWAY__AIRFLOW__WATCH=false` leaves it paused).
"""

SUBJECTS = ("services", "connector", "ksql", "faust", "stream")

with DAG(
    dag_id="transit_health",
    dag_display_name="Transit health",
    description="Watch what never ends, restart what is stuck, be red when that does not help",
    doc_md=DOC,
    schedule=CronTriggerTimetable("*/5 * * * *", timezone="UTC"),
    start_date=pendulum.datetime(2026, 1, 1, tz="UTC"),
    catchup=False,
    is_paused_upon_creation=not WATCH,
    max_active_runs=1,
    dagrun_timeout=timedelta(minutes=15),
    # the next run looks again: a retry would only hide how long it was ill
    default_args={**RETRIES, "retries": 0},
    tags=["headway", "health"],
) as dag:
    # side by side on purpose: when one is ill, the others are looked at all the same; the pool puts them in turn, and
    # keeps them from mending what another DAG is just starting
    for subject in SUBJECTS:
        HealthOperator(task_id=subject, subject=subject, pool=CONTROL_POOL)
