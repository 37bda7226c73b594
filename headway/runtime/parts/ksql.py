"""The embedded, ksqlDB-compatible engine."""

from __future__ import annotations

from headway.runtime.environment import python
from headway.runtime.parts.part import NotReadyError, Part, http_json, properties, write_if_changed
from headway.runtime.program import ProgramSpec
from headway.settings import PROJECT_DIR


class Ksql(Part):
    """The engine; its statements live in Kafka, its local state in ``<state_dir>/ksql/state``."""

    name = "ksql"
    title = "KSQL engine"
    depends = ("kafka",)

    @property
    def address(self) -> str:
        """Give the base URL."""
        return self.settings.ksql.url

    def ports(self) -> dict[str, int]:
        """Give the HTTP port."""
        return {"KSQL__PORT": self.settings.ksql.port}

    def prepare(self) -> None:
        """Make the folder of its local state, and write how it connects to Kafka."""
        (self.folder / "state").mkdir(parents=True, exist_ok=True)
        write_if_changed(self.folder / "kafka.properties", properties({**self.settings.kafka.java()}))

    def spec(self) -> ProgramSpec:
        """Give the server's program."""
        command = [python(self.settings), "-m", "ksqlengine", "--port", str(self.settings.ksql.port)]
        command += ["--config", str(self.folder / "kafka.properties")]
        command += ["--service-id", self.settings.ksql.service_id, "--state-dir", str(self.folder / "state")]
        command += ["--connect-url", self.settings.connect.url, "--jars", str(self.jars("engine"))]
        return ProgramSpec(self.name, tuple(command), self.environment(), PROJECT_DIR, stop_seconds=30)

    def probe(self) -> str:
        """Ask for its health."""
        health = http_json(f"{self.address}/healthcheck")
        if not isinstance(health, dict) or health.get("isHealthy") is not True:
            raise NotReadyError(f"it says of itself: {health}")
        return "healthy"
