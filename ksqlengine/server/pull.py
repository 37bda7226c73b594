"""Pull queries: look into the state of a table, or read a stream up to its end."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import jpype

from ksqlengine import tree as t
from ksqlengine.catalog import Source
from ksqlengine.codegen.names import format_expression, walk
from ksqlengine.engine import Engine, ParsedStatement, StoreInfo
from ksqlengine.errors import BAD_REQUEST, SERVER_ERROR, KsqlError, KsqlStatementError
from ksqlengine.functions.library import AGGREGATES, TABLE_FUNCTIONS
from ksqlengine.jvm import java
from ksqlengine.planner.builder import PlanBuilder
from ksqlengine.server import bounds, entities
from ksqlengine.server.backend import Backend, NotReadyError
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import RequestError, pull_header, push_header
from ksqlengine.server.gathering import Gathering, Request
from ksqlengine.server.lookup import Lookup, Rules, column_names, plan_lookup
from ksqlengine.server.peers import Peers
from ksqlengine.server.push import PushQueries, PushQuery, output_schema
from ksqlengine.server.queries import PersistentQuery, Queries
from ksqlengine.server.selecting import select_items
from ksqlengine.server.streams import Finished, RowStream
from ksqlengine.topology.build import codec
from ksqlengine.types import Column, Schema

_MORE = " See https://cnfl.io/queries for more info.\nAdd EMIT CHANGES if you intended to issue a push query."
_LOOK_S = 0.02
_UNSUPPORTED_COLUMNS = {"ROWPARTITION", "ROWOFFSET"}


@dataclass(frozen=True)
class PullPlan:
    """What a pull query on a table reads and gives."""

    source: Source
    query: PersistentQuery
    store: StoreInfo
    items: tuple[tuple[str, t.Expr], ...]
    where: t.Expr | None
    lookup: Lookup
    limit: int | None


class PullQueries:
    """Answer pull queries."""

    def __init__(self, engine: Engine, queries: Queries, backend: Backend, config: ServerConfig, peers: Peers) -> None:
        self.engine, self.queries, self.backend, self.config, self.peers = engine, queries, backend, config, peers
        self._streams = PushQueries(engine, backend, config)  # neither counted nor listed with those of clients
        self._slots = threading.BoundedSemaphore(max(config.max_pull_queries, 1))

    def open(
        self, statement: ParsedStatement, properties: Mapping[str, Any], *, partitions: tuple[int, ...] | None = None
    ) -> RowStream:
        """Run a pull query. One with ``partitions`` comes from another server, which wants those of this one."""
        if not self._slots.acquire(blocking=False):
            raise RequestError(
                f"The server runs {self.config.max_pull_queries} pull queries already.",
                status=429,
                error_code=entities.TOO_MANY,
                statement=statement.text,
            )
        try:
            return self._open(statement, properties, partitions)
        except KsqlError as error:
            if type(error) is KsqlError and error.error_code == BAD_REQUEST:
                raise KsqlStatementError(error.message, statement.text, error.line, error.column) from error
            raise
        finally:
            self._slots.release()

    def _open(
        self, statement: ParsedStatement, given: Mapping[str, Any], partitions: tuple[int, ...] | None
    ) -> RowStream:
        properties = {**self.config.properties, **given}
        query: t.Query = statement.node.query
        if not _flag(properties, "ksql.pull.queries.enable"):
            raise KsqlStatementError(
                f"Pull queries are disabled.{_MORE}\nPlease set ksql.pull.queries.enable=true to enable this feature."
            )
        check_clauses(query, properties)
        name = query.source.name if isinstance(query.source, t.From) else ""
        source = self.engine.catalog.get(name)
        if source is None:
            raise KsqlStatementError(f"{name} does not exist.")
        check_columns(query)
        check_functions(query)
        if not source.is_table:
            return self._stream(statement, source, properties)
        plan = self._plan(query, source, properties)
        schema, rows = self._rows(plan, Request(statement.text, given, partitions))
        query_id = f"query_{int(time.time() * 1000)}_{uuid.uuid4().hex[:6]}"
        return RowStream(query_id, schema, pull_header(schema), Finished(rows), limit=None)

    # -- tables ------------------------------------------------------------------------------------------------------
    def _plan(self, query: t.Query, source: Source, properties: Mapping[str, Any]) -> PullPlan:
        running = self.queries.of_sink(source.name)
        if running is None or running.built is None or running.built.store is None:
            copy = f"CREATE TABLE QUERYABLE_{source.name} AS SELECT * FROM {source.name}"  # noqa: S608 - advice to read
            raise KsqlStatementError(
                f"The `{source.name}` table isn't queryable. To derive a queryable table, you can do '{copy}'. "
                "See https://cnfl.io/queries for more info."
            )
        store = running.built.store
        windowed = source.window is not None
        alias = query.source.alias if isinstance(query.source, t.From) else source.name
        relation = PlanBuilder("pull").scan(source, alias, None)
        items = select_items(query, relation)
        where = bounds.prepare(query.where, relation)
        rules = Rules(
            table_scan=_flag(properties, "ksql.query.pull.table.scan.enabled"),
            range_scan=_flag(properties, "ksql.query.pull.range.scan.enabled"),
        )
        if where is not None:  # types first: a comparison that cannot be is wrong whatever is looked up
            self._check_where(where, source)
        lookup = plan_lookup(where, source.schema, rules, windowed=windowed)
        return PullPlan(source, running, store, items, where, lookup, query.limit)

    def _check_where(self, where: t.Expr, source: Source) -> None:
        """Type a WHERE, in the words that ksqlDB has for a pull query."""
        for expr in walk(where):
            if isinstance(expr, t.Like):
                _, (kind,) = self.engine.compile_row_function([expr.pattern], source.schema, source)
                if kind.base != "STRING":
                    raise KsqlStatementError(
                        "Like condition must be between strings. The column type for Like condition must be VARCHAR. "
                        f"The column type is {kind}"
                    )
        try:
            _, (truth,) = self.engine.compile_row_function([where], source.schema, source)
            if truth.base != "BOOLEAN":
                raise KsqlStatementError(
                    "Type error in WHERE expression: Should evaluate to boolean but is "
                    f"{format_expression(where)} ({truth}) instead."
                )
        except KsqlError as error:
            if "Cannot compare" not in error.message:
                raise
            between = any(isinstance(e, t.Between) for e in walk(where))
            start = "Invalid expression" if between else "Error in WHERE expression"
            raise KsqlStatementError(
                f"{start}: {error.message}\nStatement: {format_expression(where)}",
                error.statement,
                error.line,
                error.column,
            ) from error

    def _rows(self, plan: PullPlan, request: Request) -> tuple[Schema, list[str]]:
        select, types = self.engine.compile_row_function([e for _, e in plan.items], plan.source.schema, plan.source)
        keys = {c.name for c in plan.source.schema.key} | {"WINDOWSTART", "WINDOWEND"}
        schema = Schema(
            tuple(
                Column(name, kind, "KEY" if isinstance(e, t.Column) and e.name in keys else "VALUE")
                for (name, e), kind in zip(plan.items, types, strict=True)
            )
        )
        rows = Gathering(self.config, self.peers, plan, self._reader(plan, select)).rows(request)
        return schema, rows if plan.limit is None else rows[: plan.limit]

    def _reader(self, plan: PullPlan, select: Any) -> Callable[[tuple[int, ...] | None], list[str]]:
        """Give what reads some partitions of the store, or all that are here (None)."""
        where = None
        if plan.where is not None:
            where, _ = self.engine.compile_row_function([plan.where], plan.source.schema, plan.source)
        limit = -1 if plan.limit is None else plan.limit
        size = plan.store.window_size_ms or 0
        places = jpype.JArray(jpype.JInt)(slots(plan.source.schema))
        keys = self._keys(plan)
        topic = self.backend.topic(plan.source.topic) if self.config.in_memory else None

        def read(partitions: tuple[int, ...] | None) -> list[str]:
            scan = java("ksql.server.PullScan")(places, plan.store.view, where, select, limit, size)
            if topic is not None and topic.partitions > 1:  # in memory one store has all
                key = [[c.name, str(c.type)] for c in plan.source.schema.key]
                scan.byPartition(codec(plan.source.key_format, key, key=True), topic.partitions)
            for partition in (None,) if partitions is None else partitions:
                self._read(plan, scan, keys, partition)
            return [str(row) for row in scan.rows()]

        return read

    @staticmethod
    def _read(plan: PullPlan, scan: Any, keys: Any, partition: int | None) -> None:
        """Read the store once. Raises NotReadyError while the query starts or rebalances."""
        if plan.query.running is None:
            raise NotReadyError(f"{plan.query.id} does not run")
        running = plan.query.running
        store = running.store(plan.store.name, plan.store.kind, partition)
        try:
            if plan.store.kind == "keyvalue":
                scan.keyValue(store, keys)
            elif plan.store.kind == "window":
                scan.window(store, keys, *bounds.window_range(plan.where))
            else:
                scan.session(store, keys)
        except jpype.JException as error:
            if "InvalidStateStore" in type(error).__name__ or "StateStoreNotAvailable" in type(error).__name__:
                raise NotReadyError(str(error.getMessage())) from None
            running.store(plan.store.name, plan.store.kind, partition)  # one that closes fails in many ways
            raise KsqlError(
                f"The table {plan.source.name} cannot be read, its query is {plan.query.id}: {error}",
                error_code=SERVER_ERROR,
            ) from error
        running.store(plan.store.name, plan.store.kind, partition)  # one that was closed meanwhile gave some rows only

    def close(self) -> None:
        """End the queries that read a stream."""
        self._streams.close()

    def _keys(self, plan: PullPlan) -> Any:
        """Evaluate the keys of a lookup into Java objects of the key columns' types; None is a scan."""
        key_columns = plan.source.schema.key
        windowed_copy = plan.source.window is not None and plan.store.kind == "keyvalue"
        if plan.lookup.keys is None or windowed_copy:
            return None
        out = java("java.util.LinkedHashMap")()  # equal keys once
        arrays = java("java.util.Arrays")
        for key in plan.lookup.keys:
            casts: list[Any] = []
            for column, expr in zip(key_columns, key, strict=True):
                _check_convertible(column, expr)
                plain = isinstance(expr, t.Literal) and expr.type == column.type
                nested = column.type.base in {"STRUCT", "ARRAY", "MAP"}
                casts.append(expr if plain or nested else t.Cast(expr, column.type))
            function, _ = self.engine.compile_row_function(casts, plan.source.schema, plan.source)
            values = function.apply(jpype.JArray(java("java.lang.Object"))(len(plan.source.schema.columns) + 5))
            out.put(arrays.asList(values), values)
        return java("java.util.ArrayList")(out.values())

    # -- streams -----------------------------------------------------------------------------------------------------
    def _stream(self, statement: ParsedStatement, source: Source, properties: Mapping[str, Any]) -> RowStream:
        """Read a stream from its beginning to the end that it has now, through a transient topology."""
        if not _flag(properties, "ksql.query.pull.stream.enabled"):
            raise KsqlStatementError(
                "Pull queries on streams are disabled. To create a push query on the stream, add EMIT CHANGES to the "
                "end. To enable pull queries on streams, set the ksql.query.pull.stream.enabled config to 'true'."
            )
        node = t.Select(replace(statement.node.query, emit="CHANGES", limit=None))
        over = dict(properties) | {"auto.offset.reset": "earliest", "commit.interval.ms": "50"}
        plan = self.engine.plan_select(replace(statement, node=node), over)
        query = self._streams.run(plan, f"transient_pull_{source.name}_{uuid.uuid4().hex[:12]}", over)
        schema = output_schema(plan)
        return RowStream(
            query.id,
            schema,
            push_header(schema),
            UntilDrained(query),
            limit=statement.node.query.limit,
            final="Query Completed",
        )


