"""What the DAGs share: retries, and how Spark's parameters become its configuration."""

from __future__ import annotations

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

SPARK_RESOURCES = ("driver_memory", "executor_memory", "executor_cores", "total_executor_cores")

SPARK_CONF = {
    "spark.sql.shuffle.partitions": "{{ params.shuffle_partitions }}",
    "spark.default.parallelism": "{{ params.default_parallelism }}",
    "spark.memory.fraction": "{{ params.memory_fraction }}",
}
