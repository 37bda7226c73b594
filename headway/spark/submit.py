"""Everything a submission of the job needs, in one place: for Airflow's operator and the supervised driver alike."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from headway.errors import RuntimeSetupError
from headway.settings import PROJECT_DIR, Settings

APPLICATION = PROJECT_DIR / "spark_jobs" / "transit_stream.py"
WRAPPER = Path(__file__).resolve().parent / "bin" / "spark-submit"
PACKAGES = "org.apache.spark:spark-sql-kafka-0-10_2.13:4.2.0"
CONNECTOR = "spark-sql-kafka-0-10_"
STATE_STORE = "org.apache.spark.sql.execution.streaming.state.RocksDBStateStoreProvider"
# Short jobs of many small plans: with the quick compiler alone a simulated day takes 44 s of processor time instead of
# 80. Its code cache is 48 MB by default, full after four batches, and from then on nothing is compiled any more.
QUICK_COMPILER = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m"


@dataclass(frozen=True)
class Tuning:
    """What one submission may set; None leaves the settings' or Spark's own default."""

    driver_memory: str | None = None
    executor_memory: str | None = None
    executor_cores: int | None = None
    total_executor_cores: int | None = None
    default_parallelism: int | None = None
    shuffle_partitions: int | None = None
    memory_fraction: float | None = None
    ui_port: int | None = None
    packages: str = ""  # coordinates to resolve instead of the installed jars
    conf: dict[str, str] = field(default_factory=dict)


def spark_conf(settings: Settings, tuning: Tuning | None = None) -> dict[str, str]:
    """Give the ``--conf`` of a submission. It holds no secret: the driver reads those from its environment."""
    tuning = tuning or Tuning()
    spark = settings.spark
    cores = tuning.total_executor_cores or spark.total_executor_cores
    conf = {
        # Spark's checkpoint remembers the shuffle partitions of its first run: they hold for an epoch.
        "spark.sql.shuffle.partitions": str(tuning.shuffle_partitions or spark.shuffle_partitions),
        "spark.default.parallelism": str(tuning.default_parallelism or cores),
        "spark.cores.max": str(cores),
        "spark.ui.port": str(spark.driver_ui_port if tuning.ui_port is None else tuning.ui_port),
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "WARN",
        "spark.driver.extraJavaOptions": QUICK_COMPILER,
        "spark.executor.extraJavaOptions": QUICK_COMPILER,
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.streaming.stateStore.providerClass": STATE_STORE,
        "spark.sql.streaming.stateStore.rocksdb.changelogCheckpointing.enabled": "true",
        "spark.sql.streaming.noDataMicroBatches.enabled": "false",  # nothing is emitted by the watermark alone
        "spark.sql.adaptive.enabled": "false",  # small joins of known shape: planning them twice costs more
        "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
        "spark.sql.execution.arrow.pyspark.enabled": "false",
    }
    if tuning.memory_fraction is not None:
        conf["spark.memory.fraction"] = str(tuning.memory_fraction)
    if settings.profile == "embedded":
        conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    elif spark.driver_host:
        conf |= {"spark.driver.host": spark.driver_host, "spark.driver.bindAddress": "0.0.0.0"}  # noqa: S104 - executors are elsewhere
    if not tuning.packages:
        conf["spark.jars"] = ",".join(str(jar) for jar in kafka_jars(settings))
    return conf | tuning.conf


def local_conf(settings: Settings) -> dict[str, str]:
    """Give what a session without spark-submit needs beyond its master (in spark-submit the same is set already)."""
    set_already = os.environ.get("HEADWAY_SUBMITTED") == "1"
    return {} if set_already else spark_conf(settings)


def kafka_jars(settings: Settings) -> list[Path]:
    """Find the Kafka connector and its dependencies; none are listed when Spark's own folder already has them.

    Raises :class:`RuntimeSetupError` when they are nowhere.
    """
    folder = settings.spark.jars_dir or settings.install_dir / "java" / "spark"
    jars = sorted(folder.glob("*.jar"))
    if any(jar.name.startswith(CONNECTOR) for jar in jars):
        return jars
    if settings.profile != "embedded" and settings.spark.jars_dir is None:
        return []  # an image that brings them
    raise RuntimeSetupError(
        "Spark's Kafka connector is not there.",
        where=str(folder),
        next_step="run `headway install`, or set HEADWAY__SPARK__JARS_DIR",
    )


def application_args(
    *,
    trigger: str,
    generation: int | None,
    window_minutes: int = 60,
    output: Path | None = None,
    more: Sequence[str] = (),
) -> list[str]:
    """Give the job's own arguments (``spark_jobs/transit_stream.py --help``).

    ``generation`` None is the one that is present when the driver starts: what is started again and again outlives one.
    """
    args = ["--trigger", trigger, "--window-minutes", str(window_minutes)]
    if generation is not None:
        args += ["--generation", str(generation)]
    if output is not None:
        args += ["--output", str(output)]
    return args + list(more)


def submit_environment(settings: Settings) -> dict[str, str]:
    """Give the environment that a submission adds to its own: where spark-submit and this project are."""
    return {
        "PATH": f"{WRAPPER.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(PROJECT_DIR), os.environ.get("PYTHONPATH", "")])),
        "PYSPARK_PYTHON": sys.executable,
        "PYSPARK_DRIVER_PYTHON": sys.executable,
        "HEADWAY__INSTALL_DIR": str(settings.install_dir),
        "HEADWAY__STATE_DIR": str(settings.state_dir),
    }


def submit_command(settings: Settings, args: Sequence[str], tuning: Tuning | None = None) -> list[str]:
    """Give the whole command line, as the supervised driver runs it."""
    tuning = tuning or Tuning()
    spark = settings.spark
    command = [str(WRAPPER), "--master", spark.master_url, "--deploy-mode", "client", "--name", "headway transit"]
    command += ["--driver-memory", tuning.driver_memory or spark.driver_memory]
    command += ["--executor-memory", tuning.executor_memory or spark.executor_memory]
    command += ["--executor-cores", str(tuning.executor_cores or spark.executor_cores)]
    if tuning.packages:
        command += ["--packages", tuning.packages]
    for name, value in spark_conf(settings, tuning).items():
        command += ["--conf", f"{name}={value}"]
    return [*command, str(APPLICATION), *args]
