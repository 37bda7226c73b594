"""The two sources of truth: what the workbook plans for some hours, and what the ledger says was delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from headway.core.clock import from_ms, to_ms
from headway.replay.ledger import LedgerEntry, check_checksums, read_ledger
from headway.replay.prepare import prepare
from headway.replay.truth import Truth, truth
from headway.settings import Settings
from headway.verify.compare import Values
from headway.verify.truths import Fingerprints

# What results are made from, by the events' contract, beside the time and the service date.
NEEDED = {
    "turnstile.v1.json": ("station_id", "station_name", "line", "num_entries"),
    "arrivals.v1.json": ("line", "direction", "station_id", "delay_s"),
    "weather.v1.json": ("weather_station", "temperature_c", "status", "precipitation_mm", "wind_ms"),
}
HOURS_AT_ONCE = 7 * 24  # an event costs some 500 bytes while its week is planned, and 60 after
Ledger = dict[int, LedgerEntry]  # by the hour's start in ms since the epoch


@dataclass(frozen=True)
class Planned:
    """What the workbook plans: (events, rejected rows) of each hour; and, as far as the ledger says that they were
    delivered, the events and their ids."""

    events: pd.DataFrame
    ids: Fingerprints
    hours: dict[int, Values]


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
        one = {(entry.generation, entry.hour): entry}
        check_checksums(one, ready.feed, entry.generation, ready.checksum, ready.seed)
    frames, ids, counts = [nothing_of(ready.feed.contract)], Fingerprints(), dict[int, Values]()
    for first in range(0, len(hours), HOURS_AT_ONCE):
        part = truth(settings, feed, map(from_ms, hours[first : first + HOURS_AT_ONCE]), ready.seed)
        counts |= {to_ms(hour): (count, part.rejected[hour]) for hour, count in part.events.items()}
        sent = _delivered(part, ledger)
        frames.append(_frame(part, ready.feed.contract)[sent])
        for hour, event_id in zip(part.hour_ms[sent].tolist(), part.columns["event_id"][sent].tolist(), strict=True):
            ids.add(hour, event_id)
    return Planned(pd.concat(frames[1:] or frames, ignore_index=True), ids, counts)


def _delivered(part: Truth, ledger: Ledger) -> NDArray[np.bool_]:
    """Mark the events that the ledger says were delivered: the first ones of each hour, in the plan's order.

    An hour that lacks some is a difference between workbook and ledger, and of nothing else: what has been delivered of
    it must be in every result all the same.
    """
    hours, first, sizes = np.unique(part.hour_ms, return_index=True, return_counts=True)
    place = np.arange(len(part)) - np.repeat(first, sizes)
    limit = np.array([ledger[hour].delivered if hour in ledger else 0 for hour in hours.tolist()], dtype=np.int64)
    return np.asarray(place < np.repeat(limit, sizes))


def _frame(part: Truth, contract: str) -> pd.DataFrame:
    columns = {name: part.columns[name] for name in ("service_date", *NEEDED.get(contract, ()))}
    return pd.DataFrame({"event_ms": part.event_ms, **columns})


def nothing_of(contract: str) -> pd.DataFrame:
    """Give no events, as a table with the columns of its contract."""
    return pd.DataFrame({name: [] for name in ("event_ms", "service_date", *NEEDED.get(contract, ()))})
