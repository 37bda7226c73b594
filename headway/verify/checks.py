"""The checks of a verification as they are made: names of stations, places of differences."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from headway.core.clock import hour_text
from headway.verify.compare import Check, compare
from headway.verify.truths import Table


@dataclass
class Checks:
    """What was compared so far, and the stations' names for whoever reads it."""

    made: list[Check] = field(default_factory=list)
    names: dict[int, str] = field(default_factory=dict)

    def compare(
        self,
        name: str,
        expected: Table,
        found: Table,
        *,
        place: Callable[..., str],
        fields: tuple[str, ...],
        cure: str,
        **more: Any,
    ) -> None:
        """Make a check as :func:`headway.verify.compare.compare` does."""
        self.made.append(compare(name, expected, found, place=place, fields=fields, cure=cure, **more))

    def station_hours(self, name: str, expected: Table, found: Table, cure: str) -> None:
        """Compare (entries, records) by (station, hour)."""
        self.compare(name, expected, found, place=self.station_hour, fields=("entries", "records"), cure=cure)

    def station_hour(self, key: tuple[int, int]) -> str:
        """Name a station and an hour."""
        return f"{self.station(key[0])}, {hour_text(key[1])}"

    def station(self, station_id: int) -> str:
        """Name a station."""
        name = self.names.get(station_id)
        return f"{name} ({station_id})" if name else f"station {station_id}"
