"""SHOW, LIST, DESCRIBE, EXPLAIN and ASSERT: statements that only look."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from ksqlengine import tree
from ksqlengine.catalog import Source
from ksqlengine.engine import ParsedStatement
from ksqlengine.errors import STATEMENT_ERROR, KsqlError
from ksqlengine.server import connectors, functions
from ksqlengine.server.cluster import aggregate, query_states
from ksqlengine.server.entities import Entity, entity, fields_json, key_format_name, listed, type_json
from ksqlengine.server.properties import show_properties
from ksqlengine.server.push import output_schema
from ksqlengine.server.queries import PersistentQuery, Queries

if TYPE_CHECKING:
    from ksqlengine.server.service import KsqlService, Session

INTERNAL = re.compile(r"^(_.*|.*-changelog|.*-repartition)$")


def find_query(queries: Queries, word: str) -> PersistentQuery | None:
    """Give the query that TERMINATE, PAUSE or RESUME names; None means ALL."""
    return None if word.upper() == "ALL" else queries.find(word)


def execute(service: KsqlService, statement: ParsedStatement, session: Session) -> Entity:
    """Answer a statement that only looks."""
    node, text = statement.node, statement.text
    verb, words = node.verb, node.words
    if verb == "SHOW":
        return _show(service, text, [w.upper() for w in words], session)
    if verb == "DESCRIBE":
        return _describe(service, text, list(words))
    if verb == "EXPLAIN":
        return _explain(service, text, node, session)
    if verb == "ASSERT":
        return _assert(service, text, node)
    if verb == "RUN_SCRIPT":
        raise KsqlError("RUN SCRIPT cannot be used from this endpoint: it is the shell that reads the file.")
    raise KsqlError(f"{verb} is not supported here", error_code=STATEMENT_ERROR)


# -- SHOW ------------------------------------------------------------------------------------------------------------
def _show(service: KsqlService, text: str, words: list[str], session: Session) -> Entity:
    extended = "EXTENDED" in words
    everything = words[:1] == ["ALL"]
    what = [w for w in words if w not in {"EXTENDED", "ALL"}]
    kind = " ".join(what)
    if kind in {"STREAMS", "TABLES"}:
        return _show_sources(service, text, kind, extended=extended)
    if kind == "TOPICS":
        return _show_topics(service, text, extended=extended, everything=everything)
    if kind == "QUERIES":
        if extended:
            known = query_states(service, everywhere=not session.internal)
            described = [describe_query(service, q, known.get(q.id)) for q in service.queries.all()]
            return entity("query_descriptions", text, queryDescriptions=described)
        known = query_states(service, everywhere=not session.internal)
        shown = [query_json(q, known.get(q.id)) for q in service.queries.all()]
        return entity("queries", text, queries=shown + service.push.listed())
    if kind == "PROPERTIES":
        shown = show_properties(service.config, session.properties)
        return entity("properties", text, properties=shown, overwrittenProperties=[], defaultProperties=[])
    if kind == "TYPES":
        types = {name: type_json(t) for name, t in sorted(service.engine.catalog.types.items())}
        return entity("type_list", text, types=types)
    if kind == "VARIABLES":
        pairs = [{"name": k, "value": v} for k, v in sorted(session.variables.items())]
        return entity("variables", text, variables=pairs)
    if kind == "FUNCTIONS":
        return entity("function_names", text, functions=functions.names())
    if kind == "CONNECTOR PLUGINS":
        return connectors.show(service.config, text, "PLUGINS")
    if kind.endswith("CONNECTORS") and len(what) <= 2:
        return connectors.show(service.config, text, what[0] if len(what) == 2 else "")
    raise KsqlError(f"Unknown statement: SHOW {' '.join(words)}", error_code=STATEMENT_ERROR)


def _show_sources(service: KsqlService, text: str, kind: str, *, extended: bool) -> Entity:
    wanted = kind.removesuffix("S")
    found = [s for _, s in sorted(service.engine.catalog.sources.items()) if s.kind == wanted]
    if extended:
        described = [describe_source(service, s, extended=True) for s in found]
        return entity("source_descriptions", text, sourceDescriptions=described)
    return entity(kind.lower(), text, **{kind.lower(): [listed(s) for s in found]})


def _show_topics(service: KsqlService, text: str, *, extended: bool, everything: bool) -> Entity:
    out = []
    readers = service.backend.consumers() if extended else {}
    for name, topic in service.backend.topics().items():
        if INTERNAL.match(name) and not everything:
            continue
        row: Entity = {"name": name, "replicaInfo": [topic.replicas] * topic.partitions}
        if extended:
            consumers, groups = readers.get(name, (0, 0))
            row |= {"consumerCount": consumers, "consumerGroupCount": groups}
        out.append(row)
    return entity("kafka_topics_extended" if extended else "kafka_topics", text, topics=out)


def query_json(query: PersistentQuery, by_host: dict[str, str] | None = None) -> Entity:
    """Give a query as SHOW QUERIES lists it; its state is that of all hosts where they are given."""
    sink = query.plan.sink
    states = by_host or {"": query.state()}
    return {
        "queryString": query.plan.statement,
        "sinks": [sink.name] if sink else [],
        "sinkKafkaTopics": [sink.topic] if sink else [],
        "id": query.id,
        "statusCount": dict(Counter(states.values())),
        "queryType": "PERSISTENT",
        "state": aggregate(states),
    }


# -- DESCRIBE --------------------------------------------------------------------------------------------------------
def _describe(service: KsqlService, text: str, words: list[str]) -> Entity:
    upper = [w.upper() for w in words]
    if upper[0] == "FUNCTION" and len(words) > 1:
        return entity("describe_function", text, **functions.describe(words[1]))
    if upper[0] == "CONNECTOR" and len(words) > 1:
        return connectors.describe(service, text, words[1])
    if upper[0] in {"STREAMS", "TABLES"} and len(words) <= 2:
        return _show_sources(service, text, upper[0], extended=True)
    source = service.source(words[0])
    described = describe_source(service, source, extended="EXTENDED" in upper[1:])
    return entity("sourceDescription", text, sourceDescription=described)


def describe_source(service: KsqlService, source: Source, *, extended: bool) -> Entity:
    """Describe a source in ksqlDB's shape."""
    catalog = service.engine.catalog

    def queries_of(ids: list[str]) -> list[Entity]:
        return [query_json(q) for q in (service.queries.get(i) for i in ids) if q is not None]

    topic = service.backend.topic(source.topic) if extended else None
    constraints = sorted(
        str(q.sink)
        for q in list(catalog.queries.values())
        if source.name in q.sources and q.sink and q.id.startswith("C")
    )
    return {
        "name": source.name,
        "windowType": source.window.kind if source.window else None,
        "readQueries": queries_of(catalog.readers(source.name)),
        "writeQueries": queries_of(catalog.writers(source.name)),
        "fields": fields_json(source.schema),
        "type": source.kind,
        "timestamp": source.timestamp_column or "",
        "statistics": "",
        "errorStats": "",
        "extended": extended,
        "keyFormat": key_format_name(source),
        "valueFormat": source.value_format.name,
        "topic": source.topic,
        "partitions": topic.partitions if topic else 0,
        "replication": topic.replicas if topic else 0,
        "statement": source.statement,
        "queryOffsetSummaries": [],
        "sourceConstraints": constraints,
        "clusterStatistics": [],
        "clusterErrorStats": [],
    }


