"""What the server needs from the outside world, so that it runs on Kafka or in memory.

:class:`Backend` is topics, records, the command log and running queries. ``kafka.py`` is the real one; ``memory.py``
runs the topologies in Kafka Streams' test driver with topics in this process: a ksqlDB for tests that starts at once.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from ksqlengine.engine import BuiltTopology


@dataclass(frozen=True)
class Topic:
    """A topic as the broker describes it."""

    name: str
    partitions: int
    replicas: int = 1


@dataclass(frozen=True)
class Record:
    """One record of a topic."""

    topic: str
    partition: int
    offset: int
    timestamp: int  # ms since 1970
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes | None], ...] = ()


@dataclass(frozen=True)
class QueryError:
    """Why a query's thread ended, and when (ms since 1970)."""

    timestamp: int
    message: str
    kind: str = "UNKNOWN"


class RunningQuery(Protocol):
    """A topology that runs."""

    def state(self) -> str:
        """Give Kafka Streams' state (RUNNING, REBALANCING, ERROR …) or PAUSED."""

    def errors(self) -> list[QueryError]:
        """Give the uncaught exceptions so far, oldest first."""

    def pause(self) -> None:
        """Stop processing, keep the state."""

    def resume(self) -> None:
        """Go on."""

    def close(self) -> None:
        """Stop for good and leave the group, so that other servers take over at once."""

    def forget(self) -> None:
        """Remove what a terminated query leaves at the broker and on disk."""

    def store(self, name: str, kind: str, partition: int | None = None) -> Any:
        """Give the queryable store (Java), of one partition or of all here, or raise :class:`NotReadyError`."""

    def owners(self, store: str) -> dict[str, list[int]]:
        """Give, for each server that runs parts of this query, the partitions of a store that it has."""

    def placement(self) -> dict[str, dict[str, Any]]:
        """Give, for each server, the stores and partitions that it has of this query, as /clusterStatus shows them."""

    def lags(self) -> dict[str, dict[str, dict[str, int]]]:
        """Give, for each store here and each of its partitions, how far it is behind its changelog."""

    def other_hosts(self) -> list[str]:
        """Give host:port of the other servers that run parts of this query."""

    def drained(self) -> bool:
        """Say whether everything that was in its source topics when it started has been processed."""


class CommandLog(Protocol):
    """The log of statements: one order for all servers of the service."""

    def append(self, prepare: Callable[[], tuple[str, str]]) -> int:
        """Write a command as the only writer and give its offset.

        ``prepare`` is called when the right to write is held: it brings this server up to the log's end, checks the
        statement and gives (key, value). Whatever it raises leaves the log unchanged. It is called again when nobody
        knows whether what it gave before was written.
        """

    def poll(self, timeout_s: float) -> list[tuple[int, str, str]]:
        """Wait for commands and give (offset, key, value). Raises LogDamagedError when the log was tampered with."""

    def position(self) -> int:
        """Give the offset after everything that :meth:`poll` has given."""

    def end(self) -> int:
        """Give the offset after the last committed command."""

    def close(self) -> None:
        """Close the clients."""


class ProcessingLog(Protocol):
    """Where bad records are told of."""

    stream: str
    wants_stream: bool

    def create_topic(self) -> None:
        """Create its topic unless it is there or must be made by hand."""

    def stream_statement(self) -> str:
        """Give the statement that declares the log as a stream."""

    def report(self) -> None:
        """Say in the server's log how many records were bad, at most now and then."""

    def close(self) -> None:
        """Write what waits and stop listening."""


class Backend(Protocol):
    """Topics, records, commands and queries."""

    def wait_until_reachable(self) -> None:
        """Wait until Kafka answers, saying so all the while. Raises KsqlError when waiting cannot help."""

    def cluster_id(self) -> str:
        """Give the id of the Kafka cluster."""

    def topics(self) -> dict[str, Topic]:
        """Give all topics by name."""

    def consumers(self) -> dict[str, tuple[int, int]]:
        """Give, for each topic that is read just now, how many consumers and how many groups have partitions of it."""

    def topic(self, name: str, timeout_s: float = 30.0) -> Topic | None:
        """Give one topic, or None when it does not exist."""

    def create_topic(self, name: str, partitions: int, replicas: int, config: Mapping[str, str]) -> None:
        """Create a topic; one that exists stays as it is."""

    def delete_topic(self, name: str) -> None:
        """Delete a topic and wait until it is gone."""

    def produce(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp: int | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> None:
        """Write one record and wait until it is acknowledged."""

    def send(
        self,
        topic: str,
        key: bytes | None,
        value: bytes | None,
        timestamp: int | None,
        headers: tuple[tuple[str, bytes | None], ...] = (),
    ) -> Callable[[], None]:
        """Begin to write one record and give what waits for its acknowledgement."""

    def read(self, topic: str, *, from_beginning: bool, stop: Callable[[], bool]) -> Iterator[Record | None]:
        """Give the records of a topic for ever; None now and then when there is none."""

    def processing_log(self) -> ProcessingLog | None:
        """Start to tell of bad records, or give None where there is nowhere to tell."""

    def command_log(self) -> CommandLog:
        """Open the command log, creating it when it does not exist."""

    def start(
        self,
        application_id: str,
        built: BuiltTopology,
        streams: Mapping[str, str],
        *,
        transient: bool = False,
        paused: bool = False,
    ) -> RunningQuery:
        """Start a topology, or have it wait paused. Transient ones leave nothing behind when they are closed."""

    def forget_leftovers(self, application_ids: Collection[str]) -> None:
        """Remove what ended applications left: the named ones, and push queries of servers that were killed."""

    def close(self) -> None:
        """Close the clients."""


class LogDamagedError(Exception):
    """The command log is not the one that was read any more."""


class NotReadyError(Exception):
    """A store cannot be read just now (the query is rebalancing or restoring)."""
