"""A validated sheet, by column: what a feed's plan is made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Codes = NDArray[np.int32]


@dataclass(frozen=True)
class Coded:
    """A column as codes into its distinct values."""

    codes: Codes
    values: list[Any]

    def __len__(self) -> int:
        """Give the number of rows."""
        return len(self.codes)

    def take(self, rows: NDArray[Any]) -> Coded:
        """Give the same column at some rows."""
        return Coded(self.codes[rows], self.values)

    def objects(self, values: list[Any] | None = None) -> NDArray[np.object_]:
        """Give the rows' values (or what stands for them, by code) as an object array."""
        lookup = np.empty(len(self.values), dtype=object)
        lookup[:] = self.values if values is None else values
        return lookup[self.codes]

    def ints(self) -> Ints:
        """Give the rows' values as integers (every value must be one)."""
        return np.asarray(self.values, dtype=np.int64)[self.codes]

    def ranks(self) -> Ints:
        """Give each row the rank of its value among the distinct ones, in their natural order."""
        order = sorted(range(len(self.values)), key=self.values.__getitem__)
        ranks = np.empty(len(order), dtype=np.int64)
        ranks[order] = np.arange(len(order))
        return ranks[self.codes]


@dataclass(frozen=True)
class Rejected:
    """A row that breaks its contract: where it is, why, and where in time it would have been.

    ``day_type``, ``month_day_hour`` and ``time_ms`` are what could be read of its place; the plan fills the rest (see
    docs/replay.md: a row without a readable time is rejected at its day's, year's or workbook's beginning).
    """

    row: int
    column: str
    value: str
    reason: str
    cells: dict[str, Any]
    time_ms: int | None = None
    day_type: str | None = None
    month_day_hour: tuple[int, int, int] | None = None


@dataclass(frozen=True)
class Table:
    """The good rows of a sheet by column, and the rejected ones.

    ``time_ms`` is the service time of a day-type row, the instant (UTC) of a dated one, 0 for a month-day-hour row.
    ``order`` ranks the rows by (business key, service time), the tie-break of the total order.
    """

    columns: dict[str, Coded]
    row_numbers: Codes
    time_ms: Ints
    service_dates: Coded  # of a dated feed's rows; else empty
    order: Ints
    rejected: list[Rejected]
    workbook_sha256: str

    def __len__(self) -> int:
        """Give the number of good rows."""
        return len(self.row_numbers)


def grouped(columns: list[NDArray[Any]]) -> Ints:
    """Give equal numbers to equal rows of several integer columns, in the columns' lexicographic order."""
    combined = np.zeros(len(columns[0]), dtype=np.int64)
    for column in columns:
        _, dense = np.unique(column, return_inverse=True)
        _, combined = np.unique(combined * (int(dense.max(initial=0)) + 1) + dense, return_inverse=True)
    return combined.astype(np.int64)
