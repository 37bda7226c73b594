"""What the statements in ``ksql/`` make."""

from __future__ import annotations

import re

_CREATES = re.compile(
    r"\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:SOURCE\s+)?(STREAM|TABLE)\s+(?:IF\s+NOT\s+EXISTS\s+)?(`[^`]+`|\w+)",
    re.IGNORECASE,
)
_FILLS = re.compile(r"\bAS\s+SELECT\b", re.IGNORECASE)


def made(text: str) -> list[tuple[str, str, bool]]:
    """Give, for each stream and table of a script: its kind, its name, and whether a query fills it."""
    from headway.adapters.ksql import split_statements

    out = []
    for statement in split_statements(text):
        if found := _CREATES.match(statement):
            out.append((found[1].upper(), found[2].strip("`"), bool(_FILLS.search(statement))))
    return out


def written(text: str) -> list[str]:
    """Give the names of the streams and tables that a script's queries write, in order."""
    return [name for _, name, filled in made(text) if filled]
