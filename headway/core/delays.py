"""Delays of trips: drawn by counter, so any trip of any date can be made alone, in any order, with the same result.

Whole-number arithmetic only: the same on every machine. A disturbed trip builds its delay up over a few stops and wins
it back slowly; the others are on time.
"""

from __future__ import annotations

from datetime import date
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from headway.core.clock import EPOCH
from headway.core.feeds import Delays
from headway.core.table import Coded, Ints

U64 = NDArray[np.uint64]
GOLDEN = 0x9E3779B97F4A7C15
# quantiles of a disturbance's size, in thousandths of the median: skewed, as real ones are
SIZES = np.array([250, 350, 450, 550, 650, 760, 880, 1000, 1140, 1310, 1520, 1800, 2200, 2900, 4300, 7500], np.int64)


def mix(z: U64) -> U64:
    """Scramble 64-bit counters (the finaliser of SplitMix64)."""
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))


class TripDelays:
    """The delays of a template's trips, for any service date."""

    def __init__(self, delays: Delays, trips: Coded, sequences: Ints) -> None:
        self._delays = delays
        self._codes, self._sequences = trips.codes, sequences
        names = [str(name).encode() for name in trips.values]
        self._keys = np.array([int.from_bytes(blake2b(n, digest_size=8).digest()) for n in names], dtype=np.uint64)
        self._last = np.zeros(len(names), dtype=np.int64)
        np.maximum.at(self._last, self._codes, sequences)
        self.cap_ms = delays.cap_s * 1000

    def of(self, service_date: date, seed: int) -> Ints:
        """Give each row's delay in seconds on a service date."""
        d = self._delays
        salt = (seed * GOLDEN + (service_date - EPOCH).days * 0xD1B54A32D192ED03) % 2**64
        base = mix(self._keys + np.uint64(salt))
        hit = (_draw(base, 1) % np.uint64(1_000_000)).astype(np.int64) < round(d.share * 1_000_000)
        start = (_draw(base, 2) % (self._last + 1).astype(np.uint64)).astype(np.int64)
        size = d.median_s * SIZES[(_draw(base, 3) % np.uint64(len(SIZES))).astype(np.int64)] // 1000
        size = np.where(hit, np.minimum(size, d.cap_s), 0)
        step = self._sequences - start[self._codes]
        worst = size[self._codes]
        built = worst * np.clip(step + 1, 0, d.ramp_stops) // d.ramp_stops
        won_back = d.recovery_s * np.clip(step + 1 - d.ramp_stops, 0, None)
        return np.asarray(np.maximum(built - won_back, 0), dtype=np.int64)


def _draw(base: U64, number: int) -> U64:
    return mix(base + np.uint64(number * GOLDEN % 2**64))
