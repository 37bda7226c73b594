"""Replay a feed's hours: send what they still lack, each row exactly once, whatever crashed before."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from confluent_kafka import KafkaException

from headway.adapters.kafka import broker_error, wait_for_broker
from headway.core.clock import HOUR_MS, from_ms, hour_text, hours_of
from headway.core.encode import Encoded
from headway.core.plan import Chunk
from headway.errors import DeliveryError, ReplayStoppedError, UnavailableError
from headway.replay.generation import current
from headway.replay.ledger import Ledger, LedgerEntry, check_checksums, read_partition
from headway.replay.pacing import Pace
from headway.replay.partition import wait_until_decided
from headway.replay.prepare import Prepared, prepare
from headway.replay.sinks import FENCED, Sink, open_sink
from headway.replay.topics import ensure_feed_topics
from headway.settings import Settings

CHUNK_HOURS = 24
BLOCK_ROWS = 1000
POLL_S = 0.1
SESSIONS_WITHOUT_PROGRESS = 3


@dataclass(frozen=True)
class Progress:
    """How far a replay is, after a commit. Rows of earlier attempts are in ``already``."""

    feed: str
    generation: int
    hour: datetime
    hours_done: int
    hours: int
    delivered: int
    rejected: int
    already: int
    seconds: float
    lag_s: float


@dataclass(frozen=True)
class ReplayResult:
    """What a replay did: planned == already + delivered + rejected, by the ledger."""

    feed: str
    generation: int
    planned: int
    delivered: int
    rejected: int
    already: int
    hours: int
    seconds: float
    max_lag_s: float


@dataclass
class _Run:
    """A replay under way, over all its sessions with the broker."""

    settings: Settings
    prepared: Prepared
    generation: int
    hours: range
    pace: Pace
    on_progress: Callable[[Progress], None] | None
    should_stop: Callable[[], bool] | None
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    began: float = field(default_factory=time.monotonic)
    planned: dict[int, int] = field(default_factory=dict)
    already: dict[int, tuple[int, int]] | None = None
    committed: dict[int, LedgerEntry] = field(default_factory=dict)
    commits: int = 0


def replay(
    settings: Settings,
    feed: str,
    start: datetime,
    end: datetime,
    *,
    speed: float | None = None,
    seed: int | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    should_stop: Callable[[], bool] | None = None,
) -> ReplayResult:
    """Replay the whole UTC hours of [start, end), at ``speed`` times the clock's pace (None: as fast as can be).

    Sends only what the hours still lack by the ledger: overlaps, repeats and retries add nothing. ``on_progress`` is
    called after each commit; when ``should_stop`` says so, what was sent is committed and
    :class:`ReplayStoppedError` raised. Raises :class:`LedgerError` when another workbook, description or seed made
    this generation, :class:`UnavailableError` when a part stays away, and :class:`DeliveryError` unless, by the
    ledger, planned == already + delivered + rejected.
    """
    hours = hours_of(start, end)
    pace = Pace(speed)
    prepared = prepare(settings, feed, seed)
    wait_for_broker(settings, settings.replay.wait_s)
    ensure_feed_topics(settings, prepared.feed)
    run = _Run(settings, prepared, current(settings), hours, pace, on_progress, should_stop)
    sessions, commits = 0, 0
    while True:
        try:
            _session(run)
            return _checked(run)
        except KafkaException as error:
            sessions = sessions + 1 if run.commits == commits else 1
            commits = run.commits
            _decide(run, error, sessions)


def _decide(run: _Run, error: KafkaException, sessions: int) -> None:
    """Return when another session may cure the error; raise what it means when not."""
    cause = error.args[0]
    feed = run.prepared.feed
    if cause.code() in FENCED:
        raise DeliveryError(
            f"Another replay of feed {feed.name} has taken over, or this one did not commit for a minute: "
            f"{cause.str()}.",
            where=f"{feed.topic} at {run.settings.kafka.bootstrap_servers}",
            next_step="see that one replay a feed runs; a retry goes on where the ledger is",
        ) from error
    if sessions >= SESSIONS_WITHOUT_PROGRESS:
        translated = broker_error(run.settings, error, f"The replay of {feed.name} does not get on")
        if isinstance(translated, UnavailableError):
            raise translated from error
        raise DeliveryError(translated.what, where=feed.topic, next_step=translated.next_step) from error
    wait_for_broker(run.settings, run.settings.replay.wait_s)


def _session(run: _Run) -> None:
    """Replay with one sink, from where the ledger is to the end."""
    feed = run.prepared.feed
    headers = {"run": run.run_id, "started": datetime.now(UTC).isoformat(timespec="seconds")}
    sink = open_sink(run.settings, feed, headers)
    try:
        ledger = read_partition(run.settings, feed, decided=True)
        check_checksums(ledger, feed, run.generation, run.prepared.checksum, run.prepared.seed)
        sender = _Sender(run, sink, _ordinals(run, ledger))
        for batch in _batches(run, sender.lacks):
            sender.send(batch)
        sender.commit()
    finally:
        sink.close()


@dataclass(frozen=True)
class _Batch:
    """Some consecutive hours, planned, and encoded when they lack anything."""

    chunk: Chunk
    counts: list[int]
    encoded: Encoded | None


def _batches(run: _Run, lacks: Callable[[int], bool]) -> Iterator[_Batch]:
    """Yield the range in batches; the next one is made while one is sent, for a commit waits for the broker."""

    def make(hours: Sequence[int]) -> _Batch:
        chunk = run.prepared.plan.chunk(hours)
        counts = [chunk.planned(index) for index in range(len(hours))]
        return _Batch(chunk, counts, run.prepared.encoder.encode(chunk) if any(map(lacks, hours)) else None)

    parts = [run.hours[at : at + CHUNK_HOURS] for at in range(0, len(run.hours), CHUNK_HOURS)]
    with ThreadPoolExecutor(1, thread_name_prefix="replay-encode") as pool:
        upcoming = pool.submit(make, parts[0])
        for following in parts[1:]:
            batch, upcoming = upcoming.result(), pool.submit(make, following)
            yield batch
        yield upcoming.result()


def _ordinals(run: _Run, ledger: Ledger) -> dict[int, LedgerEntry]:
    entries = {int(hour.timestamp()) * 1000: e for (number, hour), e in ledger.items() if number == run.generation}
    found = {hour: entries[hour] for hour in run.hours if hour in entries}
    if run.already is None:
        run.already = {hour: (entry.delivered, entry.rejected) for hour, entry in found.items()}
    run.committed = dict(found)
    return found


class _Sender:
    """Sends hours through a sink, committing as the settings say."""

    def __init__(self, run: _Run, sink: Sink, entries: dict[int, LedgerEntry]) -> None:
        self._run, self._sink, self._entries = run, sink, entries
        self._touched: dict[int, LedgerEntry] = {}
        self._rows = 0
        self._opened = 0.0

    def lacks(self, hour: int) -> bool:
        """Tell whether the ledger lacks anything of an hour."""
        entry = self._entries.get(hour)
        return entry is None or not entry.complete

    def send(self, batch: _Batch) -> None:
        """Send what the hours of a batch still lack."""
        for index, (hour, count) in enumerate(zip(batch.chunk.hours, batch.counts, strict=True)):
            self._run.planned[hour] = count
            self._check_planned(hour, count)
            if batch.encoded is not None and self.lacks(hour):
                entry = self._entries.get(hour) or self._new_entry(hour, count)
                self._send_hour(batch.chunk, batch.encoded, index, entry)

    def commit(self) -> None:
        """Commit what is open; nothing when nothing is."""
        if not self._touched:
            return
        self._sink.commit(self._touched.values())
        self._entries |= self._touched
        self._run.committed |= self._touched
        self._run.commits += 1
        last = max(self._touched)
        self._touched, self._rows = {}, 0
        self._report(last)

    def _send_hour(self, chunk: Chunk, encoded: Encoded, index: int, entry: LedgerEntry) -> None:
        first, last = int(chunk.bounds[index]), int(chunk.bounds[index + 1])
        pace = self._run.pace
        hour = chunk.hours[index]
        at = first + min(entry.ordinal, last - first)
        pace.start(int(chunk.event_ms[at]) if first < at < last else hour)
        dead_from = max(0, entry.ordinal - (last - first))
        while at < last:
            to = self._due(chunk, at, min(last, at + BLOCK_ROWS))
            if to == at:
                self._wait(int(chunk.event_ms[at]))
                continue
            self._opening()
            self._sink.add(encoded.keys[at:to], encoded.values[at:to], encoded.timestamps[at:to])
            pace.sent(encoded.timestamps[at])
            entry = self._advance(entry, delivered=to - at)
            at = to
            self._commit_when_due()
        self._opening()
        if letters := chunk.dead[index][dead_from:]:
            self._sink.add_dead(letters, hour)
        entry = self._advance(entry, rejected=len(letters))
        self._commit_when_due()

    def _due(self, chunk: Chunk, at: int, to: int) -> int:
        to = min(to, at + self._run.settings.replay.commit_rows - self._rows)
        due = self._run.pace.due_ms()
        return to if due is None else at + int(np.searchsorted(chunk.event_ms[at:to], due, side="right"))

    def _opening(self) -> None:
        if not self._touched:
            self._opened = time.monotonic()

    def _advance(self, entry: LedgerEntry, delivered: int = 0, rejected: int = 0) -> LedgerEntry:
        moved = LedgerEntry(
            entry.feed,
            entry.generation,
            entry.hour,
            entry.ordinal + delivered + rejected,
            entry.planned,
            entry.delivered + delivered,
            entry.rejected + rejected,
            entry.checksum,
            entry.seed,
        )
        self._touched[int(entry.hour.timestamp()) * 1000] = moved
        self._rows += delivered + rejected
        return moved

    def _commit_when_due(self) -> None:
        settings = self._run.settings.replay
        open_ms = (time.monotonic() - self._opened) * 1000
        if self._rows >= settings.commit_rows or open_ms >= settings.commit_ms:
            self.commit()
        self._stop_when_asked()

    def _wait(self, until_ms: int) -> None:
        """Wait for the next event's time; what is open is committed first when it would get too old."""
        wait_s = self._run.pace.seconds_until(until_ms)
        if self._touched:
            left_s = self._run.settings.replay.commit_ms / 1000 - (time.monotonic() - self._opened)
            if wait_s >= left_s:
                self.commit()
        self._stop_when_asked()
        time.sleep(min(wait_s, POLL_S))

    def _stop_when_asked(self) -> None:
        if self._run.should_stop is None or not self._run.should_stop():
            return
        self.commit()
        feed = self._run.prepared.feed
        done = sum(entry.ordinal for entry in self._run.committed.values())
        raise ReplayStoppedError(
            f"The replay of feed {feed.name} was asked to stop; {done} rows of its range are committed.",
            where=feed.topic,
            next_step="run it again: it goes on from there",
        )

    def _new_entry(self, hour: int, planned: int) -> LedgerEntry:
        p = self._run.prepared
        return LedgerEntry(p.feed.name, self._run.generation, from_ms(hour), 0, planned, 0, 0, p.checksum, p.seed)

    def _check_planned(self, hour: int, count: int) -> None:
        entry = self._entries.get(hour)
        if entry is not None and entry.planned != count:
            raise DeliveryError(
                f"The ledger planned {entry.planned} rows for an hour that has {count}.",
                where=f"feed {entry.feed}, hour {hour_text(hour)}",
                next_step="start a new generation: what made this one is not what is here now",
            )

    def _report(self, hour: int) -> None:
        run = self._run
        if run.on_progress is None:
            return
        already, delivered, rejected = _counts(run)
        run.on_progress(
            Progress(
                run.prepared.feed.name,
                run.generation,
                from_ms(hour),
                (hour - run.hours.start) // HOUR_MS + 1,
                len(run.hours),
                delivered,
                rejected,
                already,
                time.monotonic() - run.began,
                run.pace.lag_s,
            )
        )


