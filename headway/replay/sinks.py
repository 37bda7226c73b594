"""Where a replay's rows go: Kafka in transactions, or the REST proxy with the ledger after its acknowledgements.

Both keep the ledger in a transaction of the feed's own ``transactional.id``; opening a sink fences every earlier one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import orjson
from confluent_kafka import KafkaError, KafkaException, Producer

from headway.adapters.kafka import AWAY, producer_config
from headway.adapters.rest_proxy import RestProxyClient
from headway.core.feeds import Feed
from headway.core.plan import DeadLetter
from headway.core.topics import LEDGER
from headway.errors import DeliveryError, HeadwayError, UnavailableError
from headway.replay.ledger import LedgerEntry
from headway.settings import Settings

FENCED = {KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH}
TRANSACTION_TIMEOUT_MS = 60_000
CALL_S = 5.0
HTTP_BATCH = 100
QUEUE_MESSAGES = 200_000
Headers = list[tuple[str, str | bytes | None]]


def transactional_id(feed: str, shard: int = 0) -> str:
    """Give the transactional.id of a feed's (shard's) replays: whoever opens it last fences the others."""
    return f"headway-replay-{feed}" + (f"-{shard}" if shard else "")


class KafkaSink:
    """Sends events, dead letters and ledger entries in one transaction."""

    def __init__(self, settings: Settings, feed: Feed, headers: dict[str, str]) -> None:
        self._settings, self._feed = settings, feed
        self._headers: Headers = [(name, value.encode()) for name, value in headers.items()]
        self._open = False
        self._producer = Producer(
            {
                **producer_config(settings, transactional_id=transactional_id(feed.name), batch_size=131_072),
                "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS,
                "queue.buffering.max.messages": QUEUE_MESSAGES,
                "log_level": 2,
            }
        )
        self._patiently(self._producer.init_transactions, "Kafka did not open the replay's transactions")

    def add(self, keys: Sequence[bytes], values: Sequence[bytes], timestamps: Sequence[int]) -> None:
        """Send events; they count once :meth:`commit` returns."""
        self._begin()
        produce, topic = self._producer.produce, self._feed.topic
        for key, value, timestamp in zip(keys, values, timestamps, strict=True):
            try:
                produce(topic, value, key, -1, None, None, timestamp)
            except BufferError:
                self._when_there_is_room(topic, value, key, timestamp)
        self._producer.poll(0)

    def add_dead(self, letters: Iterable[DeadLetter], hour_ms: int) -> None:
        """Send rejected rows, as they came, with why, where and when in their headers."""
        self._begin()
        for letter in letters:
            key, value, why = dead_letter_record(self._feed, letter)
            headers: Headers = [*why.items(), *self._headers]
            try:
                self._producer.produce(self._feed.dlq, value, key, timestamp=hour_ms, headers=headers)
            except BufferError:
                self._when_there_is_room(self._feed.dlq, value, key, hour_ms, headers)

    def commit(self, entries: Iterable[LedgerEntry]) -> None:
        """Commit what was added together with its ledger entries."""
        self._begin()
        for entry in entries:
            self._producer.produce(
                LEDGER, entry.value(), entry.key(), self._feed.ledger_partition, headers=self._headers
            )
        self._patiently(self._producer.commit_transaction, "Kafka did not commit the replay's transaction")
        self._open = False

    def close(self) -> None:
        """Abort what is not committed, as far as the broker answers, and close."""
        steps: list[Callable[[], object]] = [self._producer.purge, self._producer.close]
        if self._open:
            steps.insert(0, self._abort)
        self._open = False
        for step in steps:
            try:
                step()
            except KafkaException as error:
                # a fenced or fatal producer cannot abort: the broker does, at its timeout or the next opening
                if not _expected_at_close(error):
                    raise

    def _abort(self) -> None:
        self._producer.purge()
        self._producer.abort_transaction(CALL_S)

    def _begin(self) -> None:
        if not self._open:
            self._producer.begin_transaction()
            self._open = True

    def _when_there_is_room(
        self, topic: str, value: bytes, key: bytes, timestamp: int, headers: Headers | None = None
    ) -> None:
        deadline = time.monotonic() + self._settings.replay.wait_s
        while True:
            self._producer.poll(0.05)
            try:
                self._producer.produce(topic, value, key, timestamp=timestamp, headers=headers)
                return
            except BufferError:
                if time.monotonic() > deadline:
                    raise self._away("Kafka did not take the replay's events", deadline) from None

    def _patiently(self, call: Callable[[float], None], what: str) -> None:
        """Repeat a transactional call while the client says it may be repeated and the wait has not run out."""
        deadline = time.monotonic() + self._settings.replay.wait_s
        while True:
            try:
                call(CALL_S)
                return
            except KafkaException as error:
                cause = error.args[0]
                if not (cause.retriable() or cause.code() in AWAY) or cause.txn_requires_abort() or cause.fatal():
                    raise
                if time.monotonic() > deadline:
                    raise self._away(what, deadline) from error
                self._producer.poll(0.1)

    def _away(self, what: str, deadline: float) -> HeadwayError:
        since = time.strftime(
            "%H:%M:%S", time.localtime(time.time() - (time.monotonic() - deadline) - self._settings.replay.wait_s)
        )
        return UnavailableError(
            f"{what} within {self._settings.replay.wait_s:g} s, since {since}.",
            where=f"Kafka at {self._settings.kafka.bootstrap_servers}",
            next_step="see `headway status` and `headway logs kafka`; a retry goes on where this one was",
        )


class RestProxySink:
    """Sends events over HTTP; the ledger entries follow once all are acknowledged.

    At least once on the wire: what a crash between the two repeats has the same event ids.
    """

    def __init__(self, settings: Settings, feed: Feed, headers: dict[str, str]) -> None:
        self._feed = feed
        self._records: list[tuple[Any, Any]] = []
        self._kafka = KafkaSink(settings, feed, headers)
        self._client = RestProxyClient(settings, give_up_after_s=settings.replay.wait_s)

    def add(self, keys: Sequence[bytes], values: Sequence[bytes], timestamps: Sequence[int]) -> None:
        """Keep events for the next commit (the proxy's API takes no timestamps: readers use ``event_time``)."""
        self._records += zip(keys, values, strict=True)

    def add_dead(self, letters: Iterable[DeadLetter], hour_ms: int) -> None:
        """Send rejected rows, in the ledger's transaction."""
        self._kafka.add_dead(letters, hour_ms)

    def commit(self, entries: Iterable[LedgerEntry]) -> None:
        """POST the events, then commit the ledger entries."""
        for at in range(0, len(self._records), HTTP_BATCH):
            batch = self._records[at : at + HTTP_BATCH]
            acknowledged = self._client.produce(self._feed.topic, batch)
            if len(acknowledged) != len(batch):
                raise DeliveryError(
                    f"The REST proxy acknowledged {len(acknowledged)} of {len(batch)} records.",
                    where=self._feed.topic,
                    next_step="see `headway logs rest-proxy`, then run the task again",
                )
        self._records.clear()
        self._kafka.commit(entries)

    def close(self) -> None:
        """Close both connections; what is not committed is not in the ledger."""
        try:
            self._client.close()
        finally:
            self._kafka.close()


Sink = KafkaSink | RestProxySink


def open_sink(settings: Settings, feed: Feed, headers: dict[str, str]) -> Sink:
    """Open the sink of a feed's transport; earlier sinks of the feed are fenced from now on.

    Raises :class:`UnavailableError` when the broker stays away.
    """
    kind = RestProxySink if feed.transport == "rest-proxy" else KafkaSink
    return kind(settings, feed, headers)


def dead_letter_record(feed: Feed, letter: DeadLetter) -> tuple[bytes, bytes, dict[str, bytes]]:
    """Give a dead letter's key, value (the row as it came) and headers (why, where, when)."""
    rejected = letter.rejected
    headers = {
        "why": f"column {rejected.column!r}: {rejected.value!r} {rejected.reason}",
        "where": f"{feed.workbook.name}, sheet {feed.sheet!r}, row {rejected.row}, column {rejected.column!r}",
        "when": letter.service_date,
        "feed": feed.name,
    }
    key = f"{feed.name}|{letter.service_date}|{rejected.row}".encode()
    return key, orjson.dumps(rejected.cells), {name: text.encode() for name, text in headers.items()}


def _expected_at_close(error: KafkaException) -> bool:
    cause = error.args[0]
    return bool(cause.fatal() or cause.retriable() or cause.code() in FENCED | AWAY | {KafkaError._STATE})
