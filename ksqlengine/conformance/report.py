"""Run all cases of a folder and count."""

from __future__ import annotations

import fnmatch
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ksqlengine import jvm
from ksqlengine.conformance.cases import Case, load
from ksqlengine.conformance.run import Mismatch, run_case
from ksqlengine.errors import KsqlError


@dataclass
class Report:
    """Count what passed, by kind and by file."""

    positive: list[int] = field(default_factory=lambda: [0, 0])
    negative: list[int] = field(default_factory=lambda: [0, 0])
    features: dict[str, list[int]] = field(default_factory=dict)
    out_of_scope: list[dict[str, str]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "positive": {"passed": self.positive[0], "total": self.positive[1]},
            "negative": {"passed": self.negative[0], "total": self.negative[1]},
            "features": {n: {"passed": p, "total": t} for n, (p, t) in sorted(self.features.items())},
            "out_of_scope": self.out_of_scope,
            "failures": self.failures,
            "seconds": round(self.seconds, 1),
        }


def run_folder(folder: Path, only: str | None = None) -> Report:
    """Run every case in scope; `only` is a pattern of file or file:case."""
    report = Report()
    started = time.monotonic()
    jvm.start(test_driver=True)
    for case in load(folder):
        if only and not _chosen(case, only):
            continue
        if case.out_of_scope:
            report.out_of_scope.append({"case": f"{case.file}: {case.name}", "reason": case.out_of_scope})
            continue
        count(report, case)
    report.seconds = time.monotonic() - started
    return report


def _chosen(case: Case, only: str) -> bool:
    label = f"{case.file}: {case.name}"
    return only in label or fnmatch.fnmatch(label, only)


def count(report: Report, case: Case) -> None:
    """Run a case and count it."""
    side = report.negative if case.expected_error is not None else report.positive
    feature = report.features.setdefault(case.file.removesuffix(".json"), [0, 0])
    side[1] += 1
    feature[1] += 1
    try:
        run_case(case)
    except Mismatch as mismatch:
        reason = str(mismatch)
    except KsqlError as error:
        reason = f"the engine said: {error.message}"
    except Exception as error:
        reason = f"{type(error).__name__}: {str(error)[:600]}"
        cause = error.__cause__
        if cause is not None:
            reason += f" / {str(cause)[:200]}"
    else:
        side[0] += 1
        feature[0] += 1
        return
    report.failures.append({"file": case.file, "case": case.name, "reason": reason})
