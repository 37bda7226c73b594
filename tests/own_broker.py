"""A Kafka broker of a test's own: stopped and started as the test likes, with listeners that ask who is there."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import time
import uuid
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from headway.settings import LOOPBACK, KafkaSettings, Settings

USER, PASSWORD, WRONG = "engine", "right-secret-of-the-engine", "wrong-secret-of-the-engine"
STORE_PASSWORD = "secret-of-the-store"
READY_S = 120.0
_LOG = """status=warn
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=%d{ISO8601} %-5p %c{1} %m%n
rootLogger.level=warn
rootLogger.appenderRef.out.ref=out
"""


def free_port() -> int:
    """Give a port that nobody uses now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


class OwnBroker:
    """One node: a plain listener, and with ``secure`` one for SCRAM in clear and one for SCRAM over TLS."""

    def __init__(self, settings: Settings, folder: Path, *, secure: bool = False, **config: str) -> None:
        self.folder, self.secure = folder, secure
        folder.mkdir(parents=True, exist_ok=True)
        self._jars = settings.install_dir / "java" / "kafka"
        self.port, self._controller, self.sasl_port, self.tls_port = (free_port() for _ in range(4))
        self.process: subprocess.Popen[bytes] | None = None
        if secure:
            self._make_keys()
        (folder / "log4j2.properties").write_text(_LOG)
        lines = "".join(f"{name}={value}\n" for name, value in (self._config() | config).items())
        (folder / "server.properties").write_text(lines)
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = ["kafka.tools.StorageTool", "format", "--cluster-id", f"A{cluster[1:]}"]
        command += ["--config", str(folder / "server.properties")]
        if secure:
            command += ["--add-scram", f"SCRAM-SHA-512=[name={USER},password={PASSWORD}]"]
        done = subprocess.run([*self._java("128m"), *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def address(self) -> str:
        """Give the plain listener."""
        return f"{LOOPBACK}:{self.port}"

    def settings(self, settings: Settings) -> Settings:
        """Give settings whose Kafka is this broker (its plain listener)."""
        return settings.model_copy(update={"kafka": KafkaSettings(bootstrap_servers=self.address)})

    def _java(self, heap: str) -> list[str]:
        log = f"-Dlog4j2.configurationFile=file:{self.folder / 'log4j2.properties'}"
        return ["java", f"-Xmx{heap}", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", log, "-cp", f"{self._jars}/*"]

    def _config(self) -> dict[str, str]:
        listeners = {"PLAINTEXT": self.port, "CONTROLLER": self._controller}
        protocols = "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
        more: dict[str, str] = {}
        if self.secure:
            listeners |= {"SASL": self.sasl_port, "TLS": self.tls_port}
            protocols += ",SASL:SASL_PLAINTEXT,TLS:SASL_SSL"
            scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
            more = {"sasl.enabled.mechanisms": "SCRAM-SHA-512",
                    "listener.name.sasl.scram-sha-512.sasl.jaas.config": scram,
                    "listener.name.tls.scram-sha-512.sasl.jaas.config": scram,
                    "ssl.keystore.location": str(self.folder / "broker.p12"), "ssl.keystore.type": "PKCS12",
                    "ssl.keystore.password": STORE_PASSWORD, "ssl.key.password": STORE_PASSWORD}  # fmt: skip
        places = {name: f"{name}://{LOOPBACK}:{port}" for name, port in listeners.items()}
        return {
            "process.roles": "broker,controller", "node.id": "1",
            "controller.quorum.voters": f"1@{LOOPBACK}:{self._controller}",
            "listeners": ",".join(places.values()),
            "advertised.listeners": ",".join(v for n, v in places.items() if n != "CONTROLLER"),
            "controller.listener.names": "CONTROLLER", "listener.security.protocol.map": protocols,
            "inter.broker.listener.name": "PLAINTEXT", "log.dirs": str(self.folder / "data"),
            "auto.create.topics.enable": "false", "offsets.topic.replication.factor": "1",
            "offsets.topic.num.partitions": "2", "transaction.state.log.replication.factor": "1",
            "transaction.state.log.min.isr": "1", "transaction.state.log.num.partitions": "2",
            "share.coordinator.state.topic.replication.factor": "1", "share.coordinator.state.topic.min.isr": "1",
            "group.initial.rebalance.delay.ms": "0", "log.cleaner.dedupe.buffer.size": "33554432",
        } | more  # fmt: skip

    def _make_keys(self) -> None:
        """Make a key for the broker and a store with its certificate for clients."""
        key, store = self.folder / "broker.p12", self.folder / "trust.p12"
        password = ["-storepass", STORE_PASSWORD]
        for command in (
            ["-genkeypair", "-alias", "broker", "-keyalg", "EC", "-dname", "CN=localhost", "-validity", "2",
             "-ext", f"SAN=DNS:localhost,IP:{LOOPBACK}", "-storetype", "PKCS12", "-keystore", str(key), *password],
            ["-exportcert", "-rfc", "-alias", "broker", "-keystore", str(key), *password,
             "-file", str(self.folder / "broker.pem")],
            ["-importcert", "-noprompt", "-alias", "broker", "-file", str(self.folder / "broker.pem"),
             "-storetype", "PKCS12", "-keystore", str(store), *password],
        ):  # fmt: skip
            done = subprocess.run(["keytool", *command], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stdout + done.stderr

    def start(self) -> None:
        """Start it and wait until it answers."""
        self.start_soon()
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            assert self.process is not None
            assert self.process.poll() is None, (self.folder / "broker.log").read_text()[-3000:]
            with socket.socket() as probe:
                if probe.connect_ex((LOOPBACK, self.port)):
                    time.sleep(0.05)
                    continue
            try:
                if AdminClient({"bootstrap.servers": self.address, "log_level": 0}).list_topics(timeout=20).brokers:
                    return
            except KafkaException:
                continue
        raise AssertionError((self.folder / "broker.log").read_text()[-3000:])

    def start_soon(self) -> None:
        """Start it."""
        with (self.folder / "broker.log").open("ab") as log:
            self.process = subprocess.Popen(
                [*self._java("384m"), "kafka.Kafka", str(self.folder / "server.properties")],
                stdout=log, stderr=log, env=os.environ | {"LC_ALL": "C"},
            )  # fmt: skip

    def kill(self) -> None:
        """End it as a crash does."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """End it kindly."""
        self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None
