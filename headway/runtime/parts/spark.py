"""Spark's standalone cluster: a master and a worker, from pyspark's own jars."""

from __future__ import annotations

from pathlib import Path

from headway.runtime.environment import env_dir, python
from headway.runtime.parts.part import NotReadyError, Part, http_json
from headway.runtime.program import ProgramSpec
from headway.settings import LOOPBACK, Settings

DAY_S = 86_400


def spark_home(settings: Settings) -> Path:
    """Give pyspark's folder, which is a Spark home."""
    return env_dir(settings, "platform").resolve() / "lib" / "python3.11" / "site-packages" / "pyspark"


def spark_environment(settings: Settings) -> dict[str, str]:
    """Give what every Spark process needs; all of them bind to loopback."""
    return {
        "SPARK_HOME": str(spark_home(settings)),
        "SPARK_LOCAL_IP": LOOPBACK,
        "SPARK_PUBLIC_DNS": LOOPBACK,
        "PYSPARK_PYTHON": python(settings),
        "PYSPARK_DRIVER_PYTHON": python(settings),
    }


class SparkMaster(Part):
    """The cluster's master."""

    name = "spark-master"
    title = "Spark master"

    @property
    def address(self) -> str:
        """Give the master's URL."""
        return self.settings.spark.master_url

    @property
    def ui(self) -> str:
        """Give the address of its page."""
        return f"http://{LOOPBACK}:{self.settings.spark.master_ui_port}"

    def ports(self) -> dict[str, int]:
        """Give the RPC and the page's port."""
        spark = self.settings.spark
        return {"SPARK__MASTER_PORT": spark.master_port, "SPARK__MASTER_UI_PORT": spark.master_ui_port}

    def prepare(self) -> None:
        """Make its folder."""
        self.folder.mkdir(parents=True, exist_ok=True)

    def spec(self) -> ProgramSpec:
        """Give the master's program."""
        spark = self.settings.spark
        command = [str(spark_home(self.settings) / "bin" / "spark-class"), "org.apache.spark.deploy.master.Master"]
        command += ["--host", LOOPBACK, "--port", str(spark.master_port), "--webui-port", str(spark.master_ui_port)]
        more = {"SPARK_DAEMON_MEMORY": "256m", "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC"}
        more["SPARK_MASTER_OPTS"] = (
            "-Dspark.master.rest.enabled=false -Dspark.deploy.retainedApplications=50 -Dspark.deploy.retainedDrivers=10"
        )
        env = self.environment(**spark_environment(self.settings), **more)
        return ProgramSpec(self.name, tuple(command), env, self.folder)

    def probe(self) -> str:
        """Read the master's page as JSON."""
        page = http_json(f"{self.ui}/json/")
        if not isinstance(page, dict) or page.get("status") != "ALIVE":
            raise NotReadyError(f"the master is {page.get('status') if isinstance(page, dict) else 'odd'}")
        return f"{len(page.get('activeapps', []))} applications"


class SparkWorker(Part):
    """The cluster's worker."""

    name = "spark-worker"
    title = "Spark worker"
    depends = ("spark-master",)

    @property
    def address(self) -> str:
        """Give the address of its page."""
        return f"http://{LOOPBACK}:{self.settings.spark.worker_ui_port}"

    def ports(self) -> dict[str, int]:
        """Give the page's port."""
        return {"SPARK__WORKER_UI_PORT": self.settings.spark.worker_ui_port}

    def prepare(self) -> None:
        """Make the folder of the executors' files."""
        (self.folder / "work").mkdir(parents=True, exist_ok=True)

    def spec(self) -> ProgramSpec:
        """Give the worker's program."""
        spark = self.settings.spark
        command = [str(spark_home(self.settings) / "bin" / "spark-class"), "org.apache.spark.deploy.worker.Worker"]
        command += ["--host", LOOPBACK, "--webui-port", str(spark.worker_ui_port), "--cores", str(spark.worker_cores)]
        command += ["--memory", spark.worker_memory, "--work-dir", str(self.folder / "work"), spark.master_url]
        cleanup = f"-Dspark.worker.cleanup.enabled=true -Dspark.worker.cleanup.appDataTtl={DAY_S}"
        more = {
            "SPARK_DAEMON_MEMORY": "256m",
            "SPARK_DAEMON_JAVA_OPTS": "-XX:+UseSerialGC",
            "SPARK_WORKER_OPTS": cleanup,
        }
        env = self.environment(**spark_environment(self.settings), **more)
        return ProgramSpec(self.name, tuple(command), env, self.folder, stop_seconds=20)

    def probe(self) -> str:
        """Look for a living worker on the master's page."""
        page = http_json(f"{SparkMaster(self.settings).ui}/json/")
        workers = page.get("workers", []) if isinstance(page, dict) else []
        alive = [worker for worker in workers if worker.get("state") == "ALIVE"]
        if not alive:
            raise NotReadyError("no worker has registered with the master")
        http_json(f"{self.address}/json/")
        used = sum(worker["coresused"] for worker in alive)
        return f"{used} of {sum(worker['cores'] for worker in alive)} cores in use"
