"""Commands about results: report and verify."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from headway.cli.times import hour_option


def report() -> None:
    """Show what was delivered, the busiest stations, Spark's rates, and where to look next."""
    from headway.cli.reporting import print_report
    from headway.settings import load

    print_report(load())


def verify(
    start: Annotated[
        datetime | None, typer.Option("--from", parser=hour_option, help="First hour; all the ledger's when left out.")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", parser=hour_option, help="End of the range, not included.")
    ] = None,
) -> None:
    """Compare workbook, ledger, topics and results, to the unit. Ends with 1 and the differences when they disagree."""
    from headway.settings import load
    from headway.verify import verify as compare

    found = compare(load(), start, end)
    typer.echo(str(found))
