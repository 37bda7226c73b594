"""Contracts: JSON Schema files, and checking whole columns against one.

A contract's ``properties`` give an event's fields *and their order*; ``unit`` on a property is the unit of its values.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from headway.errors import ContractError

FOLDER = Path(__file__).resolve().parent.parent / "contracts"
CHECKED = {"type", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern"}
COMMENTS = {"description", "unit", "format", "title", "examples"}
TYPES: dict[str, Callable[[Any], bool]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
}


@dataclass(frozen=True)
class Contract:
    """One JSON Schema of flat objects."""

    name: str
    schema: dict[str, Any]

    @property
    def fields(self) -> tuple[str, ...]:
        """Give the fields in their order."""
        return tuple(self.schema["properties"])

    @property
    def required(self) -> frozenset[str]:
        """Give the fields that every event has."""
        return frozenset(self.schema.get("required", ()))

    def unit(self, field: str) -> str | None:
        """Give the unit of a field's values, if it has one."""
        unit = self.schema["properties"][field].get("unit")
        return str(unit) if unit is not None else None

    def reason_against(self, field: str, value: Any) -> str | None:
        """Say why a value may not stand in a field, or None when it may."""
        rules = self.schema["properties"][field]
        kinds = rules.get("type", list(TYPES))
        kinds = kinds if isinstance(kinds, list) else [kinds]
        if not any(TYPES[kind](value) for kind in kinds):
            return "is empty" if value is None else f"is not of type {' or '.join(kinds)}"
        if value is None:
            return None
        if "enum" in rules and value not in rules["enum"]:
            return f"is none of {', '.join(map(str, rules['enum']))}"
        if "minimum" in rules and value < rules["minimum"]:
            return f"is below {rules['minimum']}"
        if "maximum" in rules and value > rules["maximum"]:
            return f"is above {rules['maximum']}"
        if len(str(value)) < rules.get("minLength", 0):
            return "is too short"
        if "maxLength" in rules and len(str(value)) > rules["maxLength"]:
            return f"is longer than {rules['maxLength']} characters"
        if "pattern" in rules and not re.search(rules["pattern"], str(value)):
            return f"does not match {rules['pattern']}"
        return None


def load_contract(name: str, beside: Path | None = None) -> Contract:
    """Load a contract by its file name: beside the feeds file first, then the shipped ones.

    Raises :class:`ContractError` when it is missing, no JSON, or uses what is not checked here (a rule that is not
    enforced would be a promise that is not kept).
    """
    places = [folder / name for folder in (beside, FOLDER) if folder is not None]
    path = next((place for place in places if place.is_file()), None)
    if path is None:
        shipped = ", ".join(sorted(file.name for file in FOLDER.glob("*.json")))
        raise ContractError(
            f"There is no contract {name}.",
            where=" or ".join(str(place) for place in places),
            next_step=f"use a shipped one ({shipped}) or write yours beside feeds.toml",
        )
    try:
        schema = json.loads(path.read_text(encoding="utf-8"))
        properties = schema["properties"]
    except (ValueError, KeyError, TypeError) as error:
        raise ContractError(
            f"The contract {name} is not a JSON Schema with properties ({error}).",
            where=str(path),
            next_step="see headway/contracts/turnstile.v1.json for an example",
        ) from error
    for field, rules in properties.items():
        kinds = rules.get("type", [])
        unknown = set(rules) - CHECKED - COMMENTS
        unknown |= {kind for kind in (kinds if isinstance(kinds, list) else [kinds]) if kind not in TYPES}
        if unknown:
            raise ContractError(
                f"The contract {name} uses {', '.join(sorted(unknown))}, which is not checked here.",
                where=f"{path}, property {field}",
                next_step=f"use {', '.join(sorted(CHECKED))} on flat fields only",
            )
    return Contract(name, schema)
