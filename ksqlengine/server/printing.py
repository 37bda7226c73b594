"""PRINT: the records of a topic as text, their formats guessed from what was seen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from ksqlengine import tree
from ksqlengine.errors import KsqlError

if TYPE_CHECKING:
    from ksqlengine.server.service import KsqlService


_TIME = 8


def print_topic(service: KsqlService, node: tree.Admin) -> Iterator[str]:
    """Check that the topic exists and give its lines."""
    name = node.words[0]
    if service.backend.topic(name) is None:
        raise KsqlError(f"Could not find topic '{name}', or the KSQL user does not have permissions to list the topic.")
    return _lines(service, node, name)


def _lines(service: KsqlService, node: tree.Admin, name: str) -> Iterator[str]:
    limit = node.details.get("limit")
    interval = max(int(node.details.get("interval", 1)), 1)
    seen = shown = 0
    if limit is not None and limit <= 0:
        yield "Topic printing ceased\n"
        return
    for record in service.backend.read(
        name, from_beginning=bool(node.details.get("from_beginning")), stop=lambda: not service.ready
    ):
        if record is None:
            yield ""  # lets the server notice that the client has left
            continue
        seen += 1
        if (seen - 1) % interval:
            continue
        if shown == 0:
            yield f"Key format: {guess_key(record.key)}\nValue format: {guess(record.value)}\n"
        when = datetime.fromtimestamp(record.timestamp / 1000, UTC).strftime("%Y/%m/%d %H:%M:%S.%f")[:-3] + " Z"
        key, value = key_text(record.key), text(record.value)
        yield f"rowtime: {when}, key: {key}, value: {value}, partition: {record.partition}\n"
        shown += 1
        if limit is not None and shown >= limit:
            yield "Topic printing ceased\n"
            return


def guess(data: bytes | None) -> str:
    """Guess a format from one record."""
    if data is None:
        return "¯\\_(ツ)_/¯ - no data processed"
    try:
        decoded = data.decode("utf-8")
    except UnicodeDecodeError:
        return "KAFKA_BIGINT or KAFKA_DOUBLE" if len(data) == 8 else "KAFKA_INT" if len(data) == 4 else "BYTES"
    if not decoded.isprintable() and len(data) in {4, 8}:
        return "KAFKA_BIGINT or KAFKA_DOUBLE" if len(data) == 8 else "KAFKA_INT"
    try:
        parsed = json.loads(decoded)
    except ValueError:
        return "KAFKA_STRING"
    return "JSON or KAFKA_STRING" if isinstance(parsed, dict | list) or decoded[:1] == '"' else "KAFKA_STRING"


def text(data: bytes | None) -> str:
    """Show a key or value as text."""
    if data is None:
        return "<null>"
    kind = guess(data)
    if kind.startswith("KAFKA_BIGINT") or kind == "KAFKA_INT":
        return str(int.from_bytes(data, "big", signed=True))
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.hex(" ")


def guess_key(data: bytes | None) -> str:
    """Guess a key's format; behind it may stand the window's start, or a session's end and start."""
    bare, *times = _unwindowed(data)
    shapes = ("{0}", "HOPPING({0}) or TUMBLING({0})", "SESSION({0})")
    return shapes[len(times)].format(guess(bare))


def key_text(data: bytes | None) -> str:
    """Show a key as text, one with a window as ``[key@start/end]``."""
    bare, *times = _unwindowed(data)
    return f"[{text(bare)}@{times[0]}/{times[1] if len(times) > 1 else '-'}]" if times else text(bare)


def _unwindowed(data: bytes | None) -> tuple[bytes | None, *tuple[int, ...]]:
    """Give a key without its window, and the window's times: those of our age have two zero bytes in front."""
    if data is None or len(data) <= _TIME or data[-_TIME:][:2] != b"\0\0":
        return (data,)
    bare, start = data[:-_TIME], int.from_bytes(data[-_TIME:], "big")
    end = int.from_bytes(bare[-_TIME:], "big")
    if len(bare) > _TIME and bare[-_TIME:][:2] == b"\0\0" and end >= start:
        return bare[:-_TIME], start, end
    return bare, start
