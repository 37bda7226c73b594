"""A plain JSON record is read by its bytes; any record gives what the tokenizer gives, or is refused alike."""

from __future__ import annotations

import json
from typing import Any

import jpype
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ksqlengine import jvm

COLUMNS = [["I", "INTEGER"], ["B", "BIGINT"], ["D", "DOUBLE"], ["S", "STRING"], ["T", "BOOLEAN"], ["W", "TIMESTAMP"],
           ["X", "DECIMAL(6, 2)"], ["U", "INTEGER"]]  # fmt: skip
ONE_TWO = [("Integer", 1), ("Long", 2)]
SLOTS = [0, 1, 2, 3, 4, 5, 6, -1]  # nobody needs U
# A field with an escape, after everything else: the byte reader gives up there, and the tokenizer begins anew.
ESCAPED = ',"\\u0061bc":1}'

_scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**66), 2**66)
    | st.integers(-20, 20)
    | st.floats(allow_nan=False)
    | st.decimals(-999, 999, places=3).map(float)
    | st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=5)
    | st.sampled_from(["plain", "1", "", "é", 'a"b', "\u2028"])
)
_nested = st.lists(_scalars, max_size=3) | st.dictionaries(st.text(max_size=2), _scalars, max_size=2)
_names = st.sampled_from([c[0] for c in COLUMNS] + ["i", "s", "other", "none"])
_records = st.lists(st.tuples(_names, _scalars | _nested), min_size=1, max_size=8)


@pytest.fixture(scope="module")
def codec() -> Any:
    jvm.start()
    strings, ints = jpype.JArray(jpype.JString), jpype.JArray(jpype.JInt)
    names, types = [c[0] for c in COLUMNS], [c[1] for c in COLUMNS]
    return jvm.java("ksql.runtime.Codec").of("JSON", strings(names), strings(types), ints(SLOTS), 7, True, ",")


def read(codec: Any, text: str) -> bytes | str:
    """Give the row as the engine stores it (each value with its type), or the kind of error."""
    try:
        row = codec.read(jpype.JArray(jpype.JByte)(text.encode()))
    except jpype.JException as error:
        return str(error.getClass().getSimpleName())
    return bytes(jvm.java("ksql.runtime.BinaryCodec").write(row))


def stored(*values: Any) -> bytes:
    """Give the stored form of the first columns' values, the others null."""
    row = jpype.JArray(jpype.JObject)([*values, *[None] * (7 - len(values))])
    return bytes(jvm.java("ksql.runtime.BinaryCodec").write(row))


@settings(max_examples=400, deadline=None)
@given(_records, st.booleans())
def test_any_record_is_read_as_the_tokenizer_reads_it(codec: Any, fields: list[tuple[str, Any]], spaces: bool) -> None:
    separators = (" , ", " : ") if spaces else (",", ":")
    body = separators[0].join(
        json.dumps(n) + separators[1] + json.dumps(v, ensure_ascii=False, separators=separators) for n, v in fields
    )
    assert read(codec, "{" + body + "}") == read(codec, "{" + body + ESCAPED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            '{"I":1,"B":-22,"D":0.25,"S":"s","T":true}',
            [("Integer", 1), ("Long", -22), ("Double", 0.25), ("String", "s"), ("Boolean", True)],
        ),
        ('{"i":1,"s":null}', [("Integer", 1)]),
        ("{}", []),
        ('{"I":"7"}', [("Integer", 7)]),
        ('{"other":[{"a":[1,2]},"x"],"I":3}', [("Integer", 3)]),
    ],
)
def test_reads_values_into_their_slots(codec: Any, text: str, expected: list[tuple[str, Any]]) -> None:
    assert read(codec, text) == stored(*[jvm.java(f"java.lang.{kind}")(value) for kind, value in expected])


@pytest.mark.parametrize(
    "text",
    [
        '{"I":1', '{"I":1,}', '{"I":01}', '{"I":1 2}', '{"I":-}', '{"D":1.}', '{"D":.5}', '{"I":tru}', '{"T":truey}',
        '{"I":1,"other":[1,}', '{"other":{"a" 1}}', '{"S":"a\nb"}', "[1]", '{"I":true}', '{"U":"not a number"}', "7",
    ],
)  # fmt: skip
def test_refuses_what_is_not_json_or_not_of_a_columns_type_even_when_nobody_needs_the_column(
    codec: Any, text: str
) -> None:
    assert isinstance(read(codec, text), str)
