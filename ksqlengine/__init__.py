"""An embeddable, ksqlDB-compatible engine: SQL compiled to Kafka Streams topologies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ksqlengine.embedding import Embedded

__version__ = "0.1.0"


def embedded(
    bootstrap_servers: str = "",
    *,
    service_id: str = "",
    properties: Mapping[str, str] | None = None,
    heap: str = "256m",
) -> Embedded:
    """Give a ksqlDB in this process, to be used in a ``with`` block; see :class:`ksqlengine.embedding.Embedded`.

    It is imported when first called: the installer of the jars needs no more than Python.
    """
    from ksqlengine.embedding import Embedded

    return Embedded(bootstrap_servers, service_id=service_id, properties=properties, heap=heap)
