"""The persistent queries of this server: started from plans, closed when the catalog forgets them."""

from __future__ import annotations

import logging
import shutil
import threading
import time
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any

from ksqlengine.catalog import Catalog
from ksqlengine.engine import BuiltTopology, Engine, Plan
from ksqlengine.errors import KsqlError
from ksqlengine.server.backend import Backend, QueryError, RunningQuery
from ksqlengine.server.config import ServerConfig

LOG = logging.getLogger(__name__)
_STARTERS = 4
_ERRORS_KEPT = 10
# A query that ran this long since its last start is taken as mended.
_STEADY_S = 60.0


@dataclass
class PersistentQuery:
    """A query of the catalog and what runs it here."""

    id: str
    plan: Plan
    built: BuiltTopology | None = None
    running: RunningQuery | None = None
    failure: QueryError | None = None
    paused: bool = False
    serves: str = ""  # the source table that it materialises (CREATE SOURCE TABLE)
    properties: dict[str, Any] = field(default_factory=dict)
    past: list[QueryError] = field(default_factory=list)  # of the runs before this one
    retries: int = 0
    retry_at: float = 0.0
    started_at: float = 0.0

    def streams_state(self) -> str:
        """Give the exact state: Kafka Streams' own, or PAUSED."""
        if self.running is None:
            return "ERROR" if self.failure else "CREATED"
        return self.running.state()

    def state(self) -> str:
        """Give the state in ksqlDB's words."""
        state = self.streams_state()
        if state in {"ERROR", "PENDING_ERROR"}:
            return "ERROR"
        return "PAUSED" if state == "PAUSED" else "RUNNING"

    def errors(self) -> list[QueryError]:
        """Give why it failed, oldest first."""
        own = [self.failure] if self.failure else []
        return (self.past + own + (self.running.errors() if self.running else []))[-_ERRORS_KEPT:]


