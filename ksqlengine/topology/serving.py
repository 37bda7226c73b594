"""What a server needs of a topology: the view of a table's store, and the end of a push query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jpype

from ksqlengine import jvm
from ksqlengine.engine import Plan
from ksqlengine.types import Schema

_BOUNDS = {"WINDOWSTART": -2, "WINDOWEND": -3}


def store_view(root: dict[str, Any], generated: Callable[[str], Any]) -> Any:
    """Give the StoreView: the steps from a plan's root down to the one that has the store, the last one first."""
    path: list[dict[str, Any]] = []
    step = root
    while step["op"] in {"project", "filter"}:
        path.append(step)
        step = step["in"]
    view = jvm.java("ksql.runtime.StoreView")()
    if step.get("bounds"):
        view.bounds(*step["bounds"])
    if "key_slot" in step:
        view.keyInto(step["key_slot"])
    for later in reversed(path):
        if later["op"] == "project":
            view.map(generated(later["function"]))
        else:
            view.filter(generated(later["predicate"]))
    return view


def push_end(plan: Plan, kind: str, dsl: Any, rows: Any) -> None:
    """End a push query's topology in its reader's queue (a ksql.server.PushRows)."""
    schema = Schema.from_json(plan.details["schema"])
    keys = {name: index for index, name in enumerate(plan.details.get("key_names", ()))}
    slots = [keys.get(c.name, _BOUNDS.get(c.name, -1)) for c in schema.columns]
    processor = jvm.java("ksql.server.PushProcessor")(rows, jpype.JArray(jpype.JInt)(slots), kind == "TABLE")
    stream = dsl.toStream() if kind == "TABLE" else dsl
    stream.process(processor, jpype.JArray(jpype.JString)([]))
