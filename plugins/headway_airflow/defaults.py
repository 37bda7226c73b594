"""What the DAGs share: retries, and how Spark's parameters become its configuration."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Any

# Safe because every operator's docstring says what a retry does; bounded, so that red comes within minutes.
RETRIES: dict[str, Any] = {
    "owner": "headway",
    "retries": 2,
    "retry_delay": timedelta(seconds=10),
    "retry_exponential_backoff": True,
    "max_retry_delay": timedelta(minutes=2),
}

# Whether transit_health is on from the start. Read from the environment: a DAG file reads no settings.
WATCH = os.environ.get("HEADWAY__AIRFLOW__WATCH", "true").strip().lower() not in ("false", "0", "no", "off")

SPARK_RESOURCES = ("driver_memory", "executor_memory", "executor_cores", "total_executor_cores")

SPARK_CONF = {
    "spark.sql.shuffle.partitions": "{{ params.shuffle_partitions }}",
    "spark.default.parallelism": "{{ params.default_parallelism }}",
    "spark.memory.fraction": "{{ params.memory_fraction }}",
}
