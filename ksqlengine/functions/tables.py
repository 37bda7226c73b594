"""Table functions: they make rows of a value."""

from __future__ import annotations

from ksqlengine.functions.registry import TABLE_FUNCTIONS

TABLE_FUNCTIONS.add("""
EXPLODE(ARRAY<DECIMAL> input) -> @element : Explode.list
EXPLODE(ARRAY<T> list) -> T : Explode.list
CUBE_EXPLODE(ARRAY<T> columns) -> ARRAY<T> : Collections.cube
""")
