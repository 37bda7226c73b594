"""The pytest fixture ``ksql``: a fresh, empty ksqlDB for each test.

In this process and without a broker, unless ``--ksql-bootstrap-servers`` (or the variable
``KSQLENGINE_BOOTSTRAP_SERVERS``) names a cluster: the same tests then run on Kafka, and what they make is removed.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ksqlengine.embedding import Embedded


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option that names a cluster."""
    parser.getgroup("ksqlengine").addoption(
        "--ksql-bootstrap-servers",
        default=os.environ.get("KSQLENGINE_BOOTSTRAP_SERVERS", ""),
        help="run the tests that use `ksql` on this Kafka cluster (host:port[,host:port]) instead of in memory",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Declare the marker."""
    config.addinivalue_line("markers", "ksql(properties): ksqlDB properties of the `ksql` fixture of this test")


@pytest.fixture
def ksql(request: pytest.FixtureRequest) -> Iterator[Embedded]:
    """Give a fresh ksqlDB (see ksqlengine.embedding.Embedded); ``@pytest.mark.ksql(properties={…})`` configures it."""
    import ksqlengine

    mark = request.node.get_closest_marker("ksql")
    properties = (mark.kwargs.get("properties") or (mark.args[0] if mark.args else {})) if mark else {}
    with ksqlengine.embedded(request.config.getoption("--ksql-bootstrap-servers"), properties=properties) as running:
        yield running