def _counts(run: _Run) -> tuple[int, int, int]:
    """Give the rows of earlier attempts, and the events and rejected rows that this one committed."""
    before = run.already or {}
    already = sum(map(sum, before.values()))
    delivered = sum(entry.delivered for entry in run.committed.values()) - sum(one[0] for one in before.values())
    rejected = sum(entry.rejected for entry in run.committed.values()) - sum(one[1] for one in before.values())
    return already, delivered, rejected


def _checked(run: _Run) -> ReplayResult:
    """Read the ledger once more and compare it with the plan, hour by hour."""
    ledger = read_partition(run.settings, run.prepared.feed, decided=True)
    for topic in (run.prepared.feed.topic, run.prepared.feed.dlq):
        wait_until_decided(run.settings, topic)
    run.committed = {hour: e for hour in run.hours if (e := ledger.get((run.generation, from_ms(hour)))) is not None}
    for hour, planned in run.planned.items():
        entry = run.committed.get(hour)
        done = entry.delivered + entry.rejected if entry else 0
        if entry is None or done != planned:
            raise DeliveryError(
                f"Feed {run.prepared.feed.name} has {done} of {planned} rows of an hour by the ledger.",
                where=f"{run.prepared.feed.topic}, hour {hour_text(hour)}, generation {run.generation}",
                next_step="run the replay again: it sends what is missing",
            )
    already, delivered, rejected = _counts(run)
    return ReplayResult(
        run.prepared.feed.name,
        run.generation,
        sum(run.planned.values()),
        delivered,
        rejected,
        already,
        len(run.hours),
        time.monotonic() - run.began,
        run.pace.max_lag_s,
    )
