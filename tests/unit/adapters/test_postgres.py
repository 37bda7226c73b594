"""Postgres that goes away in the middle: said as such; what it refuses stays its own error."""

from __future__ import annotations

from typing import Self

import psycopg2
import pytest

from headway.adapters.postgres import transaction
from headway.errors import UnavailableError
from headway.settings import Settings


class Link:
    """A connection that is open or, like one whose server has ended, closed."""

    def __init__(self, closed: int) -> None:
        self.closed = closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def close(self) -> None:
        self.closed = 1


@pytest.mark.parametrize(("closed", "expected"), [(2, UnavailableError), (0, psycopg2.OperationalError)])
def test_server_that_goes_away_is_told_from_one_that_refuses(
    monkeypatch: pytest.MonkeyPatch, closed: int, expected: type[Exception]
) -> None:
    monkeypatch.setattr(psycopg2, "connect", lambda *_, **__: Link(closed))
    with pytest.raises(expected), transaction(Settings()):
        raise psycopg2.OperationalError("the reason")
