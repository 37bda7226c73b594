"""A Spark session in local mode that ends with its JVM, so that the next one may have other jars and settings."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

QUICK = {
    "spark.ui.enabled": "false",
    "spark.driver.host": "127.0.0.1",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "512m",
    "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m",
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.adaptive.enabled": "false",
    "spark.log.level": "ERROR",
}


@contextmanager
def local_session(cores: int, conf: Mapping[str, str]) -> Iterator[SparkSession]:
    """Start a session; at the end stop it and its JVM."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    builder = SparkSession.builder.master(f"local[{cores}]").appName("headway tests")
    for name, value in {**QUICK, "spark.sql.shuffle.partitions": str(cores), **conf}.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    gateway = SparkContext._gateway
    try:
        yield session
    finally:
        session.stop()
        if gateway is not None:
            gateway.shutdown()
            gateway.proc.stdin.close()  # the JVM ends with its standard input
            gateway.proc.wait(30)
        SparkContext._gateway = SparkContext._jvm = None
