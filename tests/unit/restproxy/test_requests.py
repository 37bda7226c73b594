"""Produce requests, as tables of (what is sent, what it means)."""

from __future__ import annotations

import pytest

from restproxy.errors import ProxyError
from restproxy.requests import BINARY_V2, JSON_V2, Record, accepts, embedded_format, parse_records

MEANINGS = [
    (JSON_V2, b'{"records":[{"key":"MDW","value":{"t":1.50}}]}', Record(b'"MDW"', b'{"t":1.5}', None)),
    (JSON_V2, b'{"records":[{"value":[1,true,null]}]}', Record(None, b"[1,true,null]", None)),
    (JSON_V2, b'{"records":[{"key":{"stop_id":1},"value":null}]}', Record(b'{"stop_id":1}', None, None)),
    (JSON_V2, '{"records":[{"key":0,"value":"Ü","partition":2}]}'.encode(), Record(b"0", '"Ü"'.encode(), 2)),
    (JSON_V2, b'{"records":[{"value":false}],"value_schema_id":null}', Record(None, b"false", None)),
    (BINARY_V2, b'{"records":[{"key":"S2V5","value":"AP8="}]}', Record(b"Key", b"\x00\xff", None)),
    (BINARY_V2, b'{"records":[{"value":""}]}', Record(None, b"", None)),
]


@pytest.mark.parametrize(("media", "body", "record"), MEANINGS)
def test_reads_a_record(media: str, body: bytes, record: Record) -> None:
    assert parse_records(body, media) == [record]


NESTED = b'{"records":[{"value":' + b"[" * 500 + b"]" * 500 + b"}]}"
REFUSALS = [
    (JSON_V2, b"", 400, 400, "not JSON"),
    (JSON_V2, b'{"records":[{"value":NaN}]}', 400, 400, "not JSON"),
    (JSON_V2, b"\xff", 400, 400, "not JSON"),
    (JSON_V2, b"[]", 422, 422, "must be an object"),
    (JSON_V2, b"{}", 422, 422, "records may not be empty"),
    (JSON_V2, b'{"records":[]}', 422, 422, "records may not be empty"),
    (JSON_V2, b'{"records":{}}', 422, 422, "records may not be empty"),
    (JSON_V2, b'{"records":[1]}', 422, 422, r"records\[0\] must be an object"),
    (JSON_V2, b'{"records":[{"value":1},{"vlaue":1}]}', 422, 422, r"Unrecognized field in records\[1\]: vlaue"),
    (JSON_V2, b'{"recs":[]}', 422, 422, "Unrecognized field in the request: recs"),
    (JSON_V2, b'{"records":[{"value":1,"partition":-1}]}', 422, 422, "partition"),
    (JSON_V2, b'{"records":[{"value":1,"partition":true}]}', 422, 422, "partition"),
    (JSON_V2, b'{"records":[{"value":1}],"value_schema":"{}"}', 422, 422, "no Schema Registry"),
    (JSON_V2, NESTED, 422, 42203, "cannot be written as JSON"),
    (BINARY_V2, b'{"records":[{"value":"a b="}]}', 422, 42203, "not base64"),
    (BINARY_V2, b'{"records":[{"key":1,"value":""}]}', 422, 42203, "must be a base64 string"),
]


@pytest.mark.parametrize(("media", "body", "status", "code", "message"), REFUSALS)
def test_refuses_what_is_not_a_produce_request(media: str, body: bytes, status: int, code: int, message: str) -> None:
    with pytest.raises(ProxyError, match=message) as caught:
        parse_records(body, media)
    assert (caught.value.status, caught.value.code) == (status, code)


@pytest.mark.parametrize(
    "header", [JSON_V2, JSON_V2.upper(), f"{JSON_V2}; charset=utf-8", f'{BINARY_V2};charset="UTF-8"']
)
def test_reads_content_types_as_http_writes_them(header: str) -> None:
    assert embedded_format(header) in (JSON_V2, BINARY_V2)


@pytest.mark.parametrize(
    "header",
    ["", "application/json", "text/plain", "application/vnd.kafka.avro.v2+json", f"{JSON_V2}; charset=latin-1"],
)
def test_refuses_other_content_types(header: str) -> None:
    with pytest.raises(ProxyError) as caught:
        embedded_format(header)
    assert caught.value.status == 415


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("", True),
        ("*/*", True),
        ("text/html, application/vnd.kafka.v2+json;q=0.5", True),
        ("application/json", True),
        ("text/html", False),
        ("application/json;q=0", False),
    ],
)
def test_knows_what_the_client_accepts(header: str, accepted: bool) -> None:
    assert accepts(header) is accepted
