"""Commands about results: report and verify."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from headway.cli.times import hour_option
from headway.errors import NotAsExpectedError

if TYPE_CHECKING:
    from headway.settings import Settings


def report() -> None:
    """Show what was delivered, the busiest stations, Spark's rates, and where to look next."""
    from rich.console import Console

    from headway.report import build_report, render
    from headway.settings import load

    Console(soft_wrap=True, highlight=False).print(render(build_report(load())))


def verify(
    start: Annotated[
        datetime | None,
        typer.Option("--from", parser=hour_option, help="First hour; without a range, all that the ledger has."),
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", parser=hour_option, help="End of the range, not included.")
    ] = None,
) -> None:
    """Compare workbook, ledger, topics and results, to the unit. Ends with 1 and the differences when they disagree.

    Replays wait meanwhile.
    """
    from headway.adapters.locks import replays_excluded
    from headway.settings import load
    from headway.verify import verify as compare

    settings = load()
    if (start is None) != (end is None):
        raise typer.BadParameter("give both --from and --to, or neither")
    with replays_excluded(settings):
        ranges = [(start, end)] if start is not None and end is not None else _delivered(settings)
        for first, last in ranges:
            typer.echo(str(compare(settings, first, last)))


def _delivered(settings: Settings) -> list[tuple[datetime, datetime]]:
    """Give the runs of hours of which the ledger has something, in the present generation."""
    from headway.core.clock import from_ms, runs_of, to_ms
    from headway.core.feeds import load_feeds
    from headway.replay import generation
    from headway.replay.ledger import read_ledger

    present = generation.current(settings)
    feeds = load_feeds(settings.replay.feeds_file)
    hours = {to_ms(hour) for feed in feeds for number, hour in read_ledger(settings, feed) if number == present}
    if not hours:
        raise NotAsExpectedError("Nothing was replayed yet.", next_step="`bin/headway run` replays a day")
    return [(from_ms(first), from_ms(last)) for first, last in runs_of(sorted(hours))]
