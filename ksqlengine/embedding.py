"""A ksqlDB inside a Python program: for tests, notebooks and small tools.

::

    with ksqlengine.embedded() as ksql:
        ksql.run_file("pipeline.sql")
        ksql.insert("clicks", {"user_id": "ada", "page": "/home"})
        assert ksql.rows("clicks_by_user") == [{"USER_ID": "ada", "CLICKS": 1}]
"""

from __future__ import annotations

import contextlib
import json
import logging
import shutil
import socket
import tempfile
import threading
import time
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import jpype

from ksqlengine import tree
from ksqlengine.__main__ import start_jvm
from ksqlengine.catalog import Source
from ksqlengine.engine import BuiltTopology
from ksqlengine.errors import KsqlError, SetupError
from ksqlengine.jvm import java
from ksqlengine.server.backend import Record
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.kafka import KafkaBackend
from ksqlengine.server.memory import MemoryBackend
from ksqlengine.server.push import PushQuery
from ksqlengine.server.service import KsqlService, Session
from ksqlengine.server.streams import RowStream
from ksqlengine.server.streams_query import StreamsQuery
from ksqlengine.topology.serving import source_topics
from ksqlengine.types import quote
from ksqlengine.values import from_json, literal

Row = dict[str, Any]
LOG = logging.getLogger(__name__)
_QUIET_S = 0.005
_GROUP_S = 10.0


