"""Fetch the locked jars of Spark's Kafka connector into a folder: ``fetch_spark_jars.py install/java``."""

from __future__ import annotations

import sys
from pathlib import Path

import pyspark

from headway.runtime.artifacts import fetch, locked
from headway.runtime.java import find_java

PROJECT = Path(__file__).resolve().parents[2]


def main() -> None:
    """Fetch the part ``spark`` of java/artifacts.lock, checked by its hashes."""
    target = Path(sys.argv[1]).resolve()
    java = find_java(target.parent)
    if java is None:
        raise SystemExit("There is no Java runtime in this image.")
    ivy = sorted((Path(pyspark.__file__).parent / "jars").glob("ivy-*.jar"))[-1]
    artifacts = [artifact for artifact in locked(PROJECT / "java" / "artifacts.lock") if artifact.part == "spark"]
    fetch(target, artifacts, java, ivy, lambda text: print(text, file=sys.stderr))  # noqa: T201  # a build step's log


if __name__ == "__main__":
    main()
