"""Commands about the platform and this machine: up, down, reset, status, logs, doctor, config, install."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headway.errors import HeadwayError, UnavailableError

if TYPE_CHECKING:
    from headway.runtime.platform import Event, PartHealth
    from headway.settings import Settings

_STEP_STATES = {"healthy": "done", "stopped": "done", "failed": "failed", "waiting": "waiting", "registered": "skipped"}


def up(
    only: Annotated[
        list[str] | None, typer.Option("--only", help="Only this part and what it needs (may be repeated).")
    ] = None,
) -> None:
    """Start the platform and wait until every part is healthy.

    Installs nothing that is there, leaves alone what runs, repairs what an interrupted start left behind.
    """
    from rich.console import Console

    from headway.cli.screens import Steps
    from headway.runtime.platform import Platform
    from headway.settings import load

    console = Console()
    settings = load()
    platform = Platform(settings)
    titles = {part.name: part.title for part in platform.chosen(tuple(only or ())) if platform.wanted(part)}
    titles["furnish"] = "topics and pools"
    with Steps(console, titles) as steps:

        def tell(event: Event) -> None:
            if event.state == "registered":
                return
            detail = event.detail or ("" if event.state in _STEP_STATES else event.state)
            state = _STEP_STATES.get(event.state, "active")
            if event.part == "leftovers":
                steps.update("leftovers", "done" if event.state == "stopped" else "active", event.detail)
                return
            if event.state in ("stopping", "stopped"):  # another part failed
                state, detail = "skipped", "stopped again"
            steps.update(event.part, state, detail, seconds=event.seconds or None)

        settings = platform.up(tell, tuple(only or ()))
        seconds = steps.seconds()
    console.print(f"\n[bold green]Healthy[/] in {seconds:.0f} s. State and logs are in {settings.state_dir}.")
    if not only:
        _addresses(console, settings)


def _addresses(console: Any, settings: Settings) -> None:
    from rich.table import Table

    from headway.settings import LOOPBACK

    airflow = settings.airflow
    table = Table.grid(padding=(0, 2))
    table.add_row("Airflow", airflow.url, f"user {airflow.username}, password {airflow.password.get_secret_value()}")
    table.add_row("Spark", f"http://{LOOPBACK}:{settings.spark.master_ui_port}", "")
    table.add_row("Kafka", settings.kafka.bootstrap_servers, "headway topics, headway console TOPIC")
    table.add_row("KSQL", settings.ksql.url, "")
    console.print(table, highlight=False)
    console.print("[green]Next:[/] headway run replays a day through everything; headway status shows the parts.")


def down() -> None:
    """Stop every part, writers first, and wait until all are gone. Data stay."""
    from rich.console import Console

    from headway.cli.screens import Steps
    from headway.runtime.platform import Platform
    from headway.settings import load

    console = Console()
    platform = Platform(load())
    with Steps(console, {}) as steps:

        def tell(event: Event) -> None:
            steps.update(event.part, _STEP_STATES.get(event.state, "active"), seconds=event.seconds or None)

        strays = platform.down(tell)
        seconds = steps.seconds()
    if strays:
        console.print(f"{strays} processes that were not under the supervisor were ended too.")
    console.print(
        f"Stopped in {seconds:.1f} s. Data stay in {platform.settings.state_dir}; headway reset forgets them."
    )


def reset(
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Stop the platform and forget its data, logs and passwords. What is installed stays."""
    from headway.runtime.platform import Platform
    from headway.settings import load

    settings = load()
    if not settings.state_dir.exists():
        typer.echo(f"There is nothing to forget in {settings.state_dir}.")
        return
    if not yes:
        typer.confirm(
            f"Forget everything in {settings.state_dir} (Kafka's records, both databases, results, passwords)?",
            abort=True,
        )
    platform = Platform(settings)
    platform.down()
    platform.forget()
    typer.echo(f"Forgotten: {settings.state_dir}. headway up starts afresh.")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a part.")] = False,
) -> None:
    """Show each part: state, health, address, memory, since when. Ends with 1 when a part is not healthy."""
    from headway.cli.screens import wide_console
    from headway.runtime.platform import Platform
    from headway.runtime.program import ProgramStatus
    from headway.runtime.supervision import Supervision
    from headway.settings import load

    settings = load()
    if not Supervision(settings).alive():
        if as_json:
            typer.echo("[]")
        else:
            typer.echo("The platform is not running. Start it with `bin/headway up`.")
        raise typer.Exit(1)
    platform = Platform(settings)
    health = platform.health()
    rows = [_status_row(found) for found in health]
    known = {row["part"] for row in rows}
    added = {program.name: program for program in platform.supervision.all() if program.name not in known}
    asked_for = [name for name in platform.wishes.names() if name not in known and platform.wishes.program(name)]
    for name in sorted({*added, *asked_for}):
        rows.append(_added_row(added.get(name, ProgramStatus(name, "ABSENT", 0, 0.0)), wanted=name in asked_for))
    if as_json:
        typer.echo(json.dumps(rows, indent=1))
    else:
        wide_console().print(_status_table(rows, platform.supervision.pid()))
    if any(row["health"] not in ("healthy", "-") for row in rows):
        raise typer.Exit(1)


def _status_row(found: PartHealth) -> dict[str, Any]:
    idle = not found.wanted and not found.program.running
    return {
        "part": found.part.name,
        "state": found.program.state.lower(),
        "health": "healthy" if found.healthy else "-" if idle else "not healthy",
        "detail": found.detail or ("Airflow starts it" if idle else _asked(found)),
        "address": found.part.address,
        **_measures(found.program),
    }


def _asked(found: PartHealth) -> str:
    return "" if found.part.started_by_up else "asked for by Airflow"


