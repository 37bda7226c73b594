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


class Peers:
    """Ask the other servers; connections are made at first use and kept."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._scheme = "https" if Listener.of(config.properties).secure else "http"
        self._lock = threading.Lock()
        self._made: httpx.Client | None = None

    def _client(self) -> httpx.Client:
        with self._lock:
            if self._made is None:
                access = Access.of(self._config)
                self._made = httpx.Client(
                    headers={"Accept": f"{DELIMITED}, */*"} | ({PEER: access.peer} if access else {}),
                    verify=peer_context(self._config) if self._scheme == "https" else True,
                    limits=httpx.Limits(max_connections=200, max_keepalive_connections=50, keepalive_expiry=2.0),
                )
            return self._made

    def get(self, host: str, path: str, *, timeout: float) -> httpx.Response:
        """Ask another server (host:port), ``timeout`` in seconds. Raises httpx.HTTPError."""
        return self._client().get(f"{self._scheme}://{host}{path}", timeout=timeout)

    def post(self, host: str, path: str, body: Any, *, timeout: float) -> httpx.Response:
        """Send something to another server (host:port), ``timeout`` in seconds. Raises httpx.HTTPError."""
        return self._client().post(f"{self._scheme}://{host}{path}", json=body, timeout=timeout)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            if self._made is not None:
                self._made.close()
                self._made = None
