"""The keys that a pull query's WHERE asks for."""

from __future__ import annotations

import pytest

from ksqlengine.codegen.names import format_expression
from ksqlengine.errors import KsqlStatementError
from ksqlengine.parser import parse_expression
from ksqlengine.server.lookup import Rules, plan_lookup
from ksqlengine.types import BIGINT, INTEGER, STRING, Column, Schema

ONE = Schema((Column("ID", STRING, "KEY"), Column("V", BIGINT)))
TWO = Schema((Column("ID1", STRING, "KEY"), Column("ID2", INTEGER, "KEY"), Column("V", BIGINT)))
NO_SCAN = Rules(table_scan=False)


def keys(where: str, schema: Schema = ONE, rules: Rules = NO_SCAN, *, windowed: bool = False) -> list[str] | None:
    found = plan_lookup(parse_expression(where), schema, rules, windowed=windowed).keys
    return None if found is None else [",".join(map(format_expression, key)) for key in found]


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("ID = 'a'", ["'a'"]),
        ("'a' = ID", ["'a'"]),
        ("ID IN ('a', 'b', 'a')", ["'a'", "'b'"]),
        ("ID = 'a' OR ID = 'b'", ["'a'", "'b'"]),
        ("ID = 'a' AND V > 3", ["'a'"]),
        ("(ID = 'a' OR ID = 'b') AND (V = 1 OR V = 2)", ["'a'", "'b'"]),
        ("ID < 'm'", None),
    ],
)
def test_finds_the_keys_of_a_where(where: str, expected: list[str] | None) -> None:
    assert keys(where) == expected


def test_needs_every_column_of_a_key() -> None:
    assert keys("ID1 = 'a' AND ID2 = 3", TWO) == ["'a',3"]
    with pytest.raises(KsqlStatementError, match="must specify every key"):
        keys("ID1 = 'a'", TWO)


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("V = 3", r"WHERE clause missing key column for disjunct: \(V = 3\)"),
        ("ID = 'a' AND ID IN ('a')", "cannot be combined with other comparisons"),
        ("ID != 'a'", "must currently be '='"),
        ("ID = NULL", r"Primary key columns can not be NULL: \(ID = null\)"),
        ("ID = V - 1", "between a key column and a resolvable expression"),
        ("ID + 'x' = 'ax'", "must directly reference a key column"),
    ],
)
def test_refuses_what_would_scan_when_scans_are_off(where: str, message: str) -> None:
    with pytest.raises(KsqlStatementError, match=message):
        keys(where)


def test_reads_everything_where_scans_are_allowed() -> None:
    assert keys("V = 3", rules=Rules()) is None
    assert keys("ID = 'a' OR V = 3", rules=Rules()) is None


def test_range_of_a_windowed_key_needs_a_scan() -> None:
    with pytest.raises(KsqlStatementError, match="Query requires table scan to be enabled"):
        keys("ID <= 'a'", windowed=True)


def test_very_wide_where_does_not_explode() -> None:
    clause = " AND ".join(f"(V = {n} OR V = {n + 1})" for n in range(40))
    assert keys(clause, rules=Rules()) is None
