"""Contracts: an incompatible change fails here, and column checks agree with JSON Schema itself."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from headway.core.contracts import FOLDER, Contract, load_contract

# What readers (KSQL, Spark, Faust, the board) rely on: fields, their types, in their order. A new optional field may be
# added. To change or drop one is a new version: a new file, a new topic, and both live side by side for a while.
PROMISED: dict[str, dict[str, Any]] = {
    "turnstile.v1.json": {
        "event_id": "string",
        "event_time": "string",
        "service_date": "string",
        "station_id": "integer",
        "station_name": "string",
        "line": "string",
        "num_entries": "integer",
    },
    "arrivals.v1.json": {
        "event_id": "string",
        "event_time": "string",
        "service_date": "string",
        "train_id": "string",
        "trip_id": "string",
        "stop_sequence": "integer",
        "line": "string",
        "direction": "string",
        "station_id": "integer",
        "prev_station_id": ["integer", "null"],
        "train_status": "string",
        "delay_s": "integer",
    },
    "weather.v1.json": {
        "event_id": "string",
        "event_time": "string",
        "temperature_c": "number",
        "status": "string",
        "precipitation_mm": "number",
        "wind_ms": "number",
    },
}
ENUMS = {
    ("turnstile.v1.json", "line"): {"red", "blue", "green", "brown", "orange", "pink", "purple", "yellow"},
    ("arrivals.v1.json", "line"): {"red", "blue", "green", "brown", "orange", "pink", "purple", "yellow"},
    ("arrivals.v1.json", "train_status"): {"in_service", "delayed"},
    ("weather.v1.json", "status"): {"sunny", "partly_cloudy", "cloudy", "windy", "precipitation"},
}


@pytest.mark.parametrize("name", PROMISED)
def test_a_contract_keeps_what_it_promised(name: str) -> None:
    contract = load_contract(name)
    promised = PROMISED[name]
    types = {field: contract.schema["properties"][field]["type"] for field in contract.fields if field in promised}
    assert types == promised
    assert [field for field in contract.fields if field in promised] == list(promised)
    assert set(promised) <= contract.required
    assert not contract.required - set(promised), "a new required field breaks whoever writes the old ones"
    for field in promised:
        if (name, field) in ENUMS:
            assert set(contract.schema["properties"][field]["enum"]) == ENUMS[name, field]


def test_each_shipped_contract_is_a_valid_schema() -> None:
    files = sorted(FOLDER.glob("*.json"))
    assert len(files) >= 3
    for file in files:
        Draft202012Validator.check_schema(json.loads(file.read_text(encoding="utf-8")))


RULES = st.sampled_from(
    [
        {"type": "string", "minLength": 2},
        {"type": "string", "maxLength": 3},
        {"type": "string", "pattern": "^a"},
        {"type": "string", "enum": ["a", "bc"]},
        {"type": "integer", "minimum": 0, "maximum": 9},
        {"type": ["integer", "null"], "minimum": 3},
        {"type": "number", "minimum": -1.5},
        {"type": ["boolean", "string"]},
    ]
)
VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 15), st.floats(-5, 5).map(lambda x: x + 0.25), st.text("abc", max_size=5)
)


@given(RULES, VALUES)
def test_column_checks_agree_with_json_schema(rules: dict[str, Any], value: Any) -> None:
    contract = Contract("made", {"properties": {"field": rules}})
    assert (contract.reason_against("field", value) is None) == Draft202012Validator(rules).is_valid(value)
