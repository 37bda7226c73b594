"""How the KSQL client reads scripts."""

from __future__ import annotations

from headway.adapters.ksql import normalise, split_statements
from headway.settings import PROJECT_DIR


def test_splits_at_semicolons_outside_quotes_and_comments() -> None:
    text = "-- a; comment\nCREATE STREAM a (x INT) WITH (k=';'); /* b; */ DROP STREAM a;\n\nSHOW TABLES"
    assert [" ".join(s.split()) for s in split_statements(text)] == [
        "CREATE STREAM a (x INT) WITH (k=';');",
        "DROP STREAM a;",
        "SHOW TABLES;",
    ]


def test_layout_and_case_do_not_make_a_statement_another_one() -> None:
    one = "CREATE TABLE t WITH (kafka_topic='T') AS\n  SELECT a, -- key\n COUNT(*) FROM s GROUP BY a;"
    two = "create table T with ( KAFKA_TOPIC = 'T' ) as select A,count(*) from S group by A"
    assert normalise(one) == normalise(two)
    assert normalise(one) != normalise(one.replace("'T'", "'t'"))


def test_our_statements_are_there_and_repeatable() -> None:
    files = sorted((PROJECT_DIR / "ksql").glob("*.sql"))
    statements = [s for f in files for s in split_statements(f.read_text(encoding="utf-8"))]
    assert len(statements) >= 4
    assert all("IF NOT EXISTS" in s for s in statements)
