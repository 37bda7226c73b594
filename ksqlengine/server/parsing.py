"""What is refused before, or beside, the grammar: limits that are no whole number."""

from __future__ import annotations

import re

from ksqlengine.engine import Engine, ParsedStatement
from ksqlengine.errors import KsqlStatementError

_QUOTED = re.compile(r"'(?:[^']|'')*'|`[^`]*`|--[^\n]*|/\*.*?\*/", re.S)
_LIMIT = re.compile(r"\bLIMIT\s+(-\s*\d+|\d*\.\d+)", re.I)


def parse_query(engine: Engine, text: str, variables: dict[str, str]) -> list[ParsedStatement]:
    """Read a SELECT. Raises ksqlDB's errors for a LIMIT that the grammar does not know."""
    found = _LIMIT.search(_QUOTED.sub("''", text))
    if found and "." in found.group(1):
        raise KsqlStatementError("Failed to prepare statement: Value must be integer for command: LIMIT", text)
    if found:
        raise KsqlStatementError(
            "Pull queries don't support negative integers in the LIMIT clause. "
            "See https://cnfl.io/queries for more info.",
            text,
        )
    return engine.parse(text, variables)
