"""Airflow's REST API (v2): what the command line and the tests do with it.

Every call answers with plain data or raises: :class:`UnavailableError` when the server does not answer,
:class:`NotAsExpectedError` when it refuses (its own words are in the message).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Self

import httpx

from headway.core.pools import POOLS, Pool
from headway.errors import NotAsExpectedError, UnavailableError
from headway.settings import Settings
from headway.waiting import wait_until

FINISHED = frozenset({"success", "failed"})
# What a finished task may have been; everything else is still to come or under way.
TASK_ENDS = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_TOKEN_LIFE_S = 1800.0


@dataclass(frozen=True)
class TaskState:
    """One task of a run, as the grid shows it."""

    task_id: str
    state: str
    try_number: int
    started: str | None
    seconds: float | None


@dataclass(frozen=True)
class RunProgress:
    """A run under way: its state and its tasks in the order in which they started."""

    dag_id: str
    run_id: str
    state: str
    tasks: tuple[TaskState, ...]
    seconds: float

    @property
    def done(self) -> int:
        """Count the tasks that have ended."""
        return sum(task.state in TASK_ENDS for task in self.tasks)

    def failed(self) -> list[TaskState]:
        """Give the tasks that failed themselves."""
        return [task for task in self.tasks if task.state == "failed"]


class AirflowClient:
    """A session with Airflow's API server; connects at the first call, fetches a new token when one ends."""

    def __init__(self, settings: Settings, *, timeout_s: float = 30.0) -> None:
        self._airflow = settings.airflow
        self._http = httpx.Client(base_url=self._airflow.url, timeout=timeout_s, trust_env=False)
        self._token, self._token_ends = "", 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # -- requests

    def call(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        ok: Sequence[int] = (),
    ) -> Any:
        """Call ``/api/v2<path>`` and give the decoded answer (None when it is empty).

        ``ok`` lists further status codes that are no error; they give None.
        """
        answer = self._send(method, f"/api/v2{path}", body=body, params=params, headers=self._authorization())
        if answer.status_code == 401:  # the server was restarted, or its secret changed
            self._token_ends = 0.0
            answer = self._send(method, f"/api/v2{path}", body=body, params=params, headers=self._authorization())
        if answer.status_code in ok:
            return None
        self._refuse(answer, f"{method} {path}")
        return answer.json() if answer.content else None

    def _authorization(self) -> dict[str, str]:
        if time.monotonic() >= self._token_ends:
            credentials = {
                "username": self._airflow.username,
                "password": self._airflow.password.get_secret_value(),
            }
            answer = self._send("POST", "/auth/token", body=credentials)
            self._refuse(answer, "log in")
            self._token = str(answer.json()["access_token"])
            self._token_ends = time.monotonic() + _TOKEN_LIFE_S
        return {"Authorization": f"Bearer {self._token}"}

    def _send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        params: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        try:
            return self._http.request(method, path, json=body, params=dict(params or {}), headers=dict(headers or {}))
        except httpx.HTTPError as error:
            raise UnavailableError(
                f"Airflow's API server does not answer ({type(error).__name__}: {error}).",
                where=self._airflow.url,
                next_step="`headway status`, then `headway up` or `headway logs airflow-api-server`",
            ) from error

    def _refuse(self, answer: httpx.Response, what: str) -> None:
        if answer.is_success:
            return
        try:
            detail = answer.json().get("detail", answer.text)
        except ValueError:
            detail = answer.text[:500]
        next_step = "check HEADWAY__AIRFLOW__USERNAME and …PASSWORD" if answer.status_code in (401, 403) else ""
        raise NotAsExpectedError(
            f"Airflow refused to {what}: {answer.status_code} {detail}",
            where=str(answer.request.url),
            next_step=next_step or "see the DAG's page in Airflow, or `headway logs airflow-api-server`",
        )

    # -- the server

    def health(self) -> dict[str, str]:
        """Give each Airflow process's own word: component → ``healthy`` or what it says."""
        answer = self._send("GET", "/api/v2/monitor/health")
        self._refuse(answer, "tell its health")
        return {name: (part or {}).get("status") or "unknown" for name, part in answer.json().items()}

    def ensure_pools(self, pools: Sequence[Pool] = POOLS) -> list[str]:
        """Create what is missing of the pools, correct what differs; give the names that were touched."""
        there = {pool["name"]: pool for pool in self.call("GET", "/pools", params={"limit": 500})["pools"]}
        touched = []
        for pool in pools:
            found = there.get(pool.name)
            wanted = {"slots": pool.slots, "description": pool.description, "include_deferred": True}
            if found is None:
                self.call("POST", "/pools", body={"name": pool.name, **wanted}, ok=(409,))
            elif any(found[key] != value for key, value in wanted.items()):
                mask = list(wanted)
                self.call(
                    "PATCH", f"/pools/{pool.name}", body={"pool": pool.name, **wanted}, params={"update_mask": mask}
                )
            else:
                continue
            touched.append(pool.name)
        return touched

    def import_errors(self) -> dict[str, str]:
        """Give the DAG files that do not import: file → the error."""
        answer = self.call("GET", "/importErrors")
        return {error["filename"]: error["stack_trace"] for error in answer["import_errors"]}

    # -- DAGs and runs

    def wait_for_dag(self, dag_id: str, *, timeout_s: float = 120.0) -> None:
        """Wait until the DAG processor has brought the DAG; fail at once with the import error that prevents it."""
        deadline = time.monotonic() + timeout_s
        while self.call("GET", f"/dags/{dag_id}", ok=(404,)) is None:
            if errors := self.import_errors():
                file, trace = next(iter(errors.items()))
                raise NotAsExpectedError(
                    f"Airflow cannot import a DAG file: {trace.strip().splitlines()[-1]}",
                    where=file,
                    next_step="mend the file; Airflow's home page shows the whole trace",
                )
            if time.monotonic() > deadline:
                raise NotAsExpectedError(
                    f"Airflow does not know the DAG {dag_id} after {timeout_s:.0f} s.",
                    where=self._airflow.url,
                    next_step="`headway logs airflow-dag-processor`",
                )
            time.sleep(1.0)

    def set_paused(self, dag_id: str, paused: bool) -> None:
        """Pause the DAG's schedule, or let it go."""
        self.call("PATCH", f"/dags/{dag_id}", body={"is_paused": paused}, params={"update_mask": "is_paused"})

    def trigger(
        self,
        dag_id: str,
        conf: Mapping[str, Any] | None = None,
        *,
        run_id: str | None = None,
        logical_date: datetime | None = None,
        note: str | None = None,
    ) -> str:
        """Ask for a run (unpausing the DAG, or it would wait for ever) and give its id."""
        self.set_paused(dag_id, False)
        body: dict[str, Any] = {
            "logical_date": logical_date.isoformat() if logical_date else None,
            "conf": dict(conf or {}),
            "note": note,
        }
        if run_id:
            body["dag_run_id"] = run_id
        return str(self.call("POST", f"/dags/{dag_id}/dagRuns", body=body)["dag_run_id"])

    def runs(self, dag_id: str, *, limit: int = 100) -> list[dict[str, Any]]:
        """Give the DAG's latest runs, newest first, as the API tells them."""
        answer = self.call("GET", f"/dags/{dag_id}/dagRuns", params={"limit": limit, "order_by": "-run_after"})
        return list(answer["dag_runs"])

    def active_run(self, dag_id: str) -> str | None:
        """Give the id of a run that is queued or running, if there is one."""
        return next((run["dag_run_id"] for run in self.runs(dag_id) if run["state"] not in FINISHED), None)

    def progress(self, dag_id: str, run_id: str, *, started: float | None = None) -> RunProgress:
        """Look at a run now."""
        run = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}")
        found = self.call("GET", f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", params={"limit": 500})
        tasks = [
            TaskState(
                task["task_id"], task["state"] or "waiting", task["try_number"], task["start_date"], task["duration"]
            )
            for task in found["task_instances"]
        ]
        tasks.sort(key=lambda task: (task.started is None, task.started or "", task.task_id))
        seconds = time.monotonic() - started if started else float(run["duration"] or 0.0)
        return RunProgress(dag_id, run_id, run["state"], tuple(tasks), seconds)

    def wait(
        self,
        dag_id: str,
        run_id: str,
        *,
        timeout_s: float = 3600.0,
        interval_s: float = 1.0,
        on_progress: Callable[[RunProgress], None] | None = None,
    ) -> RunProgress:
        """Wait until a run has ended, well or badly; ``on_progress`` gets each look at it.

        A server that is away for less than a minute does not end the wait. Raises :class:`NotAsExpectedError` when
        the run has not ended within ``timeout_s`` (it goes on in Airflow).
        """
        started = last_answer = time.monotonic()
        while True:
            try:
                seen = self.progress(dag_id, run_id, started=started)
                last_answer = time.monotonic()
            except UnavailableError:
                if time.monotonic() - last_answer > 60:
                    raise
            else:
                if on_progress:
                    on_progress(seen)
                if seen.state in FINISHED:
                    return seen
                if seen.seconds > timeout_s:
                    running = ", ".join(task.task_id for task in seen.tasks if task.state not in TASK_ENDS)
                    raise NotAsExpectedError(
                        f"The run has not ended after {timeout_s:.0f} s; still to end: {running}.",
                        where=self.run_url(dag_id, run_id),
                        next_step="open that page for the tasks' logs; the run goes on",
                    )
            time.sleep(interval_s)

    def run_url(self, dag_id: str, run_id: str) -> str:
        """Give the run's page."""
        return f"{self._airflow.url}/dags/{dag_id}/runs/{run_id}"

    def xcom(self, dag_id: str, run_id: str, task_id: str, key: str = "return_value") -> Any:
        """Give what a task left behind, or None."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        answer = self.call("GET", path, params={"deserialize": "false"}, ok=(404,))
        return None if answer is None else answer["value"]

    def log(self, dag_id: str, run_id: str, task_id: str, try_number: int = 1) -> list[str]:
        """Give a task's log lines (the text of each event)."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{max(try_number, 1)}"
        content = (self.call("GET", path, params={"full_content": "true"}, ok=(404,)) or {}).get("content") or []
        return [_log_line(event) for event in content]

    def why_failed(self, dag_id: str, run_id: str, task: TaskState, *, lines: int = 12) -> str:
        """Give the reason of a failed task: the error in its log, else the log's end."""
        found = self.log(dag_id, run_id, task.task_id, task.try_number)
        errors = [index for index, line in enumerate(found) if line.startswith(("ERROR", "CRITICAL"))]
        start = errors[-1] if errors else max(len(found) - lines, 0)
        return "\n".join(found[start : start + lines])

    def clear(self, dag_id: str, run_id: str) -> None:
        """Run all tasks of a run once more."""
        body = {"dry_run": False, "only_failed": False}
        self.call("POST", f"/dags/{dag_id}/dagRuns/{run_id}/clear", body=body)

    def backfill(
        self, dag_id: str, first: datetime, last: datetime, *, max_active_runs: int = 2, again: bool = False
    ) -> int:
        """Ask for a run of each interval from ``first`` to ``last`` (logical dates, both included); give its id.

        With ``again`` finished runs are run once more.
        """
        body = {
            "dag_id": dag_id,
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            "max_active_runs": max_active_runs,
            "reprocess_behavior": "completed" if again else "failed",
        }
        return int(self.call("POST", "/backfills", body=body)["id"])

    def wait_backfill(self, backfill_id: int, *, timeout_s: float = 1800.0) -> None:
        """Wait until all runs of a backfill have ended."""
        late = NotAsExpectedError(
            f"The backfill {backfill_id} has not ended after {timeout_s:.0f} s.",
            where=f"{self._airflow.url}/backfills",
            next_step="see its runs in Airflow; it goes on",
        )
        ended = lambda: self.call("GET", f"/backfills/{backfill_id}")["completed_at"]  # noqa: E731
        wait_until(ended, timeout_s, lambda _: late, poll_s=2.0)


def _log_line(event: Any) -> str:
    if not isinstance(event, dict):
        return str(event)
    level = str(event.get("level") or "").upper()
    text = f"{level} {event.get('event', '')}".strip()
    for error in event.get("error_detail") or []:
        text += f"\n{error.get('exc_type')}: {error.get('exc_value')}"
    return text


def ensure_pools(settings: Settings) -> list[str]:
    """Create or correct the platform's pools through the REST API; give the names that were touched."""
    with AirflowClient(settings) as client:
        return client.ensure_pools()


def run_dag(
    settings: Settings,
    dag_id: str,
    conf: Mapping[str, Any] | None = None,
    *,
    timeout_s: float = 3600.0,
    on_progress: Callable[[RunProgress], None] | None = None,
) -> RunProgress:
    """Trigger a DAG and wait for its green end.

    Raises :class:`NotAsExpectedError` that names each failed task with the reason from its log.
    """
    with AirflowClient(settings) as client:
        client.wait_for_dag(dag_id)
        client.ensure_pools()
        run_id = client.trigger(dag_id, conf)
        ended = client.wait(dag_id, run_id, timeout_s=timeout_s, on_progress=on_progress)
        if ended.state == "success":
            return ended
        reasons = [f"{task.task_id}: {client.why_failed(dag_id, run_id, task)}" for task in ended.failed()]
        raise NotAsExpectedError(
            f"The run of {dag_id} failed.\n" + "\n".join(reasons),
            where=client.run_url(dag_id, run_id),
            next_step="correct the cause and run it again: what is delivered stays delivered",
        )
