"""The main DAG: one simulated range through every part, verified to the unit."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, TaskGroup, chain
from headway_airflow import assets
from headway_airflow.defaults import RETRIES, SPARK_CONF, SPARK_RESOURCES
from headway_airflow.operators.connect import ConnectorOperator
from headway_airflow.operators.faust import FaustWorkersOperator
from headway_airflow.operators.ksql import KsqlStatementsOperator
from headway_airflow.operators.prepare import EnsureTopicsOperator, PlanOperator, SeedStationsOperator
from headway_airflow.operators.replay import ReplayOperator
from headway_airflow.operators.results import ReportOperator, VerifyOperator
from headway_airflow.operators.spark import TransitStreamOperator
from headway_airflow.params import replay_params, spark_params
from headway_airflow.probes import SERVICES
from headway_airflow.sensors.services import ServiceHealthSensor

from headway.core.pools import CONTROL_POOL, FEEDS

DOC = """
### Workbooks into live transit data, end to end

Replays a simulated range of the workbooks through the whole platform and checks the results **to the unit**.

| step | its green says |
|---|---|
| `plan` | what was asked for makes sense, the workbooks are there |
| `wait_for_services`, `create_topics` | every part answers; every topic is as the table says |
| `seed_stations` | Postgres' table is the workbook's sheet |
| `connect_stations` | the connector's *task* runs, its topic holds exactly the table's rows |
| `ksql_statements` | every query runs |
| `faust_stations` | the workers live, one row for each station, no lag |
| `replay.*` | planned = delivered + rejected, by the ledger |
| `spark_transit_stream` | the job has processed to the ends of its topics, nothing was dropped |
| `verify` | workbook = ledger = Kafka = KSQL = Faust = Spark |
| `report` | see its log, or `headway report` |

**Run it again as you like.** Hours that were delivered are not sent again; a red task that is cleared goes on where it
was. A changed workbook or seed is refused until `transit_new_generation` has run.
"""

with DAG(
    dag_id="transit_platform",
    dag_display_name="Transit platform",
    description="Seed, connect, KSQL, Faust, replay, Spark, verify, report",
    doc_md=DOC,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    # a day at real time, and some
    dagrun_timeout=timedelta(hours=30),
    default_args=RETRIES,
    params={**replay_params(), **spark_params()},
    tags=["headway", "main"],
) as dag:
    plan = PlanOperator(
        task_id="plan",
        start="{{ params.start }}",
        end="{{ params.end }}",
        speed="{{ params.speed }}",
        spark={name: "{{ params." + name + " }}" for name in SPARK_RESOURCES},
        feeds=FEEDS,
    )
    services = ServiceHealthSensor(task_id="wait_for_services", services=SERVICES)
    create = EnsureTopicsOperator(task_id="create_topics")
    seed = SeedStationsOperator(task_id="seed_stations", outlets=[assets.STATIONS_TABLE])
    connect = ConnectorOperator(
        task_id="connect_stations",
        file="connect/stations.json",
        pool=CONTROL_POOL,
        inlets=[assets.STATIONS_TABLE],
        outlets=[assets.STATIONS],
    )
    ksql = KsqlStatementsOperator(task_id="ksql_statements", pool=CONTROL_POOL, outlets=[assets.SUMMARY, assets.HOURLY])
    faust = FaustWorkersOperator(
        task_id="faust_stations", pool=CONTROL_POOL, inlets=[assets.STATIONS], outlets=[assets.STATION_LINES]
    )
    with TaskGroup("replay", tooltip="The feeds, side by side") as replays:
        for feed in FEEDS:
            ReplayOperator(
                task_id=feed,
                feed=feed,
                start="{{ params.start }}",
                end="{{ params.end }}",
                speed="{{ params.speed }}",
                seed="{{ params.seed }}",
                retries=3,
            )
    spark = TransitStreamOperator(
        task_id="spark_transit_stream",
        driver_memory="{{ params.driver_memory }}",
        executor_memory="{{ params.executor_memory }}",
        executor_cores="{{ params.executor_cores }}",
        total_executor_cores="{{ params.total_executor_cores }}",
        packages="{{ params.packages or '' }}",
        conf=SPARK_CONF,
        inlets=[*assets.EVENTS.values(), assets.STATION_LINES],
        execution_timeout=timedelta(minutes=30),
    )
    verify = VerifyOperator(
        task_id="verify",
        start="{{ params.start }}",
        end="{{ params.end }}",
        seed="{{ params.seed }}",
        inlets=[assets.RIDERSHIP, assets.HEADWAYS, assets.SUMMARY, assets.HOURLY],
        outlets=[assets.VERIFIED],
        execution_timeout=timedelta(minutes=60),
    )
    report = ReportOperator(task_id="report", inlets=[assets.VERIFIED])
    chain(plan, services, create, seed, connect, ksql, faust, replays, spark, verify, report)
