"""Start or stop the continuous Spark driver."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG, Param
from headway_airflow.defaults import RETRIES, SPARK_CONF
from headway_airflow.operators.stream import ContinuousSparkOperator
from headway_airflow.params import spark_params

DOC = """
### Spark, continuously

`start` makes the driver a supervised process with the arguments of the form, waits until it **truly processes**, and
leaves; `transit_health` looks after it from then on. `stop` ends it after its batch. While it runs, the bounded task of
the other DAGs waits for it instead of submitting another driver on the same checkpoint.
"""

with DAG(
    dag_id="transit_stream",
    dag_display_name="Transit stream",
    description="Start or stop the continuous Spark driver",
    doc_md=DOC,
    schedule=None,
    catchup=False,
    max_active_runs=1,
    dagrun_timeout=timedelta(hours=1),
    default_args=RETRIES,
    params={
        "action": Param("start", type="string", enum=["start", "stop"], title="What to do"),
        **spark_params(),
    },
    tags=["headway", "spark"],
) as dag:
    ContinuousSparkOperator(
        task_id="spark_transit_stream_continuous",
        action="{{ params.action }}",
        driver_memory="{{ params.driver_memory }}",
        executor_memory="{{ params.executor_memory }}",
        executor_cores="{{ params.executor_cores }}",
        total_executor_cores="{{ params.total_executor_cores }}",
        packages="{{ params.packages or '' }}",
        conf=SPARK_CONF,
    )
