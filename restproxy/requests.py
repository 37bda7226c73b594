"""What a produce request means: content type and body to records of bytes (pure)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, NamedTuple

import orjson

from restproxy.errors import CONVERSION_FAILED, ProxyError

JSON_V2 = "application/vnd.kafka.json.v2+json"
BINARY_V2 = "application/vnd.kafka.binary.v2+json"
RESPONSE_V2 = "application/vnd.kafka.v2+json"
_RECORD_FIELDS = {"key", "value", "partition"}
_REQUEST_FIELDS = {"records", "key_schema", "key_schema_id", "value_schema", "value_schema_id"}


class Record(NamedTuple):
    """One record to send; ``partition`` is None where the key decides."""

    key: bytes | None
    value: bytes | None
    partition: int | None


def embedded_format(content_type: str) -> str:
    """Give the embedded format's media type, or raise 415."""
    media, *parameters = (part.strip() for part in content_type.split(";"))
    media = media.lower()
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and value.strip(' "').lower() not in ("utf-8", "utf8"):
            raise ProxyError(415, 415, f"HTTP 415 Unsupported Media Type: charset {value.strip()}, only UTF-8 is read.")
    if media not in (JSON_V2, BINARY_V2):
        raise ProxyError(
            415, 415, f"HTTP 415 Unsupported Media Type: {media or 'none given'}; send {JSON_V2} or {BINARY_V2}."
        )
    return media


def accepts(accept: str) -> bool:
    """Tell whether the client accepts the response's media type (``Accept`` header; absent means anything)."""
    if not accept.strip():
        return True
    for entry in accept.split(","):
        media, *parameters = (part.strip().lower() for part in entry.split(";"))
        refused = any(p.replace(" ", "") in ("q=0", "q=0.0", "q=0.00", "q=0.000") for p in parameters)
        if media in ("*/*", "application/*", "application/json", RESPONSE_V2, JSON_V2, BINARY_V2) and not refused:
            return True
    return False


def parse_records(body: bytes, media: str) -> list[Record]:
    """Read a produce request's body.

    JSON keys and values are sent as compact JSON text (a string key keeps its quotes, as in Confluent's proxy), binary
    ones are decoded from base64; null is a null key or a tombstone. Raises 400 for what is not JSON, 422 for what is
    not a produce request. Integers beyond 64 bits are read as floating point.
    """
    try:
        request = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise ProxyError(400, 400, f"The body is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise _unprocessable("The body must be an object with a list 'records'.")
    _no_other_fields(request, _REQUEST_FIELDS, "the request")
    if any(request.get(name) is not None for name in _REQUEST_FIELDS - {"records"}):
        raise _unprocessable("Schemas are not supported here: this proxy has no Schema Registry.")
    records = request.get("records")
    if not isinstance(records, list) or not records:
        raise _unprocessable("records may not be empty")
    encode = _json_bytes if media == JSON_V2 else _base64_bytes
    return [_record(record, index, encode) for index, record in enumerate(records)]


def _record(record: Any, index: int, encode: Callable[[Any, str], bytes]) -> Record:
    where = f"records[{index}]"
    if not isinstance(record, dict):
        raise _unprocessable(f"{where} must be an object.")
    _no_other_fields(record, _RECORD_FIELDS, where)
    key, value, partition = record.get("key"), record.get("value"), record.get("partition")
    # bool is an int for Python, not for JSON
    if partition is not None and (type(partition) is not int or not 0 <= partition < 2**31):
        raise _unprocessable(f"{where}.partition must be a partition's number.")
    return Record(
        None if key is None else encode(key, f"{where}.key"),
        None if value is None else encode(value, f"{where}.value"),
        partition,
    )


def _json_bytes(value: Any, where: str) -> bytes:
    try:
        return orjson.dumps(value)
    except TypeError as error:  # nested deeper than orjson writes
        raise ProxyError(422, CONVERSION_FAILED, f"{where} cannot be written as JSON: {error}") from error


def _base64_bytes(value: Any, where: str) -> bytes:
    if not isinstance(value, str):
        raise ProxyError(422, CONVERSION_FAILED, f"{where} must be a base64 string.")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ProxyError(422, CONVERSION_FAILED, f"{where} is not base64: {error}") from error


def _no_other_fields(found: dict[str, Any], known: set[str], where: str) -> None:
    other = sorted(set(found) - known)
    if other:
        raise _unprocessable(f"Unrecognized field in {where}: {other[0]}")


def _unprocessable(message: str) -> ProxyError:
    return ProxyError(422, 422, message)
