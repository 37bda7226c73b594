"""DESCRIBE FUNCTION and SHOW FUNCTIONS over the whole registry."""

from __future__ import annotations

import pytest

from ksqlengine.errors import KsqlError
from ksqlengine.functions.descriptions import DESCRIPTIONS
from ksqlengine.server import functions

# scalar, aggregate and table functions by name, as ksqlDB 0.29 documents them
DOCUMENTED = """
ABS ACOS ASIN AS_VALUE ATAN ATAN2 CBRT CEIL COS COSH COT DEGREES ENTRIES EXP FLOOR GENERATE_SERIES GEO_DISTANCE GREATEST
LEAST LN LOG PI POWER RADIANS RANDOM ROUND SIGN SIN SINH SQRT TAN TANH TRUNC
ARRAY_CONCAT ARRAY_CONTAINS ARRAY_DISTINCT ARRAY_EXCEPT ARRAY_INTERSECT ARRAY_JOIN ARRAY_LENGTH ARRAY_MAX ARRAY_MIN
ARRAY_REMOVE ARRAY_SORT ARRAY_UNION AS_MAP ELT FIELD JSON_ARRAY_CONTAINS MAP_KEYS MAP_UNION MAP_VALUES SLICE
FILTER REDUCE TRANSFORM
CHR CONCAT CONCAT_WS ENCODE EXTRACTJSONFIELD FROM_BYTES INITCAP INSTR IS_JSON_STRING JSON_ARRAY_LENGTH JSON_CONCAT
JSON_ITEMS JSON_KEYS JSON_RECORDS LCASE LEN LPAD MASK MASK_KEEP_LEFT MASK_KEEP_RIGHT MASK_LEFT MASK_RIGHT REGEXP_EXTRACT
REGEXP_EXTRACT_ALL REGEXP_REPLACE REGEXP_SPLIT_TO_ARRAY REPLACE RPAD SPLIT SPLIT_TO_MAP SUBSTRING TO_BYTES
TO_JSON_STRING TRIM UCASE UUID
BIGINT_FROM_BYTES DOUBLE_FROM_BYTES INT_FROM_BYTES COALESCE IFNULL NULLIF
CONVERT_TZ DATEADD DATESUB DATETOSTRING FORMAT_DATE FORMAT_TIME FORMAT_TIMESTAMP FROM_DAYS FROM_UNIXTIME PARSE_DATE
PARSE_TIME PARSE_TIMESTAMP STRINGTODATE STRINGTOTIMESTAMP TIMEADD TIMESTAMPADD TIMESTAMPSUB TIMESTAMPTOSTRING TIMESUB
UNIX_DATE UNIX_TIMESTAMP
URL_DECODE_PARAM URL_ENCODE_PARAM URL_EXTRACT_FRAGMENT URL_EXTRACT_HOST URL_EXTRACT_PARAMETER URL_EXTRACT_PATH
URL_EXTRACT_PORT URL_EXTRACT_PROTOCOL URL_EXTRACT_QUERY
ATTR AVG COLLECT_LIST COLLECT_SET CORRELATION COUNT COUNT_DISTINCT EARLIEST_BY_OFFSET HISTOGRAM LATEST_BY_OFFSET MAX MIN
STDDEV_SAMP STDDEV_SAMPLE SUM SUM_LIST TOPK TOPKDISTINCT
CUBE_EXPLODE EXPLODE
""".split()  # noqa: SIM905 - words, not code
NAMES = [f["name"] for f in functions.names()]


def test_every_function_has_an_overview_and_every_parameter_a_name_and_words() -> None:
    assert len(NAMES) >= 148
    assert sorted(set(NAMES)) == sorted(DESCRIPTIONS)
    for name in NAMES:
        described = functions.describe(name)
        assert described["description"], name
        assert described["functions"], name
        for variant in described["functions"]:
            for argument in variant["arguments"]:
                assert not argument["name"].startswith("arg"), (name, argument)
                assert argument["description"], (name, argument)


def test_every_documented_function_is_there() -> None:
    assert not set(DOCUMENTED) - set(NAMES)
    assert len(DOCUMENTED) == len(set(DOCUMENTED)) == 148


def test_no_description_is_of_a_parameter_that_is_not_there() -> None:
    for name, description in DESCRIPTIONS.items():
        known = {a["name"] for v in functions.describe(name)["functions"] for a in v["arguments"]}
        assert set(description.parameters) <= known, name


def test_describes_variants_in_the_types_that_ksqldb_shows() -> None:
    described = functions.describe("substring")
    assert (described["name"], described["type"], described["path"]) == ("SUBSTRING", "SCALAR", "internal")
    first = described["functions"][0]
    assert [(a["name"], a["type"]) for a in first["arguments"]] == [("str", "VARCHAR"), ("pos", "INT")]
    assert first["returnType"] == "VARCHAR"
    top = functions.describe("TOPK")["functions"]
    assert (top[0]["returnType"], functions.describe("TOPK")["type"]) == ("ARRAY<INT>", "AGGREGATE")
    (variadic,) = [a for a in functions.describe("CONCAT")["functions"][0]["arguments"] if a["isVariadic"]]
    assert (variadic["name"], variadic["type"]) == ("others", "VARCHAR")
    reduce = functions.describe("REDUCE")["functions"][0]["arguments"]
    assert [a["type"] for a in reduce] == ["ARRAY<T>", "S", "LAMBDA (S, T) => S"]


def test_functions_are_listed_by_what_they_work_on() -> None:
    categories = {f["name"]: f["category"] for f in functions.names()}
    assert all(categories.values())
    some = ["SUM", "EXPLODE", "ARRAY_SORT", "MAP_UNION", "AS_MAP", "REDUCE", "DATEADD", "UCASE", "IFNULL", "JSON_KEYS"]
    assert [categories[name] for name in some] == [
        "AGGREGATE", "TABLE", "ARRAY", "MAP", "MAP", "LAMBDA", "DATE / TIME", "STRING", "CONDITIONAL", "JSON",
    ]  # fmt: skip


def test_an_unknown_function_is_refused() -> None:
    with pytest.raises(KsqlError, match="Can't find any functions with the name 'nothing'"):
        functions.describe("nothing")
