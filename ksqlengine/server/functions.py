"""SHOW FUNCTIONS and DESCRIBE FUNCTION, from the engine's registry."""

from __future__ import annotations

from typing import Any

from ksqlengine.errors import KsqlError
from ksqlengine.functions.descriptions import DESCRIPTIONS, Description
from ksqlengine.functions.library import AGGREGATES, SCALARS, TABLE_FUNCTIONS
from ksqlengine.functions.registry import LAMBDA, Signature, declared_text
from ksqlengine.types import NULL

_CATEGORIES = {
    "Bytes": "STRING", "Dates": "DATE / TIME", "Jsons": "JSON", "Masks": "STRING", "Numbers": "MATHEMATICAL",
    "Regexps": "REGULAR EXPRESSION", "Strings": "STRING", "Urls": "URL", "Values": "CONDITIONAL",
    "AS_VALUE": "OTHER", "GENERATE_SERIES": "ARRAY", "GEO_DISTANCE": "OTHER",
}  # fmt: skip
_KINDS = (("SCALAR", SCALARS), ("AGGREGATE", AGGREGATES), ("TABLE", TABLE_FUNCTIONS))


def names() -> list[dict[str, str]]:
    """List the functions with their kinds."""
    found = {(name, kind, _category(kind, s[0])) for kind, library in _KINDS for name, s in library.functions.items()}
    return [{"name": name, "type": kind, "category": category} for name, kind, category in sorted(found)]


def _category(kind: str, signature: Signature) -> str:
    """Group a function as ksqlDB's documentation does: by what it works on, told from where it is implemented."""
    if kind != "SCALAR":
        return kind
    if signature.name in _CATEGORIES:
        return _CATEGORIES[signature.name]
    home = signature.java.removeprefix("ksql.functions.").partition(".")[0]
    if home != "Collections":
        return _CATEGORIES[home]
    if any(p.base == LAMBDA for p in signature.params):
        return "LAMBDA"
    return "MAP" if any(p.base == "MAP" for p in (*signature.params, signature.returns or NULL)) else "ARRAY"


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
