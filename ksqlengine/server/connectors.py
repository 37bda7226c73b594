"""CREATE, DROP, SHOW and DESCRIBE CONNECTOR, passed on to Kafka Connect's REST API."""

from __future__ import annotations

from typing import Any

import httpx

from ksqlengine.engine import ParsedStatement
from ksqlengine.errors import KsqlError
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import Entity, entity


def call(config: ServerConfig, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Call Connect and give (status, JSON); a Connect that is not there is a statement's error."""
    url = config.connect_url or config.properties.get("ksql.connect.url", "")
    if not url:
        raise KsqlError("Kafka Connect is not configured: start the server with ksql.connect.url.")
    try:
        response = httpx.request(method, url.rstrip("/") + path, json=body, timeout=15.0)
    except httpx.HTTPError as error:
        raise KsqlError(f"Kafka Connect at {url} does not answer: {error}") from error
    try:
        return response.status_code, response.json()
    except ValueError:
        return response.status_code, {}


def _failed(what: str, answer: Any) -> KsqlError:
    message = answer.get("message", answer) if isinstance(answer, dict) else answer
    return KsqlError(f"{what}: {message}")


def execute(config: ServerConfig, statement: ParsedStatement) -> Entity:
    """Run CREATE CONNECTOR or DROP CONNECTOR."""
    node, text = statement.node, statement.text
    name = node.words[0]
    if node.verb == "DROP_CONNECTOR":
        status, answer = call(config, "DELETE", f"/connectors/{name}")
        if status == httpx.codes.NOT_FOUND and node.details.get("if_exists"):
            return entity("warning_entity", text, message=f"Connector '{name}' does not exist.")
        if status >= httpx.codes.BAD_REQUEST:
            raise _failed("Failed to drop connector", answer)
        return entity("drop_connector", text, connectorName=name)
    given = {str(k).strip('"`'): str(v) for k, v in dict(node.details.get("properties", {})).items()}
    # property names come upper-cased from the parser unless they are quoted; Connect's are lower-case
    properties = {(k.lower() if k.isupper() else k): v for k, v in given.items()}
    status, answer = call(config, "POST", "/connectors", {"name": name, "config": properties})
    if status == httpx.codes.CONFLICT and node.details.get("if_not_exists"):
        return entity("warning_entity", text, message=f"Connector {name} already exists")
    if status >= httpx.codes.BAD_REQUEST:
        raise _failed("Failed to create connector", answer)
    return entity("connector_info", text, info=answer)


def show(config: ServerConfig, text: str, scope: str) -> Entity:
    """Answer SHOW [SOURCE | SINK] CONNECTORS and SHOW CONNECTOR PLUGINS."""
    if scope == "PLUGINS":
        _, plugins = call(config, "GET", "/connector-plugins")
        listed = [{"className": p["class"], "type": p.get("type"), "version": p.get("version")} for p in plugins]
        return entity("connector_plugins_list", text, connectorsPlugins=listed)
    _, answers = call(config, "GET", "/connectors?expand=info&expand=status")
    out = []
    for name, both in sorted(dict(answers).items()):
        info, status = both.get("info", {}), both.get("status", {})
        kind = str(info.get("type", status.get("type", "unknown"))).lower()
        if scope and kind != scope.lower():
            continue
        tasks = status.get("tasks", [])
        running = sum(1 for task in tasks if task.get("state") == "RUNNING")
        state = status.get("connector", {}).get("state", "UNKNOWN")
        out.append(
            {
                "name": name,
                "type": kind,
                "className": info.get("config", {}).get("connector.class"),
                "state": f"{state} ({running}/{len(tasks)} tasks RUNNING)",
            }
        )
    return entity("connector_list", text, connectors=out)


def describe(config: ServerConfig, text: str, name: str) -> Entity:
    """Answer DESCRIBE CONNECTOR."""
    status, info = call(config, "GET", f"/connectors/{name}")
    if status >= httpx.codes.BAD_REQUEST:
        raise _failed(f"Failed to query connector {name}", info)
    _, state = call(config, "GET", f"/connectors/{name}/status")
    return entity(
        "connector_description",
        text,
        connectorClass=info.get("config", {}).get("connector.class"),
        status=state,
        sources=[],
        topics=[],
    )
