"""Python values as Java ones and back: what all that talks to Kafka's Java clients needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jpype

from ksqlengine.jvm import java


def properties(values: Mapping[str, str], over: Any = None) -> Any:
    """Give java.util.Properties; those of ``over`` count where values has none of a name."""
    out = java("java.util.Properties")()
    if over is not None:
        out.putAll(over)
    for name, value in values.items():
        out.put(name, value)
    return out


def to_java(data: bytes | None) -> Any:
    """Give a Java byte array, or null."""
    return None if data is None else jpype.JArray(jpype.JByte)(data)


def to_python(data: Any) -> bytes | None:
    """Give a Java byte array as bytes."""
    return None if data is None else bytes(data)


def root_cause(error: Any) -> Any:
    """Give the innermost cause of a Java exception: the one that says what happened."""
    seen = error
    while seen.getCause() is not None and seen.getCause() is not seen:
        seen = seen.getCause()
    return seen
