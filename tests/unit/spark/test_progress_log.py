"""The progress of a driver that never ends: bounded files, exact sums, the newest lines without the old ones."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headway.spark import progress_log
from headway.spark.lease import BOUNDED, CONTINUOUS
from headway.spark.progress import BATCH, IDLE, Progress, ProgressSummary, Totals, summarise
from headway.spark.progress_log import ProgressLog, history, read_lines, recent

START = datetime(2026, 1, 5, 12, tzinfo=UTC)
JOB = "g1-w60-e1"


def batch(number: int, driver: str = "d", **more: object) -> Progress:
    at = (START + timedelta(seconds=5 * number)).isoformat(timespec="milliseconds")
    values = {"rows": 10, "duration_ms": {"addBatch": 2, "triggerExecution": 3}, "dropped_late": 0} | more
    return Progress(at=at, event=BATCH, job=JOB, driver=driver, trigger=CONTINUOUS, batch=number, **values)  # type: ignore[arg-type]


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    size = len(batch(1).to_json())
    monkeypatch.setattr(progress_log, "FILE_BYTES", 10 * size)
    monkeypatch.setattr(progress_log, "KEPT_BYTES", 30 * size)


def done_by(driver: str, folder: Path) -> ProgressSummary:
    before, lines = history(folder, job=JOB, driver=driver)
    return summarise(lines, before)


def lines_of(count: int) -> list[Progress]:
    return [batch(number, dropped_late=int(number == 3)) for number in range(count)]


@pytest.mark.usefixtures("small")
def test_files_stay_bounded_and_the_sums_exact(tmp_path: Path) -> None:
    log = ProgressLog(tmp_path, JOB, "d")
    for line in lines_of(500):
        log.append(line)
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) < 45 * len(batch(1).to_json())
    before, lines = history(tmp_path, job=JOB)
    assert lines == lines_of(500)[-len(lines) :]
    done = summarise(lines, before)
    assert (done.batches, done.rows, done.busy_s, done.dropped_late) == (500, 5000, 1.5, 1)
    assert done_by("d", tmp_path) == done
    assert history(tmp_path, job=JOB, driver="another") == (Totals(), [])


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize("killed_at", ["replace", "unlink"])
def test_driver_that_is_killed_while_it_folds_loses_no_line_and_counts_none_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: str
) -> None:
    log, sent = ProgressLog(tmp_path, JOB, "d"), 0

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Path, killed_at, killed)
        for line in lines_of(500):
            log.append(line)
            sent += 1
    assert 30 < sent < 500
    for _ in range(2):
        before, lines = history(tmp_path, job=JOB)
        assert summarise(lines, before).batches == sent
        ProgressLog(tmp_path, JOB, "next")  # the next driver tidies up
    assert done_by("d", tmp_path).batches == sent


def test_files_of_many_short_runs_are_folded_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress_log, "KEPT_FILES", 4)
    for number in range(20):
        ProgressLog(tmp_path, JOB, f"run{number}").append(batch(number, driver=f"run{number}"))
    assert len(list(tmp_path.glob("*.jsonl"))) == 5
    before, lines = history(tmp_path, job=JOB)
    assert summarise(lines, before).rows == 200
    assert done_by("run13", tmp_path).rows == 10, "a recent one's are kept apart"


@pytest.mark.parametrize("block", [7, 100, 65_536])
@pytest.mark.parametrize("tail", ["", '{"at": "half'])
def test_newest_lines_are_read_from_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, tail: str
) -> None:
    monkeypatch.setattr(progress_log, "BLOCK", block)
    log = ProgressLog(tmp_path, JOB, "d")
    for line in lines_of(40):
        log.append(line)
    with log.path.open("a", encoding="utf-8") as file:
        file.write(tail)
    assert recent(tmp_path, job=JOB, since=batch(37).when) == lines_of(40)[37:]
    assert recent(tmp_path, job=JOB, since=START) == lines_of(40) == read_lines(tmp_path)
    assert recent(tmp_path, job=JOB, since=batch(40).when) == []
    assert recent(tmp_path, job="g1-w60-e10", since=START) == []


def test_old_lines_are_not_even_parsed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = ProgressLog(tmp_path, JOB, "d")
    for line in lines_of(1000):
        log.append(line)
    parsed: list[str] = []
    read = Progress.from_json

    def noted(text: str) -> Progress:
        parsed.append(text)
        return read(text)

    monkeypatch.setattr(Progress, "from_json", noted)
    assert len(recent(tmp_path, job=JOB, since=batch(995).when)) == 5
    assert len(parsed) == 6


def test_idle_lines_count_as_no_batch(tmp_path: Path) -> None:
    log = ProgressLog(tmp_path, JOB, "d")
    log.append(Progress(at=START.isoformat(), event=IDLE, job=JOB, driver="d", trigger=BOUNDED))
    assert summarise(read_lines(tmp_path)).batches == 0
