"""Records of cases to bytes and back, and the comparison rules."""

from __future__ import annotations

import base64
import json
import math
import struct
from decimal import Decimal
from typing import Any

from ksqlengine.catalog import FormatInfo
from ksqlengine.types import Column


def dump_json(node: Any) -> str:
    """Write a node with its decimals as they stand."""
    if node is None or isinstance(node, bool | int | str):
        return json.dumps(node, ensure_ascii=False)
    if isinstance(node, Decimal):
        return str(node)
    if isinstance(node, float):
        return repr(node)
    if isinstance(node, dict):
        return "{" + ",".join(f"{json.dumps(k)}:{dump_json(v)}" for k, v in node.items()) + "}"
    return "[" + ",".join(dump_json(v) for v in node) + "]"


def encode(node: Any, fmt: FormatInfo, columns: tuple[Column, ...]) -> bytes | None:
    """Return the bytes of an input's key or value."""
    if node is None or (fmt.name == "NONE" and not columns):
        return None
    if fmt.name == "JSON":
        return dump_json(node).encode()
    if fmt.name == "DELIMITED":
        return _text(node).encode()
    if isinstance(node, dict):  # REST cases name the one column
        (node,) = node.values()
    kind = columns[0].type.base if columns else "STRING"
    if kind == "INTEGER" and isinstance(node, int):
        return struct.pack(">i", node)
    if kind == "BIGINT" and isinstance(node, int):
        return struct.pack(">q", node)
    if kind == "DOUBLE" and isinstance(node, int | Decimal | float):
        return struct.pack(">d", float(node))
    if kind == "BYTES" and isinstance(node, str):
        return base64.b64decode(node)
    return _text(node).encode()


def _text(node: Any) -> str:
    return node if isinstance(node, str) else dump_json(node)


def decode(data: bytes | None, fmt: FormatInfo, columns: tuple[Column, ...]) -> Any:
    """Return what an output's key or value says. ValueError when it is not in the format."""
    if data is None:
        return None
    if fmt.name == "JSON":
        return json.loads(data, parse_float=Decimal)
    if fmt.name == "DELIMITED":
        return data.decode()
    kind = columns[0].type.base if columns else "STRING"
    if kind == "INTEGER":
        return struct.unpack(">i", data)[0]
    if kind == "BIGINT":
        return struct.unpack(">q", data)[0]
    if kind == "DOUBLE":
        return Decimal(repr(struct.unpack(">d", data)[0]))
    if kind == "BYTES":
        return base64.b64encode(data).decode()
    return data.decode()


def headers(item: dict[str, Any]) -> list[tuple[str, bytes | None]]:
    """Return the headers of a case's record; none where it names none."""
    found = item.get("headers") or ()
    return [(h["KEY"], base64.b64decode(h["VALUE"]) if h["VALUE"] is not None else None) for h in found]


def window_bytes(key: bytes | None, window: dict[str, Any]) -> bytes:
    """Put a window behind a key's bytes."""
    if str(window["type"]).lower() == "session":
        return (key or b"") + struct.pack(">qq", window["end"], window["start"])
    return (key or b"") + struct.pack(">q", window["start"])


def same(expected: Any, actual: Any) -> bool:
    """Compare by the rules of the cases: objects by name or upper-case name, doubles within 1e-6."""
    if expected is None or actual is None:
        return expected is None and actual is None
    if isinstance(expected, bool) or isinstance(actual, bool):
        return expected is actual
    if isinstance(expected, dict):
        if not isinstance(actual, dict) or len(expected) != len(actual):
            return False
        for name, value in expected.items():
            if not same(value, actual[name] if name in actual else actual.get(name.upper())):
                return False
        return True
    if isinstance(expected, list):
        return (
            isinstance(actual, list)
            and len(expected) == len(actual)
            and all(same(e, a) for e, a in zip(expected, actual, strict=True))
        )
    if isinstance(expected, int) and isinstance(actual, int):
        return expected == actual
    if isinstance(expected, int | Decimal | float) and isinstance(actual, int | Decimal | float):
        if isinstance(expected, Decimal) and isinstance(actual, Decimal) and expected == actual:
            return True
        return math.isclose(float(expected), float(actual), rel_tol=1e-9, abs_tol=1e-6)
    return type(expected) is type(actual) and bool(expected == actual)
