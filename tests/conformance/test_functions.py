"""Every function with its documented examples, nulls, ends and errors: one line each in functions/*.txt.

    EXPRESSION == JSON            the value, as the JSON format writes it
    EXPRESSION == JSON :: TYPE    and its SQL type
    EXPRESSION ~~ TEXT            null at run time, and TEXT (a part of it) in the processing log
    EXPRESSION !! TEXT            refused, and TEXT is a part of the message (`|` stands for a line's end)

`#` begins a line of comment.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from ksqlengine import jvm
from ksqlengine.engine import Engine
from ksqlengine.errors import KsqlError
from ksqlengine.functions.library import SCALARS
from tests.conformance.expressions import engine, evaluate, refusal

FOLDER = Path(__file__).parent / "functions"
FILES = sorted(FOLDER.glob("*.txt"))
LINE = re.compile(r"^(.*?)\s+(==|~~|!!)(?:\s+(.*?))?(?:\s+::\s+(.+))?$")
AT_ONCE = 60


@dataclass
class Example:
    """Be one line of a table."""

    place: str
    expression: str
    kind: str
    expected: str
    type: str | None


def examples(path: Path) -> list[Example]:
    found = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not text.strip() or text.startswith("#"):
            continue
        match = LINE.match(text.rstrip())
        assert match, f"{path.name}:{number}: no example: {text}"
        expression, kind, expected, type_ = match.groups()
        found.append(Example(f"{path.name}:{number}", expression, kind, expected or "", type_))
    return found


ALL = [e for path in FILES for e in examples(path)]


def same(expected: Any, actual: Any) -> bool:
    if isinstance(expected, Decimal | float) and isinstance(actual, int | Decimal) and not isinstance(actual, bool):
        exact = str(expected) == str(actual)
        return exact or (("E" in str(actual) or len(str(actual)) > 12) and math.isclose(expected, actual, rel_tol=1e-9))
    if isinstance(expected, list) and isinstance(actual, list):
        return len(expected) == len(actual) and all(same(e, a) for e, a in zip(expected, actual, strict=True))
    if isinstance(expected, dict) and isinstance(actual, dict):
        return list(expected) == list(actual) and all(same(v, actual[k]) for k, v in expected.items())
    return type(expected) is type(actual) and bool(expected == actual)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_expressions_give_what_the_table_says(path: Path, test_driver_jvm: None) -> None:
    wanted = [e for e in examples(path) if e.kind != "!!"]
    assert wanted
    wrong = []
    for start in range(0, len(wanted), AT_ONCE):
        part = wanted[start : start + AT_ONCE]
        for example, result in zip(part, evaluate([e.expression for e in part]), strict=True):
            at = f"{example.place}: {example.expression}"
            if example.kind == "~~":
                if result.value is not None or not any(example.expected in p for p in result.problems):
                    wrong.append(f"{at}\n  gave {result.value!r}, logged {result.problems}, not {example.expected}")
            elif not same(json.loads(example.expected, parse_float=Decimal), result.value):
                wrong.append(f"{at}\n  gave {result.value!r}, not {example.expected}; logged {result.problems}")
            if example.type and example.type != result.type:
                wrong.append(f"{at}\n  is of type {result.type}, not {example.type}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.stem)
def test_wrong_arguments_are_refused_in_the_words_of_the_table(path: Path) -> None:
    wrong = []
    for example in examples(path):
        if example.kind == "!!":
            message = refusal(example.expression)
            if message is None or example.expected not in message.replace("\n", "|"):
                wrong.append(f"{example.place}: {example.expression}\n  said {message!r}")
    assert not wrong, "\n".join(wrong)


def test_every_scalar_function_has_an_example_with_null_and_one_without() -> None:
    named = " ".join(e.expression for e in ALL)
    missing = [name for name in SCALARS.functions if not re.search(rf"\b{name}\(", named)]
    assert not missing


def test_count_distinct_stays_small_and_near_the_truth(test_driver_jvm: None) -> None:
    count = jvm.java("ksql.functions.CountDistinct")()
    state = count.init()
    for number in range(1, 20_001):
        state = count.add(state, f"user-{number}")
        state = count.add(state, f"user-{number // 2 + 1}")
        if number <= 500:
            assert count.result(state) == number
    assert state.remaining() == 4096
    assert abs(count.result(state) - 20_000) < 0.05 * 20_000
    other = count.init()
    for number in range(19_900, 20_101):
        other = count.add(other, f"user-{number}")
    assert abs(count.result(count.merge(other, state)) - 20_100) < 0.05 * 20_100


ARGUMENTS = [
    "null", "true", "1", "3000000000", "1.5", "1.5e0", "'a'", "''", "-2", "n_int", "n_str", "TO_BYTES('a', 'utf8')",
    "FROM_DAYS(1)", "PARSE_TIME('10:00', 'HH:mm')", "FROM_UNIXTIME(5)", "ints", "strs", "ARRAY[1.5]", "ARRAY[ARRAY[1]]",
    "ARRAY[STRUCT(a := 1)]", "map", "MAP('a' := FROM_DAYS(1))", "STRUCT(a := 1)", "x => x", "(x, y) => y",
    "(x, y, z) => x", "DAYS", "9223372036854775807", "SQRT(-1)",
]  # fmt: skip
FITTING = {
    "BOOLEAN": "true", "INTEGER": "1", "BIGINT": "3000000000", "DECIMAL": "1.5", "DOUBLE": "1.5e0", "STRING": "'a'",
    "BYTES": "TO_BYTES('a', 'utf8')", "DATE": "FROM_DAYS(1)", "TIME": "PARSE_TIME('10:00', 'HH:mm')",
    "TIMESTAMP": "FROM_UNIXTIME(5)", "ARRAY": "ints", "MAP": "map", "UNIT": "DAYS", "VAR": "1", "ANY": "1",
}  # fmt: skip
LAMBDAS = {1: "x => x", 2: "(x, y) => y", 3: "(x, y, z) => x"}
EACH = 13  # of more than 10,000 calls; all of them take two minutes


def calls() -> list[str]:
    """Return each overload with each of its arguments replaced by each kind of value, thinned out."""
    found: dict[str, None] = {}
    for name, signatures in SCALARS.functions.items():
        for signature in signatures:
            fitting = [LAMBDAS[len(p.fields)] if p.base == "LAMBDA" else FITTING[p.base] for p in signature.params]
            for place in range(len(fitting)):
                for other in ARGUMENTS:
                    found[f"{name}({', '.join([*fitting[:place], other, *fitting[place + 1 :]])})"] = None
    return list(found)[::EACH]


def test_every_call_is_refused_in_words_or_gives_a_value(test_driver_jvm: None) -> None:
    made = engine()
    accepted = []
    for call in calls():
        try:
            made.plan(Engine().parse(f"CREATE STREAM o AS SELECT k, {call} AS v FROM s;")[0])
        except KsqlError as error:
            assert error.message
        else:
            accepted.append(call)
    assert len(accepted) > 80
    internal = ("cannot be cast", "NullPointer", 'because "', "No enum constant")
    for start in range(0, len(accepted), AT_ONCE):
        part = accepted[start : start + AT_ONCE]
        for call, result in zip(part, evaluate(part), strict=True):
            assert not [p for p in result.problems if any(word in p for word in internal)], call
