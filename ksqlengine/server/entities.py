"""ksqlDB's JSON shapes: what the server answers, built from the engine's objects."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from ksqlengine.catalog import Source
from ksqlengine.errors import BAD_REQUEST, STATEMENT_ERROR, KsqlError
from ksqlengine.types import Column, Schema, SqlType

# the content types of the REST API
KSQL_JSON = "application/vnd.ksql.v1+json"
DELIMITED = "application/vnd.ksqlapi.delimited.v1"
PLAIN_JSON = "application/json"
QUERY_ENDPOINT = 40002
NOT_FOUND = 40400
TOO_LARGE = 41300
TOO_MANY = 42900
NOT_READY = 50300

Entity = dict[str, Any]


class RequestError(KsqlError):
    """A request is refused before, or without, looking at its statements."""

    def __init__(self, message: str, *, status: int = 400, error_code: int = BAD_REQUEST, statement: str = "") -> None:
        super().__init__(message, statement=statement, error_code=error_code)
        self.status = status


def compact(value: Any) -> str:
    """Write JSON as ksqlDB does, without blanks: some clients look for texts in it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def entity(kind: str, statement: str, **fields: Any) -> Entity:
    """Give an answer with ksqlDB's common fields."""
    return {"@type": kind, "statementText": statement, **fields, "warnings": []}


def current_status(statement: str, command_id: str, status: Mapping[str, Any], sequence: int) -> Entity:
    """Give the answer to a statement that went through the command topic."""
    return entity(
        "currentStatus",
        statement,
        commandId=command_id,
        commandStatus=dict(status),
        commandSequenceNumber=sequence,
    )


def error_body(error: KsqlError) -> Entity:
    """Give ksqlDB's body of a refused request."""
    if error.statement:
        return {
            "@type": "statement_error",
            "error_code": error.error_code if error.error_code != BAD_REQUEST else STATEMENT_ERROR,
            "message": error.message,
            "statementText": error.statement,
            "entities": error.entities,
        } | _place(error)
    return generic_error(error.error_code, error.message) | _place(error)


def generic_error(code: int, message: str) -> Entity:
    """Give ksqlDB's body of an error that is about no statement."""
    return {"@type": "generic_error", "error_code": code, "message": message}


def _place(error: KsqlError) -> Entity:
    """Give where in the statement the fault is (an addition of ours; clients ignore it)."""
    return {} if error.line is None else {"line": error.line, "column": error.column}


def type_json(sql_type: SqlType) -> Entity:
    """Give a type as ksqlDB's clients read it."""
    members: Any = None
    member: Any = None
    if sql_type.base == "STRUCT":
        members = [{"name": name, "schema": type_json(field)} for name, field in sql_type.fields]
    elif sql_type.base in {"ARRAY", "MAP"} and sql_type.element is not None:
        member = type_json(sql_type.element)
    out: Entity = {"type": sql_type.base, "fields": members, "memberSchema": member}
    if sql_type.base == "DECIMAL":
        out["parameters"] = {"precision": sql_type.precision, "scale": sql_type.scale}
    return out


def field_json(column: Column) -> Entity:
    """Give a column as DESCRIBE lists it."""
    out: Entity = {"name": column.name, "schema": type_json(column.type)}
    if column.namespace == "KEY":
        out["type"] = "KEY"
    elif column.namespace == "HEADERS":
        out |= {"type": "HEADER", "headerKey": column.header_key}
    return out


def fields_json(schema: Schema) -> list[Entity]:
    """Give a schema as DESCRIBE lists it."""
    return [field_json(c) for c in (*schema.key, *schema.value, *schema.headers)]


def key_format_name(source: Source) -> str:
    """Name a source's key format; a stream without a key has ksqlDB's default, unless NONE was asked for."""
    name = source.key_format.name
    asked = re.search(r"\bKEY_FORMAT\s*=\s*'NONE'", source.statement, re.IGNORECASE)
    return "KAFKA" if name == "NONE" and not asked else name


def listed(source: Source) -> Entity:
    """Give a source as SHOW STREAMS and SHOW TABLES list it."""
    out: Entity = {
        "type": source.kind,
        "name": source.name,
        "topic": source.topic,
        "keyFormat": key_format_name(source),
        "valueFormat": source.value_format.name,
        "isWindowed": source.window is not None,
    }
    return out


def pull_header(schema: Schema) -> str:
    """Print a schema as ``/query`` puts it in the header of a pull query."""
    return ", ".join(str(c) for c in schema.columns)


def push_header(schema: Schema) -> str:
    """Print a schema as ``/query`` puts it in the header of a push query (no KEY there)."""
    return ", ".join(f"`{c.name}` {c.type}" for c in schema.columns)
