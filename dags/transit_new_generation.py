"""Begin a new generation: a reset that somebody asked for."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param, chain
from headway_airflow.defaults import RETRIES
from headway_airflow.operators.generation import PHRASE, ConfirmOperator, NewGenerationOperator, ResumeReadersOperator
from headway_airflow.operators.ksql import KsqlStatementsOperator

from headway.core.pools import CONTROL_POOL

DOC = f"""
### Forget every event and result, and begin anew

A changed workbook, feed or seed cannot be appended to what another one made. This stops the readers, drops the KSQL
statements with their topics, recreates event, result and dead-letter topics, and counts a new generation: Spark begins
a new checkpoint and output. **Everything replayed so far is deleted.** Type `{PHRASE}` to go on.

The stations stay: they follow their table.
"""

with DAG(
    dag_id="transit_new_generation",
    dag_display_name="Transit: new generation",
    description="Delete all events and results and begin a new generation (asks for a typed confirmation)",
    doc_md=DOC,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=2),
    default_args=RETRIES,
    params={
        "confirm": Param(
            "",
            type="string",
            pattern=f"(?i)^{PHRASE}$",
            title="Confirm",
            description=f"Every event and result is deleted. Type: **{PHRASE}**",
        )
    },
    tags=["headway", "reset"],
) as dag:
    confirm = ConfirmOperator(task_id="confirm", typed="{{ params.confirm }}")
    begin = NewGenerationOperator(task_id="begin")
    ksql = KsqlStatementsOperator(task_id="ksql_statements", pool=CONTROL_POOL)
    resume = ResumeReadersOperator(
        task_id="resume_readers",
        stopped="{{ ti.xcom_pull(task_ids='begin')['stream_was_running'] }}",
        pool=CONTROL_POOL,
    )
    chain(confirm, begin, ksql, resume)
