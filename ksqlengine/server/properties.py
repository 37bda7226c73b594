"""Which properties a statement may set, and what SHOW PROPERTIES lists."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any

import jpype

from ksqlengine import jvm
from ksqlengine.errors import KsqlError
from ksqlengine.server.config import EXACTLY_ONCE, STREAMS_PREFIX, ServerConfig
from ksqlengine.server.entities import Entity, compact

# What decides who a query is and where it lives is the server's business.
_PROHIBITED = {
    "application.id",
    "application.server",
    "bootstrap.servers",
    "group.instance.id",
    "state.dir",
    "ksql.service.id",
    "ksql.connect.url",
    "ksql.internal.topic.replicas",
}
_KSQL = {
    "ksql.query.pull.table.scan.enabled",
    "ksql.query.pull.range.scan.enabled",
    "ksql.query.pull.limit.clause.enabled",
    "ksql.query.pull.enable.standby.reads",
    "ksql.query.pull.max.allowed.offset.lag",
    "ksql.query.pull.stream.enabled",
    "ksql.query.push.v2.enabled",
    "ksql.query.push.v2.registry.installed",
    "ksql.functions.",
    "ksql.persistence.",
    "ksql.sink.",
    "ksql.timestamp.throw.on.invalid",
    "ksql.output.topic.name.prefix",
    "ksql.new.query.planner.enabled",
    "ksql.fail.on.",
    "ksql.headers.columns.enabled",
    "ksql.nested.error.set.null",
    "ksql.json_sr.converter.deserializer.enabled",
    "ksql.properties.overrides.denylist",
    "ksql.source.table.materialization.enabled",
    "ksql.variable.substitution.enable",
    "ksql.windowed.session.key.legacy",
    "ksql.cast.strings.preserve.nulls",
    "ksql.create.or.replace.enabled",
    "ksql.rowpartition.rowoffset.enabled",
    "ksql.lambdas.enabled",
    "ksql.shared.runtime.enabled",
    "ksql.suppress.enabled",
    "ksql.query.",
}
_STREAMS = {
    "auto.offset.reset",
    "buffered.records.per.partition",
    "cache.max.bytes.buffering",
    "commit.interval.ms",
    "default.deserialization.exception.handler",
    "default.dsl.store",
    "default.timestamp.extractor",
    "dsl.store.suppliers.class",
    "max.task.idle.ms",
    "num.standby.replicas",
    "num.stream.threads",
    "poll.ms",
    "processing.guarantee",
    "replication.factor",
    "rocksdb.config.setter",
    "session.timeout.ms",
    "heartbeat.interval.ms",
    "state.cleanup.delay.ms",
    "statestore.cache.max.bytes",
    "task.timeout.ms",
    "topology.optimization",
    "windowstore.changelog.additional.retention.ms",
}
_CLIENTS = ("consumer.", "producer.", "main.consumer.", "restore.consumer.", "admin.", "topic.")
_PLAIN_CLIENT = ("max.", "fetch.", "linger.", "batch.", "acks", "retries", "request.", "delivery.", "compression.",
                 "buffer.memory", "isolation.level", "retry.", "reconnect.", "metadata.", "connections.", "receive.",
                 "send.", "enable.")  # fmt: skip
_KSQL_TYPES = {"enable": "BOOLEAN", "enabled": "BOOLEAN", "lag": "LONG", "limit": "LONG"}  # by the name's last word
_DEFINITIONS = (
    "org.apache.kafka.streams.StreamsConfig",
    "org.apache.kafka.clients.consumer.ConsumerConfig",
    "org.apache.kafka.clients.producer.ProducerConfig",
)


def is_valid_property(name: str) -> bool:
    """Say whether a session may set a property."""
    if name in _PROHIBITED or name.removeprefix(STREAMS_PREFIX) in _PROHIBITED:
        return False
    bare = name.removeprefix(STREAMS_PREFIX)
    if bare.startswith("ksql."):
        return bare.startswith(tuple(_KSQL))
    return bare in _STREAMS or bare.startswith(_CLIENTS) or bare.startswith(_PLAIN_CLIENT)


def check_property(name: str) -> str:
    """Give the name back, or raise ksqlDB's error."""
    _check_allowed(name)
    if not is_valid_property(name):
        raise KsqlError(f"Not recognizable as ksql, streams, consumer, or producer property: '{name}'")
    return name


def check_overrides(properties: Mapping[str, Any]) -> None:
    """Refuse a request that sets who a query is and where it lives, or a property to what cannot be its value."""
    for name, value in properties.items():
        _check_allowed(name)
        check_value(name, value)


def _check_allowed(name: str) -> None:
    if name in _PROHIBITED or name.removeprefix(STREAMS_PREFIX) in _PROHIBITED:
        raise KsqlError(f"Cannot override property '{name}'")


def check_value(name: str, value: Any) -> None:
    """Refuse what cannot be a property's value, in Kafka's words: later it would end the query, at each start again."""
    bare = name.removeprefix(STREAMS_PREFIX)
    if bare == "auto.offset.reset" and str(value).lower() == "none":
        raise KsqlError("'none' is not valid for this property within KSQL")
    if not isinstance(value, str | int | float):  # a truth is an int
        raise KsqlError(f"Invalid value {compact(value)[:100]} for configuration {name}: not a text, number or truth")
    text = str(value).lower() if isinstance(value, bool) else str(value)
    if bare == "processing.guarantee":
        text = EXACTLY_ONCE.get(text.lower(), text)
    for prefix in _CLIENTS:
        bare = bare.removeprefix(prefix)
    if bare not in _STREAMS and not bare.startswith((*_PLAIN_CLIENT, "ksql.")):
        return
    try:
        _parse(bare, text)
    except jpype.JException as error:
        raise KsqlError(str(error.getMessage())) from None


@functools.lru_cache(maxsize=1000)  # clients send the same ones with each request
def _parse(name: str, text: str) -> None:
    definition = jvm.java("org.apache.kafka.common.config.ConfigDef")
    if name.startswith("ksql."):
        kind = _KSQL_TYPES.get(name.rsplit(".", 1)[-1])
        if kind is not None:
            definition.parseType(name, text, getattr(jvm.java("org.apache.kafka.common.config.ConfigDef$Type"), kind))
        return
    for owner in _DEFINITIONS:
        key = jvm.java(owner).configDef().configKeys().get(name)
        if key is not None:
            parsed = definition.parseType(name, text, key.type())
            if key.validator is not None:
                key.validator.ensureValid(name, parsed)
            return


def prefixed(properties: dict[str, Any]) -> dict[str, Any]:
    """Give every property the prefix under which a plan keeps it."""
    return {n if n.startswith("ksql.") else STREAMS_PREFIX + n: v for n, v in properties.items()}


def show_properties(config: ServerConfig, session: dict[str, Any]) -> list[Entity]:
    """List the properties in force; secrets are not shown."""
    values: dict[str, Any] = {f"{STREAMS_PREFIX}{k}": v for k, v in config.streams({}).items()}
    values |= config.properties | {"ksql.service.id": config.service_id}
    values |= session
    return [
        {
            "name": name,
            "scope": "KSQL" if name.startswith("ksql.") else "EXTERNAL",
            "value": None if _secret(name) else str(value),
            "editable": is_valid_property(name),
            "level": "QUERY" if name in session else "SERVER",
        }
        for name, value in sorted(values.items())
    ]


def _secret(name: str) -> bool:
    return any(word in name for word in ("password", "jaas", "secret", "token", "keystore.key"))
