"""The grammar: what a text becomes, and where it is wrong."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ksqlengine import parser, tree
from ksqlengine.codegen.names import format_expression
from ksqlengine.engine import Engine
from ksqlengine.errors import ParseFailedError
from ksqlengine.types import Schema, SqlType, array, decimal, map_of, parse_type, struct

EXPRESSIONS = [
    ("a + b * -c", "(A + (B * -C))"),
    ("a = 1 or not b and c like 'x%'", "((A = 1) OR ((NOT B) AND (C LIKE 'x%')))"),
    ("s->f[1]->g", "S->F[1]->G"),
    ("transform(m, (k, v) => k, (k, v) => v + 1)", "TRANSFORM(M, (K, V) => K, (K, V) => (V + 1))"),
    ("case when a is null then 1 else cast(b as decimal(4,2)) end",
     "(CASE WHEN (A IS NULL) THEN 1 ELSE CAST(B AS DECIMAL(4, 2)) END)"),
    ("x.`lower` not in (1, 2) ", "(NOT (X.`lower` IN (1, 2)))"),
    ("array[1, 2]", "ARRAY[1, 2]"),
    ("map('a' := 1)", "MAP('a':=1)"),
    ("struct(a := 1, b := 'it''s')", "STRUCT(A:=1, B:='it''s')"),
    ("a between 1 and 2 and b", "((A BETWEEN 1 AND 2) AND B)"),
    ("1.50", "1.50"),
    ("1e3", "1000.0"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "printed"), EXPRESSIONS)
def test_expression_prints_with_its_precedence(text: str, printed: str) -> None:
    assert format_expression(parser.parse_expression(text)) == printed


@pytest.mark.parametrize("word", ["source", "window", "key", "date", "values", "topic", "emit_", "map", "timestamp"])
def test_keyword_is_a_name_where_no_keyword_can_stand(word: str) -> None:
    node = parser.parse(f"CREATE STREAM s ({word} INT) WITH (kafka_topic='t');")
    assert isinstance(node, tree.CreateSource)
    assert node.elements is not None
    assert node.elements[0].name == word.upper()


def test_statements_carry_text_line_and_variables() -> None:
    variables = {"name": "s1"}
    text = "-- a comment; with a semicolon\nDEFINE topic = 'x;y';\n"
    text += "  CREATE STREAM ${name} (a INT)\n WITH (kafka_topic='${topic}');"
    first, second = Engine().parse(text, variables)
    assert (first.line, second.line, second.column) == (2, 3, 2)
    assert second.node.name == "S1"
    assert second.node.properties["KAFKA_TOPIC"] == "x;y"


def test_custom_type_is_known_to_the_statements_behind_it() -> None:
    _, second = Engine().parse("CREATE TYPE p AS STRUCT<x INT>; CREATE STREAM s (v p) WITH (kafka_topic='t');")
    assert str(second.node.elements[0].type) == "STRUCT<`X` INTEGER>"


@pytest.mark.parametrize(
    ("text", "line", "column", "word"),
    [
        ("SELECT FROM x;", 1, 8, "'FROM'"),
        ("CREATE STREAM s\n (a INT,) WITH (kafka_topic='t');", 2, 9, "')'"),
        ("ASSERT VALUES x;", 1, 8, "'VALUES'"),
    ],
)
def test_syntax_error_says_where(text: str, line: int, column: int, word: str) -> None:
    with pytest.raises(ParseFailedError, match=re.escape(word)) as caught:
        Engine().parse(text)
    assert (caught.value.line, caught.value.column) == (line, column)


NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_`]{0,6}", fullmatch=True)
TYPES: st.SearchStrategy[SqlType] = st.recursive(
    st.sampled_from([SqlType("INTEGER"), SqlType("STRING"), SqlType("TIMESTAMP"), decimal(10, 2)]),
    lambda inner: st.one_of(
        inner.map(array),
        inner.map(lambda v: map_of(SqlType("STRING"), v)),
        st.lists(st.tuples(NAMES, inner), max_size=3, unique_by=lambda f: f[0]).map(struct),
    ),
    max_leaves=8,
)


@given(TYPES)
def test_printed_type_reads_back_the_same(type_: SqlType) -> None:
    assert parse_type(str(type_)) == type_


def test_schema_survives_json() -> None:
    node = parser.parse(
        "CREATE STREAM s (k INT KEY, h BYTES HEADER('x'), v MAP<STRING, ARRAY<INT>>) WITH (kafka_topic='t');"
    )
    assert isinstance(node, tree.CreateSource)
    from ksqlengine.planner.ddl import plan_create

    declared = tree.CreateSource(node.kind, node.name, node.elements, {**node.properties, "VALUE_FORMAT": "JSON"})
    source = plan_create(declared, {}, "")
    assert Schema.from_json(source.schema.to_json()) == source.schema
