"""The KSQL engine against hand-written Kafka Streams programs in Java: same topics, guarantee and cache, same run.

The sink topics stamp records with the broker's clock (LogAppendTime), so a rate is what the topic saw between its first
and its last record: start-up counts for neither side. Each pair runs alternately; the ratio is engine / Java.
``python -m benchmarks.ksql [--quick]`` prints the results; it needs a broker (``bin/headway up --only kafka``).
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from benchmarks.result import Result
from headway import settings as settings_module
from headway.adapters.kafka import wait_for_broker
from headway.errors import HeadwayError
from ksqlengine.server.config import IN_MEMORY_STORES

JAVA_SOURCE = Path(__file__).parent / "java" / "Programs.java"
KEYS, FIRST_MS = 230, 1_772_000_000_000
WAIT_S = 300.0
COMMON = {
    "statestore.cache.max.bytes": "0",
    "commit.interval.ms": "100",
    "num.stream.threads": "1",
    "dsl.store.suppliers.class": IN_MEMORY_STORES,
    "producer.linger.ms": "5",
    "producer.batch.size": "131072",
    "producer.compression.type": "lz4",
    "consumer.auto.offset.reset": "earliest",
    "main.consumer.max.poll.records": "2000",
    "topology.optimization": "all",
    "topic.message.timestamp.after.max.ms": str(2**63 - 1),
}
_STREAM = """CREATE STREAM {name} (station_key VARCHAR KEY, event_id VARCHAR, event_time VARCHAR, station_id INTEGER,
 station_name VARCHAR, line VARCHAR, num_entries INTEGER) WITH (KAFKA_TOPIC='{topic}', KEY_FORMAT='KAFKA',
 VALUE_FORMAT='JSON', TIMESTAMP='event_time', TIMESTAMP_FORMAT='yyyy-MM-dd''T''HH:mm:ss.SSSX');"""


@dataclass(frozen=True)
class Pair:
    """One statement and the Java program that does the same."""

    name: str
    program: str
    statement: str
    bar: float
    every_record: bool = True


PAIRS = (
    Pair(
        "ksql summary",
        "summary",
        "CREATE TABLE {name} WITH (KAFKA_TOPIC='{out}', VALUE_FORMAT='JSON') AS SELECT station_key,"
        " COUNT(*) AS num_records, SUM(CAST(num_entries AS BIGINT)) AS total_entries"
        " FROM {source} GROUP BY station_key EMIT CHANGES;",
        1.2,
    ),
    Pair(
        "ksql filter and project",
        "filter",
        "CREATE STREAM {name} WITH (KAFKA_TOPIC='{out}', VALUE_FORMAT='JSON') AS SELECT station_key, station_id, line,"
        " num_entries * 2 AS doubled FROM {source} WHERE num_entries > 10 EMIT CHANGES;",
        1.2,
        every_record=False,
    ),
    Pair(
        "ksql tumbling window",
        "tumbling",
        "CREATE TABLE {name} WITH (KAFKA_TOPIC='{out}', VALUE_FORMAT='JSON') AS SELECT station_key,"
        " COUNT(*) AS num_records, SUM(CAST(num_entries AS BIGINT)) AS total_entries"
        " FROM {source} WINDOW TUMBLING (SIZE 1 HOUR,"
        " RETENTION 3651 DAYS, GRACE PERIOD 3650 DAYS) GROUP BY station_key EMIT CHANGES;",
        1.0,
    ),
    Pair(
        "ksql stream-table join",
        "join",
        "CREATE STREAM {name} WITH (KAFKA_TOPIC='{out}', VALUE_FORMAT='JSON') AS SELECT e.station_key,"
        " e.station_id, e.num_entries, s.name, s.branch"
        " FROM {source} e JOIN {table} s ON e.station_key = s.station_key EMIT CHANGES;",
        1.0,
    ),
)


class Bench:
    """The broker, the topics of one run, and the two sides."""

    def __init__(self, records: int) -> None:
        self.settings = settings_module.load()
        self.kafka = self.settings.kafka.librdkafka()
        wait_for_broker(self.settings, timeout_s=10)
        self.admin = AdminClient(self.kafka)
        self.prefix = f"bench.ksql.{uuid.uuid4().hex[:6]}"
        self.records = records
        self.folder = Path(tempfile.mkdtemp(prefix="ksql-bench-"))
        self.jars = self.settings.install_dir / "java"
        self.topics: list[str] = []
        self.passing = 0

    # -- topics ------------------------------------------------------------------------------------------------------
    def topic(self, name: str, **config: str) -> str:
        """Create a topic of one partition."""
        full = f"{self.prefix}.{name}"
        base = {"message.timestamp.after.max.ms": str(2**63 - 1), "retention.ms": "-1"}
        self.admin.create_topics([NewTopic(full, 1, 1, config=base | config)])[full].result(15)
        self.topics.append(full)
        return full

    def fill(self) -> tuple[str, str]:
        """Write the events (about 200 bytes each) and the table's rows; give both topics."""
        source, table = self.topic("in"), self.topic("stations", **{"cleanup.policy": "compact"})
        producer = Producer(self.kafka | {"linger.ms": 50, "batch.num.messages": 20000, "compression.type": "lz4",
                                          "queue.buffering.max.messages": 2_000_000})  # fmt: skip
        for key in range(KEYS):  # older than any event, or the join would process the events first
            producer.produce(
                table, json.dumps({"name": f"Station {key}", "branch": "north"}), str(40000 + key), timestamp=1
            )
        producer.flush()
        for number in range(self.records):
            when = FIRST_MS + number * 20
            entries = (number * 7919) % 97
            self.passing += entries > 10
            producer.produce(source, event(number, when, entries), str(40000 + number % KEYS), timestamp=when)
            if number % 10_000 == 0:
                producer.poll(0)
        producer.flush()
        return source, table

    def seen(self, topic: str, expected: int) -> float:
        """Wait until the topic holds the records, and give the rate in records/s that the broker saw.

        The records are read when all are there: a reader beside the program would take the time it needs.
        """
        consumer = Consumer(self.kafka | {"group.id": f"{self.prefix}.c", "isolation.level": "read_committed",
                                          "enable.auto.commit": False, "fetch.wait.max.ms": 50})  # fmt: skip
        consumer.assign([TopicPartition(topic, 0, 0)])
        first = last = count = 0
        deadline = time.monotonic() + WAIT_S
        try:
            while consumer.get_watermark_offsets(TopicPartition(topic, 0), timeout=10)[1] < expected:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{topic}: no {expected} records after {WAIT_S} s")
                time.sleep(0.1)
            while count < expected:
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{topic}: {count} of {expected} records after {WAIT_S} s")
                for message in consumer.consume(5000, 0.2):
                    if message.error():
                        continue
                    stamp = message.timestamp()[1]
                    first = first or stamp
                    last = stamp
                    count += 1
        finally:
            consumer.close()
        return count / max((last - first) / 1000, 0.001)

    # -- the Java side -----------------------------------------------------------------------------------------------
    def compile(self) -> Path:
        """Compile the hand-written programs."""
        target = self.folder / "classes"
        target.mkdir(exist_ok=True)
        compiler = next(self.jars.glob("ecj/ecj-*.jar"))
        command = ["java", "-jar", str(compiler), "-17", "-nowarn", "-cp", self.classpath(), "-d", str(target)]
        subprocess.run([*command, str(JAVA_SOURCE)], check=True, capture_output=True)
        return target

    def classpath(self) -> str:
        """Give the same jars that the engine runs on."""
        return os.pathsep.join(str(j) for j in sorted((self.jars / "engine").glob("*.jar")))

    def java(
        self, pair: Pair, source: str, table: str, guarantee: str, *, tag: str = ""
    ) -> tuple[str, subprocess.Popen[bytes]]:
        """Start a hand-written program; give its sink and its process."""
        name = f"{pair.program}.java{tag}"
        out = self.topic(name, **{"message.timestamp.type": "LogAppendTime"})
        config = COMMON | {
            "application.id": f"{self.prefix}.{name}",
            "bootstrap.servers": self.settings.kafka.bootstrap_servers,
            "processing.guarantee": guarantee,
            "state.dir": str(self.folder / f"java-{name}"),
        }
        file = self.folder / f"{name}.properties"
        file.write_text("\n".join(f"{k}={v}" for k, v in config.items()), encoding="utf-8")
        command = ["java", "-Xmx256m", "-XX:+UseSerialGC", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", "-cp",
                   f"{self.folder / 'classes'}{os.pathsep}{self.classpath()}", "Programs", pair.program, str(file),
                   source, out]  # fmt: skip
        return out, subprocess.Popen(command + ([table] if pair.program == "join" else []))

    # -- the engine's side -------------------------------------------------------------------------------------------
    @contextlib.contextmanager
    def engine(
        self, guarantee: str, *, service: str, state: str = "engine", properties: Mapping[str, str] = COMMON
    ) -> Iterator[Engine]:
        """Start the engine's server as a process of its own."""
        port = free_port()
        file = self.folder / f"{service}.properties"
        lines = [f"ksql.streams.{k}={v}" for k, v in properties.items()] + [
            f"ksql.streams.processing.guarantee={guarantee}"
        ]
        file.write_text("\n".join(lines), encoding="utf-8")
        command = [sys.executable, "-m", "ksqlengine", "--bootstrap-servers", self.settings.kafka.bootstrap_servers,
                   "--port", str(port), "--service-id", service, "--state-dir", str(self.folder / state), "--jars",
                   str(self.jars / "engine"), "--config", str(file), "--log-level", "WARNING"]  # fmt: skip
        process = subprocess.Popen(command, cwd=settings_module.PROJECT_DIR)
        engine = Engine(f"http://127.0.0.1:{port}", process)
        try:
            engine.wait_ready()
            yield engine
        finally:
            stop(process)

    def sink(self, pair: Pair, tag: str = "") -> str:
        """Create the sink of an engine's query."""
        return self.topic(f"{pair.program}.ksql{tag}", **{"message.timestamp.type": "LogAppendTime"})

    def close(self) -> None:
        """Delete what the run made."""
        names = [t for t in self.admin.list_topics(timeout=10).topics if self.prefix in t or _service(self.prefix) in t]
        for future in self.admin.delete_topics(names).values():
            with contextlib.suppress(Exception):
                future.result(15)
        shutil.rmtree(self.folder, ignore_errors=True)


