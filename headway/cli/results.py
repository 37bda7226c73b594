"""Commands about results: report and verify."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from headway.cli.times import hour_option


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
    with replays_excluded(settings, "a verification (headway verify)"):
        typer.echo(str(compare(settings, start, end)))
