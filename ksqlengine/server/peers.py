"""Requests to the other servers of the service: their scheme, and the word by which they know us."""

from __future__ import annotations

import threading
from typing import Any

import httpx

from ksqlengine.server.access import PEER, Access
from ksqlengine.server.config import ServerConfig
from ksqlengine.server.entities import DELIMITED
from ksqlengine.server.settings import Listener
from ksqlengine.server.tls import peer_context

_LOCK = threading.Lock()
_CLIENTS: dict[int, tuple[ServerConfig, httpx.Client]] = {}


def _client(config: ServerConfig) -> httpx.Client:
    """Give the client for this configuration; connections are kept."""
    with _LOCK:
        made = _CLIENTS.get(id(config))
        if made is None:
            access = Access.of(config)
            secure = Listener.of(config.properties).secure
            client = httpx.Client(
                headers={"Accept": f"{DELIMITED}, */*"} | ({PEER: access.peer} if access else {}),
                verify=peer_context(config) if secure else True,
                limits=httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=2.0),
            )
            made = _CLIENTS[id(config)] = (config, client)
        return made[1]


def url(config: ServerConfig, host: str, path: str) -> str:
    """Give the address of a resource of another server (host:port)."""
    return f"{'https' if Listener.of(config.properties).secure else 'http'}://{host}{path}"


def get(config: ServerConfig, host: str, path: str, *, timeout: float) -> httpx.Response:
    """Ask another server. Raises httpx.HTTPError."""
    return _client(config).get(url(config, host, path), timeout=timeout)


def post(config: ServerConfig, host: str, path: str, body: Any, *, timeout: float) -> httpx.Response:
    """Send something to another server. Raises httpx.HTTPError."""
    return _client(config).post(url(config, host, path), json=body, timeout=timeout)
