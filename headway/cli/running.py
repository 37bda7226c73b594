"""``headway run``: the main DAG, with visible progress, then the report."""

from __future__ import annotations

import time
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from headway.cli.times import hour_option, speed_option, utc_text
from headway.errors import NotAsExpectedError

if TYPE_CHECKING:
    from rich.console import Console

    from headway.adapters.airflow import AirflowClient, RunProgress, TaskState
    from headway.cli.screens import Steps

DAG = "transit_platform"
LOG_EVERY_S = 3.0
_STATES = {
    "success": "done",
    "failed": "failed",
    "upstream_failed": "skipped",
    "skipped": "skipped",
    "removed": "skipped",
    "running": "active",
    "deferred": "active",
    "up_for_retry": "active",
    "up_for_reschedule": "active",
    "restarting": "active",
}


def run(
    start: Annotated[
        datetime | None, typer.Option("--from", "--start", parser=hour_option, help="First simulated hour (UTC).")
    ] = None,
    end: Annotated[
        datetime | None, typer.Option("--to", "--end", parser=hour_option, help="End of the range, not included.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(parser=speed_option, help="max, or simulated seconds a second.", metavar="max|N")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the disturbances.")] = None,
    dag: Annotated[str, typer.Option(help="Another DAG to run.")] = DAG,
    timeout: Annotated[float, typer.Option(help="Give up waiting after so many minutes.", min=0.1)] = 60.0,
) -> None:
    """Run the main DAG (one day when no range is given), wait with visible progress, and end with the report.

    Hours that were delivered before are not sent again, so running it twice changes nothing.
    """
    from rich.console import Console

    from headway.adapters.airflow import AirflowClient
    from headway.cli.screens import Steps
    from headway.settings import load

    settings, console = load(), Console(highlight=False)
    conf: dict[str, Any] = {}
    if start is not None:
        conf["start"] = utc_text(start)
    if end is not None:
        conf["end"] = utc_text(end)
    if speed is not None:
        conf["speed"] = "max" if speed == 0 else f"{speed:g}"
    if seed is not None:
        conf["seed"] = seed
    with AirflowClient(settings) as client:
        client.wait_for_dag(dag)
        run_id = _begin(client, console, dag, conf)
        console.print(f"[bold]{dag}[/]  {client.run_url(dag, run_id)}")
        with Steps(console, _tasks_in_order(client, dag)) as steps:
            watcher = _Watcher(client, steps)
            ended = client.wait(dag, run_id, timeout_s=timeout * 60, on_progress=watcher.look)
            watcher.look(ended)
        if ended.state != "success":
            raise _red(client, ended)
    console.print(f"\n[bold green]Green[/] in {ended.seconds:.0f} s: every step did what it says.\n")
    if dag == DAG:
        from headway.report import build_report, render

        console.print("Verified to the unit: workbook, ledger, topics and results agree.\n")
        console.print(render(build_report(settings)))


def _begin(client: AirflowClient, console: Console, dag: str, conf: dict[str, Any]) -> str:
    """Give the run to watch: one under way when nothing else was asked for, else a new one (it queues behind that)."""
    active = client.active_run(dag)
    if active and not conf:
        console.print(f"A run of {dag} is under way ({active}): waiting for that one.", markup=False)
        return active
    if active:
        console.print(f"A run of {dag} is under way ({active}): this one follows it.", markup=False)
    return client.trigger(dag, conf, note="headway run")


def _tasks_in_order(client: AirflowClient, dag: str) -> dict[str, str]:
    """Give the DAG's tasks and their titles, each after those it waits for."""
    tasks = client.call("GET", f"/dags/{dag}/tasks")["tasks"]
    waits: dict[str, set[str]] = {task["task_id"]: set() for task in tasks}
    for task in tasks:
        for after in task.get("downstream_task_ids") or []:
            waits[after].add(task["task_id"])
    titles = {task["task_id"]: task.get("task_display_name") or task["task_id"] for task in tasks}
    order: list[str] = []
    while len(order) < len(waits):
        ready = [name for name in waits if name not in order and waits[name] <= set(order)]
        if not ready:
            return titles
        order += ready
    return {name: titles[name] for name in order}


class _Watcher:
    """Turn Airflow's states into steps; what a running task does now is the last line of its log."""

    def __init__(self, client: AirflowClient, steps: Steps) -> None:
        self._client, self._steps = client, steps
        self._asked: dict[str, float] = {}

    def look(self, seen: RunProgress) -> None:
        """Draw one look at the run."""
        for task in seen.tasks:
            state = _STATES.get(task.state, "waiting")
            detail = ""
            if state == "active":
                detail = self._doing(seen, task)
            elif state == "skipped":
                detail = task.state.replace("_", " ")
            self._steps.update(task.task_id, state, detail, seconds=task.seconds)

    def _doing(self, seen: RunProgress, task: TaskState) -> str:
        attempt = f"attempt {task.try_number}, " if task.try_number > 1 else ""
        if task.state == "up_for_retry":
            return f"attempt {task.try_number} failed, waiting to try again"
        if time.monotonic() - self._asked.get(task.task_id, 0.0) < LOG_EVERY_S:
            return ""
        self._asked[task.task_id] = time.monotonic()
        lines = telling(self._client.log(seen.dag_id, seen.run_id, task.task_id, task.try_number))
        waiting = "waiting: " if task.state == "deferred" else ""
        return f"{attempt}{waiting}{_plain(lines[-1])}" if lines else f"{attempt}{task.state}"


def telling(lines: list[str]) -> list[str]:
    """Leave out what Airflow itself says before and after a task's own work (it folds that into groups)."""
    told, folded = [], False
    for line in lines:
        if "::group::" in line:
            folded = True
        elif "::endgroup::" in line:
            folded = False
        elif not folded and line.strip():
            told.append(line)
    return told


def _plain(line: str) -> str:
    first = line.strip().splitlines()[0]
    for level in ("INFO ", "WARNING ", "DEBUG "):
        first = first.removeprefix(level)
    return first


def _red(client: AirflowClient, ended: RunProgress) -> NotAsExpectedError:
    failed = ended.failed()
    reasons = [
        f"{task.task_id} (attempt {task.try_number}):\n{client.why_failed(ended.dag_id, ended.run_id, task)}"
        for task in failed
    ]
    names = ", ".join(task.task_id for task in failed) or "no task (the run itself)"
    return NotAsExpectedError(
        f"{ended.dag_id} is red after {ended.seconds:.0f} s; what failed: {names}.",
        where=client.run_url(ended.dag_id, ended.run_id) + ("\n" + "\n".join(reasons) if reasons else ""),
        next_step="mend the cause and run `headway run` again: what was delivered is not sent twice",
    )
