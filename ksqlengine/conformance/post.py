"""Check a case's post-conditions: the sources and topics that are there afterwards."""

from __future__ import annotations

import re
from typing import Any

from ksqlengine import parser, tree
from ksqlengine.conformance.cases import Case
from ksqlengine.engine import Engine
from ksqlengine.types import HEADERS_TYPE, Column, Schema

PREFIX = "_confluent-ksql-some.ksql.service.idquery_"


def internal_topics(topology: Any) -> set[str]:
    """Return the repartition and changelog topics of a topology, without the application's prefix."""
    text = str(topology.describe())
    found = set(re.findall(r"topics?: \[?([\w.-]+-repartition)", text))
    for stores in re.findall(r"stores: \[([^\]]*)\]", text):
        found |= {f"{s.strip()}-changelog" for s in stores.split(",") if s.strip()}
    return found


def _unnumbered(name: str) -> str:
    """Return a name without the node numbers that Kafka Streams deals out: they count ksqlDB's own steps."""
    return re.sub(r"\d{10}", "#", name)


def check(case: Case, engine: Engine, internal: set[str], failed: type[Exception]) -> None:
    """Raise `failed` where something is not as the case says."""
    for wanted in case.post.get("sources") or ():
        source = engine.catalog.get(wanted["name"])
        if source is None:
            raise failed(f"post: no source {wanted['name']}")
        if wanted.get("type") and source.kind.lower() != wanted["type"].lower():
            raise failed(f"post: {source.name} is a {source.kind}")
        if wanted.get("schema") is not None:
            expected = _schema(wanted["schema"])
            if str(expected) != str(source.schema):
                raise failed(
                    f"post: schema of {source.name}\n      expected: {expected}\n      actual:   {source.schema}"
                )
        if wanted.get("isSource") is not None and source.read_only != wanted["isSource"]:
            raise failed(f"post: {source.name} isSource is {source.read_only}")
        key = wanted.get("keyFormat")
        if isinstance(key, dict):
            _check_key(key, source, failed)
        value = wanted.get("valueFormat")
        if isinstance(value, str) and source.value_format.name != value:
            raise failed(f"post: value format of {source.name} is {source.value_format.name}, expected {value}")
        if isinstance(value, dict) and value.get("format") and source.value_format.name != value["format"]:
            raise failed(f"post: value format of {source.name} is {source.value_format.name}")
    topics = (case.post.get("topics") or {}).get("topics") or ()
    blacklist = (case.post.get("topics") or {}).get("blacklist")
    if blacklist:
        bad = [n for n in internal if re.fullmatch(blacklist, n)]
        if bad:
            raise failed(f"post: topics that should not be: {sorted(bad)}")
    known = {_unnumbered(n) for n in internal}
    for wanted in topics:
        if wanted["name"].startswith(PREFIX):
            if _unnumbered(wanted["name"]) not in known:
                raise failed(f"post: no topic {wanted['name']} among {sorted(known)}")
            continue
        found = next((s for s in engine.catalog.sources.values() if s.topic == wanted["name"]), None)
        if found is None:
            raise failed(f"post: no topic {wanted['name']}")
        if wanted.get("partitions") and (found.partitions or 4) != wanted["partitions"]:
            raise failed(
                f"post: topic {found.topic} has {found.partitions} partitions, expected {wanted['partitions']}"
            )
        if wanted.get("replicas") and (found.replicas or 1) != wanted["replicas"]:
            raise failed(f"post: topic {found.topic} has {found.replicas} replicas, expected {wanted['replicas']}")
        for which, fmt in (("keyFormat", found.key_format), ("valueFormat", found.value_format)):
            expected_format = wanted.get(which)
            if isinstance(expected_format, dict) and expected_format.get("format", fmt.name) != fmt.name:
                raise failed(
                    f"post: {which} of topic {found.topic} is {fmt.name}, expected {expected_format['format']}"
                )


def _check_key(key: dict[str, Any], source: Any, failed: type[Exception]) -> None:
    window = source.window
    if key.get("format") and source.key_format.name != key["format"]:
        raise failed(f"post: key format of {source.name} is {source.key_format.name}, expected {key['format']}")
    kind = key.get("windowType")
    if kind and (window is None or window.kind != kind):
        raise failed(f"post: window of {source.name} is {window}")
    if key.get("windowSize") is not None and (window is None or window.size_ms != key["windowSize"]):
        raise failed(f"post: window size of {source.name} is {window}")


def _schema(text: str) -> Schema:
    node = parser.parse(f"CREATE STREAM X ({text.replace('PRIMARY KEY', 'KEY')}) WITH (KAFKA_TOPIC='x');")
    elements = node.elements or () if isinstance(node, tree.CreateSource) else ()
    return Schema(
        tuple(
            Column(e.name, e.type if e.constraint != "HEADERS" else HEADERS_TYPE, e.namespace, e.header_key)
            for e in elements
        )
    )