class Engine:
    """A running server."""

    def __init__(self, url: str, process: subprocess.Popen[bytes]) -> None:
        self.url, self.process = url, process

    def ksql(self, text: str) -> list[dict[str, object]]:
        """Run statements."""
        answer = httpx.post(f"{self.url}/ksql", json={"ksql": text, "streamsProperties": {}}, timeout=60)
        if answer.status_code != httpx.codes.OK:
            raise RuntimeError(f"{answer.text}\n{text}")
        out: list[dict[str, object]] = answer.json()
        return out

    def wait_ready(self) -> None:
        """Wait for the health check, then for every query to run."""
        deadline = time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError("the engine ended")
            with contextlib.suppress(httpx.HTTPError):
                if (
                    httpx.get(f"{self.url}/healthcheck", timeout=5).status_code == httpx.codes.OK
                    and self._all_running()
                ):
                    return
            time.sleep(0.02)
        raise TimeoutError("the engine is not ready")

    def _all_running(self) -> bool:
        found = self.ksql("SHOW QUERIES EXTENDED;")[0]["queryDescriptions"]
        return all(q["streamsState"] == "RUNNING" for q in found)  # type: ignore[attr-defined]

    def wait_counted(self, table: str, records: int) -> None:
        """Wait until a summary table has counted so many records."""
        deadline = time.monotonic() + WAIT_S
        counted = -1
        while counted != records:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{table}: counted {counted} of {records} records after {WAIT_S} s")
            body = {"ksql": f"SELECT num_records FROM {table};", "streamsProperties": {}}  # noqa: S608 our own name
            rows = httpx.post(f"{self.url}/query", json=body, timeout=60).raise_for_status().json()
            counted = sum(row["row"]["columns"][0] for row in rows if "row" in row)
            time.sleep(0.1)

    def memory_mb(self) -> float:
        """Give the resident memory."""
        return psutil.Process(self.process.pid).memory_info().rss / 1e6