class Embedded:
    """One ksqlDB in this process. Use it in a ``with`` block: leaving it stops the queries.

    Without ``bootstrap_servers`` there is no broker: topics are lists in this process, each with one partition, and a
    record has passed through every query when the call that wrote it returns. With ``bootstrap_servers`` topics and
    queries are Kafka's; what the block made there (topics, groups, its command topic) is removed when it ends, unless
    ``service_id`` names a service that is to stay.

    ``properties`` are ksqlDB's own (``ksql.streams.…``, ``ksql.…``, connection properties such as ``sasl.…``).
    All queries start from the beginning of their topics unless ``auto.offset.reset`` says otherwise.
    """

    def __init__(
        self,
        bootstrap_servers: str = "",
        *,
        service_id: str = "",
        properties: Mapping[str, str] | None = None,
        heap: str = "256m",
    ) -> None:
        self._in_memory = not bootstrap_servers
        self._temporary = not service_id
        self._heap = heap
        self._folder = Path(tempfile.mkdtemp(prefix="ksqlengine-"))
        self._config = ServerConfig(
            bootstrap_servers or "localhost:0",
            service_id=service_id or f"embedded_{uuid.uuid4().hex[:12]}_",
            state_dir=self._folder,
            in_memory=self._in_memory,
            properties=dict(properties or {}),
        )
        self._session = Session({"auto.offset.reset": "earliest"})
        self._service: KsqlService | None = None
        self._server: _HttpServer | None = None

    # -- life --------------------------------------------------------------------------------------------------------
    def __enter__(self) -> Self:
        start_jvm(None, heap=self._heap, in_memory=self._in_memory)
        kafka = _TemporaryBackend if self._temporary else KafkaBackend
        self._service = KsqlService(self._config, (MemoryBackend if self._in_memory else kafka)(self._config))
        self._service.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.stop()
        service, self._service = self.service, None
        try:
            service.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    @property
    def service(self) -> KsqlService:
        """Give the server behind this, without HTTP."""
        if self._service is None:
            raise SetupError(
                "This ksqlDB is not running.", next_step="use it inside its block: with ksqlengine.embedded() as ksql:"
            )
        return self._service

    @property
    def url(self) -> str:
        """Give an address on loopback that speaks ksqlDB's REST API, for clients and for ``ksqlengine shell``."""
        if self._server is None:
            self._server = _HttpServer(self.service)
        return self._server.url

    # -- statements --------------------------------------------------------------------------------------------------
    def run(self, text: str, **variables: str) -> list[dict[str, Any]]:
        """Run statements (all but SELECT and PRINT) and give the server's answers.

        ``variables`` replace ``${name}``, as DEFINE does. What is SET or DEFINEd stays until the block ends. All
        statements are checked before the first runs. Raises KsqlError in ksqlDB's words.
        """
        self._session.variables |= variables
        return self.service.execute(text, self._session)

    def run_file(self, path: Path | str, **variables: str) -> list[dict[str, Any]]:
        """Run a file of statements."""
        return self.run(Path(path).read_text(encoding="utf-8"), **variables)

    def insert(self, source: str, *rows: Mapping[str, Any], timestamp: int | None = None) -> None:
        """Write rows into a stream or table; keys of a row are column names in any case.

        Values are Python's: str, int, float, Decimal, bool, bytes, date, time, datetime, list, dict (for MAP and
        STRUCT), None. ``timestamp`` is the rows' event time in ms since 1970; ``"ROWTIME"`` in a row does it for one.
        """
        described = self._source(source)
        types = {c.name: c.type for c in described.schema.columns}
        for row in rows:
            names, values = [], []
            given = dict(row) if timestamp is None else {"ROWTIME": timestamp, **row}
            for name, value in given.items():
                column = name if name in types else name.upper()
                if column not in types and column != "ROWTIME":
                    raise KsqlError(f"Column name {quote(column)} does not exist. It has: {', '.join(types)}")
                names.append(quote(column))
                values.append(literal(value, types.get(column)))
            target = f"{quote(described.name)} ({', '.join(names)})"
            text = f"INSERT INTO {target} VALUES ({', '.join(values)});"  # noqa: S608 - names and values are quoted
            self.service.execute(text, self._session)

    def produce(self, topic: str, key: bytes | None, value: bytes | None, timestamp: int | None = None) -> None:
        """Write one record's bytes, whatever they are: what a bad record does can be tested too."""
        if self.service.backend.topic(topic) is None:
            self.service.backend.create_topic(topic, 1, self._config.replication_factor, {})
        self.service.backend.produce(topic, key, value, timestamp)

    # -- results -----------------------------------------------------------------------------------------------------
    def query(self, sql: str, *, timeout_s: float = 30.0) -> list[Row]:
        """Run a pull query, or a push query with LIMIT, and give its rows by column name.

        Waits first until the persistent queries have processed all that was written. Raises TimeoutError when a push
        query has not given its LIMIT of rows in time.
        """
        deadline = time.monotonic() + timeout_s
        self.settle(timeout_s)
        statement = self.service.engine.parse(sql, self._session.variables)[0]
        if not isinstance(statement.node, tree.Select):
            raise KsqlError("query() takes a SELECT; run() takes everything else.", statement.text)
        push = statement.node.query.emit is not None
        if push and statement.node.query.limit is None:
            raise KsqlError("A push query without LIMIT never ends: read it with changes().", statement.text)
        opener = self.service.push.open if push else self.service.pull.open
        rows = opener(statement, dict(self._session.properties))
        with contextlib.closing(rows.source):
            return list(_read(rows, deadline))

    @contextlib.contextmanager
    def changes(self, sql: str, *, timeout_s: float = 30.0) -> Iterator[Iterator[Row]]:
        """Run a push query: the block gets an iterator that waits up to ``timeout_s`` for each row."""
        statement = self.service.engine.parse(sql, self._session.variables)[0]
        if not isinstance(statement.node, tree.Select) or statement.node.query.emit is None:
            raise KsqlError("changes() takes a SELECT with EMIT CHANGES.", statement.text)
        rows = self.service.push.open(statement, dict(self._session.properties))
        with contextlib.closing(rows.source):
            yield _read(rows, None, each_s=timeout_s)

    def rows(self, name: str, *, timeout_s: float = 30.0) -> list[Row]:
        """Give what a table holds, or all rows of a stream in the order of its topic.

        A table that no query of ours makes is read from its topic.
        """
        source = self._source(name)
        if not source.is_table or self.service.queries.of_sink(source.name) is not None:
            return self.query(f"SELECT * FROM {quote(source.name)};", timeout_s=timeout_s)  # noqa: S608 - quoted
        return self._latest(source, timeout_s)

    def topic(self, name: str, *, timeout_s: float = 30.0) -> list[Record]:
        """Give the records of a topic as they stand there: key and value bytes, timestamp, headers."""
        self.settle(timeout_s)
        backend = self.service.backend
        if isinstance(backend, MemoryBackend):
            return backend.records(name)
        if not isinstance(backend, KafkaBackend) or backend.topic(name) is None:
            return []
        ends = backend.after_last_records([name])
        out: list[Record] = []
        reader = backend.read(name, from_beginning=True, stop=lambda: not ends)
        for record in reader if ends else ():
            if record is not None:
                out.append(record)
                if record.offset + 1 >= ends.get((name, record.partition), 0):
                    ends.pop((name, record.partition), None)
        return out

    def settle(self, timeout_s: float = 30.0) -> None:
        """Wait until every persistent query has processed, and committed, all that is in its topics.

        Without a broker that is always so. Raises KsqlError when a query has failed, TimeoutError when it takes longer.
        """
        backend = self.service.backend
        deadline = time.monotonic() + timeout_s
        while True:
            for query in self.service.queries.all():
                if query.state() == "ERROR":
                    reason = query.errors()[-1].message if query.errors() else "no reason is known"
                    raise KsqlError(f"Query {query.id} has failed: {reason}")
            behind = [] if not isinstance(backend, KafkaBackend) else _behind(self.service, backend)
            if not behind:
                return
            if time.monotonic() > deadline:
                raise TimeoutError(f"After {timeout_s:g} s these queries are still behind: {', '.join(behind)}")
            time.sleep(0.05)

    # -- inside ------------------------------------------------------------------------------------------------------
    def _source(self, name: str) -> Source:
        exact = name.strip("`") if name.startswith("`") else name.upper()
        found = self.service.engine.catalog.get(exact) or self.service.engine.catalog.get(name)
        return found if found is not None else self.service.source(exact)

    def _latest(self, source: Source, timeout_s: float) -> list[Row]:
        """Fold a topic into the table that it is."""
        text = f"SELECT * FROM {quote(source.name)} EMIT CHANGES;"  # noqa: S608 - quoted
        statement = self.service.engine.parse(text, {})[0]
        stream = self.service.push.open(statement, dict(self._session.properties))
        keys = [c.name for c in source.schema.key]
        out: dict[str, Row] = {}
        deadline = time.monotonic() + timeout_s
        push = stream.source
        assert isinstance(push, PushQuery)  # noqa: S101 - that is what open() makes
        with contextlib.closing(push):
            while True:
                drained = push.drained()  # asked before reading: then nothing older is left unread
                taken, _ = stream.take()
                for text in taken or ():
                    row = _row(stream, text.removeprefix("!"))
                    key = json.dumps([row[k] for k in keys], default=str)
                    if text.startswith("!"):
                        out.pop(key, None)
                    else:
                        out[key] = row
                if drained and not taken:
                    return list(out.values())
                if time.monotonic() > deadline:
                    raise TimeoutError(f"{source.name} could not be read in {timeout_s:g} s.")
                if not taken:
                    time.sleep(_QUIET_S)


