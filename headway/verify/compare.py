"""Compare what must be with what is, key by key (pure)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeVar

K = TypeVar("K")
Values = tuple[object, ...]

SHOWN = 10  # differences that a check keeps; it counts them all


@dataclass(frozen=True)
class Difference:
    """One key whose values differ; None means that the key is not there at all."""

    place: str
    expected: Values | None
    observed: Values | None

    def __str__(self) -> str:
        return f"{self.place}: expected {_text(self.expected)}, found {_text(self.observed)}"


@dataclass(frozen=True)
class Check:
    """One line of a verification: totals of both sides, how many keys were compared, and the first differences."""

    name: str
    unit: str
    expected: float
    observed: float
    keys: int
    different: int
    differences: tuple[Difference, ...] = field(default=())
    cure: str = ""
    note: str = ""

    @property
    def equal(self) -> bool:
        """Say whether nothing differs."""
        return not self.different


def compare(
    name: str,
    expected: Mapping[K, Values],
    observed: Mapping[K, Values],
    *,
    place: Callable[[K], str],
    fields: tuple[str, ...],
    cure: str,
    rows: str = "",
    zero_is_absent: bool = False,
    note: str = "",
) -> Check:
    """Compare two tables of tuples; ``fields`` names the tuples' parts.

    The totals are the sums of the first part, or, where that makes no sense, the numbers of rows, called ``rows``.

    With ``zero_is_absent`` a key whose values are all 0 and a missing key are the same. Differences are ordered as
    their keys are.
    """
    keys = expected.keys() | observed.keys()
    wrong = [key for key in keys if not _same(expected.get(key), observed.get(key), zero_is_absent)]
    first = sorted(wrong, key=_orderable)[:SHOWN]

    def named(values: Values | None) -> Values | None:
        if values is None or len(fields) == 1:
            return values
        return tuple(f"{field} {value}" for field, value in zip(fields, values, strict=True))

    return Check(
        name=name,
        unit=rows or fields[0],
        expected=len(expected) if rows else _total(expected.values()),
        observed=len(observed) if rows else _total(observed.values()),
        keys=len(keys),
        different=len(wrong),
        differences=tuple(Difference(place(k), named(expected.get(k)), named(observed.get(k))) for k in first),
        cure=cure,
        note=note,
    )


def _same(expected: Values | None, observed: Values | None, zero_is_absent: bool) -> bool:
    if expected == observed:
        return True
    if not zero_is_absent:
        return False
    return not any(expected or ()) and not any(observed or ())


def _orderable(key: object) -> tuple[str, ...]:
    parts = key if isinstance(key, tuple) else (key,)
    return tuple(f"{part:020d}" if isinstance(part, int) else str(part) for part in parts)


def _total(rows: Iterable[Values]) -> float:
    return sum(value for row in rows if row and isinstance(value := row[0], int | float))


def _text(values: Values | None) -> str:
    if values is None:
        return "nothing"
    return ", ".join(str(value) for value in values)
