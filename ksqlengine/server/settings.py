"""Where the server listens, and which of ksqlDB's settings it does not honour: refused or named, never passed over."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from ksqlengine.errors import KsqlError
from ksqlengine.server.config import ServerConfig

# What somebody relies on for safety, or that makes another kind of server: it does not start with them.
_REFUSED = {
    "ksql.queries.file": "headless servers are not supported; send the file to /ksql",
    "ksql.authentication.plugin.class": "authentication plugins are not supported; use authentication.method=BASIC",
    "ksql.security.extension.class": "security extensions are not supported",
    "ksql.access.validator.enable": "Kafka's ACLs are not checked for each user",
    "ksql.internal.listener": "all requests come to one listener; set ksql.advertised.listener",
    "ssl.cipher.suites": "the suites of the ssl module are used",
    "ssl.keymanager.algorithm": "the ssl module is used",
    "ssl.trustmanager.algorithm": "the ssl module is used",
    "ksql.endpoint.authorization": "endpoints are not authorised one by one",
}
# What changes what a server can do; it starts, and says what is missing.
_NAMED = {
    "ksql.schema.registry.*": "there is no schema registry: AVRO, PROTOBUF and JSON_SR are not available",
    "ksql.extension.dir": "Java functions of one's own are not loaded",
    "ksql.udf*": "Java functions of one's own are not loaded",
    "ksql.connect.worker.config": "Connect does not run inside the server; set ksql.connect.url",
    "ksql.connect.request.headers.plugin": "headers are not added to Connect's requests",
    "ksql.connect.ssl*": "Connect is asked with the system's trusted certificates",
    "ksql.query.persistent.active.limit": "persistent queries are not counted",
    "ksql.query.persistent.max.bytes.buffering.total": "not limited",
    "ksql.query.transient.max.bytes.buffering.total": "not limited",
    "ksql.query.pull.max.qps": "pull queries are limited by ksql.query.pull.max.concurrent.requests",
    "ksql.query.pull.max.*.bandwidth": "bandwidth is not limited",
    "ksql.query.push.v2.max.*.bandwidth": "bandwidth is not limited",
    "ksql.query.pull.thread.pool.size": "pull queries have 64 threads",
    "ksql.query.pull.interpreter.enabled": "expressions are always compiled",
    "ksql.metrics.*": "metrics are not exported",
    "ksql.telemetry.*": "nothing is sent",
    "confluent.support.*": "nothing is sent",
    "ksql.hidden.topics": "internal topics are those that begin with _",
    "ksql.readonly.topics": "topics are not protected",
    "ksql.websocket.*": "websockets are not served",
    "cors.*": "CORS headers are not sent",
    "access.control.allow.*": "CORS headers are not sent",
    "response.http.headers.config": "headers are not added",
    "ksql.verticle.instances": "one event loop serves the listener",
    "ksql.worker.pool.size": "64 threads",
    "ksql.server.websockets.*": "websockets are not served",
    "ksql.runtime.feature.shared.enabled": "each query has a runtime of its own",
    "ksql.shared.runtimes.count": "each query has a runtime of its own",
}
_DEFAULT_PORT = 8088


@dataclass(frozen=True)
class Listener:
    """The address to listen on."""

    host: str
    port: int
    secure: bool

    @staticmethod
    def of(properties: Mapping[str, str], host: str = "", port: int = 0) -> Listener:
        """Read ``listeners``; ``host`` and ``port`` of the command line are the stronger."""
        given = [part.strip() for part in properties.get("listeners", "").split(",") if part.strip()]
        if not given:
            return Listener(host or "127.0.0.1", port or _DEFAULT_PORT, secure=False)
        if len(given) > 1:
            raise KsqlError(f"listeners={','.join(given)}: one listener is supported.")
        place = urlsplit(given[0])
        if place.scheme not in {"http", "https"} or place.path not in {"", "/"}:
            raise KsqlError(f"listeners={given[0]} is not like http://0.0.0.0:8088 or https://0.0.0.0:8088.")
        try:
            wanted = place.port or _DEFAULT_PORT
        except ValueError:
            raise KsqlError(f"listeners={given[0]} has no valid port.") from None
        return Listener(host or place.hostname or "0.0.0.0", port or wanted, place.scheme == "https")  # noqa: S104 - as ksqlDB does


def advertised(properties: Mapping[str, str], listener: Listener) -> str:
    """Give host:port under which other servers reach this one, or nothing when the listener's own will do."""
    given = properties.get("ksql.advertised.listener", "")
    if given:
        place = urlsplit(given)
        if place.hostname is None or place.port is None:
            raise KsqlError(f"ksql.advertised.listener={given} is not like http://host:8088.")
        return f"{place.hostname}:{place.port}"
    if listener.host not in {"0.0.0.0", "::"}:  # noqa: S104 - asked about, not bound to
        return ""
    try:
        name = socket.gethostname()
        socket.getaddrinfo(name, listener.port)
    except OSError:
        return f"127.0.0.1:{listener.port}"
    return f"{name}:{listener.port}"


def check_settings(config: ServerConfig) -> list[str]:
    """Name the settings that have no effect here. Raises KsqlError for one that must not be passed over."""
    warnings = []
    for name, value in sorted(config.properties.items()):
        for pattern, why in _REFUSED.items():
            if fnmatchcase(name, pattern) and value.strip().lower() not in {"", "false", "none", "off", "auto"}:
                raise KsqlError(f"{name} is set, but {why}. Remove it to start.")
        for pattern, why in _NAMED.items():
            if fnmatchcase(name, pattern) and value.strip().lower() not in {"", "false", "off"}:
                warnings.append(f"{name} has no effect: {why}")
    return warnings
