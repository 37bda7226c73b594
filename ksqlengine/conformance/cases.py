"""Read cases in ksqlDB's QTT format: expand formats and configurations, say what is out of scope and why."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

REGISTRY = {"AVRO", "PROTOBUF", "PROTOBUF_NOSR", "JSON_SR"}
TEST_ONLY_FUNCTIONS = {
    "WHENCONDITION", "WHENRESULT", "TEST_UDTF", "BAD_UDF", "TEST_UDF", "VAR_ARG", "MULTI_ARG", "MID_VAR_ARG",
    "GENERIC_VAR_ARG", "OBJ_COL_ARG", "TOSTRUCT", "STRUCT_UDF", "FOO", "BAD_UDF_TYPE", "TEST_UDAF",
    "RETURNINCOMPATIBLE", "UDF_WITH_NULL", "SUM_OF_SQUARES", "ADD_STRUCT_FIELD", "ARRAY_STRUCT_UDF",
}  # fmt: skip
_FUNCTION = re.compile(r"\b([A-Za-z_]\w*)\s*\(")
_FORMAT = re.compile(r"FORMAT'?\s*=\s*'(\w+)'", re.IGNORECASE)
_SCHEMA_ID = re.compile(r"(KEY|VALUE)_SCHEMA_ID", re.IGNORECASE)


@dataclass(frozen=True)
class Case:
    """Be one case after expansion."""

    file: str
    name: str
    statements: tuple[str, ...]
    inputs: tuple[dict[str, Any], ...]
    outputs: tuple[dict[str, Any], ...]
    expected_error: dict[str, Any] | None
    post: dict[str, Any]
    topics: tuple[dict[str, Any], ...]
    properties: dict[str, Any]
    out_of_scope: str = ""
    raw: dict[str, Any] = field(default_factory=dict, compare=False)


def load(folder: Path) -> Iterator[Case]:
    """Yield all enabled cases of a folder, expanded."""
    for path in sorted(folder.rglob("*.json")):
        tests = json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["tests"]
        for test in tests:
            if test.get("enabled", True):
                yield from _expand(path.relative_to(folder).as_posix(), test)


def _expand(file: str, test: dict[str, Any]) -> Iterator[Case]:
    for name in test.get("format") or [None]:
        for config in test.get("config") or [None]:
            properties = {k: (config if v == "{CONFIG}" else v) for k, v in (test.get("properties") or {}).items()}
            label = test["name"] + (f" - {name}" if name else "") + (f" - {config}" if config else "")
            statements = tuple(s.replace("{FORMAT}", name) if name else s for s in test["statements"])
            topics = tuple(_with_format(x, name) for x in test.get("topics") or ())
            yield Case(
                file, label, statements, tuple(test.get("inputs") or ()), tuple(test.get("outputs") or ()),
                test.get("expectedException"), test.get("post") or {}, topics, properties,
                _scope(statements, properties, test), test,
            )  # fmt: skip


def _with_format(topic: dict[str, Any], name: str | None) -> dict[str, Any]:
    return {k: (v.replace("{FORMAT}", name) if name and isinstance(v, str) else v) for k, v in topic.items()}


def _scope(statements: tuple[str, ...], properties: dict[str, Any], test: dict[str, Any]) -> str:
    formats = {str(v).upper() for k, v in properties.items() if "default.format" in k}
    if reason := not_here("\n".join(statements), formats):
        return reason
    versions = test.get("versions")
    if versions and versions.get("max"):
        return f"for older versions only (max {versions['max']})"
    return ""


def not_here(text: str, formats: Collection[str] = ()) -> str:
    """Say what statements need that this engine has not, or nothing; `formats` are those that properties name."""
    needed = {*formats, *(f.upper() for f in _FORMAT.findall(text))} & REGISTRY
    if needed:
        return "needs a Schema Registry: " + ", ".join(sorted(needed))
    if _SCHEMA_ID.search(text):
        return "needs a Schema Registry: SCHEMA_ID"
    test_only = {f.upper() for f in _FUNCTION.findall(text)} & TEST_ONLY_FUNCTIONS
    return "function of ksqlDB's test classpath: " + ", ".join(sorted(test_only)) if test_only else ""
