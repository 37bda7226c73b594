"""SHOW FUNCTIONS and DESCRIBE FUNCTION, from the engine's registry."""

from __future__ import annotations

from typing import Any

from ksqlengine.errors import KsqlError
from ksqlengine.functions.library import AGGREGATES, SCALARS, TABLE_FUNCTIONS
from ksqlengine.functions.registry import Signature, pattern_text

_KINDS = (("SCALAR", SCALARS), ("AGGREGATE", AGGREGATES), ("TABLE", TABLE_FUNCTIONS))


def names() -> list[dict[str, str]]:
    """List the functions with their kinds."""
    found = {(name, kind) for kind, library in _KINDS for name in library.functions}
    return [{"name": name, "type": kind, "category": ""} for name, kind in sorted(found)]


def describe(name: str) -> dict[str, Any]:
    """Describe one function in ksqlDB's shape."""
    for kind, library in _KINDS:
        signatures = library.functions.get(name.upper())
        if signatures:
            return {
                "name": name.upper(),
                "description": "",
                "author": "",
                "version": "",
                "path": "internal",
                "functions": [_signature(s) for s in signatures],
                "type": kind,
            }
    raise KsqlError(f"Can't find any functions with the name '{name}'")


def _signature(signature: Signature) -> dict[str, Any]:
    arguments = []
    for number, kind in enumerate(signature.params + signature.initial):
        given = signature.param_names[number] if number < len(signature.param_names) else ""
        arguments.append(
            {
                "name": given or f"arg{number + 1}",
                "type": pattern_text(kind),
                "description": "",
                "isVariadic": number == signature.variadic,
            }
        )
    returns = pattern_text(signature.returns) if signature.returns else "depends on the arguments"
    return {"arguments": arguments, "returnType": returns, "description": ""}
