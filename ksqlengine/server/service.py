"""One ksqlDB server without HTTP: statements in, entities out; pull and push queries."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ksqlengine import tree
from ksqlengine.catalog import Catalog, Source
from ksqlengine.engine import Engine, ParsedStatement, Plan
from ksqlengine.errors import KsqlError, KsqlStatementError
from ksqlengine.server import admin, connectors, entities
from ksqlengine.server.backend import Backend, ProcessingLog
from ksqlengine.server.commands import Command, CommandRunner
from ksqlengine.server.config import STREAMS_PREFIX, ServerConfig
from ksqlengine.server.entities import Entity, RequestError
from ksqlengine.server.peers import Peers
from ksqlengine.server.properties import check_property, check_value, is_valid_property, prefixed
from ksqlengine.server.pull import PullQueries
from ksqlengine.server.push import PushQueries
from ksqlengine.server.queries import Queries

LOG = logging.getLogger(__name__)
# plans of these kinds go through the command topic
_DISTRIBUTED = {"create", "query", "drop", "alter", "create_type", "drop_type"}
_HEALTH_S = 5.0
_WATCH_S = 1.0
_QUERY_VERBS = {"TERMINATE", "PAUSE", "RESUME"}


@dataclass
class Session:
    """What one request brings along: SETs and DEFINEs live as long as it does."""

    properties: dict[str, Any] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    internal: bool = False  # asked by another server: answer for this one only


class KsqlService:
    """Run statements and queries of one server of a service."""

    def __init__(self, config: ServerConfig, backend: Backend) -> None:
        self.config, self.backend = config, backend
        # A plan keeps what it was made with and EXPLAIN shows it: what a statement could set too, so no passwords.
        # Kafka Streams' settings come from the server's file anew at each start.
        own = {n: v for n, v in config.properties.items() if n.startswith("ksql.") and not n.startswith(STREAMS_PREFIX)}
        # without it EMIT FINAL loses windows that end long before the record that closes them, as ksqlDB's does
        settings = {"ksql.suppress.enabled": "true"} | {n: v for n, v in own.items() if is_valid_property(n)}
        self.engine = Engine(Catalog(), settings)
        self.queries = Queries(self.engine, backend, config)
        self.commands: CommandRunner | None = None
        self.peers = Peers(config)
        self.pull = PullQueries(self.engine, self.queries, backend, config, self.peers)
        self.push = PushQueries(self.engine, backend, config)
        self.ready = False
        self._stopped = threading.Event()
        self._cluster_id = ""
        self._processing_log: ProcessingLog | None = None

    # -- life cycle --------------------------------------------------------------------------------------------------
    def start(self) -> None:
        """Replay the command topic, start the queries, and go on following it."""
        self.backend.wait_until_reachable()
        begun = time.monotonic()
        self._processing_log = self.backend.processing_log()
        runner = CommandRunner(self.engine, self.queries, self.backend.command_log())
        count = runner.replay()
        runner.start()
        self.commands = runner
        self._cluster_id = self.backend.cluster_id()
        self.ready = True
        self._declare_processing_log()
        threading.Thread(target=self._watch, args=(runner,), name="query-watch", daemon=True).start()
        LOG.info(
            "ready in %.1f s: %d commands replayed, %d queries",
            time.monotonic() - begun,
            count,
            len(self.queries.all()),
        )

    def stop(self) -> None:
        """End push queries, close the persistent ones, leave their groups."""
        self.ready = False
        self._stopped.set()
        log = self._processing_log
        parts = (self.commands.stop if self.commands else None, self.queries.close, log.close if log else None,
                 self.peers.close, self.backend.close)  # fmt: skip
        for stop in (self.end_transient, *filter(None, parts)):
            try:
                stop()
            except Exception:  # the others must be told too
                LOG.exception("a part of the server did not stop in order")

    def end_transient(self) -> None:
        """End push queries, and pull queries that read a stream."""
        self.push.close()
        self.pull.close()

    def _watch(self, runner: CommandRunner) -> None:
        """Mend what can be mended without an operator, and speak of what cannot."""
        if not runner.degraded:  # else the log may know of more than was read
            with runner.lock:  # a query may be made anew under an id of its own
                self.queries.clean_up(runner.ended.difference(self.engine.catalog.queries))
        while not self._stopped.wait(_WATCH_S):
            try:
                self.queries.retry_failed()
                if self._processing_log is not None:
                    self._processing_log.report()
            except Exception:  # it must go on watching
                LOG.exception("the watch over the queries failed")

    def _declare_processing_log(self) -> None:
        """Make the stream of the processing log where the properties ask for it (stream.auto.create)."""
        log = self._processing_log
        if log is None or not log.wants_stream or log.stream in self.engine.catalog.sources:
            return
        try:
            log.create_topic()
            self.execute(log.stream_statement(), Session())
        except KsqlError as error:  # another server may make it at the same moment; nothing else needs it
            LOG.warning("the stream %s of the processing log was not made: %s", log.stream, error.message)

    @property
    def runner(self) -> CommandRunner:
        """Give the command runner, or refuse while the server starts."""
        if self.commands is None or not self.ready:
            raise RequestError("KSQL is not yet ready to serve requests.", status=503, error_code=entities.NOT_READY)
        return self.commands

    # -- statements --------------------------------------------------------------------------------------------------
    def execute(self, text: str, session: Session, sequence: int = -1) -> list[Entity]:
        """Run the statements of a request in order; all are checked before the first runs, as ksqlDB does."""
        runner = self.runner
        if sequence >= 0:
            runner.wait_applied(sequence + 1, self.config.sequence_timeout_s)
        statements = self.engine.parse(text, session.variables)
        if len(statements) > 1:
            self._rehearse(statements, session)
        out: list[Entity] = []
        for statement in statements:
            try:
                answer = self._execute(statement, session)
            except KsqlError as error:
                error.statement = error.statement or statement.text
                error.entities = out
                raise
            if answer is not None:
                out.append(answer)
        if runner.degraded:
            for answer in out:
                answer["warnings"] = [*answer.get("warnings", ()), {"message": runner.degraded}]
        return out

    def _rehearse(self, statements: list[ParsedStatement], session: Session) -> None:
        """Plan all statements against a copy of the catalog, so that none runs when one is wrong."""
        sandbox = Engine(self.engine.catalog.copy(), self.engine.config)
        properties = dict(session.properties)
        for statement in statements:
            node = statement.node
            try:
                if isinstance(node, tree.Admin):
                    if node.verb == "SET":
                        properties[node.words[0]] = node.words[1]
                    elif node.verb == "UNSET":
                        properties.pop(node.words[0], None)
                    elif node.verb in _QUERY_VERBS:
                        admin.find_query(self.queries, node.words[0])
                elif not isinstance(node, tree.Select):
                    plan = sandbox.plan(statement, properties)
                    if plan.kind in _DISTRIBUTED and not plan.no_op:
                        sandbox.apply(plan)
            except KsqlError as error:
                error.statement = error.statement or statement.text
                raise

    def _execute(self, statement: ParsedStatement, session: Session) -> Entity | None:
        node, text = statement.node, statement.text
        if isinstance(node, tree.Select) or (isinstance(node, tree.Admin) and node.verb == "PRINT"):
            raise RequestError(
                "SELECT and PRINT queries must use the /query endpoint",
                error_code=entities.QUERY_ENDPOINT,
                statement=text,
            )
        if not isinstance(node, tree.Admin):
            return self._planned(statement, session)
        if node.verb in _QUERY_VERBS:
            return self._query_command(node.verb.lower(), node.words[0], text)
        if node.verb == "SET":
            check_value(check_property(node.words[0]), node.words[1])
            session.properties[node.words[0]] = node.words[1]
            return None
        if node.verb == "UNSET":
            session.properties.pop(node.words[0], None)
            return None
        if node.verb in {"DEFINE", "UNDEFINE"}:
            return None  # the parser has put it into the session's variables
        if node.verb == "ALTER_SYSTEM":
            raise KsqlStatementError(
                "ALTER SYSTEM needs 'ksql.runtime.feature.shared.enabled' set to true: a runtime of all queries, "
                "as Confluent Cloud has. Use SET for a session, or the server's properties file.",
                text,
            )
        if node.verb in {"CREATE_CONNECTOR", "DROP_CONNECTOR"}:
            return connectors.execute(self.config, statement)
        return admin.execute(self, statement, session)

    # -- statements that change the catalog --------------------------------------------------------------------------
    def _planned(self, statement: ParsedStatement, session: Session) -> Entity | None:
        properties = prefixed(session.properties)
        with self.runner.lock:
            plan = self.engine.plan(statement, properties)
        if plan.kind == "insert_values":
            self._insert(plan)
            return None
        if plan.no_op:
            if plan.kind in {"create", "query"}:
                return entities.entity("warning_entity", statement.text, message=plan.message)
            return entities.current_status(
                statement.text, command_id(plan), {"status": "SUCCESS", "message": plan.message, "queryId": None}, -1
            )

        def make() -> Command:
            final = self._prepare_topic(self.engine.plan(statement, properties))
            return Command(command_id(final), statement.text, "plan", final)

        command, status, offset = self.runner.write(make)
        if command.plan is not None and command.plan.kind == "drop":
            self._delete_topic(command.plan)
        return entities.current_status(statement.text, command.id, status, offset)

    def _insert(self, plan: Plan) -> None:
        if plan.sink is None:
            raise KsqlError("INSERT VALUES has no target")
        key, value, timestamp = self.engine.insert_record(plan)
        self.backend.produce(plan.sink.topic, key, value, timestamp)

    def _prepare_topic(self, plan: Plan) -> Plan:
        """Settle a source's topic: it exists, or it is created as the statement (or the query's source) says."""
        sink = plan.sink
        if sink is None or plan.kind not in {"create", "query"}:
            return plan
        existing = self.backend.topic(sink.topic)
        if plan.kind == "create" and existing is None and not sink.partitions:
            raise KsqlError(
                f"Kafka topic does not exist: {sink.topic}. If you want to create a new topic, "
                "use the PARTITIONS (and optionally REPLICAS) properties in the WITH clause."
            )
        wanted = sink.partitions
        if not wanted and plan.kind == "query":
            wanted = max(map(self._partitions, filter(None, map(self.engine.catalog.get, plan.sources))), default=1)
        if existing is None:
            replicas = sink.replicas or self.config.replication_factor
            self.backend.create_topic(sink.topic, max(wanted, 1), replicas, topic_config(sink, plan.details))
        elif sink.partitions and existing.partitions != sink.partitions:
            raise KsqlError(
                f"A Kafka topic with the name '{sink.topic}' already exists, with different partition/replica "
                f"configuration than required. KSQL expects {sink.partitions} partitions (topic has "
                f"{existing.partitions}), and {sink.replicas or existing.replicas} replication factor (topic has "
                f"{existing.replicas})."
            )
        partitions = existing.partitions if existing else max(wanted, 1)
        return replace(plan, sink=replace(sink, partitions=partitions))

    def _partitions(self, source: Source) -> int:
        """Give the partitions that a source's topic has, or had when it was declared."""
        topic = self.backend.topic(source.topic)
        return topic.partitions if topic else source.partitions

    def _delete_topic(self, plan: Plan) -> None:
        if plan.details.get("delete_topic") and plan.details.get("topic"):
            self.backend.delete_topic(str(plan.details["topic"]))

    def _query_command(self, kind: str, word: str, text: str) -> Entity:
        if kind == "terminate" and self.push.close_query(word):
            return entities.entity("terminate_query", text, queryId=word, wasTerminated=True)
        found = admin.find_query(self.queries, word)
        if found is not None and found.serves and kind == "terminate":
            raise KsqlError(f"Cannot terminate query '{found.id}' because it is linked to a source table.")
        target = "ALL" if found is None else found.id
        command_name = f"{kind}/{target}/execute"
        command, status, offset = self.runner.write(lambda: Command(command_name, text, kind, target=target))
        return entities.current_status(text, command.id, status, offset)

    # -- state -------------------------------------------------------------------------------------------------------
    @property
    def cluster_id(self) -> str:
        """Give the id of the Kafka cluster."""
        return self._cluster_id

    def health(self) -> Entity:
        """Give ksqlDB's health check; the queries in ERROR are an addition of ours."""
        if self.commands is None or not self.ready:
            return {
                "isHealthy": False,
                "details": {"metastore": {"isHealthy": False}, "commandRunner": {"isHealthy": False}},
                "serverState": "STARTING",
            }
        runner = self.commands.status_of_runner()
        reason = self.commands.damage or self.commands.failure
        kafka: Entity = {"isHealthy": True}
        try:
            self.backend.topic(self.config.command_topic, timeout_s=_HEALTH_S)
        except KsqlError as error:
            kafka = {"isHealthy": False, "error": error.message}
        broken = [q.id for q in self.queries.all() if q.state() == "ERROR"]
        state: Entity = {"isHealthy": runner == "RUNNING", "status": runner}
        return {
            "isHealthy": runner == "RUNNING" and bool(kafka["isHealthy"]),
            "details": {
                "metastore": {"isHealthy": True},
                "kafka": kafka,
                "commandRunner": state | ({"error": reason} if reason else {}),
                "queries": {"isHealthy": not broken, "error": broken},
            },
            "serverState": "READY",
        }

    def source(self, name: str) -> Source:
        """Give a source, or raise ksqlDB's error."""
        source = self.engine.catalog.get(name)
        if source is None:
            raise KsqlError(f"Could not find STREAM/TABLE '{name}' in the Metastore")
        return source


