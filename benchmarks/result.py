"""One benchmark's result: a ratio (or figure), its range over the repeats, its bar, and whether it holds."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Result:
    """What was measured: a value a repeat; the median is the figure."""

    name: str
    values: Sequence[float]
    bar: float | None = None
    higher_is_better: bool = True
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def ratio(self) -> float:
        """Give the median over the repeats."""
        return statistics.median(self.values)

    @property
    def low(self) -> float:
        """Give the least value."""
        return min(self.values)

    @property
    def high(self) -> float:
        """Give the greatest value."""
        return max(self.values)

    @property
    def holds(self) -> bool | None:
        """Tell whether the figure keeps its bar; None when it has none."""
        if self.bar is None:
            return None
        return self.ratio >= self.bar if self.higher_is_better else self.ratio <= self.bar

    def __str__(self) -> str:
        """Give the result on one line."""
        bar = "no bar" if self.bar is None else f"bar {'≥' if self.higher_is_better else '≤'} {self.bar:g}"
        verdict = {None: "", True: "holds", False: "DOES NOT HOLD"}[self.holds]
        more = ", ".join(f"{key} {_shown(value)}" for key, value in self.details.items())
        line = f"{self.name:<44} {self.ratio:>8.3g}  [{self.low:.3g} … {self.high:.3g}]  {bar:<12} {verdict:<14} {more}"
        return line.rstrip()

    def as_json(self) -> dict[str, Any]:
        """Give the result for ``--json``."""
        shown = {name: getattr(self, name) for name in ("name", "ratio", "low", "high", "bar", "holds", "details")}
        return {**shown, "values": list(self.values), "higher_is_better": self.higher_is_better}


def _shown(value: Any) -> str:
    return f"{value:,.0f}" if isinstance(value, (int, float)) and abs(value) >= 100 else f"{value}"
