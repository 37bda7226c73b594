"""Starting the Faust workers: what runs is left alone, and nothing is started where others look after them."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest

from headway.runtime.program import ProgramSpec
from headway.settings import Settings
from headway.stations import workers


@pytest.fixture
def done(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Put a supervisor in the way whose first worker runs; it records what it is told."""
    told: list[tuple[str, str]] = []

    class Supervisor:
        def __init__(self, _settings: Settings) -> None: ...

        def status(self, program: str) -> SimpleNamespace:
            return SimpleNamespace(running=program == "faust-worker-1")

        def ensure_program(self, spec: ProgramSpec) -> None:
            told.append(("ensure", spec.name))

        def start(self, program: str) -> None:
            told.append(("start", program))

    monkeypatch.setattr(workers, "Supervision", Supervisor)
    return told


def test_a_worker_that_runs_is_left_as_it_is(done: list[tuple[str, str]], tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    assert workers.begin(settings) == ["faust-worker-1", "faust-worker-2"]
    assert done == [("ensure", "faust-worker-2"), ("start", "faust-worker-2")]


def test_workers_of_other_profiles_are_not_ours_to_start(done: list[tuple[str, str]], tmp_path: Path) -> None:
    assert workers.begin(Settings(profile="external", state_dir=tmp_path)) == []
    assert done == []
