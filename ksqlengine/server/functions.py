"""SHOW FUNCTIONS and DESCRIBE FUNCTION, from the engine's registry."""

from __future__ import annotations

from typing import Any

from ksqlengine.errors import KsqlError
from ksqlengine.functions.descriptions import DESCRIPTIONS, Description
from ksqlengine.functions.library import AGGREGATES, SCALARS, TABLE_FUNCTIONS
from ksqlengine.functions.registry import Signature, declared_text

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
            described = DESCRIPTIONS[name.upper()]
            return {
                "name": name.upper(),
                "description": described.overview,
                "author": "ksqlengine",
                "version": "",
                "path": "internal",
                "functions": [_signature(s, described) for s in signatures],
                "type": kind,
            }
    raise KsqlError(f"Can't find any functions with the name '{name}'")


def _signature(signature: Signature, described: Description) -> dict[str, Any]:
    arguments = []
    for number, kind in enumerate(signature.params + signature.initial):
        given = signature.param_names[number]
        arguments.append(
            {
                "name": given or f"arg{number + 1}",
                "type": declared_text(kind),
                "description": described.parameter(given),
                "isVariadic": number == signature.variadic,
            }
        )
    returns = declared_text(signature.returns) if signature.returns else _returns(signature)
    return {"arguments": arguments, "returnType": returns, "description": described.overview}


def _returns(signature: Signature) -> str:
    """Name the type that a rule finds for each call: in the words of its parameters."""
    first = declared_text(signature.params[0])
    return {
        "decimals": f"ARRAY<{first}>",
        "element": first[len("ARRAY<") : -1],
        "entries": "ARRAY<STRUCT<K VARCHAR, V V>>",
        "top_rows": f"ARRAY<STRUCT<sort_col {first}, col0 ANY...>>",
    }.get(signature.rule or "", first)
