"""What the job's listener recorded of each micro-batch, and the figures and judgements made from it.

The records are JSON lines, in files (:mod:`headway.spark.progress_log`) and, the same, in the topic
``headway.spark.progress``. This module needs no Spark, and reads nothing.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

from headway.errors import NotAsExpectedError

WHOLE = "triggerExecution"  # the phase that is all the others
STARTED, BATCH, IDLE, TERMINATED = "started", "batch", "idle", "terminated"
FRESH_S = 60.0  # an idle query reports each 10 s; six missed reports are a stuck driver


@dataclass(frozen=True)
class Progress:
    """One line of the listener: a micro-batch, or that the query started, was idle, or ended."""

    at: str  # wall clock, ISO-8601 UTC
    event: str
    job: str
    driver: str  # one submission of the job
    trigger: str
    batch: int = -1
    rows: int = 0
    input_rows_per_s: float | None = None
    processed_rows_per_s: float | None = None
    duration_ms: dict[str, int] = field(default_factory=dict)  # by phase; triggerExecution is the whole
    state_rows: int = 0
    state_rows_updated: int = 0
    state_bytes: int = 0
    dropped_late: int = 0  # rows behind the watermark: must stay 0
    rejected: int = 0  # records that could not be decoded
    watermark: str | None = None
    newest_event: str | None = None
    offsets_behind: int = 0  # at most, over partitions, after the batch
    end_offsets: dict[str, dict[str, int]] = field(default_factory=dict)
    error: str | None = None

    @property
    def when(self) -> datetime:
        """Give the time of the line."""
        return datetime.fromisoformat(self.at)

    def to_json(self) -> str:
        """Give the line."""
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def from_json(cls, line: str) -> Progress:
        """Read a line; fields of a newer version are ignored."""
        known = {entry.name for entry in fields(cls)}
        return cls(**{name: value for name, value in json.loads(line).items() if name in known})


@dataclass(frozen=True)
class Totals:
    """What adds up over batches."""

    batches: int = 0
    rows: int = 0
    busy_ms: int = 0
    peak_rows_per_s: float = 0.0
    dropped_late: int = 0
    rejected: int = 0
    phases_ms: dict[str, int] = field(default_factory=dict)

    def __add__(self, other: Totals) -> Totals:
        phases = dict(self.phases_ms)
        for phase, ms in other.phases_ms.items():
            phases[phase] = phases.get(phase, 0) + ms
        return Totals(
            self.batches + other.batches,
            self.rows + other.rows,
            self.busy_ms + other.busy_ms,
            max(self.peak_rows_per_s, other.peak_rows_per_s),
            self.dropped_late + other.dropped_late,
            self.rejected + other.rejected,
            phases,
        )


@dataclass(frozen=True)
class ProgressSummary:
    """What one driver, or several, have done."""

    batches: int
    rows: int
    busy_s: float
    rows_per_s: float  # rows over the time spent in batches
    peak_rows_per_s: float
    state_rows: int
    dropped_late: int
    rejected: int
    offsets_behind: int
    watermark: str | None
    slowest_phase: str
    last_at: str | None


def progress_of_batch(report: Mapping[str, Any], *, at: str, job: str, driver: str, trigger: str) -> Progress:
    """Make a line from Spark's own progress report (``StreamingQueryProgress.json``, parsed)."""
    state = report.get("stateOperators") or []
    sources = report.get("sources") or []
    event_time = report.get("eventTime") or {}
    observed = (report.get("observedMetrics") or {}).get("input") or {}
    behind = [int(source.get("metrics", {}).get("maxOffsetsBehindLatest", 0)) for source in sources]
    ends: dict[str, dict[str, int]] = {}
    for source in sources:
        ends |= source.get("endOffset") or {}
    return Progress(
        at=at,
        event=BATCH,
        job=job,
        driver=driver,
        trigger=trigger,
        batch=int(report["batchId"]),
        rows=int(report.get("numInputRows", 0)),
        input_rows_per_s=_finite(report.get("inputRowsPerSecond")),
        processed_rows_per_s=_finite(report.get("processedRowsPerSecond")),
        duration_ms={str(phase): int(ms) for phase, ms in (report.get("durationMs") or {}).items()},
        state_rows=sum(int(operator["numRowsTotal"]) for operator in state),
        state_rows_updated=sum(int(operator["numRowsUpdated"]) for operator in state),
        state_bytes=sum(int(operator["memoryUsedBytes"]) for operator in state),
        dropped_late=sum(int(operator["numRowsDroppedByWatermark"]) for operator in state),
        rejected=int(observed.get("rejected") or 0),
        watermark=event_time.get("watermark"),
        newest_event=event_time.get("max"),
        offsets_behind=max(behind, default=0),
        end_offsets=ends,
    )


def add_up(lines: Iterable[Progress]) -> Totals:
    """Add up what batches did."""
    totals = Totals()
    for line in lines:
        if line.event == BATCH:
            phases = {phase: ms for phase, ms in line.duration_ms.items() if phase != WHOLE}
            busy, peak = line.duration_ms.get(WHOLE, 0), line.processed_rows_per_s or 0.0
            totals += Totals(1, line.rows, busy, peak, line.dropped_late, line.rejected, phases)
    return totals


def summarise(lines: list[Progress], before: Totals | None = None) -> ProgressSummary:
    """Add up what the batches did; ``before`` are the sums of those whose lines are gone."""
    batches = [line for line in lines if line.event == BATCH]
    done = (before or Totals()) + add_up(batches)
    busy = done.busy_ms / 1000
    last = batches[-1] if batches else None
    return ProgressSummary(
        batches=done.batches,
        rows=done.rows,
        busy_s=busy,
        rows_per_s=done.rows / busy if busy else 0.0,
        peak_rows_per_s=done.peak_rows_per_s,
        state_rows=last.state_rows if last else 0,
        dropped_late=done.dropped_late,
        rejected=done.rejected,
        offsets_behind=last.offsets_behind if last else 0,
        watermark=last.watermark if last else None,
        slowest_phase=max(done.phases_ms, key=lambda phase: done.phases_ms[phase], default=""),
        last_at=lines[-1].at if lines else None,
    )


def why_not_processing(lines: list[Progress], now: datetime, *, since: datetime | None = None) -> str | None:
    """Say why a continuous driver does not truly process, or None when it does.

    It does when its newest line is fresh, is no end, and a batch or an idle report (all is read) was made after
    ``since``, the moment of its start.
    """
    mine = [line for line in lines if since is None or line.when >= since]
    if not mine:
        return "the driver has reported nothing yet"
    last = mine[-1]
    if last.event == TERMINATED:
        return f"the query ended at {last.at}: {last.error or 'it was stopped'}"
    if all(line.event == STARTED for line in mine):
        return f"the query started at {last.at} and has made no batch yet"
    age = (now - last.when).total_seconds()
    if age > FRESH_S:
        return f"the last report is {age:.0f} s old"
    return None


def check_exact(dropped: int, job: str) -> None:
    """Fail when the state had to drop an event, for then the results are not exact."""
    if dropped:
        raise NotAsExpectedError(
            f"{dropped} events came later than the watermark allows and are not in the results.",
            where=f"Spark job {job}",
            next_step="run the job with a longer --grace and begin a new epoch",
        )


def utc_now() -> str:
    """Give the wall clock as the progress lines write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _finite(value: Any) -> float | None:
    number = float(value) if value is not None else math.nan
    return number if math.isfinite(number) else None
