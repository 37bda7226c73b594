"""The OpenAPI description of the REST API, served at /openapi.json."""

from __future__ import annotations

from typing import Any

from ksqlengine.server.config import VERSION
from ksqlengine.server.entities import DELIMITED, KSQL_JSON, PLAIN_JSON


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answers(schema: dict[str, Any], *kinds: str, **more: str) -> dict[str, Any]:
    content = {kind: {"schema": schema} for kind in kinds or (KSQL_JSON, PLAIN_JSON)}
    out: dict[str, Any] = {"200": {"description": "done", "content": content}}
    for status, text in {"400": "refused", "406": "no such content type", **more}.items():
        out[status.lstrip("s")] = {"description": text, "content": {KSQL_JSON: {"schema": _ref("Error")}}}
    return out


def _post(
    summary: str, body: dict[str, Any], responses: dict[str, Any], kinds: tuple[str, ...] = (KSQL_JSON, PLAIN_JSON)
) -> dict[str, Any]:
    content = {kind: {"schema": body} for kind in kinds}
    large = {"description": "too large", "content": {KSQL_JSON: {"schema": _ref("Error")}}}
    return {
        "post": {
            "summary": summary,
            "requestBody": {"required": True, "content": content},
            "responses": {"413": large, **responses},
        }
    }


def _get(summary: str, parameter: str = "", **more: str) -> dict[str, Any]:
    out: dict[str, Any] = {"summary": summary, "responses": _answers({"type": "object"}, **more)}
    if parameter:
        out["parameters"] = [{"name": parameter, "in": "path", "required": True, "schema": {"type": "string"}}]
    return {"get": out}


def _object(required: list[str], **properties: str) -> dict[str, Any]:
    kinds = {
        "text": {"type": "string"},
        "map": {"type": "object", "additionalProperties": True},
        "int": {"type": "integer"},
    }
    return {"type": "object", "required": required, "properties": {k: kinds[v] for k, v in properties.items()}}


OPENAPI: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {
        "title": "ksqlDB REST API (embedded engine)",
        "version": VERSION,
        "description": "Statements, pull and push queries, streams of inserts. HTTP/1.1 and HTTP/2 on one port, "
        "cleartext (by prior knowledge or upgrade) or TLS.",
    },
    "paths": {
        "/ksql": _post(
            "Run statements (all but SELECT and PRINT)",
            _ref("Statements"),
            _answers({"type": "array", "items": {"type": "object"}}, s413="too large", s503="not ready"),
        ),
        "/ksql/terminate": _post(
            "End the service for good: its queries, its command topic, and sink topics that match a pattern",
            {"type": "object", "properties": {"deleteTopicList": {"type": "array", "items": {"type": "string"}}}},
            _answers({"type": "array", "items": {"type": "object"}}),
        ),
        "/query": _post(
            "Run one SELECT or PRINT; rows as chunked JSON, a chunk each",
            _ref("Statements"),
            _answers({"type": "array", "items": {"type": "object"}}, KSQL_JSON, DELIMITED, s429="too many queries"),
        ),
        "/query-stream": _post(
            "Run one SELECT; a header line, then an array a row",
            _ref("Query"),
            _answers({"type": "string"}, DELIMITED, KSQL_JSON, PLAIN_JSON, s429="too many queries"),
        ),
        "/close-query": _post("End a push query", _object(["queryId"], queryId="text"), _answers({"type": "object"})),
        "/inserts-stream": _post(
            "Insert rows: a line with the target, then a line a row; each is acknowledged while the request is open",
            {"type": "string", "examples": ['{"target":"CLICKS"}\n{"PAGE":"/home","USER_ID":7}\n']},
            _answers(_ref("Acknowledgement"), DELIMITED, PLAIN_JSON),
            kinds=(DELIMITED, PLAIN_JSON),
        ),
        "/info": _get("Version, cluster, service"),
        "/healthcheck": _get("Health, and the queries in ERROR", s503="not healthy"),
        "/clusterStatus": _get("The servers of the service, and what each has of each query"),
        "/status": _get("The status of every command"),
        "/status/{command}": _get("The status of one command", "command", s404="no such command"),
        "/is_valid_property/{name}": _get("Whether a property may be set", "name"),
        "/heartbeat": _post("Another server's heartbeat", {"type": "object"}, _answers({"type": "object"})),
        "/lag": _get("How far this server's stores are behind (ksql.lag.reporting.enable)"),
        "/v1/metadata": _get("The cluster's scope"),
        "/v1/metadata/id": _get("The server's id"),
        "/openapi.json": _get("This description"),
    },
    # in force with authentication.method=BASIC; every resource then answers 401 and 403 too
    "security": [{}, {"basic": []}],
    "components": {
        "securitySchemes": {"basic": {"type": "http", "scheme": "basic"}},
        "schemas": {
            "Statements": _object(
                ["ksql"], ksql="text", streamsProperties="map", sessionVariables="map", commandSequenceNumber="int"
            ),
            "Query": _object(["sql"], sql="text", properties="map", sessionVariables="map"),
            "Acknowledgement": _object(["status", "seq"], status="text", seq="int", error_code="int", message="text"),
            "Error": {
                "type": "object",
                "required": ["@type", "error_code", "message"],
                "properties": {
                    "@type": {"type": "string", "enum": ["generic_error", "statement_error"]},
                    "error_code": {"type": "integer"},
                    "message": {"type": "string"},
                    "statementText": {"type": "string"},
                    "entities": {"type": "array", "items": {"type": "object"}},
                    "line": {"type": "integer", "description": "1-based; an addition of this server"},
                    "column": {"type": "integer", "description": "1-based; an addition of this server"},
                },
            },
        },
    },
}
