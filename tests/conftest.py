"""The running platform that integration, fault and browser tests share: started once, free ports, fresh state."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from headway.errors import HeadwayError
from headway.settings import Settings, load

pytest_plugins = ["ksqlengine.pytest_plugin"]  # an installed ksqlengine brings it by itself


@pytest.fixture(scope="session")
def platform() -> Iterator[Settings]:
    """Give the settings of a running platform; with ``HEADWAY_TEST_USE_RUNNING=1`` the one that the environment names.

    A part that does not start fails the test that asked, with the end of the part's log.
    """
    if os.environ.get("HEADWAY_TEST_USE_RUNNING") == "1":
        load.cache_clear()
        yield load()
        return
    from headway.runtime.platform import Platform
    from headway.runtime.scratch import scratch_environment

    with scratch_environment() as home:
        running = Platform(load())
        guard_file = Path(__file__).with_name("platform_guard.py")
        guard = subprocess.Popen(
            [sys.executable, str(guard_file), str(home)], stdin=subprocess.PIPE, start_new_session=True, cwd="/"
        )
        try:
            try:
                settings = running.up()
            except HeadwayError as error:
                pytest.fail(f"the platform did not start: {error}", pytrace=False)
            yield settings
            _show_troubles(running)
        finally:
            running.down()
            shutil.rmtree(home, ignore_errors=True)  # the guard has nothing left to do then
            guard.communicate()


def _show_troubles(running: object) -> None:
    """Print the end of the log of each part that is not healthy when the tests are over."""
    from headway.runtime.platform import Platform

    assert isinstance(running, Platform)
    for found in running.health():
        if found.part.started_by_up and not found.healthy:
            sys.stderr.write(f"\n{found.part.name} is not healthy at the end ({found.detail}):\n")
            sys.stderr.write(running.supervision.log_tail(found.part.name, 30) + "\n")
