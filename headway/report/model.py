"""What a report says (pure): filled by :mod:`headway.report.build`, shown by :mod:`headway.report.render`."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FeedLine:
    """What was delivered of one feed; hours are ms since the epoch."""

    name: str
    topic: str
    hours: int
    first_hour: int | None
    last_hour: int | None
    delivered: int
    rejected: int


@dataclass(frozen=True)
class StationLine:
    """One of the busiest stations: entries of all hours, and its busiest hour."""

    name: str
    lines: tuple[str, ...]
    entries: int
    peak_hour: int | None
    peak_entries: int


@dataclass(frozen=True)
class LineLine:
    """One line: riders, mean time between trains (s), share of arrivals that were not late."""

    name: str
    entries: int
    headway_s: float | None
    on_time: float | None


@dataclass(frozen=True)
class Weather:
    """The weather of the hours that were replayed."""

    hours: int
    low_c: float
    mean_c: float
    high_c: float
    precipitation_mm: float
    statuses: tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class SparkLine:
    """What the Spark job last did: rows and rates of its newest driver."""

    job: str
    trigger: str
    batches: int
    rows: int
    rows_per_s: float
    peak_rows_per_s: float
    busy_s: float
    state_rows: int
    slowest_phase: str
    dropped_late: int


@dataclass(frozen=True)
class Report:
    """Everything; a section that could not be made is in ``missing`` with the reason."""

    timezone: str
    generation: int = 0
    feeds: tuple[FeedLine, ...] = ()
    entries: int = 0
    stations: tuple[StationLine, ...] = ()
    lines: tuple[LineLine, ...] = ()
    weather: Weather | None = None
    spark: SparkLine | None = None
    places: tuple[tuple[str, str], ...] = ()
    missing: dict[str, str] = field(default_factory=dict)
