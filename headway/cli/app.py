"""The command line: commands, and errors told in three parts (what, where, next)."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Annotated

import typer

from headway import __version__
from headway.cli import data, platform, results, running
from headway.errors import HeadwayError, UnavailableError

app = typer.Typer(
    name="headway",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "Turn the shipped workbooks into live transit data on real parts: Kafka, Connect, a REST proxy, KSQL, Faust, "
        "Spark, orchestrated by Airflow.\n\n"
        "[bold]First time:[/] headway up, then headway run. [bold]Daily:[/] status, logs, console, topics, report. "
        "[bold]In trouble:[/] doctor.\n\n"
        "Settings are environment variables (HEADWAY__KAFKA__PORT=19092) or lines of .env; headway config lists them."
    ),
    epilog="Exit codes: 0 done; 1 something failed (what, where and the next step are printed); 2 a wrong option.",
)

_PLATFORM, _DATA, _MACHINE = "The platform", "The data", "This machine"

app.command(rich_help_panel=_PLATFORM)(platform.up)
app.command(rich_help_panel=_PLATFORM)(running.run)
app.command(rich_help_panel=_PLATFORM)(platform.status)
app.command(rich_help_panel=_PLATFORM)(platform.logs)
app.command(rich_help_panel=_PLATFORM)(platform.down)
app.command(rich_help_panel=_PLATFORM)(platform.reset)
app.command(rich_help_panel=_DATA)(data.replay)
app.command(rich_help_panel=_DATA)(data.topics)
app.command(rich_help_panel=_DATA)(data.console)
app.command(rich_help_panel=_DATA)(results.report)
app.command(rich_help_panel=_DATA)(results.verify)
app.command(rich_help_panel=_MACHINE)(platform.doctor)
app.command(rich_help_panel=_MACHINE)(platform.config)
app.command(rich_help_panel=_MACHINE)(platform.install)


def _show_version(asked: bool) -> None:
    if asked:
        typer.echo(f"headway {__version__}")
        raise typer.Exit


@app.callback()
def options(
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options of every command."""
    del version
    if debug:
        os.environ["HEADWAY_DEBUG"] = "1"


def _add_ksql() -> None:
    try:
        ksql = importlib.import_module("headway.cli.ksql").app
    except ModuleNotFoundError as error:
        if error.name != "headway.cli.ksql":
            raise
        return
    app.add_typer(ksql, name="ksql", rich_help_panel=_DATA)


def main() -> None:
    """Run the command line; a :class:`HeadwayError` is told without a traceback and ends with 1."""
    _add_ksql()
    try:
        app(prog_name="headway")
    except HeadwayError as error:
        _tell(error)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("\nInterrupted.\n")
        raise SystemExit(130) from None
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None


def _tell(error: HeadwayError) -> None:
    if os.environ.get("HEADWAY_DEBUG"):
        import traceback

        traceback.print_exc()
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True, soft_wrap=True, highlight=False)
    console.print(Text("✗ ", style="bold red") + Text(error.what, style="bold"))
    if error.where:
        console.print(Text("Where: ", style="dim") + Text(error.where))
    next_step = error.next_step or (
        "start the platform with `bin/headway up`" if isinstance(error, UnavailableError) else ""
    )
    if next_step:
        console.print(Text("Next:  ", style="green") + Text(next_step))
