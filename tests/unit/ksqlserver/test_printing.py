"""PRINT: formats guessed from a record, keys with windows behind them."""

from __future__ import annotations

import struct

import pytest

from ksqlengine.server.printing import guess_key, key_text

AT = 1_577_836_800_000
NUMBER = struct.pack(">q", 7)
START = struct.pack(">q", AT)
NUMBERS = "KAFKA_BIGINT or KAFKA_DOUBLE"


@pytest.mark.parametrize(
    ("key", "form", "text"),
    [
        (None, "¯\\_(ツ)_/¯ - no data processed", "<null>"),
        (b"a", "KAFKA_STRING", "a"),
        (b"a longer name", "KAFKA_STRING", "a longer name"),
        (NUMBER, NUMBERS, "7"),
        (b"a" + START, "HOPPING(KAFKA_STRING) or TUMBLING(KAFKA_STRING)", f"[a@{AT}/-]"),
        (NUMBER + START, f"HOPPING({NUMBERS}) or TUMBLING({NUMBERS})", f"[7@{AT}/-]"),
        (b"a" + struct.pack(">q", AT + 5) + START, "SESSION(KAFKA_STRING)", f"[a@{AT}/{AT + 5}]"),
        (b'{"A":1}' + START, "HOPPING(JSON or KAFKA_STRING) or TUMBLING(JSON or KAFKA_STRING)", f'[{{"A":1}}@{AT}/-]'),
    ],
)
def test_shows_keys_with_their_windows(key: bytes | None, form: str, text: str) -> None:
    assert (guess_key(key), key_text(key)) == (form, text)
