"""CREATE OR REPLACE … AS SELECT: which queries may take the place of a running one, in ksqlDB's words.

The new query goes on from the old one's offsets and state, so its steps must be the old one's. Filters may come, go and
change, and what is selected may change (the sink's schema has its own rule). Sources must stay where they are; a new
key, aggregation or join would read state that means something else.
"""

from __future__ import annotations

from typing import Any

from ksqlengine.catalog import FormatInfo
from ksqlengine.errors import KsqlError

_PASSIVE = {"filter"}  # holds no state, names no topic
# what of a step decides about state or topics: (name in ksqlDB's plans, name in ours)
_FIXED = {
    "select_key": (("keyExpressions", "keys"),),
    "flat_map": (("tableFunctions", "functions"),),
    "aggregate": (("groupByExpressions", "groups"), ("aggregationFunctions", "functions"), ("window", "window")),
    "join": (
        ("joinType", "join"),
        ("leftJoinExpression", "left_on"),
        ("rightJoinExpression", "right_on"),
        ("beforeMillis", "before_ms"),
        ("afterMillis", "after_ms"),
        ("graceMillis", "grace_ms"),
    ),
}
_NEVER = {"ForeignKeyTableTableJoin", "TableSuppress"}


def check(old: dict[str, Any], new: dict[str, Any]) -> None:
    """Refuse a new plan (its steps, as `Plan.steps`) that cannot go on where the old one is. Raises KsqlError."""
    _compare(old["root"], new["root"])


def _compare(old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = _solid(old), _solid(new)
    was, name = step_type(before), step_type(after)
    if was in _NEVER or name in _NEVER:
        raise KsqlError(f"Upgrades not yet supported for {was if was in _NEVER else name}")
    if was != name:
        raise KsqlError(
            f"Query is not upgradeable. Plan step of type {was} must be replaced by one of its type, not {name}."
        )
    if before["op"] == "source":
        _source(name, before["source"], after["source"])
    for shown, key in _FIXED.get(before["op"], ()):
        _match(name, shown, before.get(key), after.get(key))
    for side in ("in", "left", "right"):
        if isinstance(before.get(side), dict) and isinstance(after.get(side), dict):
            _compare(before[side], after[side])


def _source(name: str, old: dict[str, Any], new: dict[str, Any]) -> None:
    _match(name, "topicName", old["topic"], new["topic"])
    _match(name, "formats", _formats(old), _formats(new))
    _match(name, "timestampColumn", _timestamp(old), _timestamp(new))
    _match(name, "windowInfo", old["window"], new["window"])


def _formats(source: dict[str, Any]) -> str:
    key, value = (FormatInfo.from_json(source[k]) for k in ("key_format", "value_format"))
    return f"Formats{{keyFormat={key.name}, valueFormat={value.name}}}"


def _timestamp(source: dict[str, Any]) -> str:
    if not source["timestamp_column"]:
        return "Optional.empty"
    form = f"Optional[{source['timestamp_format']}]" if source["timestamp_format"] else "Optional.empty"
    return f"Optional[TimestampColumn{{column=`{source['timestamp_column']}`, format={form}}}]"


def _match(step: str, prop: str, old: object, new: object) -> None:
    if old != new:
        raise KsqlError(
            f"Query is not upgradeable. Plan step of type {step} must have matching {prop}. "
            f"Values differ: {_text(old)} vs. {_text(new)}"
        )


def _text(value: object) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(map(str, value)) + "]"
    return str(value)


def _solid(step: dict[str, Any]) -> dict[str, Any]:
    """Skip the steps that may change."""
    while step["op"] in _PASSIVE:
        step = step["in"]
    return step


def step_type(step: dict[str, Any]) -> str:
    """Name a step as ksqlDB names it."""
    kind = "Table" if _is_table(step) else "Stream"
    match step["op"]:
        case "source":
            windowed = "Windowed" if step["source"]["window"] else ""
            return f"{windowed}{'Table' if step['source']['kind'] == 'TABLE' else 'Stream'}Source"
        case "project":
            return f"{kind}Select"
        case "select_key" | "reformat" | "drop_key":
            return f"{kind}SelectKey"
        case "flat_map":
            return "StreamFlatMap"
        case "aggregate":
            windowed = "Windowed" if step.get("window") else ""
            return f"{'Table' if step['kind'] == 'TABLE' else 'Stream'}{windowed}Aggregate"
        case "join":
            names = {
                "stream-stream": "StreamStreamJoin",
                "stream-table": "StreamTableJoin",
                "foreign-key": "ForeignKeyTableTableJoin",
            }
            return names.get(step["type"], "TableTableJoin")
        case _:
            return f"{kind}{str(step['op']).title()}"


def _is_table(step: dict[str, Any]) -> bool:
    while True:
        if step["op"] == "source":
            return bool(step["source"]["kind"] == "TABLE")
        if step["op"] == "aggregate":
            return True
        if step["op"] == "join":
            return step["type"] in ("foreign-key", "table-table")
        step = step["in"]
