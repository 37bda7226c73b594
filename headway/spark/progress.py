"""What the job's listener recorded of each micro-batch, and the figures and judgements made from it.

The records are JSON lines in ``<output>/progress/<job>-<driver>.jsonl`` and, the same, in the topic
``headway.spark.progress``. This module needs no Spark.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.errors import NotAsExpectedError

if TYPE_CHECKING:
    from headway.settings import Settings

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


def read_progress(settings: Settings, *, job: str | None = None, driver: str | None = None) -> list[Progress]:
    """Read the recorded lines in order of time, of one job or one driver when named.

    A last line that is being written at this moment is left out.
    """
    return read_lines(settings.output / "progress", job=job, driver=driver)


def read_lines(folder: Path, *, job: str | None = None, driver: str | None = None) -> list[Progress]:
    """Read the lines of a progress folder, as :func:`read_progress` does."""
    lines: list[Progress] = []
    for path in sorted(folder.glob(f"{job}-*.jsonl" if job else "*.jsonl")):  # as the listener names them
        lines += [Progress.from_json(line) for line in _whole_lines(path)]
    wanted = [line for line in lines if job in (None, line.job) and driver in (None, line.driver)]
    return sorted(wanted, key=lambda line: line.at)


def summarise(lines: list[Progress]) -> ProgressSummary:
    """Add up what the batches did."""
    batches = [line for line in lines if line.event == BATCH]
    rows = sum(line.rows for line in batches)
    busy = sum(line.duration_ms.get("triggerExecution", 0) for line in batches) / 1000
    phases: dict[str, int] = {}
    for line in batches:
        for phase, ms in line.duration_ms.items():
            if phase != "triggerExecution":
                phases[phase] = phases.get(phase, 0) + ms
    last = batches[-1] if batches else None
    return ProgressSummary(
        batches=len(batches),
        rows=rows,
        busy_s=busy,
        rows_per_s=rows / busy if busy else 0.0,
        peak_rows_per_s=max((line.processed_rows_per_s or 0.0 for line in batches), default=0.0),
        state_rows=last.state_rows if last else 0,
        dropped_late=sum(line.dropped_late for line in batches),
        rejected=sum(line.rejected for line in batches),
        offsets_behind=last.offsets_behind if last else 0,
        watermark=last.watermark if last else None,
        slowest_phase=max(phases, key=lambda phase: phases[phase], default=""),
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


def check_exact(lines: list[Progress], job: str) -> None:
    """Fail when the state had to drop an event, for then the results are not exact."""
    dropped = sum(line.dropped_late for line in lines)
    if dropped:
        raise NotAsExpectedError(
            f"{dropped} events came later than the watermark allows and are not in the results.",
            where=f"Spark job {job}",
            next_step="run the job with a longer --grace and begin a new epoch",
        )


def utc_now() -> str:
    """Give the wall clock as the progress lines write it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _whole_lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return text[: text.rfind("\n") + 1].splitlines()


def _finite(value: Any) -> float | None:
    number = float(value) if value is not None else math.nan
    return number if math.isfinite(number) else None
