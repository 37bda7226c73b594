"""JPype's first use of a Java class by several threads at once."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from headway.settings import PROJECT_DIR

# Three threads pass an argument to the same method at the same moment, whose class none of them has met; and Python
# changes threads as often as it can. The process died of it in every third run.
MEET = """
import sys, threading, zipfile
import jpype
from ksqlengine import jvm
jvm.start()
jar = next((jvm.jars_directory() / "engine").glob("kafka-clients-*.jar"))
names = [n[:-6].replace("/", ".") for n in zipfile.ZipFile(jar).namelist()
         if n.startswith("org/apache/kafka/c") and n.endswith("Options.class") or "/consumer/" in n and "$" not in n]
calls = []
for name in names:
    try:
        found = jpype.JClass(name, initialize=False)
    except TypeError:
        continue
    calls += [(found, str(m.getName())) for m in found.class_.getMethods() if m.getParameterCount() == 1]
together = threading.Barrier(3)
def meet():
    for found, method in calls:
        together.wait()
        try:
            getattr(found, method)(together)
        except (TypeError, AttributeError):
            pass
sys.setswitchinterval(1e-6)
threads = [threading.Thread(target=meet) for _ in range(3)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(len(calls))
"""


@pytest.mark.parametrize("turn", range(3))
def test_threads_that_meet_a_java_class_together_do_not_end_the_process(turn: int, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MEET], cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(PROJECT_DIR)},
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert int(done.stdout.splitlines()[-1]) > 200
