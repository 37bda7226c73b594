"""Push queries: a transient topology for each client, ended when the client leaves."""

from __future__ import annotations

import logging
import threading
import uuid
from dataclasses import replace
from typing import Any

from ksqlengine import tree as t
from ksqlengine.engine import Engine, ParsedStatement, Plan
from ksqlengine.errors import KsqlStatementError
from ksqlengine.jvm import java
from ksqlengine.server import entities
from ksqlengine.server.backend import Backend, RunningQuery
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import Entity, RequestError, push_header
from ksqlengine.server.selecting import with_bounds
from ksqlengine.server.streams import RowStream
from ksqlengine.types import Schema

LOG = logging.getLogger(__name__)
_ROWS_AT_ONCE = 500


class PushQuery:
    """One running push query as a source of rows."""

    def __init__(self, query_id: str, text: str, rows: Any, running: RunningQuery, owner: PushQueries) -> None:
        self.id, self.text = query_id, text
        self._rows, self._running, self._owner = rows, running, owner
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> list[str] | None:
        """Give the rows that are there, or None when the query has ended."""
        rows = self._rows.take(_ROWS_AT_ONCE)
        if rows is not None:
            return str(rows).split("\n")
        if self._closed:
            return None
        if self._running.state() in {"ERROR", "PENDING_ERROR", "NOT_RUNNING"}:
            errors = self._running.errors()
            raise RuntimeError(errors[-1].message.splitlines()[0] if errors else "The push query ended.")
        return []

    def drained(self) -> bool:
        """Say whether everything that was there when it started has been processed."""
        return self._running.drained()

    def close(self) -> None:
        """End the topology and remove what it left at the broker."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        self._rows.close()
        try:
            self._running.close()
        finally:
            self._owner.forget(self.id)


class PushQueries:
    """Open, count and close the push queries of this server."""

    def __init__(self, engine: Engine, backend: Backend, config: ServerConfig) -> None:
        self.engine, self.backend, self.config = engine, backend, config
        self._queries: dict[str, PushQuery] = {}
        self._opening = 0
        self._closed = False
        self._lock = threading.Lock()

    def open(self, statement: ParsedStatement, properties: dict[str, Any]) -> RowStream:
        """Start a push query. Raises 429 when there are too many."""
        limit: int | None = statement.node.query.limit
        if limit is not None and limit < 0:
            raise KsqlStatementError(
                "Push queries don't support negative integers in the LIMIT clause. "
                "See https://cnfl.io/queries for more info.",
                statement.text,
            )
        with self._lock:
            if len(self._queries) + self._opening >= self.config.max_push_queries:
                raise RequestError(
                    f"The server runs {self.config.max_push_queries} push queries already (ksql.max.push.queries).",
                    status=429,
                    error_code=entities.TOO_MANY,
                    statement=statement.text,
                )
            self._opening += 1
        try:
            plan = self.engine.plan_select(_with_bounds(statement, self.engine), properties)
            query = self._start(plan, self._new_id(plan, properties), properties)
        except BaseException:
            with self._lock:
                self._opening -= 1
            raise
        with self._lock:  # both at once: it must not count twice in between
            self._opening -= 1
            self._queries[query.id] = query
        self._end_if_closed(query)
        schema = output_schema(plan)
        return RowStream(query.id, schema, push_header(schema), query, limit=limit)

    def run(self, plan: Plan, query_id: str, properties: dict[str, Any]) -> PushQuery:
        """Start a plan's transient topology, whatever runs already."""
        query = self._start(plan, query_id, properties)
        with self._lock:
            self._queries[query_id] = query
        self._end_if_closed(query)
        return query

    def _end_if_closed(self, query: PushQuery) -> None:
        """End a query that was started while the others were ended."""
        if self._closed:
            query.close()

    def _start(self, plan: Plan, query_id: str, properties: dict[str, Any]) -> PushQuery:
        streams = self.config.streams(properties)
        rows = java("ksql.server.PushRows")(self._capacity())
        built = self.engine.build_topology(plan, dict(streams), sink=rows)
        running = self.backend.start(self.config.transient_id(query_id), built, streams, transient=True)
        return PushQuery(query_id, plan.statement, rows, running, self)

    def _capacity(self) -> int:
        # in memory the thread that writes is the one that processes: it must never wait for a reader
        return 1_000_000 if self.config.in_memory else self.config.max_queued_rows

    def _new_id(self, plan: Plan, properties: dict[str, Any]) -> str:
        source = plan.sources[0] if plan.sources else "X"
        made_by_query = bool(self.engine.catalog.writers(source))
        reset = str(properties.get("auto.offset.reset", properties.get("ksql.streams.auto.offset.reset", "latest")))
        latest = reset.lower() == "latest"
        kind = "SCALABLE_PUSH_QUERY" if made_by_query and latest and len(plan.sources) == 1 else "transient"
        return f"{kind}_{source}_{uuid.uuid4().hex[:16]}"

    def close_query(self, query_id: str) -> bool:
        """Close one query by id; say whether there was one."""
        with self._lock:
            found = self._queries.get(query_id)
            upper = query_id.upper()  # TERMINATE names it so
            query = found or next((q for i, q in self._queries.items() if i.upper() == upper), None)
        if query is None:
            return False
        query.close()
        return True

    def forget(self, query_id: str) -> None:
        """Drop a closed query from the list."""
        with self._lock:
            self._queries.pop(query_id, None)

    def close(self) -> None:
        """Close them all."""
        with self._lock:
            self._closed = True
            queries = list(self._queries.values())
        for query in queries:
            query.close()

    def listed(self) -> list[Entity]:
        """Give them as SHOW QUERIES lists them."""
        with self._lock:
            queries = list(self._queries.values())
        return [
            {
                "queryString": q.text,
                "sinks": [],
                "sinkKafkaTopics": [],
                "id": q.id,
                "statusCount": {"RUNNING": 1},
                "queryType": "PUSH",
                "state": "RUNNING",
            }
            for q in queries
        ]


def _with_bounds(statement: ParsedStatement, engine: Engine) -> ParsedStatement:
    query: t.Query = statement.node.query
    source = engine.catalog.get(query.source.name) if isinstance(query.source, t.From) else None
    if source is None or query.group_by or query.window:
        return statement
    return replace(statement, node=t.Select(with_bounds(query, source)))


def output_schema(plan: Plan) -> Schema:
    """Give the columns that a SELECT puts out."""
    return Schema.from_json(plan.details["schema"])