# -- EXPLAIN ---------------------------------------------------------------------------------------------------------
def _explain(service: KsqlService, text: str, node: tree.Admin, session: Session) -> Entity:
    if node.words:
        query = service.queries.get(node.words[0])
        if query is None:
            raise KsqlError(
                f"Query with id:{node.words[0]} does not exist, use SHOW QUERIES to view the full set of queries."
            )
        return entity("queryDescription", text, queryDescription=describe_query(service, query))
    inner = node.details["statement"]
    if getattr(inner, "query", None) is None:
        raise KsqlError("The provided statement does not run a ksql query")
    statement = ParsedStatement(re.sub(r"^\s*EXPLAIN\s+", "", text, flags=re.IGNORECASE), inner, 1, 0)
    planner = service.engine.plan_select if isinstance(inner, tree.Select) else service.engine.plan
    plan = planner(statement, session.properties)
    built = service.engine.build_topology(plan, dict(service.config.streams(plan.properties)))
    schema = plan.sink.schema if plan.sink else output_schema(plan)
    description = {
        "id": "",
        "statementText": statement.text,
        "windowType": None,
        "fields": fields_json(schema),
        "sources": list(plan.sources),
        "sinks": [plan.sink.name] if plan.sink else [],
        "topology": str(built.topology.describe()),
        "executionPlan": outline(plan.steps),
        "overriddenProperties": dict(session.properties),
        "ksqlHostQueryStatus": {},
        "queryType": "PERSISTENT" if plan.sink else "PUSH",
        "queryErrors": [],
        "tasksMetadata": [],
    }
    return entity("queryDescription", text, queryDescription=description)


