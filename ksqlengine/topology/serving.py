"""What a server needs of a topology: its topics, the view of a table's store, and the end of a push query."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import jpype

from ksqlengine import jvm
from ksqlengine.engine import Plan
from ksqlengine.types import Schema

_BOUNDS = {"WINDOWSTART": -2, "WINDOWEND": -3}


def parts(topology: Any) -> list[list[Any]]:
    """Give the nodes of each subtopology, as its description has them."""
    return [list(sub.nodes()) for sub in topology.describe().subtopologies()]


def topics_read(nodes: Iterable[Any]) -> list[str]:
    """Give the topics that nodes read, as the description names them."""
    found = [node.topicSet() for node in nodes if hasattr(node, "topicSet")]
    return [str(topic) for topics in found if topics is not None for topic in topics]


def is_internal(topic: str) -> bool:
    """Tell Kafka Streams' own topics: their names in a description lack the application's id and a hyphen."""
    return topic.endswith("-repartition") or topic.startswith("KTABLE-FK-JOIN-")


def broker_names(topics: Iterable[str], application_id: str) -> list[str]:
    """Give topics of a description the names that they have at the broker."""
    return [f"{application_id}-{topic}" if is_internal(topic) else topic for topic in topics]


def source_topics(topology: Any, application_id: str) -> list[str]:
    """Give the topics that a topology reads, as the broker names them."""
    return broker_names(topics_read(node for nodes in parts(topology) for node in nodes), application_id)


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