def command_id(plan: Plan) -> str:
    """Name a command as ksqlDB does: what/which/action."""
    if plan.kind in {"create_type", "drop_type"}:
        return f"type/{plan.details.get('name', '')}/{plan.kind.removesuffix('_type')}"
    name = plan.sink.name if plan.sink else str(plan.details.get("name", ""))
    kind = (plan.sink.kind if plan.sink else str(plan.details.get("kind", "stream"))).lower()
    action = {"drop": "drop", "alter": "alter"}.get(plan.kind, "create")
    if plan.kind == "query" and not plan.details.get("creates"):
        return f"stream/`{plan.query_id}`/create"
    return f"{kind}/`{name}`/{action}"


def topic_config(sink: Source, details: Mapping[str, Any]) -> dict[str, str]:
    """Give the topic configuration of a sink: tables compact; any event time is taken and kept."""
    out = {
        "cleanup.policy": "compact" if sink.is_table and sink.created_by else "delete",
        "message.timestamp.after.max.ms": str(2**63 - 1),
        "message.timestamp.before.max.ms": str(2**63 - 1),
    }
    if details.get("cleanup_policy"):
        out["cleanup.policy"] = str(details["cleanup_policy"])
    retention = details.get("retention_ms")
    if sink.is_table and sink.window is not None and sink.created_by:
        out["cleanup.policy"] = "compact,delete"
    if retention is not None:
        out["retention.ms"] = str(retention)
    elif out["cleanup.policy"] != "compact":
        # simulated time: a record of last year must not be deleted because of its age
        out["retention.ms"] = "-1"
    return out
