"""The OpenAPI description of the REST API, served at /openapi.json."""

from __future__ import annotations

from typing import Any

from ksqlengine.server.config import VERSION

_JSON = "application/vnd.ksql.v1+json"
_DELIMITED = "application/vnd.ksqlapi.delimited.v1"


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answers(schema: dict[str, Any], kind: str = _JSON, **more: str) -> dict[str, Any]:
    out: dict[str, Any] = {"200": {"description": "done", "content": {kind: {"schema": schema}}}}
    for status, text in {"400": "refused", **{k.lstrip("s"): v for k, v in more.items()}}.items():
        out[status] = {"description": text, "content": {_JSON: {"schema": _ref("Error")}}}
    return out


def _post(summary: str, body: dict[str, Any], responses: dict[str, Any]) -> dict[str, Any]:
    return {
        "post": {
            "summary": summary,
            "requestBody": {
                "required": True,
                "content": {_JSON: {"schema": body}, "application/json": {"schema": body}},
            },
            "responses": responses,
        }
    }


def _get(summary: str, parameter: str = "") -> dict[str, Any]:
    out: dict[str, Any] = {"summary": summary, "responses": _answers({"type": "object"})}
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
        "description": "Statements, pull and push queries. HTTP/1.1; ksqlDB's own server speaks HTTP/2 as well.",
    },
    "paths": {
        "/ksql": _post(
            "Run statements (all but SELECT and PRINT)",
            _ref("Statements"),
            _answers({"type": "array", "items": {"type": "object"}}, s413="too large", s503="not ready"),
        ),
        "/query": _post(
            "Run one SELECT or PRINT; rows as chunked JSON",
            _ref("Statements"),
            _answers({"type": "array", "items": {"type": "object"}}, s429="too many queries"),
        ),
        "/query-stream": _post(
            "Run one SELECT; a header line, then an array a row",
            _ref("Query"),
            _answers({"type": "string"}, _DELIMITED, s429="too many queries"),
        ),
        "/close-query": _post("End a push query", _object(["queryId"], queryId="text"), _answers({"type": "object"})),
        "/inserts-stream": _post(
            "Insert rows: a line with the target, then a line a row",
            {"type": "string"},
            _answers({"type": "string"}, _DELIMITED),
        ),
        "/info": _get("Version, cluster, service"),
        "/healthcheck": _get("Health, and the queries in ERROR"),
        "/clusterStatus": _get("The servers of the service"),
        "/status": _get("The status of every command"),
        "/status/{command}": _get("The status of one command", "command"),
        "/is_valid_property/{name}": _get("Whether a property may be set", "name"),
        "/heartbeat": _post("Another server's heartbeat", {"type": "object"}, _answers({"type": "object"})),
        "/v1/metadata": _get("The cluster's scope"),
        "/v1/metadata/id": _get("The server's id"),
        "/openapi.json": _get("This description"),
    },
    "components": {
        "schemas": {
            "Statements": _object(
                ["ksql"], ksql="text", streamsProperties="map", sessionVariables="map", commandSequenceNumber="int"
            ),
            "Query": _object(["sql"], sql="text", properties="map", sessionVariables="map"),
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
        }
    },
}
