"""What was asked to run outlives the supervisor, and is started with today's addresses."""

from __future__ import annotations

import stat
from pathlib import Path

from headway.runtime.program import ProgramSpec
from headway.runtime.wanted import Wanted
from headway.settings import Settings, SparkSettings


def test_program_is_kept_as_asked_for_but_follows_the_settings_to_another_master(tmp_path: Path) -> None:
    before = Settings(state_dir=tmp_path, spark=SparkSettings(master_url="spark://127.0.0.1:7077"))
    command = ("spark-submit", "--master", before.spark.master_url, "job.py")
    Wanted(before).add_program(ProgramSpec("driver", command, {}, Path("/"), stop_seconds=60), {"MINE": "1"})

    after = Settings(state_dir=tmp_path, spark=SparkSettings(master_url="spark://127.0.0.1:7999"))
    spec = Wanted(after).program("driver")
    assert spec is not None
    assert spec.command == ("spark-submit", "--master", "spark://127.0.0.1:7999", "job.py")
    assert spec.env["MINE"] == "1"
    assert spec.env["HEADWAY__STATE_DIR"] == str(tmp_path)
    assert spec.stop_seconds == 60


def test_a_wish_lasts_until_it_is_taken_back(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path)
    Wanted(settings).add("faust-worker-1")
    assert "faust-worker-1" in Wanted(settings)
    assert Wanted(settings).names() == ["faust-worker-1"]
    assert Wanted(settings).program("faust-worker-1") is None, "a part knows its own program"
    assert {stat.S_IMODE(path.stat().st_mode) for path in Wanted(settings).folder.iterdir()} == {0o600}
    for _ in range(2):
        Wanted(settings).remove("faust-worker-1")
    assert "faust-worker-1" not in Wanted(settings)
    assert Wanted(settings).names() == []
