"""The ledger: what each replay has delivered, one entry a (feed, generation, hour).

Entries are in the compacted topic ``headway.replays``, in the partition that ``ledger_partition`` of the feed names,
and are written in the transaction of the events they count. So the ledger never says more, or less, than the topic has.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import orjson

from headway.core.clock import from_ms, hour_ms, hour_text
from headway.core.feeds import Feed, load_feeds
from headway.core.topics import LEDGER
from headway.errors import FeedError, LedgerError
from headway.replay.partition import records
from headway.settings import Settings


@dataclass(frozen=True)
class LedgerEntry:
    """How far an hour is: ``ordinal`` of its ``planned`` rows are committed, ``delivered`` as events and ``rejected``
    as dead letters. ``checksum`` is that of workbook, feed description and seed."""

    feed: str
    generation: int
    hour: datetime
    ordinal: int
    planned: int
    delivered: int
    rejected: int
    checksum: str
    seed: int

    @property
    def complete(self) -> bool:
        """Tell whether the hour lacks nothing."""
        return self.ordinal == self.planned

    def key(self) -> bytes:
        """Give the record's key."""
        return f"{self.feed}|{self.generation}|{hour_text_of(self.hour)}".encode()

    def value(self) -> bytes:
        """Give the record's value."""
        counts = {name: getattr(self, name) for name in ("ordinal", "planned", "delivered", "rejected")}
        place = {"feed": self.feed, "generation": self.generation, "hour": hour_text_of(self.hour)}
        return orjson.dumps({**place, **counts, "checksum": self.checksum, "seed": self.seed})


Ledger = dict[tuple[int, datetime], LedgerEntry]


def hour_text_of(hour: datetime) -> str:
    """Give an hour as the ledger writes it."""
    return hour_text(int(hour.timestamp()) * 1000)


def parse_entry(value: bytes) -> LedgerEntry:
    """Read an entry's value."""
    said = orjson.loads(value)
    return LedgerEntry(**{**said, "hour": from_ms(hour_ms(said["hour"]))})


def read_ledger(settings: Settings, feed: str) -> Ledger:
    """Give a feed's entries by (generation, hour as an aware UTC datetime), as committed now.

    Fences nobody: a replay that runs meanwhile is seen up to its last commit.
    """
    return read_partition(settings, feed_named(settings, feed), decided=False)


def feed_named(settings: Settings, name: str) -> Feed:
    """Give a feed by its name; raise :class:`FeedError` that lists those there are."""
    feeds = load_feeds(settings.replay.feeds_file)
    if name not in feeds:
        raise FeedError(
            f"There is no feed {name!r}; there are: {', '.join(feeds)}.",
            where=str(settings.replay.feeds_file),
            next_step="name one of them, or describe it (docs/bring-your-own-workbook.md)",
        )
    return feeds[name]


def read_partition(settings: Settings, feed: Feed, *, decided: bool) -> Ledger:
    """Read a feed's ledger partition, committed records only.

    ``decided``: up to the high watermark that is seen now, open transactions waited for.
    """
    ledger: Ledger = {}
    for message in records(settings, LEDGER, feed.ledger_partition, decided=decided):
        value = message.value()
        if value is None:
            continue
        entry = parse_entry(value)
        if entry.feed == feed.name:
            ledger[entry.generation, entry.hour] = entry
    return ledger


def check_checksums(ledger: Ledger, feed: Feed, generation: int, checksum: str, seed: int) -> None:
    """Raise :class:`LedgerError` when another workbook, feed description or seed made this generation."""
    for entry in ledger.values():
        if entry.generation == generation and entry.checksum != checksum:
            why = f"seed {entry.seed}, now {seed}" if entry.seed != seed else "another workbook or feed description"
            raise LedgerError(
                f"Generation {generation} of feed {feed.name} was made with {why}: adding to it would mix two truths.",
                where=f"{LEDGER}/{feed.ledger_partition}, hour {hour_text_of(entry.hour)}",
                next_step="restore what it was made with, or start a new generation (DAG transit_new_generation)",
            )
