"""The truth: what a feed's hours must hold, from the workbook alone, for verification."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headway.core.clock import HOUR_MS, from_ms, to_ms
from headway.core.encode import identity_hashes, train_status
from headway.core.plan import Chunk
from headway.errors import RangeError
from headway.replay.prepare import Prepared, prepare
from headway.settings import Settings


@dataclass(frozen=True)
class Truth:
    """The planned events of some hours by column, in the order in which they are sent.

    ``columns`` has an array a field of the contract (and the feed's other columns, the key's among them);
    ``event_ms`` the event times in ms since the epoch, ``hour_ms`` their hours. ``events`` and ``rejected`` count per
    hour, an hour without any included.
    """

    feed: str
    columns: dict[str, NDArray[Any]]
    event_ms: NDArray[np.int64]
    hour_ms: NDArray[np.int64]
    events: dict[datetime, int]
    rejected: dict[datetime, int]

    def __len__(self) -> int:
        """Give the number of events."""
        return len(self.event_ms)

    def column(self, name: str) -> NDArray[Any]:
        """Give one column."""
        return self.columns[name]

    @property
    def planned(self) -> int:
        """Give the number of planned rows, events and rejected ones."""
        return sum(self.events.values()) + sum(self.rejected.values())


def truth(settings: Settings, feed: str, hours: Iterable[datetime], seed: int | None = None) -> Truth:
    """Give the planned events of some hours (aware, whole hours), in order, by column.

    Reads the workbook only: no broker. Raises :class:`RangeError` for an hour that is none.
    """
    wanted = sorted({_whole(hour) for hour in hours})
    prepared = prepare(settings, feed, seed)
    chunk = prepared.plan.chunk(wanted)
    sizes = np.diff(chunk.bounds)
    return Truth(
        feed=feed,
        columns=_columns(prepared, chunk),
        event_ms=chunk.event_ms,
        hour_ms=chunk.event_ms - chunk.event_ms % HOUR_MS,
        events={from_ms(hour): int(size) for hour, size in zip(wanted, sizes, strict=True)},
        rejected={from_ms(hour): len(letters) for hour, letters in zip(wanted, chunk.dead, strict=True)},
    )


def _whole(hour: datetime) -> int:
    if hour.tzinfo is None or to_ms(hour) % HOUR_MS:
        raise RangeError(
            f"{hour.isoformat()} is not a whole hour with a time zone.",
            where="the asked hours",
            next_step="give hours such as 2026-03-02T13:00+00:00",
        )
    return to_ms(hour)


def _columns(prepared: Prepared, chunk: Chunk) -> dict[str, NDArray[Any]]:
    table, feed = prepared.table, prepared.feed
    hashes = np.array(list(identity_hashes(feed, table)), dtype=object)
    dates = np.array([day[0] for day in chunk.days] or [""], dtype=object)
    suffixes = np.array([day[1] for day in chunk.days] or [""], dtype=object)
    columns: dict[str, NDArray[Any]] = {
        "event_id": hashes[chunk.rows] + suffixes[chunk.day],
        "event_time": np.char.add(np.datetime_as_string(chunk.event_ms.astype("datetime64[ms]")), "Z").astype(object),
        "service_date": dates[chunk.day],
    }
    for name, column in table.columns.items():
        values = column.objects()[chunk.rows]
        kind = feed.columns[name].type
        columns[name] = values.astype(np.int64) if kind == "integer" and not feed.columns[name].optional else values
    if feed.delays:
        columns["delay_s"] = chunk.delay_s
        columns["train_status"] = np.array([train_status(feed, d) for d in chunk.delay_s.tolist()], dtype=object)
    return columns
