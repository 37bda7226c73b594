"""Times as options: ISO 8601, UTC when no offset is given."""

from __future__ import annotations

from datetime import UTC, datetime

import typer


def hour_option(text: str | datetime) -> datetime:
    """Read a time; ``2026-03-02`` is its first instant. Whether it is a whole hour is the replay's to say."""
    if isinstance(text, datetime):
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a time like 2026-03-02T06:00Z") from error
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def speed_option(text: str | float) -> float:
    """Read a speed: ``max`` (given as 0) or how many simulated seconds pass in one."""
    if text == "max":
        return 0.0
    try:
        speed = float(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is neither max nor a number") from error
    if speed <= 0:
        raise typer.BadParameter("a speed is max, or a number above 0")
    return speed


def utc_text(moment: datetime) -> str:
    """Write a time as Airflow's form wants it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
