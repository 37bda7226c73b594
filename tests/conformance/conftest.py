"""Run these tests only where the engine's jars are installed; the JVM starts once for all of them."""

from __future__ import annotations

import pytest

from ksqlengine import jvm
from ksqlengine.errors import KsqlError


@pytest.fixture(scope="session")
def test_driver_jvm() -> None:
    """Start the JVM with TopologyTestDriver on its classpath."""
    try:
        jvm.start(test_driver=True)
    except KsqlError as error:
        pytest.skip(f"the engine's jars are not installed: {error.message}")