class Queries:
    """Start, stop, pause and find the persistent queries."""

    def __init__(self, engine: Engine, backend: Backend, config: ServerConfig) -> None:
        self.engine, self.backend, self.config = engine, backend, config
        self._queries: dict[str, PersistentQuery] = {}
        self._lock = threading.RLock()
        self._closing = threading.Event()
        self._closers = ThreadPoolExecutor(max_workers=4, thread_name_prefix="query-closer")

    def all(self) -> list[PersistentQuery]:
        """Give the queries in the order in which they were made."""
        with self._lock:
            return list(self._queries.values())

    def get(self, query_id: str) -> PersistentQuery | None:
        """Give one query by id; upper and lower case are the same."""
        with self._lock:
            return self._queries.get(query_id) or self._queries.get(query_id.upper())

    def of_sink(self, name: str) -> PersistentQuery | None:
        """Give the query that materialises a table."""
        with self._lock:
            found = [q for q in self._queries.values() if name in {q.serves, q.plan.sink.name if q.plan.sink else ""}]
        made = [q for q in found if q.built and q.built.store] or found
        return made[0] if made else None

    def start(self, plan: Plan, *, paused: bool = False) -> PersistentQuery:
        """Start the query of a plan; one with the same id is replaced (CREATE OR REPLACE)."""
        if plan.query_id is None:
            raise ValueError("a plan without a query cannot be started")
        with self._lock:
            old = self._queries.get(plan.query_id)
            query = PersistentQuery(plan.query_id, plan, paused=paused, properties=dict(plan.properties))
            self._queries[plan.query_id] = query
        if old is not None and old.running is not None:
            old.running.close()
        self._run(query)
        return query

    def start_all(self, plans: Sequence[tuple[Plan, bool]]) -> None:
        """Start queries (plan, paused) side by side: most of a start is waiting for the broker."""
        made = [PersistentQuery(str(plan.query_id), plan, paused=paused, properties=dict(plan.properties))
                for plan, paused in plans]  # fmt: skip
        with self._lock:
            self._queries.update({query.id: query for query in made})
        with ThreadPoolExecutor(max_workers=_STARTERS, thread_name_prefix="query-starter") as starters:
            list(starters.map(self._run, made))

    def serve_source_tables(self, catalog: Catalog) -> None:
        """Materialise the tables of CREATE SOURCE TABLE, so that pull queries find them."""
        for source in list(catalog.sources.values()):
            if not (source.is_table and source.read_only) or self.of_sink(source.name) is not None:
                continue
            columns = ", ".join(f"`{c.name}`" for c in source.schema.columns if c.namespace != "KEY") or "1"
            text = f"SELECT {columns} FROM `{source.name}` EMIT CHANGES;"  # noqa: S608 - names of the catalog
            statement = self.engine.parse(text)[0]
            made = self.engine.plan_select(statement, {"auto.offset.reset": "earliest"})
            query_id = f"CST_{source.name}"
            plan = replace(
                made, query_id=query_id, statement=source.statement, properties={"auto.offset.reset": "earliest"}
            )
            query = PersistentQuery(query_id, plan, serves=source.name)
            with self._lock:
                self._queries[query_id] = query
            self._run(query)

    def _run(self, query: PersistentQuery) -> None:
        """Start a query, unless the server ends: what nobody closes would keep the process."""
        if self._closing.is_set():
            return
        query.started_at = time.monotonic()
        streams = self.config.streams(query.plan.properties)
        try:
            query.built = self.engine.build_topology(query.plan, dict(streams))
            query.running = self.backend.start(
                self.config.application_id(query.id), query.built, streams, paused=query.paused
            )
        except Exception as error:  # whatever fails in the topology, the server goes on and shows it
            LOG.exception("query %s cannot start", query.id)
            query.failure = QueryError(int(time.time() * 1000), f"{type(error).__name__}: {error}", "SYSTEM")
        if self._closing.is_set() and query.running is not None:
            query.running.close()

    def retry_failed(self) -> None:
        """Start queries in ERROR again, after a time that doubles with each try (ksql.query.retry.backoff.…)."""
        now = time.monotonic()
        for query in self.all():
            if query.running is None or query.failure is not None:
                continue  # it never ran: what is wrong is in its plan, and stays
            if query.state() != "ERROR":
                if query.retries and now - query.started_at > _STEADY_S:
                    query.retries = 0
            elif not query.retry_at:
                wait = min(self.config.retry_initial_s * 2**query.retries, self.config.retry_max_s)
                query.retry_at = now + wait
                LOG.warning("query %s is in ERROR, it is started again in %d s: %s", query.id, wait, _reason(query))
            elif now >= query.retry_at:
                self._start_again(query)

    def _start_again(self, query: PersistentQuery) -> None:
        old = query.running
        if old is not None:
            old.close()
            query.past = (query.past + old.errors())[-_ERRORS_KEPT:]
        query.retries, query.retry_at = query.retries + 1, 0.0
        with self._lock:
            if self._queries.get(query.id) is not query:
                return  # terminated in the meantime
            LOG.info("starting query %s again (try %d)", query.id, query.retries)
            self._run(query)

    def clean_up(self, ended: Collection[str]) -> None:
        """Remove what queries that ended left behind, because the server was killed before it had done so."""
        for query_id in ended:
            shutil.rmtree(self.config.state_dir / "streams" / self.config.application_id(query_id), ignore_errors=True)
        self.backend.forget_leftovers([self.config.application_id(query_id) for query_id in ended])

    def keep_only(self, catalog: Catalog) -> None:
        """Close the queries that the catalog no longer has, and remove what they leave."""
        with self._lock:
            gone = [
                q
                for q in self._queries.values()
                if (q.serves not in catalog.sources if q.serves else q.id not in catalog.queries)
            ]
            for query in gone:
                del self._queries[query.id]
        for query in gone:
            if query.running is not None:
                query.running.close()
                query.running.forget()

    def pause(self, query_id: str, *, paused: bool) -> None:
        """Pause or resume one query."""
        query = self.get(query_id)
        if query is None:
            return
        query.paused = paused
        if query.running is not None:
            (query.running.pause if paused else query.running.resume)()

    def close(self) -> None:
        """Close all queries, leaving their groups so that other servers take over at once."""
        self._closing.set()
        with self._lock:
            running = [q.running for q in self._queries.values() if q.running is not None]
        list(self._closers.map(lambda r: r.close(), running))
        self._closers.shutdown()

    def find(self, query_id: str) -> PersistentQuery:
        """Give one query, or raise ksqlDB's error."""
        query = self.get(query_id)
        if query is None:
            raise KsqlError(f"Unknown queryId: {query_id}")
        return query


def _reason(query: PersistentQuery) -> str:
    """Give the last error's last cause in one line."""
    errors = query.errors()
    lines = errors[-1].message.splitlines() if errors else []
    causes = [line for line in lines if line.startswith("Caused by:")]
    return (causes or lines or ["no reason is known"])[-1 if causes else 0]
