"""What a submission is made of, who may hold a checkpoint, and what the progress lines say. No Spark is started."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from headway.errors import NotAsExpectedError, RuntimeSetupError, SettingsError
from headway.settings import KafkaSettings, Settings, SparkSettings
from headway.spark import driver
from headway.spark.catch_up import passed, reached
from headway.spark.layout import TABLES, Layout, layout_of
from headway.spark.lease import BOUNDED, CONTINUOUS, lease, owner, started_at
from headway.spark.progress import (
    BATCH,
    IDLE,
    STARTED,
    TERMINATED,
    Progress,
    check_exact,
    progress_of_batch,
    summarise,
    why_not_processing,
)
from headway.spark.progress_log import read_lines
from headway.spark.submit import APPLICATION, WRAPPER, Tuning, application_args, spark_conf, submit_command

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    jars = tmp_path / "jars"
    jars.mkdir()
    (jars / "spark-sql-kafka-0-10_2.13-4.2.0.jar").touch()
    kafka = KafkaSettings(
        security_protocol="SASL_SSL", sasl_mechanism="PLAIN", sasl_username="headway", sasl_password="never-shown"
    )
    spark = SparkSettings(jars_dir=jars)
    return Settings(state_dir=tmp_path / "state", kafka=kafka, spark=spark)


def test_submission_sets_memory_cores_and_tuning_and_holds_no_secret(settings: Settings) -> None:
    tuning = Tuning(executor_memory="1g", total_executor_cores=3, shuffle_partitions=6, memory_fraction=0.5)
    args = application_args(trigger=BOUNDED, generation=2, output=Path("/results"))
    command = submit_command(settings, args, tuning)
    assert command[0] == str(WRAPPER) and os.access(WRAPPER, os.X_OK)
    assert command[command.index("--executor-memory") + 1] == "1g"
    conf = dict(command[at + 1].split("=", 1) for at, word in enumerate(command) if word == "--conf")
    assert conf["spark.cores.max"] == "3"
    assert conf["spark.sql.shuffle.partitions"] == "6"
    assert conf["spark.memory.fraction"] == "0.5"
    assert conf["spark.driver.bindAddress"] == "127.0.0.1"
    assert conf["spark.jars"].endswith("spark-sql-kafka-0-10_2.13-4.2.0.jar")
    assert command[command.index(str(APPLICATION)) + 1 :] == args
    assert "never-shown" not in " ".join(command)
    assert APPLICATION.exists()


def test_driver_without_a_generation_takes_the_present_one(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Layout] = []
    monkeypatch.setattr("headway.replay.generation.current", lambda settings: 7)
    monkeypatch.setattr(driver, "_stream", lambda settings, layout, options: begun.append(layout))
    for generation in (None, 2):
        args = application_args(trigger=BOUNDED, generation=generation)
        driver.run(settings, driver.parser().parse_args(args))
    assert [layout.generation for layout in begun] == [7, 2]


def test_packages_replace_the_installed_jars(settings: Settings) -> None:
    command = submit_command(settings, [], Tuning(packages="org.example:thing:1"))
    assert command[command.index("--packages") + 1] == "org.example:thing:1"
    assert not any("spark.jars=" in word for word in command)


def test_missing_connector_is_an_error_that_names_the_folder(settings: Settings, tmp_path: Path) -> None:
    settings.spark.jars_dir = tmp_path / "nothing"
    with pytest.raises(RuntimeSetupError, match="nothing"):
        spark_conf(settings)


def test_window_that_does_not_divide_the_hour_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="45 minutes"):
        Layout(tmp_path, window_minutes=45)


def test_each_generation_window_and_epoch_has_its_own_checkpoint_beside_its_tables(settings: Settings) -> None:
    layouts = [Layout(settings.output, *job) for job in ((1, 60, 1), (2, 60, 1), (1, 30, 1), (1, 60, 2))]
    assert len({layout.checkpoint for layout in layouts}) == 4
    for layout in layouts:
        assert {layout.table(name).parent for name in TABLES} == {layout.checkpoint.parent}
    layouts[1].checkpoint.mkdir(parents=True)
    assert layout_of(settings) == layouts[1], "the newest generation by default"


HOLD = """
import sys, time
from pathlib import Path
from headway.spark.lease import lease
with lease(Path(sys.argv[1]), sys.argv[2]):
    print("held", flush=True)
    time.sleep(60)
