"""DESCRIBE FUNCTION and SHOW FUNCTIONS over the whole registry."""

from __future__ import annotations

import pytest

from ksqlengine.errors import KsqlError
from ksqlengine.functions.descriptions import DESCRIPTIONS
from ksqlengine.server import functions

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
