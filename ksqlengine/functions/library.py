"""All functions: importing this module fills the registry."""

from __future__ import annotations

from ksqlengine.functions import aggregates, scalars, tables
from ksqlengine.functions.registry import AGGREGATES, RETURN_RULES, SCALARS, TABLE_FUNCTIONS

__all__ = ["AGGREGATES", "RETURN_RULES", "SCALARS", "TABLE_FUNCTIONS", "aggregates", "scalars", "tables"]
