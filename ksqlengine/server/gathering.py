"""Gather a pull query's rows from the servers that have the partitions of the table's state.

Who has what is known from the last rebalance. Each server reads exactly the partitions that it is asked for, or says
that it has them not (any more, yet); and when the work has moved while rows were gathered they are gathered again. So
an answer has every partition once, or there is an error after a bounded time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx

from ksqlengine.errors import SERVER_ERROR, KsqlError
from ksqlengine.server import entities
from ksqlengine.server.backend import NotReadyError
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import RequestError
from ksqlengine.server.peers import Peers

if TYPE_CHECKING:
    from ksqlengine.server.pull import PullPlan

INTERNAL = "request.ksql.query.internal.request"
PARTITIONS = "request.ksql.query.internal.partitions"
# A server that is gone is replaced after the session time-out: longer than a reader should wait.
_GONE_S = 2.0
_PAUSE_S = 0.02
_DEAD = {"ERROR", "PENDING_ERROR", "NOT_RUNNING"}

Reader = Callable[[tuple[int, ...] | None], list[str]]


@dataclass(frozen=True)
class Request:
    """A pull query as it came: its text, its own properties, and which partitions another server wants of this one."""

    text: str
    properties: Mapping[str, Any]
    partitions: tuple[int, ...] | None = None


class ServerGoneError(Exception):
    """A server that has a part of the state does not answer."""


class Gathering:
    """One pull query's rows, from here and from the other servers."""

    def __init__(self, config: ServerConfig, peers: Peers, plan: PullPlan, read: Reader) -> None:
        self._config, self._peers, self._plan, self._read = config, peers, plan, read

    def rows(self, request: Request) -> list[str]:
        """Give all rows. Raises KsqlError when the state cannot be read within the time for forwarding."""
        if request.partitions is not None:
            return self._wanted(request.partitions)
        begun = time.monotonic()
        while True:
            try:
                return self._once(request, begun + self._config.pull_timeout_s)
            except NotReadyError as error:
                state = self._plan.query.streams_state()
                if state in _DEAD or time.monotonic() - begun > self._config.pull_timeout_s:
                    raise KsqlError(
                        f"The table {self._plan.source.name} cannot be read now, "
                        f"its query {self._plan.query.id} is {state}: {error}",
                        error_code=SERVER_ERROR,
                    ) from None
            except ServerGoneError as error:
                if time.monotonic() - begun > _GONE_S:
                    raise KsqlError(
                        f"Unable to execute pull query: {error} that has a part of {self._plan.source.name}. "
                        "Its partitions move to another server within seconds.",
                        error_code=SERVER_ERROR,
                    ) from None
            time.sleep(_PAUSE_S)

    def _wanted(self, partitions: tuple[int, ...]) -> list[str]:
        """Read for another server: it asks again when the partitions are not here."""
        try:
            return self._read(partitions)
        except NotReadyError as error:
            raise RequestError(str(error), status=503, error_code=entities.NOT_READY) from None

    def _once(self, request: Request, until: float) -> list[str]:
        before = self._owners()
        here = self._config.address
        if not before:  # without a broker
            return self._read(None)
        # by partition: a server knows its partitions before it has them, so what is here may be less
        rows = self._read(tuple(before[here])) if here in before else []
        for host, partitions in before.items():
            if host != here:
                rows += self._ask(host, partitions, request, max(until - time.monotonic(), _PAUSE_S))
        if self._owners() != before:
            raise NotReadyError("its work has just moved between servers")
        return rows

    def _owners(self) -> dict[str, list[int]]:
        running = self._plan.query.running
        if running is None:
            raise NotReadyError(f"{self._plan.query.id} does not run")
        return running.owners(self._plan.store.name)

    def _ask(self, host: str, partitions: list[int], request: Request, timeout_s: float) -> list[str]:
        """Give another server's rows, as the texts that it wrote."""
        body = {
            "sql": request.text,
            "properties": dict(request.properties),
            "requestProperties": {INTERNAL: True, PARTITIONS: ",".join(map(str, partitions))},
        }
        try:
            answer = self._peers.post(host, "/query-stream", body, timeout=timeout_s)
        except httpx.HTTPError as error:
            raise ServerGoneError(f"the server {host} does not answer ({type(error).__name__})") from error
        # whatever fails there while its stores open or close: it is asked again
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            raise NotReadyError(f"{host} says: {_message(answer)}")
        lines = [line for line in answer.text.split("\n") if line][1:]
        failed = bool(lines) and lines[-1].startswith("{")
        if failed or answer.status_code != httpx.codes.OK:
            raise KsqlError(
                f"Unable to execute pull query on {self._plan.source.name} at {host}: "
                f"{lines[-1] if failed else _message(answer)}",
                error_code=SERVER_ERROR,
            )
        return lines


def forwarded_partitions(properties: object) -> tuple[int, ...] | None:
    """Read which partitions another server asks for; None when the request comes from a client."""
    if not isinstance(properties, dict) or not properties.get(INTERNAL):
        return None
    given = str(properties.get(PARTITIONS, ""))
    if not all(p.isdigit() for p in given.split(",") if p):
        raise RequestError(f"{PARTITIONS} must be numbers with commas between them: {given!r}")
    return tuple(int(p) for p in given.split(",") if p)


def _message(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["message"])
    except (ValueError, KeyError, TypeError):
        return answer.text[:200]