def describe_query(service: KsqlService, query: PersistentQuery, by_host: dict[str, str] | None = None) -> Entity:
    """Describe a persistent query in ksqlDB's shape; ``streamsState`` is an addition of ours."""
    plan = query.plan
    states = by_host or query_states(service).get(query.id) or {service.config.address: query.state()}
    return {
        "id": query.id,
        "statementText": plan.statement,
        "windowType": plan.sink.window.kind if plan.sink and plan.sink.window else None,
        "fields": fields_json(plan.sink.schema) if plan.sink else [],
        "sources": list(plan.sources),
        "sinks": [plan.sink.name] if plan.sink else [],
        "topology": str(query.built.topology.describe()) if query.built else "",
        "executionPlan": outline(plan.steps),
        "overriddenProperties": {str(k): str(v) for k, v in plan.properties.items()},
        "ksqlHostQueryStatus": states,
        "queryType": "PERSISTENT",
        "queryErrors": [{"timestamp": e.timestamp, "errorMessage": e.message, "type": e.kind} for e in query.errors()],
        "tasksMetadata": [],
        "state": aggregate(states),
        "streamsState": query.streams_state(),
    }


def outline(steps: Any, depth: int = 0) -> str:
    """Print a plan's steps as an indented outline, the last step first."""
    if not isinstance(steps, dict):
        return ""
    name = steps.get("op")
    lines = [f"{' ' * 3 * depth} > [ {name.upper()} ]"] if name else []
    for value in steps.values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict) and "op" in inner:
                lines.append(outline(inner, depth + len(lines[:1])))
    return "\n".join(lines)


# -- ASSERT ----------------------------------------------------------------------------------------------------------
def _assert(service: KsqlService, text: str, node: tree.Admin) -> Entity:
    if node.details.get("kind") == "SCHEMA":
        raise KsqlError("ASSERT SCHEMA needs a schema registry, which this server has not.")
    name = node.words[0]
    wanted = {str(k).upper(): v for k, v in dict(node.details.get("properties", {})).items()}
    for key, value in wanted.items():
        if key not in {"PARTITIONS", "REPLICAS"}:
            raise KsqlError(f"Cannot assert unknown topic property: {key}", error_code=41700)
        if type(value) is not int:
            raise KsqlError(f"Invalid value {value} for configuration {key}: Not a number of type INT")
    absent = bool(node.details.get("not_exists"))
    deadline = time.monotonic() + float(node.details.get("timeout_ms", 1000)) / 1000
    while (problem := _topic_problem(service, name, wanted, absent=absent)) and time.monotonic() < deadline:
        time.sleep(0.1)
    if problem:
        raise KsqlError(problem, error_code=41700)
    return entity("assert_topic", text, topicName=name, exists=not absent)


def _topic_problem(service: KsqlService, name: str, wanted: dict[str, int], *, absent: bool) -> str:
    topic = service.backend.topic(name)
    if absent:
        return f"Topic {name} exists" if topic else ""
    if topic is None:
        return f"Topic {name} does not exist"
    real = {"PARTITIONS": topic.partitions, "REPLICAS": topic.replicas}
    wrong = [
        f"Mismatched configuration for topic {name}: For config {key.lower()}, expected {value} got {real.get(key)}"
        for key, value in wanted.items()
        if real.get(key) != value
    ]
    return "\n".join(wrong)
