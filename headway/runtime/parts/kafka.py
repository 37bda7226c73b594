"""Kafka: one node, broker and controller (KRaft)."""

from __future__ import annotations

import base64
import shutil
import uuid

from headway.runtime.parts.part import NotReadyError, Part, properties, replace_folder, run_once, write_if_changed
from headway.runtime.processes import port_is_free
from headway.runtime.program import ProgramSpec
from headway.settings import LOOPBACK

LOG4J = """status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %-5p %c{1} %m%n
rootLogger.level=%LEVEL%
rootLogger.appenderRef.out.ref=out
"""


class Kafka(Part):
    """The broker; its data survive in ``<state_dir>/kafka/data``."""

    name = "kafka"
    title = "Kafka broker"

    @property
    def address(self) -> str:
        """Give the bootstrap address."""
        return self.settings.kafka.bootstrap_servers

    def ports(self) -> dict[str, int]:
        """Give the broker's and the controller's port."""
        kafka = self.settings.kafka
        return {"KAFKA__PORT": kafka.port, "KAFKA__CONTROLLER_PORT": kafka.controller_port}

    def prepare(self) -> None:
        """Write the configuration and, once, format the log folder."""
        write_if_changed(self.folder / "log4j2.properties", LOG4J.replace("%LEVEL%", "info"))
        data = self.folder / "data"
        write_if_changed(self.folder / "server.properties", properties(self._config(str(data))))
        if (data / "meta.properties").is_file():
            return
        staged = self.folder / "formatting"
        shutil.rmtree(staged, ignore_errors=True)
        write_if_changed(self.folder / "format.properties", properties(self._config(str(staged))))
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*self._java("128m"), "kafka.tools.StorageTool", "format", "--cluster-id", f"A{cluster[1:]}"]
        command += ["--config", str(self.folder / "format.properties")]
        run_once(command, self.environment(), "Formatting Kafka's log folder")
        replace_folder(staged, data)

    def _java(self, heap: str) -> list[str]:
        log = f"-Dlog4j2.configurationFile=file:{self.folder / 'log4j2.properties'}"
        return [self.java(), f"-Xmx{heap}", log, "-cp", f"{self.jars('kafka')}/*"]

    def _config(self, data: str) -> dict[str, object]:
        kafka = self.settings.kafka
        return {
            "process.roles": "broker,controller",
            "node.id": 1,
            "controller.quorum.voters": f"1@{LOOPBACK}:{kafka.controller_port}",
            "listeners": f"PLAINTEXT://{LOOPBACK}:{kafka.port},CONTROLLER://{LOOPBACK}:{kafka.controller_port}",
            "advertised.listeners": f"PLAINTEXT://{LOOPBACK}:{kafka.port}",
            "controller.listener.names": "CONTROLLER",
            "log.dirs": data,
            "auto.create.topics.enable": "false",
            "default.replication.factor": 1,
            "min.insync.replicas": 1,
            "offsets.topic.replication.factor": 1,
            "offsets.topic.num.partitions": 8,
            "transaction.state.log.replication.factor": 1,
            "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 8,
            "share.coordinator.state.topic.replication.factor": 1,
            "share.coordinator.state.topic.min.isr": 1,
            "group.initial.rebalance.delay.ms": 0,
            "log.cleaner.dedupe.buffer.size": 33_554_432,
            "offsets.retention.minutes": 525_600,
        }

    def spec(self) -> ProgramSpec:
        """Give the broker's program."""
        java, *options = self._java("512m")
        return ProgramSpec(
            self.name,
            (java, "-Xms128m", *options, "kafka.Kafka", str(self.folder / "server.properties")),
            self.environment(),
            self.folder,
            stop_seconds=30,
        )

    def probe(self) -> str:
        """Ask for the cluster's metadata, once the port is open (a client that is made too early backs off)."""
        from confluent_kafka import KafkaException
        from confluent_kafka.admin import AdminClient

        if port_is_free(self.settings.kafka.port):
            raise NotReadyError(f"nothing listens at {self.address}")
        config: dict[str, str | int | float | bool] = {**self.settings.kafka.librdkafka(), "log_level": 0}
        try:
            found = AdminClient(config).list_topics(timeout=5)
        except KafkaException as error:
            raise NotReadyError(f"no metadata from {self.address}: {error.args[0].name()}") from error
        if not found.brokers:
            raise NotReadyError("no broker has registered")
        return f"{len(found.topics)} topics"
