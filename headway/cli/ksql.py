"""``headway ksql``: a shell on ksqlDB, files of statements, and the conformance run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from headway import settings as settings_module
from headway.errors import HeadwayError

app = typer.Typer(
    help="KSQL: a shell (without a subcommand), `run` for files of statements, `conformance` for ksqlDB's test cases.",
    no_args_is_help=False,
)
_DEFAULT_FILE = settings_module.PROJECT_DIR / "ksql"


@app.callback(invoke_without_command=True)
def shell(
    context: typer.Context,
    execute: Annotated[
        list[str] | None, typer.Option("--execute", "-e", help="run these statements and leave (repeatable)")
    ] = None,
    file: Annotated[
        list[Path] | None, typer.Option("--file", "-f", help="run a file's statements and leave (repeatable)")
    ] = None,
    define: Annotated[list[str] | None, typer.Option("--define", "-d", help="NAME=VALUE replaces ${NAME}")] = None,
    properties: Annotated[list[str] | None, typer.Option("--set", help="PROPERTY=VALUE, as SET does")] = None,
    output: Annotated[str, typer.Option(help="tabular, or json for programs")] = "tabular",
    url: Annotated[str, typer.Option(help="another server than the platform's")] = "",
    user: Annotated[str, typer.Option("--user", "-u", help="name for basic authentication at --url")] = "",
    password: Annotated[str, typer.Option("--password", "-p", envvar="KSQL_PASSWORD", show_envvar=True)] = "",
    config_file: Annotated[Path | None, typer.Option(help="properties, as --set does")] = None,
    query_row_limit: Annotated[int | None, typer.Option(help="end each query after so many rows")] = None,
    query_timeout: Annotated[int | None, typer.Option(help="end each query after so many milliseconds")] = None,
) -> None:
    """Open a shell: history, completion with Tab, Ctrl-C ends a running query. A pipe is read as statements."""
    if context.invoked_subcommand is not None:
        return
    from ksqlengine.shell.__main__ import parser, talk

    settings = settings_module.load()
    given = parser(url=url or settings.ksql.url).parse_args([])
    given.execute, given.file = execute or [], file or []
    given.define, given.set, given.config_file = define or [], properties or [], config_file
    given.query_row_limit, given.query_timeout = query_row_limit, query_timeout
    given.output = output.upper()
    if given.output not in {"TABULAR", "JSON"}:
        raise typer.BadParameter("tabular or json", param_hint="--output")
    auth = (user, password) if user else None if url else settings.ksql.auth()
    raise typer.Exit(talk(given, auth=auth, history=settings.state_dir / "ksql-history"))


@app.command()
def run(
    file: Annotated[Path, typer.Argument(help="a file, or a folder whose *.sql run in name order")] = _DEFAULT_FILE,
    wait: Annotated[float, typer.Option(help="seconds to wait until the queries run; 0: do not wait")] = 60.0,
) -> None:
    """Run a file of statements; again is harmless. Waits until the persistent queries are RUNNING."""
    from headway.adapters.ksql import KsqlClient

    console = Console()
    try:
        with KsqlClient(settings_module.load()) as client:
            for result in client.run_file(file):
                console.print(f"[green]ok[/] {' '.join(result.text.split())[:90]}  [dim]{result.message}[/]")
            if wait and client.queries():
                queries = client.wait_query_running(timeout_s=wait)
                console.print(f"{len(queries)} queries run.")
    except HeadwayError as error:
        console.print(str(error), style="red", markup=False)
        raise typer.Exit(1) from error


@app.command()
def conformance(
    folder: Annotated[Path, typer.Argument(help="folder of cases in ksqlDB's format")],
    rest: Annotated[bool, typer.Option("--rest", help="the cases are REST cases")] = False,
    json_file: Annotated[Path | None, typer.Option("--json", help="write the result here")] = None,
    only: Annotated[str, typer.Option(help="only cases whose `file: name` holds or matches this")] = "",
    quiet: Annotated[bool, typer.Option("--quiet", help="print totals only")] = False,
) -> None:
    """Run ksqlDB's own test cases on the embedded engine and say which pass, by feature, and why others do not."""
    from ksqlengine.conformance.__main__ import run

    os.environ.setdefault("KSQLENGINE_JARS", str(settings_module.load().install_dir / "java"))
    raise typer.Exit(run(folder, rest=rest, only=only, json_file=json_file, quiet=quiet))
