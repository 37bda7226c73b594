"""``headway ksql``: a shell on ksqlDB, files of statements, and the conformance run."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Annotated, Any

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
    execute: Annotated[str, typer.Option("--execute", "-e", help="run these statements and leave")] = "",
    url: Annotated[str, typer.Option(help="another server than the platform's")] = "",
) -> None:
    """Open a shell: history, completion with Tab, Ctrl-C ends a running query."""
    if context.invoked_subcommand is not None:
        return
    from ksqlengine.shell.client import ShellClient
    from ksqlengine.shell.repl import Shell

    settings = settings_module.load()
    client = ShellClient(url or settings.ksql.url, None if url else settings.ksql.auth())
    history = settings.state_dir / "ksql-history"
    history.parent.mkdir(parents=True, exist_ok=True)
    conversation = Shell(client, Console(), history)
    try:
        if execute:
            conversation.execute(execute)
        else:
            conversation.run()
    finally:
        client.close()
    raise typer.Exit(1 if execute and conversation.failures else 0)


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
    only: Annotated[str, typer.Option(help="only cases whose file or name matches this pattern")] = "",
) -> None:
    """Run ksqlDB's own test cases on the embedded engine and say which pass."""
    console = Console()
    if not folder.is_dir() or not any(folder.glob("*.json")):
        console.print(f"There is no case (*.json) in {folder}. Next: give the folder of the cases.", style="red")
        raise typer.Exit(2)
    result = _rest_result(folder, only) if rest else _case_result(folder, only)
    for failure in result["failures"]:
        console.print(f"[red]✗[/] {failure['file']}: {failure['case']}", highlight=False)
        console.print(f"    {failure['reason'][:400]}", style="dim", markup=False, highlight=False)
    for name in ("positive", "negative"):
        part = result[name]
        share = 100 * part["passed"] / part["total"] if part["total"] else 0.0
        console.print(f"{name}: {part['passed']} / {part['total']} ({share:.1f} %)")
    for feature, part in sorted(result.get("features", {}).items()):
        console.print(f"  {feature}: {part['passed']} / {part['total']}", style="dim")
    console.print(f"out of scope: {len(result['out_of_scope'])}")
    if json_file is not None:
        json_file.write_text(json.dumps(result, indent=1), encoding="utf-8")
    if not result["positive"]["total"] + result["negative"]["total"]:
        console.print("No case ran: the pattern matches none.", style="red")
        raise typer.Exit(2)
    raise typer.Exit(1 if result["failures"] else 0)


def _rest_result(folder: Path, only: str) -> dict[str, Any]:
    from ksqlengine.conformance.rest import run_folder

    return run_folder(folder, only=only, jars=settings_module.load().install_dir / "java" / "engine")


def _case_result(folder: Path, only: str) -> dict[str, Any]:
    from ksqlengine.conformance.report import run_folder

    os.environ.setdefault("KSQLENGINE_JARS", str(settings_module.load().install_dir / "java"))
    return run_folder(folder, only or None).to_json()