def _row(stream: RowStream, text: str) -> Row:
    columns = stream.schema.columns
    return {c.name: from_json(v, c.type) for c, v in zip(columns, json.loads(text, parse_float=str), strict=True)}


def _read(stream: RowStream, deadline: float | None, *, each_s: float = 0.0) -> Iterator[Row]:
    """Give a query's rows; ``deadline`` is for all of them, ``each_s`` for each."""
    until = deadline if deadline is not None else time.monotonic() + each_s
    while True:
        taken, ended = stream.take()
        for text in taken:
            yield _row(stream, text.removeprefix("!"))
            until = deadline if deadline is not None else time.monotonic() + each_s
        if ended:
            if stream.error is not None:
                raise KsqlError(str(stream.error["message"]))
            return
        if not taken:
            if time.monotonic() > until:
                raise TimeoutError("The query gave no (further) row in time.")
            time.sleep(_QUIET_S)


# -- with a broker ---------------------------------------------------------------------------------------------------
class _TemporaryBackend(KafkaBackend):
    """Kafka, from which everything that was made through this is removed when it is closed."""

    def __init__(self, config: ServerConfig) -> None:
        super().__init__(config)
        self._created: list[str] = []
        self._started: list[StreamsQuery] = []

    def create_topic(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> None:
        """Create a topic and note it, unless it exists."""
        if self.topic(name) is None:
            self._created.append(name)
        super().create_topic(name, partitions, replicas, config)

    def start(
        self,
        application_id: str,
        built: BuiltTopology,
        streams: Mapping[str, str],
        *,
        transient: bool = False,
        paused: bool = False,
    ) -> StreamsQuery:
        """Start a topology and note it."""
        query = super().start(application_id, built, streams, transient=transient, paused=paused)
        if not transient:
            self._started.append(query)
        return query

    def close(self) -> None:
        """Remove what the queries, which are closed by now, and the service have at the broker; close the clients."""
        for query in self._started:
            query.forget()
        for topic in self._created:
            self.delete_topic(topic)
        groups = self.admin.listConsumerGroups().valid().get()
        for group in [g.groupId() for g in groups if str(g.groupId()).startswith(self.config.prefix)]:
            self._forget_group(group)
        super().close()

    def _forget_group(self, group: Any) -> None:
        """Delete the group of a push query; the broker counts its closed consumers as members until they time out."""
        everyone = java("org.apache.kafka.clients.admin.RemoveMembersFromConsumerGroupOptions")()
        deadline = time.monotonic() + _GROUP_S
        while True:
            try:
                self.admin.removeMembersFromConsumerGroup(group, everyone).all().get()
                self.admin.deleteConsumerGroups(java("java.util.List").of(group)).all().get()
            except jpype.JException as error:
                if time.monotonic() > deadline:
                    LOG.warning("the consumer group %s stays at the broker: %s", group, error.getMessage())
                    return
                time.sleep(0.1)
            else:
                return


def _behind(service: KsqlService, backend: KafkaBackend) -> list[str]:
    """Give the queries that have not committed all that is in their topics.

    Commits are read before the ends of the topics: when nothing is behind, nothing was on its way in between either.
    """
    done: dict[str, dict[tuple[str, int], int]] = {}
    reads: dict[str, list[str]] = {}
    for query in service.queries.all():
        if query.built is None or query.paused:
            continue
        application = backend.config.application_id(query.id)
        offsets = backend.admin.listConsumerGroupOffsets(application).partitionsToOffsetAndMetadata().get()
        done[query.id] = {
            (str(part.topic()), int(part.partition())): int(offsets.get(part).offset())
            for part in offsets.keySet()
            if offsets.get(part) is not None
        }
        reads[query.id] = source_topics(query.built.topology, application)
    known = set(backend.topic_names())
    if any(topic not in known for topics in reads.values() for topic in topics):
        return [query for query, topics in reads.items() if not known.issuperset(topics)]
    ends = backend.after_last_records(sorted({topic for topics in reads.values() for topic in topics}))
    return [
        query
        for query, topics in reads.items()
        if any(place[0] in topics and done[query].get(place, 0) < end for place, end in ends.items())
    ]


# -- HTTP ------------------------------------------------------------------------------------------------------------
class _HttpServer:
    """The REST API of a service, in a thread."""

    def __init__(self, service: KsqlService) -> None:
        import uvicorn

        from ksqlengine.server.http import Api
        from ksqlengine.server.listener import ListenerProtocol

        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._server = uvicorn.Server(
            uvicorn.Config(
                Api(service).application(),
                http=ListenerProtocol,
                log_level="warning",
                lifespan="off",
                timeout_graceful_shutdown=1,
            )
        )
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="ksql-http", daemon=True
        )
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if time.monotonic() > deadline or not self._thread.is_alive():
                raise SetupError("The REST API did not start.", where=self.url)
            time.sleep(_QUIET_S)

    def stop(self) -> None:
        """Stop answering."""
        self._server.should_exit = True
        self._thread.join(5)
        self._socket.close()
