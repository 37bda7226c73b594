"""Units of time as arguments: DATEADD(DAYS, 1, d) names no column, whatever columns there are."""

from __future__ import annotations

from ksqlengine import tree as t
from ksqlengine.functions.library import SCALARS

CHRONO_UNITS = {
    "DAY": "DAYS", "HOUR": "HOURS", "MINUTE": "MINUTES", "SECOND": "SECONDS", "MILLISECOND": "MILLIS",
    "WEEK": "WEEKS", "MONTH": "MONTHS", "YEAR": "YEARS",
}  # fmt: skip


def chrono_unit(name: str) -> str | None:
    """Return the name in java.time.temporal.ChronoUnit, None when it is no unit."""
    return CHRONO_UNITS.get(name) or CHRONO_UNITS.get(name.removesuffix("S"))


def with_units(function: str, args: list[t.Expr]) -> tuple[t.Expr, ...]:
    """Read names as units where an overload of the function takes a unit."""
    places = {i for s in SCALARS.functions.get(function, ()) for i, p in enumerate(s.params) if p.base == "UNIT"}
    return tuple(
        t.Unit(a.name) if i in places and isinstance(a, t.Column) and not a.source and chrono_unit(a.name) else a
        for i, a in enumerate(args)
    )
