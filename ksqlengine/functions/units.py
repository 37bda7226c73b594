"""Units of time as arguments: DATEADD(DAYS, 1, d) names no column, whatever columns there are. Only plurals do."""

from __future__ import annotations

from ksqlengine import tree as t
from ksqlengine.functions.library import SCALARS

CHRONO_UNITS = {unit: unit for unit in ("DAYS", "HOURS", "MINUTES", "SECONDS")} | {"MILLISECONDS": "MILLIS"}


def with_units(function: str, args: list[t.Expr]) -> tuple[t.Expr, ...]:
    """Read names as units where an overload of the function takes a unit."""
    places = {i for s in SCALARS.functions.get(function, ()) for i, p in enumerate(s.params) if p.base == "UNIT"}
    return tuple(
        t.Unit(a.name) if i in places and isinstance(a, t.Column) and not a.source and a.name in CHRONO_UNITS else a
        for i, a in enumerate(args)
    )
