"""CREATE, DROP, SHOW and DESCRIBE CONNECTOR, passed on to Kafka Connect's REST API."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx

from ksqlengine.engine import ParsedStatement
from ksqlengine.errors import SERVER_ERROR, KsqlError
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import Entity, RequestError, entity

if TYPE_CHECKING:
    from ksqlengine.server.service import KsqlService

_TIMEOUT_S = 15.0  # ksql.connect.request.timeout.ms is not ksqlDB's only limit either


def call(config: ServerConfig, method: str, path: str, body: dict[str, Any] | None = None) -> tuple[int, Any]:
    """Call Connect and give (status, JSON); a Connect that is not there is a statement's error."""
    url = config.connect_url or config.properties.get("ksql.connect.url", "")
    if not url:
        raise KsqlError("Kafka Connect is not configured: start the server with ksql.connect.url.")
    timeout = float(config.properties.get("ksql.connect.request.timeout.ms", _TIMEOUT_S * 1000)) / 1000
    try:
        response = httpx.request(method, url.rstrip("/") + path, json=body, timeout=timeout, auth=_credentials(config))
    except httpx.HTTPError as error:
        raise KsqlError(
            f"Kafka Connect at {url} does not answer: {error or type(error).__name__}", error_code=SERVER_ERROR
        ) from error
    try:
        return response.status_code, response.json() if response.content else {}
    except ValueError:
        return response.status_code, {"message": response.text[:500]}


def _credentials(config: ServerConfig) -> tuple[str, str] | None:
    """Read ksqlDB's file of Connect's user and password."""
    source = config.properties.get("ksql.connect.basic.auth.credentials.source", "NONE").upper()
    if source == "NONE":
        return None
    file = config.properties.get("ksql.connect.basic.auth.credentials.file", "")
    try:
        user, separator, password = Path(file).read_text(encoding="utf-8").strip().partition(":")
    except OSError as error:
        raise KsqlError(f"ksql.connect.basic.auth.credentials.file cannot be read: {error}") from error
    if source != "FILE" or not separator:
        raise KsqlError("ksql.connect.basic.auth.credentials.source must be NONE or FILE, the file user:password")
    return user, password


def _failed(what: str, status: int, answer: Any) -> RequestError:
    message = answer.get("message", answer) if isinstance(answer, dict) else answer
    return RequestError(f"{what}: {message}", status=status, error_code=status * 100)


def execute(config: ServerConfig, statement: ParsedStatement) -> Entity:
    """Run CREATE CONNECTOR or DROP CONNECTOR."""
    node, text = statement.node, statement.text
    name = node.words[0]
    if node.verb == "DROP_CONNECTOR":
        status, answer = call(config, "DELETE", f"/connectors/{quote(name, safe='')}")
        if status == HTTPStatus.NOT_FOUND and node.details.get("if_exists"):
            return entity("warning_entity", text, message=f"Connector '{name}' does not exist.")
        if status >= HTTPStatus.BAD_REQUEST:
            raise _failed("Failed to drop connector", status, answer)
        return entity("drop_connector", text, connectorName=name)
    given = {str(k).strip('"`'): str(v) for k, v in dict(node.details.get("properties", {})).items()}
    # property names come upper-cased from the parser unless they are quoted; Connect's are lower-case
    properties = {(k.lower() if k.isupper() else k): v for k, v in given.items()}
    if node.details.get("if_not_exists"):
        status, _ = call(config, "GET", f"/connectors/{quote(name, safe='')}")
        if status == HTTPStatus.OK:
            return entity("warning_entity", text, message=f"Connector {name} already exists")
    status, answer = call(config, "POST", "/connectors", {"name": name, "config": properties})
    if status >= HTTPStatus.BAD_REQUEST:
        raise _failed("Failed to create connector", status, answer)
    return entity("connector_info", text, info=answer)


def show(config: ServerConfig, text: str, scope: str) -> Entity:
    """Answer SHOW [SOURCE | SINK] CONNECTORS and SHOW CONNECTOR PLUGINS."""
    if scope == "PLUGINS":
        status, plugins = call(config, "GET", "/connector-plugins")
        if status >= HTTPStatus.BAD_REQUEST:
            raise _failed("Failed to list connector plugins", status, plugins)
        listed = [{"className": p["class"], "type": p.get("type"), "version": p.get("version")} for p in plugins]
        return entity("connector_plugins_list", text, connectorsPlugins=listed)
    status, answers = call(config, "GET", "/connectors?expand=info&expand=status")
    if status >= HTTPStatus.BAD_REQUEST:
        raise _failed("Failed to list connectors", status, answers)
    out = []
    for name, both in sorted(dict(answers).items()):
        info, state = both.get("info", {}), both.get("status", {})
        kind = str(info.get("type", state.get("type", "unknown"))).lower()
        if scope and kind != scope.lower():
            continue
        class_name = info.get("config", {}).get("connector.class")
        out.append({"name": name, "type": kind, "className": class_name, "state": _summary(state)})
    return entity("connector_list", text, connectors=out)


def _summary(status: dict[str, Any]) -> str:
    """Say how a connector and its tasks are, in a phrase."""
    state = str(status.get("connector", {}).get("state", "UNKNOWN"))
    tasks = status.get("tasks", [])
    running = sum(1 for task in tasks if task.get("state") == "RUNNING")
    if state != "RUNNING":
        return state
    word = "RUNNING" if running == len(tasks) else "WARNING" if running else "FAILED"
    return f"{word} ({running}/{len(tasks)} tasks RUNNING)"


def describe(service: KsqlService, text: str, name: str) -> Entity:
    """Answer DESCRIBE CONNECTOR: its class and state, the topics it uses, and the sources on them."""
    from ksqlengine.server.admin import describe_source

    config, place = service.config, f"/connectors/{quote(name, safe='')}"
    status, info = call(config, "GET", place)
    if status >= HTTPStatus.BAD_REQUEST:
        raise _failed(f"Failed to query connector {name}", status, info)
    status, state = call(config, "GET", f"{place}/status")
    if status >= HTTPStatus.BAD_REQUEST:  # it has not been given to a worker yet
        state = {"name": name, "connector": {"state": "UNASSIGNED", "worker_id": ""}, "tasks": []}
    status, used = call(config, "GET", f"{place}/topics")
    topics = sorted(used.get(name, {}).get("topics", [])) if status == HTTPStatus.OK else []
    sources = [s for _, s in sorted(service.engine.catalog.sources.items()) if s.topic in topics]
    return entity(
        "connector_description",
        text,
        connectorClass=info.get("config", {}).get("connector.class"),
        status={"type": info.get("type", "unknown")} | state,
        sources=[describe_source(service, source, extended=False) for source in sources],
        topics=topics,
    )
