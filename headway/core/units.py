"""Units: from the sheet's to the contract's, as value × factor + offset."""

from __future__ import annotations

LINEAR: dict[tuple[str, str], tuple[float, float]] = {
    ("degF", "degC"): (5 / 9, -160 / 9),
    ("K", "degC"): (1.0, -273.15),
    ("km/h", "m/s"): (1 / 3.6, 0.0),
    ("mph", "m/s"): (0.44704, 0.0),
    ("kn", "m/s"): (1852 / 3600, 0.0),
    ("in", "mm"): (25.4, 0.0),
    ("cm", "mm"): (10.0, 0.0),
    ("min", "s"): (60.0, 0.0),
    ("h", "s"): (3600.0, 0.0),
}
DECIMALS = 2


def convertible(given: str, asked: str) -> bool:
    """Tell whether a unit can be converted to another."""
    return given == asked or (given, asked) in LINEAR


def convert(value: float, given: str, asked: str) -> float:
    """Convert a value, rounded to two decimals; the same unit is left as it is."""
    if given == asked:
        return value
    factor, offset = LINEAR[given, asked]
    return round(value * factor + offset, DECIMALS)
