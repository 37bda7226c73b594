"""The two sources of truth: what the workbook plans for some hours, and what the ledger says was delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from headway.core import topics
from headway.core.clock import to_ms
from headway.core.plan import Chunk
from headway.replay.ledger import LedgerEntry, check_checksums, read_ledger
from headway.replay.prepare import Prepared, prepare
from headway.settings import Settings

# What the results of each topic are made from; event_ms and service_date come with every event.
NEEDED = {
    topics.TURNSTILE: ("station_id", "station_name", "line", "num_entries"),
    topics.ARRIVALS: ("line", "direction", "station_id", "delay_s"),
    topics.WEATHER: ("weather_station", "temperature_c", "status", "precipitation_mm", "wind_ms"),
}
NUMBERS = ("station_id", "num_entries", "delay_s")
Ledger = dict[int, LedgerEntry]  # by the hour's start in ms since the epoch


@dataclass(frozen=True)
class Planned:
    """What the workbook plans: the good events as a table, and (events, rejected rows) of each hour."""

    events: pd.DataFrame
    hours: dict[int, tuple[object, ...]]


def ledger_of(settings: Settings, feed: str, generation: int) -> Ledger:
    """Give a feed's ledger of one generation by hour."""
    entries = read_ledger(settings, feed)
    return {to_ms(hour): entry for (made_in, hour), entry in entries.items() if made_in == generation}


def planned(settings: Settings, feed: str, hours: Sequence[int], ledger: Ledger, seed: int | None) -> Planned:
    """Plan some hours (sorted) of a feed from its workbook, with the seed of the ledger unless one is given.

    Raises :class:`~headway.errors.LedgerError` when another workbook, feed description or seed made the ledger: then
    there is no truth to compare with.
    """
    used = next((entry.seed for entry in ledger.values()), None) if seed is None else seed
    ready = prepare(settings, feed, used)
    for entry in ledger.values():
        by_hour = {(entry.generation, entry.hour): entry}
        check_checksums(by_hour, ready.feed, entry.generation, ready.checksum, ready.seed)
    chunk = ready.plan.chunk(hours)
    bounds = chunk.bounds.tolist()
    counts: dict[int, tuple[object, ...]] = {
        hour: (bounds[i + 1] - bounds[i], len(chunk.dead[i])) for i, hour in enumerate(chunk.hours)
    }
    return Planned(_frame(ready, chunk), counts)


def _frame(ready: Prepared, chunk: Chunk) -> pd.DataFrame:
    days = np.array([day for day, _ in chunk.days] or [""], dtype=object)
    columns = {"event_ms": chunk.event_ms, "service_date": days[chunk.day]}
    for name in NEEDED.get(ready.feed.topic, ()):
        if name == "delay_s" and chunk.delay_s is not None:
            columns[name] = chunk.delay_s
        elif name in NUMBERS:
            columns[name] = ready.table.columns[name].ints()[chunk.rows]
        else:
            columns[name] = ready.table.columns[name].objects()[chunk.rows]
    return pd.DataFrame(columns)