def event(number: int, when: int, entries: int) -> bytes:
    """Write one turnstile event as the replay does."""
    seconds, millis = divmod(when, 1000)
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    station = 40000 + number % KEYS
    return (
        f'{{"event_id":"{number:032x}","event_time":"{stamp}.{millis:03d}Z","service_date":"{stamp[:10]}",'
        f'"station_id":{station},"station_name":"Station {station}","line":"red","num_entries":{entries}}}'
    ).encode()


def free_port() -> int:
    """Give a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process, kindly first."""
    process.terminate()
    try:
        process.wait(15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _service(prefix: str) -> str:
    return prefix.replace(".", "_")


def throughput(bench: Bench, source: str, table: str, repeats: int) -> list[Result]:
    """Measure each pair, engine and Java in turn."""
    results = []
    for pair in PAIRS:
        expected = bench.records if pair.every_record else bench.passing
        ratios = []
        for number in range(repeats):
            ours = _engine_rate(bench, pair, source, table, expected, number)
            out, process = bench.java(pair, source, table, "exactly_once_v2", tag=str(number))
            try:
                theirs = bench.seen(out, expected)
            finally:
                stop(process)
            ratios.append(ours / theirs)
        results.append(_result(f"{pair.name} / Java", ratios, pair.bar, higher=True))
    return results


def _engine_rate(bench: Bench, pair: Pair, source: str, table: str, expected: int, number: int) -> float:
    service = f"{_service(bench.prefix)}_{pair.program}{number}_"
    with bench.engine("exactly_once_v2", service=service, state=f"engine-{pair.program}{number}") as engine:
        engine.ksql(_STREAM.format(name="entries", topic=source))
        if pair.program == "join":
            engine.ksql(
                "CREATE TABLE stations (station_key VARCHAR PRIMARY KEY, name VARCHAR, branch VARCHAR) WITH "
                f"(KAFKA_TOPIC='{table}', KEY_FORMAT='KAFKA', VALUE_FORMAT='JSON');"
            )
        out = bench.sink(pair, str(number))
        engine.ksql(pair.statement.format(name="sink", out=out, source="entries", table="stations"))
        return bench.seen(out, expected)


def latency(bench: Bench, count: int, repeats: int) -> Result:
    """Measure the p50 from produce to consume of the summary at at-least-once, engine / Java, both up, in turn."""
    pair = PAIRS[0]
    source, live = bench.topic("live"), bench.topic("live2")
    service = f"{_service(bench.prefix)}_lat_"
    with bench.engine("at_least_once", service=service, state="engine-lat") as engine:
        engine.ksql(_STREAM.format(name="entries", topic=source))
        out = bench.sink(pair, "lat")
        engine.ksql(pair.statement.format(name="sink", out=out, source="entries", table=""))
        engine.wait_ready()
        theirs, process = bench.java(pair, live, "", "at_least_once", tag="lat")
        try:
            for warming, topic in ((source, out), (live, theirs)):
                _p50(bench, warming, topic, count)
            ratios = [_p50(bench, source, out, count) / _p50(bench, live, theirs, count) for _ in range(repeats)]
        finally:
            stop(process)
    return _result("ksql latency p50 / Java, at least once", ratios, 1.1, higher=False)


def _p50(bench: Bench, source: str, out: str, count: int) -> float:
    """Send records one by one and time each until its result is there."""
    producer = Producer(bench.kafka | {"linger.ms": 0})
    consumer = Consumer(bench.kafka | {"group.id": f"{bench.prefix}.lat", "enable.auto.commit": False,
                                       "fetch.wait.max.ms": 10, "fetch.queue.backoff.ms": 1})  # fmt: skip
    end = consumer.get_watermark_offsets(TopicPartition(out, 0), timeout=10)[1]
    consumer.assign([TopicPartition(out, 0, end)])
    times = []
    deadline = time.monotonic() + WAIT_S
    for number in range(count):
        sent = time.perf_counter()
        producer.produce(source, event(number, FIRST_MS + number * 1000, 5), str(40000 + number % KEYS))
        producer.poll(0)
        while (message := consumer.poll(0.5)) is None or message.error():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{out}: no result")
        times.append(time.perf_counter() - sent)
    producer.flush()
    consumer.close()
    return statistics.median(times)


def readiness(bench: Bench, source: str) -> list[Result]:
    """Restart a server with five persistent queries: seconds until all run, and its memory.

    The engine's own settings hold here: with the cache of 0 that the throughput needs, each update is in a changelog.
    """
    service = f"{_service(bench.prefix)}_ready_"
    own = {"consumer.auto.offset.reset": "earliest"}
    with bench.engine("exactly_once_v2", service=service, state="engine-ready", properties=own) as engine:
        engine.ksql(_STREAM.format(name="entries", topic=source))
        for number in range(5):
            out = bench.topic(f"ready{number}")
            engine.ksql(PAIRS[0].statement.format(name=f"sink{number}", out=out, source="entries", table=""))
        engine.wait_ready()
        for number in range(5):
            engine.wait_counted(f"sink{number}", bench.records)
    begun = time.monotonic()
    with bench.engine("exactly_once_v2", service=service, state="engine-ready", properties=own) as engine:
        seconds = time.monotonic() - begun
        memory = engine.memory_mb()
    return [
        _result("ksql ready with 5 queries, seconds", [seconds], 4.0, higher=False),
        _result("ksql memory with 5 queries, MB", [memory], 350.0, higher=False),
    ]


def _result(name: str, values: list[float], bar: float, *, higher: bool) -> Result:
    return Result(name=name, values=values, bar=bar, higher_is_better=higher)


def run(quick: bool) -> list[Result]:
    """Measure everything; ``quick`` uses fewer records and one repeat."""
    bench = Bench(60_000 if quick else 1_000_000)
    try:
        bench.compile()
        source, table = bench.fill()
        results = throughput(bench, source, table, 1 if quick else 3)
        results.append(latency(bench, 50 if quick else 250, 1 if quick else 5))
        return results + readiness(bench, source)
    finally:
        bench.close()


if __name__ == "__main__":
    try:
        for result in run("--quick" in sys.argv):
            print(result)
    except HeadwayError as error:
        sys.exit(f"ksql: {error}")
