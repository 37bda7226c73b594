"""Run all cases of a folder and count."""

from __future__ import annotations

import fnmatch
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from ksqlengine import jvm
from ksqlengine.conformance.cases import load
from ksqlengine.conformance.run import Mismatch, run_case
from ksqlengine.errors import KsqlError

# Called with (done, of) after each case.
Progress = Callable[[int, int], None]


def no_progress(done: int, of: int) -> None:
    """Say nothing."""


@dataclass
class Report:
    """Count what passed: [passed, total] by kind and by feature (a feature is a file of cases)."""

    positive: list[int] = field(default_factory=lambda: [0, 0])
    negative: list[int] = field(default_factory=lambda: [0, 0])
    features: dict[str, list[int]] = field(default_factory=dict)
    out_of_scope: list[dict[str, str]] = field(default_factory=list)
    failures: list[dict[str, str]] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def ran(self) -> int:
        """Say how many cases ran."""
        return self.positive[1] + self.negative[1]

    def add(self, file: str, case: str, reason: str, *, negative: bool) -> None:
        """Count a case; a reason is why it failed."""
        for counts in (self.negative if negative else self.positive, self.features.setdefault(_feature(file), [0, 0])):
            counts[1] += 1
            counts[0] += not reason
        if reason:
            self.failures.append({"file": file, "case": case, "reason": reason})

    def leave_out(self, file: str, case: str, reason: str) -> None:
        """Note a case that is not for this engine, and why."""
        self.out_of_scope.append({"case": f"{file}: {case}", "reason": reason})

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: positive and negative with passed and total, out_of_scope, failures."""
        return {
            "positive": {"passed": self.positive[0], "total": self.positive[1]},
            "negative": {"passed": self.negative[0], "total": self.negative[1]},
            "out_of_scope": self.out_of_scope,
            "failures": self.failures,
        }


def _feature(file: str) -> str:
    return file.removesuffix(".json")


def is_chosen(file: str, case: str, only: str) -> bool:
    """Say whether `file: case` holds a pattern or matches it (``*`` and ``?``)."""
    label = f"{file}: {case}"
    return not only or only in label or fnmatch.fnmatch(label, only)


@dataclass(frozen=True)
class Task:
    """Be a case that waits to be run: `run` raises what is wrong with it."""

    file: str
    name: str
    out_of_scope: str
    negative: bool
    run: Callable[[], None]


def run_folder(folder: Path, only: str = "", progress: Progress = no_progress) -> Report:
    """Run every case in scope; `only` is a pattern of `file: case`."""
    jvm.start(test_driver=True, options=(f"{jvm.LOG_LEVEL}=error",))  # cases are about records that are skipped
    found = (Task(c.file, c.name, c.out_of_scope, c.expected_error is not None, partial(run_case, c))
             for c in load(folder))  # fmt: skip
    return run_all(found, only, progress)


def run_all(tasks: Iterable[Task], only: str, progress: Progress) -> Report:
    """Run the cases that `only` chooses, one after the other, and count."""
    report = Report()
    begun = time.monotonic()
    chosen = [task for task in tasks if is_chosen(task.file, task.name, only)]
    for done, task in enumerate(chosen):
        progress(done, len(chosen))
        if task.out_of_scope:
            report.leave_out(task.file, task.name, task.out_of_scope)
        else:
            report.add(task.file, task.name, why_not(task.run), negative=task.negative)
    report.seconds = time.monotonic() - begun
    return report


def why_not(run: Callable[[], None]) -> str:
    """Run a case and say why it failed, or nothing."""
    try:
        run()
    except Mismatch as mismatch:
        return str(mismatch) or "it differs"
    except KsqlError as error:
        return f"the engine said: {error.message}"
    except Exception as error:  # a crash is this case's failure, the others go on
        reason = f"{type(error).__name__}: {str(error)[:600]}"
        return reason + (f" / {str(error.__cause__)[:200]}" if error.__cause__ is not None else "")
    return ""