class UntilDrained:
    """The rows of a transient query until it has read everything that was there.

    How far it is asks the broker, which takes its time: a thread does it, because rows are taken in the event loop.
    """

    def __init__(self, query: PushQuery) -> None:
        self._query = query
        self._closed, self._done = threading.Event(), threading.Event()
        self._failure: Exception | None = None
        threading.Thread(target=self._watch, name=f"drain-{query.id}", daemon=True).start()

    def _watch(self) -> None:
        try:
            while not self._query.drained() and not self._closed.wait(_LOOK_S):
                pass
        except Exception as error:  # told to who reads
            self._failure = error
        self._done.set()

    def take(self) -> list[str] | None:
        """Give rows; None when the end has been reached and everything was given."""
        done = self._done.is_set()  # asked before the rows are taken: then none is left
        rows = self._query.take()
        if rows or rows is None:
            return rows
        if done and self._failure is not None:
            raise self._failure
        return None if done else []

    def close(self) -> None:
        """End the topology."""
        self._closed.set()
        self._query.close()


def slots(schema: Schema) -> list[int]:
    """Say where each column of a row comes from: n is value column n, -n-1 is key column n."""
    out, key, value = [], 0, 0
    for column in schema.columns:
        if column.namespace == "KEY":
            out.append(-key - 1)
            key += 1
        else:
            out.append(value)
            value += 1
    return out


