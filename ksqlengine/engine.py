"""The engine's public Python interface: parse, plan, apply, build a topology.

A server or a test drives it like this:

    engine = Engine()
    for statement in engine.parse(text, variables):
        plan = engine.plan(statement, properties)      # analysed, nothing changed; raises KsqlStatementError
        engine.apply(plan)                             # the catalog now knows it
        if plan.query_id:
            built = engine.build_topology(plan, streams_config)   # Java topology; the caller runs it

Statements about the server itself (SHOW, TERMINATE, SELECT, PRINT, …) get a plan of kind `admin` or `select`:
the caller reads `plan.statement.node`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ksqlengine import parser, tree
from ksqlengine.catalog import Catalog, QueryInfo, Source
from ksqlengine.errors import KsqlError, KsqlStatementError
from ksqlengine.types import Schema, SqlType, parse_type


@dataclass(frozen=True)
class ParsedStatement:
    """Hold one statement: its text (variables substituted, up to and with the semicolon), tree and place."""

    text: str
    node: Any  # a dataclass of ksqlengine.tree
    line: int
    column: int


@dataclass(frozen=True)
class Plan:
    """Say what a statement does; immutable and JSON-serialisable (`to_json`, `from_json`).

    kind: create | query | insert_values | drop | alter | create_type | drop_type | select | admin
    `query` covers CREATE … AS SELECT (sink is a new source), INSERT INTO … SELECT (sink exists).
    `steps` is the physical plan: a tree of operations with generated Java expressions.
    """

    kind: str
    statement: str
    sink: Source | None = None
    sources: tuple[str, ...] = ()
    query_id: str | None = None
    steps: dict[str, Any] | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)
    no_op: bool = False  # IF NOT EXISTS met an existing source, IF EXISTS met none
    message: str = ""  # what ksqlDB answers, e.g. "Stream created"

    def to_json(self) -> dict[str, Any]:
        """Return a JSON-ready dictionary."""
        return {
            "kind": self.kind,
            "statement": self.statement,
            "sink": self.sink.to_json() if self.sink else None,
            "sources": list(self.sources),
            "query_id": self.query_id,
            "steps": self.steps,
            "properties": self.properties,
            "details": self.details,
            "no_op": self.no_op,
            "message": self.message,
        }

    @staticmethod
    def from_json(data: dict[str, Any]) -> Plan:
        """Read what `to_json` wrote."""
        fields = dict(data)
        fields["sink"] = Source.from_json(data["sink"]) if data["sink"] else None
        fields["sources"] = tuple(data["sources"])
        return Plan(**fields)


@dataclass(frozen=True)
class StoreInfo:
    """Describe the materialised state behind a table, for pull queries.

    `name` is the Kafka Streams store; keys are `ksql.runtime.Key`. `view` (a `ksql.runtime.StoreView`) turns a stored
    row into the table's value row in the order of `schema.value`, or null when HAVING or WHERE hides it.
    kind: keyvalue | window | session (windowed stores are timestamped, as Streams makes them).
    """

    name: str
    kind: str
    schema: Schema | None
    window_size_ms: int | None = None
    view: Any = None


@dataclass(frozen=True)
class BuiltTopology:
    """Hold a Java Topology and what the caller needs to serve from it."""

    topology: Any  # org.apache.kafka.streams.Topology
    properties: Any  # java.util.Properties for the KafkaStreams or the TopologyTestDriver
    store: StoreInfo | None = None


def parse_one(
    piece: tuple[str, int, int], types: dict[str, SqlType], variables: dict[str, str] | None = None
) -> ParsedStatement:
    """Read one piece of `parser.split`; a CREATE TYPE is put into `types` for those that follow."""
    source, line, column = piece
    if variables is not None:
        source = parser.substitute(source, variables)
    node = parser.parse(source, types, line, column)
    if isinstance(node, tree.CreateType):
        types.setdefault(node.name, node.type)
    elif isinstance(node, tree.Admin) and variables is not None:
        if node.verb == "DEFINE":
            variables[node.words[0]] = node.words[1]
        elif node.verb == "UNDEFINE":
            variables.pop(node.words[0], None)
    return ParsedStatement(source, node, line, column)


class Engine:
    """Analyse statements against a catalog and turn queries into Kafka Streams topologies."""

    def __init__(self, catalog: Catalog | None = None, config: dict[str, Any] | None = None) -> None:
        self.catalog = catalog if catalog is not None else Catalog()
        self.config = dict(config or {})

    def parse(self, text: str, variables: dict[str, str] | None = None) -> list[ParsedStatement]:
        """Read statements that may name the catalog's custom types; DEFINE and UNDEFINE among them change `variables`.

        Raises ParseFailedError with line and column.
        """
        types = dict(self.catalog.types)
        return [parse_one(piece, types, variables) for piece in parser.split(text)]

    def plan(self, statement: ParsedStatement, properties: dict[str, Any] | None = None) -> Plan:
        """Analyse a statement on the catalog as it is now; nothing changes. Raises KsqlStatementError."""
        from ksqlengine.planner import statements

        return self._planned(statements.plan, statement, properties)

    def _planned(
        self,
        plan: Callable[[ParsedStatement, Catalog, dict[str, Any]], Plan],
        statement: ParsedStatement,
        properties: dict[str, Any] | None,
    ) -> Plan:
        """Plan with the configuration that is in force; errors say where in the statement they are."""
        try:
            return plan(statement, self.catalog.copy(), {**self.config, **(properties or {})})
        except KsqlStatementError:
            raise
        except KsqlError as error:
            raise KsqlStatementError(
                error.message, statement.text, error.line or statement.line, error.column or statement.column
            ) from error
        except RecursionError as error:
            raise KsqlStatementError(
                "The statement is nested too deeply.", statement.text, statement.line, statement.column
            ) from error

    def apply(self, plan: Plan) -> None:
        """Put a plan's sources, types and query into the catalog (also when replaying the command topic)."""
        catalog = self.catalog
        if plan.no_op:
            return
        if plan.kind in ("create", "alter") and plan.sink is not None:
            catalog.sources[plan.sink.name] = plan.sink
        elif plan.kind == "query" and plan.query_id is not None:
            number = plan.query_id.rsplit("_", 1)[-1]
            custom = bool(plan.details.get("custom_id"))
            if number.isdigit() and not custom:
                catalog.next_query_number = max(catalog.next_query_number, int(number) + 1)
            if plan.sink is not None and plan.details.get("creates"):
                catalog.sources[plan.sink.name] = plan.sink
            sink = plan.sink.name if plan.sink else None
            catalog.queries[plan.query_id] = QueryInfo(plan.query_id, sink, plan.sources, plan.statement, plan.steps)
        elif plan.kind == "drop":
            dropped = catalog.sources.pop(plan.details["name"], None)
            if dropped is not None and dropped.created_by:
                catalog.queries.pop(dropped.created_by, None)
        elif plan.kind == "create_type":
            catalog.types[plan.details["name"]] = parse_type(plan.details["type"])
        elif plan.kind == "drop_type":
            catalog.types.pop(plan.details["name"], None)

    def forget_query(self, query_id: str) -> None:
        """Remove a terminated query from the catalog."""
        self.catalog.queries.pop(query_id, None)

    def build_topology(
        self, plan: Plan, streams_config: dict[str, Any] | None = None, sink: Any = None
    ) -> BuiltTopology:
        """Build the Kafka Streams topology of a query plan (starts the JVM when needed).

        A push query ends in `sink`, a ksql.server.PushRows.
        """
        from ksqlengine.topology.build import build

        return build(plan, streams_config, sink)

    def plan_select(self, statement: ParsedStatement, properties: dict[str, Any] | None = None) -> Plan:
        """Plan a push query (SELECT … EMIT CHANGES): its rows hold all selected columns, `details["schema"]`, keys too.

        Raises KsqlStatementError in ksqlDB's words.
        """
        from ksqlengine.planner import statements

        return self._planned(statements.plan_push, statement, properties)

    def compile_row_function(self, expressions: list[Any], schema: Schema, source: Source | None = None) -> Any:
        """Compile expressions over a schema's columns into one Java `ksql.runtime.RowFunction`.

        `apply(Object[] row) -> Object[]`; the row has the columns of `schema.columns` in order, then ROWTIME,
        ROWPARTITION, ROWOFFSET, WINDOWSTART, WINDOWEND (BIGINT, INTEGER, BIGINT, BIGINT, BIGINT; null where absent).
        Returns (RowFunction, [SqlType of each expression]).
        """
        from ksqlengine.topology.row_functions import compile_row_function

        return compile_row_function(expressions, schema, source)

    def insert_record(self, plan: Plan) -> tuple[bytes | None, bytes | None, int | None]:
        """Serialise an `insert_values` plan: (key, value, timestamp in ms or None for now)."""
        from ksqlengine.topology.row_functions import insert_record

        return insert_record(plan)
