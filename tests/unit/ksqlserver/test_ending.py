"""What is started while the server ends is ended too, and nobody waits in the event loop."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ksqlengine.engine import Plan
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.pull import UntilDrained
from ksqlengine.server.push import PushQueries, PushQuery
from ksqlengine.server.queries import Queries

PLAN = Plan("query", "CREATE …", query_id="CTAS_T_0")
CONFIG = ServerConfig("broker:9092")


class Running:
    """A query that notes its end."""

    def __init__(self) -> None:
        self.closed = False

    def close(self) -> None:
        """End."""
        self.closed = True


class Backend:
    """A backend that does something while a query starts."""

    def __init__(self, meanwhile: Callable[[], None] = lambda: None) -> None:
        self.meanwhile = meanwhile
        self.started: list[Running] = []

    def start(self, *_: object, **__: object) -> Running:
        """Start a query."""
        self.started.append(Running())
        self.meanwhile()
        return self.started[-1]


def queries_on(backend: Backend) -> Queries:
    engine = SimpleNamespace(build_topology=lambda *_, **__: SimpleNamespace(store=None))
    return Queries(engine, backend, CONFIG)  # type: ignore[arg-type]


def test_query_that_starts_while_the_others_are_closed_is_closed_too() -> None:
    backend = Backend()
    queries = queries_on(backend)
    backend.meanwhile = queries.close
    queries.start(PLAN)
    assert [run.closed for run in backend.started] == [True]


def test_no_query_is_started_when_the_others_were_closed() -> None:
    backend = Backend()
    queries = queries_on(backend)
    queries.close()
    queries.start(PLAN)
    assert not backend.started


def test_push_query_that_starts_while_the_others_are_closed_is_closed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = Backend()
    pushes = PushQueries(SimpleNamespace(), backend, CONFIG)  # type: ignore[arg-type]
    backend.meanwhile = pushes.close

    def start(plan: Plan, query_id: str, _: dict[str, Any]) -> PushQuery:
        rows = SimpleNamespace(close=lambda: None)
        return PushQuery(query_id, plan.statement, rows, backend.start(), pushes)  # type: ignore[arg-type]

    monkeypatch.setattr(pushes, "_start", start)
    pushes.run(PLAN, "transient_1", {})
    assert [run.closed for run in backend.started] == [True]
    assert not pushes.listed()


class Slow:
    """A query whose progress takes long to find out."""

    id = "transient_2"

    def __init__(self) -> None:
        self.known = threading.Event()
        self.rows: list[list[str]] = [["[1]"]]
        self.failure: Exception | None = None

    def drained(self) -> bool:
        """Ask the broker."""
        self.known.wait(60)
        if self.failure is not None:
            raise self.failure
        return True

    def take(self) -> list[str]:
        """Give what is there."""
        return self.rows.pop() if self.rows else []


def end_of(rows: UntilDrained) -> list[str] | None:
    deadline = time.monotonic() + 60
    while (taken := rows.take()) == []:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return taken


def test_rows_of_a_stream_are_taken_while_its_end_is_looked_for() -> None:
    query = Slow()
    rows = UntilDrained(query)  # type: ignore[arg-type]
    assert (rows.take(), rows.take()) == (["[1]"], [])
    query.rows = [["[2]"]]
    query.known.set()
    assert (end_of(rows), end_of(rows)) == (["[2]"], None)


def test_end_of_a_stream_that_cannot_be_found_is_told() -> None:
    query = Slow()
    query.failure = RuntimeError("Kafka does not answer")
    query.known.set()
    rows = UntilDrained(query)  # type: ignore[arg-type]
    assert rows.take() == ["[1]"]
    with pytest.raises(RuntimeError, match="does not answer"):
        end_of(rows)
