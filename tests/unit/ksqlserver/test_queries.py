"""The persistent queries of a server."""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from ksqlengine.engine import Plan
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.queries import Queries


def test_query_that_cannot_start_says_why_and_when() -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("no such class")

    engine: Any = SimpleNamespace(build_topology=refuse)
    backend: Any = None  # it is not reached
    begun = int(time.time() * 1000)
    query = Queries(engine, backend, ServerConfig("broker:9092")).start(Plan("query", "", query_id="Q_0"))
    (error,) = query.errors()
    assert query.state() == "ERROR"
    assert error.message == "RuntimeError: no such class"
    assert begun <= error.timestamp <= time.time() * 1000
