"""Kafka Connect, distributed mode, with Debezium's Postgres connector."""

from __future__ import annotations

from headway.runtime.parts.kafka import LOG4J
from headway.runtime.parts.part import NotReadyError, Part, http_json, properties, write_if_changed
from headway.runtime.program import ProgramSpec
from headway.settings import LOOPBACK


class Connect(Part):
    """The Connect worker; connectors and offsets live in Kafka."""

    name = "connect"
    title = "Kafka Connect + Debezium"
    depends = ("kafka",)

    @property
    def address(self) -> str:
        """Give the REST address."""
        return self.settings.connect.url

    def ports(self) -> dict[str, int]:
        """Give the REST port."""
        return {"CONNECT__PORT": self.settings.connect.port}

    def prepare(self) -> None:
        """Write the worker's configuration."""
        write_if_changed(self.folder / "log4j2.properties", LOG4J.replace("%LEVEL%", "warn"))
        json = "org.apache.kafka.connect.json.JsonConverter"
        values: dict[str, object] = {
            **self.settings.kafka.java(),
            "group.id": "headway-connect",
            "key.converter": json,
            "key.converter.schemas.enable": "false",
            "value.converter": json,
            "value.converter.schemas.enable": "false",
            "config.storage.topic": "headway.connect.configs",
            "offset.storage.topic": "headway.connect.offsets",
            "status.storage.topic": "headway.connect.status",
            "config.storage.replication.factor": self.settings.kafka.replication_factor,
            "offset.storage.replication.factor": self.settings.kafka.replication_factor,
            "status.storage.replication.factor": self.settings.kafka.replication_factor,
            "offset.storage.partitions": 1,
            "status.storage.partitions": 1,
            "offset.flush.interval.ms": 1000,
            "scheduled.rebalance.max.delay.ms": 0,
            "plugin.path": self.jars("debezium"),
            "plugin.discovery": "service_load",
            "listeners": f"http://{LOOPBACK}:{self.settings.connect.port}",
            "rest.advertised.host.name": LOOPBACK,
            "rest.advertised.port": self.settings.connect.port,
        }
        write_if_changed(self.folder / "connect.properties", properties(values))

    def spec(self) -> ProgramSpec:
        """Give the worker's program."""
        log = f"-Dlog4j2.configurationFile=file:{self.folder / 'log4j2.properties'}"
        command = [self.java(), "-Xmx320m", "-XX:+UseSerialGC", log, "-cp", f"{self.jars('kafka')}/*"]
        command += ["org.apache.kafka.connect.cli.ConnectDistributed", str(self.folder / "connect.properties")]
        return ProgramSpec(self.name, tuple(command), self.environment(), self.folder, stop_seconds=20)

    def probe(self) -> str:
        """List the connectors: the worker answers only once it has joined its group."""
        connectors = http_json(f"{self.address}/connectors")
        if not isinstance(connectors, list):
            raise NotReadyError("the list of connectors is not a list")
        return f"{len(connectors)} connector{'' if len(connectors) == 1 else 's'}"
