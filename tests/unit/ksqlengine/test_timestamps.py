"""Texts that statements compare with row times."""

from __future__ import annotations

import pytest

from ksqlengine.codegen.timestamps import millis_of
from ksqlengine.errors import KsqlError


@pytest.mark.parametrize(
    ("text", "millis"),
    [
        ("2020", 1577836800000),
        ("2020-02", 1580515200000),
        ("2020-02-23", 1582416000000),
        ("2020-02-23T23:45", 1582501500000),
        ("2020-02-23T23:45:12.5", 1582501512500),
        ("2020-02-23T23:45:12.000+0100", 1582497912000),
        ("2020-02-23T23:45:12.123Z", 1582501512123),
        ("1969-12-31T23:59:59.999", -1),
    ],
)
def test_text_may_stop_at_any_part(text: str, millis: int) -> None:
    assert millis_of(text) == millis


@pytest.mark.parametrize("text", ["", "5", "yesterday", "2020-13", "2020-02-30", "2020-02-23 10:00", "2020T25"])
def test_other_texts_are_refused(text: str) -> None:
    with pytest.raises(KsqlError, match="Failed to parse timestamp"):
        millis_of(text)
