"""The server's configuration: command line, a properties file like ksqlDB's, and what follows from both for Kafka."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from pathlib import Path

STREAMS_PREFIX = "ksql.streams."
_INSTANCE_LOCK = threading.Lock()
DAY_MS = 86_400_000
# Properties of a Kafka client's connection; they reach admin, producers, consumers and every topology.
_CONNECTION_PREFIXES = ("security.", "sasl.", "ssl.")
_SUPPLIERS = "org.apache.kafka.streams.state.BuiltInDslStoreSuppliers$"
IN_MEMORY_STORES = f"{_SUPPLIERS}InMemoryDslStoreSuppliers"
ROCKSDB_STORES = f"{_SUPPLIERS}RocksDBDslStoreSuppliers"
_STORES = {"rocksdb": ROCKSDB_STORES, "in_memory": IN_MEMORY_STORES}
# Kafka Streams has forgotten these names, ksqlDB's documentation has not
EXACTLY_ONCE = {"exactly_once": "exactly_once_v2", "exactly_once_beta": "exactly_once_v2"}
# ksqlDB's properties that the handlers of bad records read
_HANDLED = "ksql.fail.on."
VERSION = "8.1.0-headway"


@dataclass(frozen=True)
class ServerConfig:
    """Everything that a server is started with.

    ``properties`` has ksqlDB's own names (``ksql.…``, ``ksql.streams.…``) and Kafka's connection properties.
    """

    bootstrap_servers: str
    host: str = "127.0.0.1"
    port: int = 8088
    service_id: str = "default_"
    state_dir: Path = Path("ksql-state")
    advertised: str = ""
    connect_url: str = ""
    in_memory: bool = False
    properties: dict[str, str] = field(default_factory=dict, repr=False)  # passwords may be among them

    # -- limits ------------------------------------------------------------------------------------------------------
    @property
    def max_body_bytes(self) -> int:
        """Give the size above which a request is refused with 413."""
        return int(self.properties.get("ksql.server.max.request.bytes", 4 * 1024 * 1024))

    @property
    def max_push_queries(self) -> int:
        """Give how many push queries may run at once (0: none)."""
        return int(self.properties.get("ksql.max.push.queries", 50))

    @property
    def max_pull_queries(self) -> int:
        """Give how many pull queries may run at once."""
        return int(self.properties.get("ksql.query.pull.max.concurrent.requests", 100))

    @property
    def pull_timeout_s(self) -> float:
        """Give how long a pull query may wait for state that moves between servers."""
        return int(self.properties.get("ksql.query.pull.forwarding.timeout.ms", 20_000)) / 1000

    @property
    def sequence_timeout_s(self) -> float:
        """Give how long a request waits for the command that it says it has to see."""
        return int(self.properties.get("ksql.server.command.response.timeout.ms", 5000)) / 1000

    @property
    def fetch_timeout_s(self) -> float:
        """Give how long another server may take to say how its queries are."""
        return float(self.properties.get("ksql.fetch.remote.hosts.max.timeout.seconds", 10))

    @property
    def retry_initial_s(self) -> float:
        """Give after what time a query in ERROR is started again the first time."""
        return int(self.properties.get("ksql.query.retry.backoff.initial.ms", 15_000)) / 1000

    @property
    def retry_max_s(self) -> float:
        """Give the longest time between two such starts."""
        return int(self.properties.get("ksql.query.retry.backoff.max.ms", 900_000)) / 1000

    @property
    def max_queued_rows(self) -> int:
        """Give how many rows of a push query wait for a slow reader before its topology is held back."""
        return int(self.properties.get("ksql.query.push.queue.rows", 1000))

    # -- names -------------------------------------------------------------------------------------------------------
    @property
    def prefix(self) -> str:
        """Give the start of every internal name."""
        return f"_confluent-ksql-{self.service_id}"

    @property
    def command_topic(self) -> str:
        """Name the topic that holds every statement."""
        return f"{self.prefix}_command_topic"

    def application_id(self, query_id: str) -> str:
        """Name the Kafka Streams application of a persistent query."""
        return f"{self.prefix}query_{query_id}"

    def transient_id(self, query_id: str) -> str:
        """Name the Kafka Streams application of a push query."""
        return f"{self.prefix}{query_id}"

    @property
    def address(self) -> str:
        """Give host:port under which the other servers of this service reach this one."""
        return self.advertised or f"{self.host}:{self.port}"

    def instance_id(self) -> str:
        """Give the identity of this server, the same after a restart in the same state folder."""
        file = self.state_dir / "instance-id"
        with _INSTANCE_LOCK:  # queries start side by side, and all must read one id
            if not file.exists():
                self.state_dir.mkdir(parents=True, exist_ok=True)
                file.write_text(uuid.uuid4().hex[:12], encoding="ascii")
            return file.read_text(encoding="ascii").strip()

    # -- Kafka -------------------------------------------------------------------------------------------------------
    def connection(self) -> dict[str, str]:
        """Give the properties with which any client connects."""
        out = {"bootstrap.servers": self.bootstrap_servers}
        for name, value in self.properties.items():
            bare = name.removeprefix(STREAMS_PREFIX).removeprefix("ksql.")
            if bare.startswith(_CONNECTION_PREFIXES):
                out[bare] = value
        return out

    @property
    def replication_factor(self) -> int:
        """Give the replication factor of topics the server creates; -1 is the broker's default."""
        names = ("ksql.internal.topic.replicas", "ksql.streams.replication.factor", "ksql.sink.replicas")
        return next((int(self.properties[n]) for n in names if n in self.properties), -1)

    def streams(self, overrides: dict[str, object]) -> dict[str, str]:
        """Give the Kafka Streams configuration of a query: our defaults, the server's file, the statement's SETs."""
        out = {
            "processing.guarantee": "exactly_once_v2",
            "dsl.store.suppliers.class": IN_MEMORY_STORES,
            "state.dir": str(self.state_dir / "streams"),
            "num.stream.threads": "1",
            # how soon a server that joins late gets work whose state it had to copy first (default: 10 minutes)
            "probing.rebalance.interval.ms": "60000",
            "commit.interval.ms": "100",
            "statestore.cache.max.bytes": "10000000",
            "auto.offset.reset": "latest",
            "session.timeout.ms": "10000",
            "heartbeat.interval.ms": "3000",
            "producer.linger.ms": "5",
            "producer.batch.size": "131072",
            "producer.compression.type": "lz4",
            "main.consumer.isolation.level": "read_committed",
            "main.consumer.max.poll.records": "2000",
            "restore.consumer.max.poll.records": "10000",
            "topology.optimization": "all",
            "metric.reporters": "",
            "replication.factor": str(self.replication_factor),
            # Simulated time is not the broker's time: internal topics take any timestamp and keep it.
            "windowstore.changelog.additional.retention.ms": str(36_500 * DAY_MS),
            "topic.message.timestamp.after.max.ms": str(2**63 - 1),
            "topic.message.timestamp.before.max.ms": str(2**63 - 1),
            "topic.segment.ms": str(365 * DAY_MS),
            # Only closed segments are compacted, and what is not compacted is read again at each start.
            "topic.segment.bytes": str(4 * 1024 * 1024),
        }
        for name, value in self.properties.items():
            if name.startswith((STREAMS_PREFIX, _HANDLED)):
                _put(out, name.removeprefix(STREAMS_PREFIX), value)
        for name, given in overrides.items():
            bare = name.removeprefix(STREAMS_PREFIX)
            if not bare.startswith("ksql.") or bare.startswith(_HANDLED):
                _put(out, bare, _text(given))
        out["statestore.cache.max.bytes"] = out.pop("cache.max.bytes.buffering", out["statestore.cache.max.bytes"])
        return out | self.connection()


def _put(out: dict[str, str], name: str, value: str) -> None:
    """Set a property; Kafka Streams would pass over the older name for the kind of store, since we set the newer."""
    if name == "default.dsl.store" and value.lower() in _STORES:
        out["dsl.store.suppliers.class"] = _STORES[value.lower()]
    elif name == "processing.guarantee":
        out[name] = EXACTLY_ONCE.get(value.lower(), value)
    else:
        out[name] = value


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def read_properties(path: Path) -> dict[str, str]:
    """Read a Java properties file (comments, ``=`` or ``:``, continued lines)."""
    out: dict[str, str] = {}
    pending = ""
    for raw in path.read_text(encoding="utf-8").splitlines():
        line = pending + raw.strip()
        pending = ""
        if not line or line[0] in "#!":
            continue
        if line.endswith("\\") and not line.endswith("\\\\"):
            pending = line[:-1]
            continue
        cut = min((line.find(c) for c in "=:" if c in line), default=-1)
        if cut > 0:
            out[line[:cut].strip()] = line[cut + 1 :].strip().replace("\\\\", "\\")
    return out