def check_clauses(query: t.Query, properties: Mapping[str, Any]) -> None:
    """Refuse what pull queries cannot do, in ksqlDB's words."""
    clauses = {
        "JOIN": isinstance(query.source, t.Join),
        "WINDOW": query.window is not None,
        "GROUP BY": query.group_by is not None,
        "PARTITION BY": query.partition_by is not None,
        "HAVING": query.having is not None,
    }
    for name, there in clauses.items():
        if there:
            raise KsqlStatementError(f"Pull queries don't support {name} clauses.{_MORE}")
    if query.limit is not None:
        if not _flag(properties, "ksql.query.pull.limit.clause.enabled"):
            raise KsqlStatementError(
                "LIMIT clause in pull queries is currently disabled. You can enable them by setting "
                f"ksql.query.pull.limit.clause.enabled=true.{_MORE}"
            )
        if query.limit < 0:
            raise KsqlStatementError(f"Pull queries don't support negative integers in the LIMIT clause.{_MORE}")


def check_columns(query: t.Query) -> None:
    """Refuse ROWPARTITION and ROWOFFSET: state has no such thing."""
    selected: set[str] = set()
    for item in query.items:
        if item.expr is not None:
            selected |= column_names(item.expr)
    for clause, names in (("SELECT", selected), ("WHERE", column_names(query.where) if query.where else set())):
        bad = sorted(names & _UNSUPPORTED_COLUMNS)
        if bad:
            shown = ", ".join(f"`{name}`" for name in bad)
            raise KsqlStatementError(f"Pull queries don't support the following columns in {clause} clauses: {shown}")


def check_functions(query: t.Query) -> None:
    """Refuse aggregates and table functions: a pull query gives a row for a row."""
    for item in query.items:
        for expr in walk(item.expr) if item.expr is not None else ():
            if isinstance(expr, t.Call) and expr.name in AGGREGATES:
                raise KsqlStatementError(f"Pull queries don't support aggregate functions.{_MORE}")
            if isinstance(expr, t.Call) and expr.name in TABLE_FUNCTIONS:
                raise KsqlStatementError(f"Pull queries don't support table functions.{_MORE}")


def _check_convertible(column: Column, expr: t.Expr) -> None:
    if not isinstance(expr, t.Literal):
        return
    text = isinstance(expr.value, str)
    wrong = (text and column.type.is_numeric) or (not text and column.type.base == "STRING")
    if wrong:
        value = f"'{expr.value}'" if text else str(expr.value)
        raise KsqlStatementError(f"{value} can not be converted to the type of the key column: {_plain(column)}")


def _plain(column: Column) -> str:
    return str(column).replace("`", "")


def _flag(properties: Mapping[str, Any], name: str) -> bool:
    return str(properties.get(name, properties.get(f"ksql.streams.{name}", True))).lower() != "false"
