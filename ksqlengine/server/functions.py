"""SHOW FUNCTIONS and DESCRIBE FUNCTION, from the engine's registry."""

from __future__ import annotations

from typing import Any

from ksqlengine.errors import KsqlError


def names() -> list[dict[str, str]]:
    """List the functions with their kinds."""
    return [{"name": name, "type": kind, "category": ""} for name, (kind, _) in sorted(_registry().items())]


def describe(name: str) -> dict[str, Any]:
    """Describe one function in ksqlDB's shape."""
    found = _registry().get(name.upper())
    if found is None:
        raise KsqlError(f"Can't find any functions with the name '{name}'")
    kind, signatures = found
    return {
        "name": name.upper(),
        "description": "",
        "author": "",
        "version": "",
        "path": "internal",
        "functions": [{"arguments": [], "returnType": text, "description": ""} for text in signatures],
        "type": kind,
    }


def _registry() -> dict[str, tuple[str, list[str]]]:
    """Give name -> (SCALAR | AGGREGATE | TABLE, signatures)."""
    return {}