"""


def hold(path: Path, mode: str) -> subprocess.Popen[str]:
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path), mode], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None and process.stdout.readline() == "held\n"
    return process


def test_retry_ends_the_previous_bounded_driver_on_its_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "_driver.json"
    previous = hold(path, BOUNDED)
    with lease(path, BOUNDED):
        assert previous.wait(30) == -signal.SIGTERM
        held = owner(path)
        assert held is not None and held.pid == os.getpid()
        assert held.jvm == 0, "a parent that is not spark-submit is none of ours to end"
    assert owner(path) is None


def test_continuous_driver_is_never_ended_by_another(tmp_path: Path) -> None:
    path = tmp_path / "_driver.json"
    running = hold(path, CONTINUOUS)
    try:
        for mode in (BOUNDED, CONTINUOUS):
            with pytest.raises(NotAsExpectedError, match=f"process {running.pid}"), lease(path, mode):
                pass
        assert running.poll() is None
    finally:
        running.kill()
        running.wait()
    with lease(path, CONTINUOUS):  # the lock ended with its process
        pass


def test_process_id_used_again_by_another_process_is_not_the_owner(tmp_path: Path) -> None:
    path = tmp_path / "_driver.json"
    mine = {"mode": BOUNDED, "pid": os.getpid(), "pid_started": started_at(os.getpid()) - 1, "jvm": 0, "jvm_started": 0}
    path.write_text(json.dumps(mine), encoding="utf-8")
    assert owner(path) is None


def test_wrapper_ends_with_its_parent(tmp_path: Path) -> None:
    # a stand-in for pyspark's spark-submit: what counts is what the wrapper leaves behind
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    real = home / "bin" / "spark-submit"
    real.write_text('#!/bin/sh\necho "$$" > "$1"\nexec sleep 600\n', encoding="utf-8")
    real.chmod(0o755)
    pid_file = tmp_path / "pid"
    environment = os.environ | {"SPARK_HOME": str(home), "JAVA_HOME": "/none"}
    parent = subprocess.Popen(
        [sys.executable, "-c", f"import subprocess; subprocess.run([{str(WRAPPER)!r}, {str(pid_file)!r}])"],
        env=environment,
    )
    deadline = time.monotonic() + 120
    while not (pid_file.exists() and pid_file.read_text().strip()):
        assert time.monotonic() < deadline, "the wrapper did not start spark-submit"
        time.sleep(0.02)
    child = int(pid_file.read_text())
    born = started_at(child)
    assert born
    parent.kill()
    parent.wait()
    while started_at(child) == born:
        assert time.monotonic() < deadline, "the driver outlived its parent"
        time.sleep(0.02)


REPORT = {
    "batchId": 4,
    "numInputRows": 1000,
    "inputRowsPerSecond": float("nan"),
    "processedRowsPerSecond": 500.0,
    "durationMs": {"addBatch": 1500, "walCommit": 20, "triggerExecution": 2000},
    "eventTime": {"watermark": "2016-03-05T00:00:00.000Z", "max": "2026-03-03T23:00:00.000Z"},
    "stateOperators": [
        {"numRowsTotal": 70, "numRowsUpdated": 7, "memoryUsedBytes": 900, "numRowsDroppedByWatermark": 2}
    ],
    "sources": [{"endOffset": {"t": {"0": 12}}, "metrics": {"maxOffsetsBehindLatest": "3"}}],
    "observedMetrics": {"input": {"rejected": 1}},
}


def line(event: str, ago_s: float, **more: object) -> Progress:
    at = (NOW - timedelta(seconds=ago_s)).isoformat(timespec="milliseconds")
    return Progress(at=at, event=event, job="j", driver="d", trigger=CONTINUOUS, **more)  # type: ignore[arg-type]


def test_progress_line_keeps_what_spark_reported(tmp_path: Path) -> None:
    made = progress_of_batch(REPORT, at=NOW.isoformat(), job="g1-w60-e1", driver="d", trigger=BOUNDED)
    assert (made.rows, made.state_rows, made.offsets_behind, made.rejected) == (1000, 70, 3, 1)
    assert made.input_rows_per_s is None, "Spark writes NaN, which is not JSON"
    assert made.watermark == "2016-03-05T00:00:00.000Z"
    path = tmp_path / "g1-w60-e1-d.jsonl"
    path.write_text(made.to_json() + "\n" + made.to_json()[:40], encoding="utf-8")
    assert read_lines(tmp_path) == [made], "a line that is being written is left out"
    assert read_lines(tmp_path, job="another") == []
    summary = summarise([made, made])
    assert (summary.rows, summary.rows_per_s, summary.slowest_phase) == (2000, 500.0, "addBatch")


def test_event_dropped_by_the_watermark_is_an_error() -> None:
    made = progress_of_batch(REPORT, at=NOW.isoformat(), job="j", driver="d", trigger=BOUNDED)
    with pytest.raises(NotAsExpectedError, match="2 events"):
        check_exact(summarise([made]).dropped_late, "j")


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([], "reported nothing"),
        ([line(STARTED, 5)], "no batch yet"),
        ([line(STARTED, 50), line(BATCH, 5)], None),
        ([line(STARTED, 50), line(IDLE, 5)], None),
        ([line(STARTED, 400), line(BATCH, 300)], "300 s old"),
        ([line(BATCH, 20), line(TERMINATED, 5, error="boom")], "boom"),
        ([line(BATCH, 700), line(STARTED, 3)], "no batch yet"),
    ],
)
def test_driver_truly_processes_only_when_its_reports_are_fresh(lines: list[Progress], reason: str | None) -> None:
    found = why_not_processing(lines, NOW, since=NOW - timedelta(seconds=600))
    assert found is None if reason is None else found is not None and reason in found


def test_end_is_passed_when_every_partition_is() -> None:
    ends = {"t": {"0": 5, "1": 0}}
    assert passed(ends, {"t": {"0": 5}})
    assert not passed(ends, {"t": {"0": 4, "1": 9}})
    assert not passed(ends, {})


def test_reached_is_what_the_checkpoint_committed(tmp_path: Path) -> None:
    layout = Layout(tmp_path)
    assert reached(layout) == {}
    for folder, batches in (("offsets", (9, 10, 11)), ("commits", (9, 10))):
        (layout.checkpoint / folder).mkdir(parents=True)
        for batch in batches:
            text = f'v1\n{{"batchWatermarkMs":0}}\n{{"t":{{"0":{batch}}}}}'
            (layout.checkpoint / folder / str(batch)).write_text(text, encoding="utf-8")
    assert reached(layout) == {"t": {"0": 10}}, "the batch that has begun is not made yet"
