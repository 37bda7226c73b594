"""ksqlDB's own cases, where they lie beside the repository: a floor on how many agree."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ksqlengine.conformance.report import run_folder

SHARED = Path(__file__).resolve().parents[3] / "shared" / "qtt" / "cases"
POSITIVE_FLOOR, NEGATIVE_FLOOR = 0.96, 0.93


@pytest.mark.skipif(not SHARED.is_dir(), reason="ksqlDB's cases are not on this machine")
def test_engine_agrees_with_ksqldbs_own_cases(test_driver_jvm: None) -> None:
    started = time.process_time()
    report = run_folder(SHARED)
    assert report.positive[1] > 700
    assert report.negative[1] > 200
    shown = "\n".join(f"{f['file']}: {f['case']}: {f['reason'][:200]}" for f in report.failures[:40])
    assert report.positive[0] >= POSITIVE_FLOOR * report.positive[1], shown
    assert report.negative[0] >= NEGATIVE_FLOOR * report.negative[1], shown
    assert time.process_time() - started < 180  # of this process and its JVM: other work on the machine does not count