def _added_row(program: Any, *, wanted: bool) -> dict[str, Any]:
    idle = "not healthy" if wanted else "-"
    health = "healthy" if program.state == "RUNNING" else idle if not program.running else "not healthy"
    row = {
        "part": program.name,
        "state": program.state.lower(),
        "health": health,
        "detail": "asked for by Airflow" if wanted else "added live",
        "address": "",
    }
    return {**row, **_measures(program)}


def _measures(program: Any) -> dict[str, Any]:
    from headway.runtime.processes import memory_of, tree

    memory = memory_of(tree(program.pid)) if program.running else None
    return {
        "pid": program.pid,
        "resident_bytes": memory.resident if memory else 0,
        "proportional_bytes": memory.proportional if memory else 0,
        "since_s": round(program.since_s) if program.running else None,
    }


def _status_table(rows: list[dict[str, Any]], supervisor: int) -> Any:
    from rich.table import Table
    from rich.text import Text

    from headway.cli.screens import size_text
    from headway.runtime.processes import memory_of, tree, uptime_text

    own = memory_of(tree(supervisor))
    total = own.proportional if own.proportional is not None else own.resident
    kind = "shared pages once" if own.proportional is not None else "resident"
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold", show_footer=True)
    table.add_column("part", footer="together", no_wrap=True, min_width=max(len(row["part"]) for row in rows))
    table.add_column("state", no_wrap=True)
    table.add_column("health", no_wrap=True)
    table.add_column("address", no_wrap=True, min_width=max(len(row["address"]) for row in rows))
    table.add_column("memory", justify="right", footer=size_text(total), no_wrap=True)
    table.add_column("since", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, style="dim", footer=kind)
    colours = {"healthy": "green", "not healthy": "bold red", "-": "dim"}
    for row in rows:
        memory = row["proportional_bytes"] or row["resident_bytes"]
        table.add_row(
            row["part"],
            row["state"],
            Text(row["health"], style=colours[row["health"]]),
            row["address"],
            size_text(memory) if memory else "",
            uptime_text(row["since_s"]) if row["since_s"] is not None else "",
            row["detail"],
        )
    return table


def logs(
    part: Annotated[str, typer.Argument(help="A part, as headway status names it, or supervisord.")],
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what is written from now on.")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the last lines.")] = 50,
) -> None:
    """Show the end of a part's log."""
    from headway.runtime.supervision import Supervision
    from headway.settings import load

    supervision = Supervision(load())
    path = supervision.log_file(part)
    if not path.is_file():
        there = ", ".join(sorted(found.stem for found in supervision.logs.glob("*.log")))
        raise HeadwayError(
            f"There is no log of {part}.",
            where=str(supervision.logs),
            next_step=f"headway logs with one of: {there}" if there else "start the platform with `bin/headway up`",
        )
    typer.echo(supervision.log_tail(part, lines)) if lines else None
    if follow:
        for text in _follow(path):
            typer.echo(text, nl=False)


def _follow(path: Path) -> Iterator[str]:
    """Give what is appended to a log, over its rotations, until interrupted."""
    file = path.open(encoding="utf-8", errors="replace")
    file.seek(0, os.SEEK_END)
    while True:
        if text := file.read():
            yield text
            continue
        try:
            rotated = path.stat().st_ino != os.fstat(file.fileno()).st_ino or path.stat().st_size < file.tell()
        except FileNotFoundError:
            rotated = False
        if rotated:
            file.close()
            file = path.open(encoding="utf-8", errors="replace")
            continue
        time.sleep(0.2)


def doctor() -> None:
    """Look at this machine (Python, Java, memory, disk, ports …) and say what to do. Ends with 1 on a problem."""
    from rich.console import Console
    from rich.text import Text

    from headway.runtime.parts import all_parts
    from headway.runtime.preflight import examine
    from headway.runtime.supervision import Supervision
    from headway.settings import load

    settings, console = load(), Console(soft_wrap=True, highlight=False)
    supervision = Supervision(settings)
    try:
        running = {program.name for program in supervision.all() if program.running}
    except UnavailableError:
        running = set()
    findings = examine(settings, [part for part in all_parts(settings) if part.name not in running])
    marks = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "problem": ("✗", "bold red")}
    for finding in findings:
        mark, style = marks[finding.level]
        console.print(Text(f"{mark} {finding.subject:<12}", style=style) + Text(finding.text))
        if finding.next_step and finding.level != "ok":
            console.print(Text(f"{'':14}next: {finding.next_step}", style="dim"))
    state = f"runs ({len(running)} programs)" if running else "does not run"
    console.print(Text(f"  {'platform':<12}{state}, state in {settings.state_dir}", style="dim"))
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(1)


def config(
    as_json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """List every setting: its variable, value (secrets masked), and what it is for."""
    from headway.cli.settings_list import list_settings
    from headway.settings import load

    rows = list_settings(load())
    if as_json:
        typer.echo(
            json.dumps([{"variable": name, "value": value, "about": about} for name, value, about in rows], indent=1)
        )
        return
    from rich.table import Table

    from headway.cli.screens import wide_console

    table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("variable", no_wrap=True)
    table.add_column("value", overflow="fold")
    table.add_column("what it is", style="dim", overflow="fold")
    for row in rows:
        table.add_row(*row)
    wide_console().print(table)


def install(
    dev: Annotated[bool, typer.Option("--dev", help="With what checks and tests need.")] = False,
) -> None:
    """Install what is missing (environments with checked hashes, Java artefacts with checked sums), and start nothing.

    Every command does so at first use; this one is for preparing a machine.
    """
    from headway.settings import load

    # bin/headway has installed before Python got here
    typer.echo(f"Installed{' with development tools' if dev else ''}: {load().install_dir}")
