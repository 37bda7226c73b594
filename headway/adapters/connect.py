"""Kafka Connect: bring a connector to its file, and believe its tasks rather than its own word."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import httpx

from headway.adapters.postgres import transaction
from headway.errors import NotAsExpectedError, UnavailableError
from headway.settings import Settings
from headway.waiting import wait_until

# 409: the workers rebalance; 503: the worker still starts
TRY_AGAIN = {409, 503}
PAUSE_S = 0.2
RESTARTS = 2


@dataclass(frozen=True)
class ConnectorStatus:
    """A connector's state, its tasks' states, and the first failed task's reason."""

    name: str
    state: str
    tasks: tuple[str, ...]
    reason: str = ""

    @property
    def running(self) -> bool:
        """Say whether the connector and every one of its tasks (at least one) runs."""
        return self.state == "RUNNING" and bool(self.tasks) and set(self.tasks) == {"RUNNING"}


class ConnectClient:
    """One Connect cluster's REST API."""

    def __init__(self, settings: Settings, *, give_up_after_s: float = 60.0) -> None:
        self._settings = settings
        self._url = settings.connect.url
        self._give_up_after_s = give_up_after_s
        self._client = httpx.Client(
            base_url=self._url,
            auth=settings.connect.auth(),
            timeout=30.0,
            trust_env=settings.profile != "embedded",  # no HTTP_PROXY between parts of one machine
        )

    def converge(self, name: str, config: dict[str, str]) -> Literal["created", "updated", "unchanged"]:
        """Make the connector's configuration this one (and resume it when it was paused or stopped).

        Repeating it changes nothing and restarts nothing. Waits out rebalances; raises :class:`NotAsExpectedError`
        when Connect refuses the configuration.
        """
        now = self._ask("GET", f"/connectors/{name}/config", missing_is_none=True)
        if now == {**config, "name": name}:
            status = self.status(name)
            if status is not None and status.state in ("PAUSED", "STOPPED"):
                self._ask("PUT", f"/connectors/{name}/resume")
            return "unchanged"
        self._ask("PUT", f"/connectors/{name}/config", json=config)
        return "created" if now is None else "updated"

    def status(self, name: str) -> ConnectorStatus | None:
        """Give the states of a connector and its tasks, or None where Connect knows none (yet)."""
        answer = self._ask("GET", f"/connectors/{name}/status", missing_is_none=True)
        if answer is None:
            return None
        failed = [task for task in (answer["connector"], *answer["tasks"]) if task["state"] == "FAILED"]
        return ConnectorStatus(
            name,
            answer["connector"]["state"],
            tuple(task["state"] for task in answer["tasks"]),
            str(failed[0].get("trace", "")).partition("\n")[0] if failed else "",
        )

    def restart_failed(self, name: str) -> None:
        """Restart the connector's failed instances, and nothing that runs."""
        self._ask("POST", f"/connectors/{name}/restart?includeTasks=true&onlyFailed=true")

    def wait_running(self, name: str, timeout: float = 60.0) -> ConnectorStatus:
        """Wait until the connector and all its tasks run; failed tasks are restarted twice.

        Raises :class:`NotAsExpectedError` with the task's own reason when they do not run in time.
        """
        deadline = time.monotonic() + timeout
        restarts = 0
        while True:
            status = self.status(name)
            if status is not None and status.running:
                return status
            failed = status is not None and "FAILED" in (status.state, *status.tasks)
            over = time.monotonic() >= deadline
            if over or (failed and restarts >= RESTARTS):
                raise NotAsExpectedError(
                    f"The connector {name} does not run: {_describe(status)}.",
                    where=f"Kafka Connect at {self._url}",
                    next_step="see `headway logs connect`; correct the cause and run the task again",
                )
            if failed:
                restarts += 1
                self.restart_failed(name)
                time.sleep(1.0)  # the restart shows in the status only after the worker has taken it up
            time.sleep(PAUSE_S)

    def delete(self, name: str, drop_slot: bool = True) -> None:
        """Delete a connector with what it leaves behind: its offsets and (``drop_slot``) its replication slot.

        A slot that is left keeps WAL for ever, and offsets that are left keep a new connector of the same name from
        its snapshot. Nothing happens where there is no such connector.
        """
        config = self._ask("GET", f"/connectors/{name}/config", missing_is_none=True)
        if config is not None:
            self._ask("PUT", f"/connectors/{name}/stop")
            self._wait_until(name, "stop", lambda now: now is None or (now.state == "STOPPED" and not now.tasks))
            self._ask("DELETE", f"/connectors/{name}/offsets")
            self._ask("DELETE", f"/connectors/{name}")
            self._wait_until(name, "go", lambda now: now is None)
        slot = (config or {}).get("slot.name")
        if drop_slot and slot:
            self._drop_slot(slot)

    def healthy(self) -> bool:
        """Tell whether the worker answers."""
        try:
            return self._client.get("/", timeout=5.0).status_code == 200
        except httpx.HTTPError:
            return False

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _wait_until(self, name: str, what: str, holds: Callable[[ConnectorStatus | None], bool]) -> None:
        def late(status: ConnectorStatus | None) -> NotAsExpectedError:
            return NotAsExpectedError(
                f"The connector {name} did not {what} within 30 s: {_describe(status)}.",
                where=f"Kafka Connect at {self._url}",
                next_step="see `headway logs connect`",
            )

        wait_until(lambda: self.status(name), 30, late, holds=holds, poll_s=PAUSE_S)

    def _drop_slot(self, slot: str) -> None:
        deadline = time.monotonic() + 30
        while True:
            with transaction(self._settings) as link, link.cursor() as sql:
                sql.execute("SELECT active FROM pg_replication_slots WHERE slot_name = %s", (slot,))
                found = sql.fetchone()
                if found is None:
                    return
                if not found[0]:
                    sql.execute("SELECT pg_drop_replication_slot(%s)", (slot,))
                    return
            if time.monotonic() >= deadline:
                raise NotAsExpectedError(
                    f"The replication slot {slot} is still in use 30 s after its connector ended.",
                    where=f"Postgres at {self._settings.postgres.host}:{self._settings.postgres.port}",
                    next_step=f"end its reader, then SELECT pg_drop_replication_slot('{slot}')",
                )
            time.sleep(PAUSE_S)

    def _ask(self, method: str, path: str, *, missing_is_none: bool = False, json: Any = None) -> Any:
        began = time.monotonic()
        while True:
            try:
                response = self._client.request(method, path, json=json)
                # a worker that still starts answers 404 with a web page; Connect's own 404 is JSON
                starting = response.status_code == 404 and not _message(response, own=True)
                if response.status_code == 404 and missing_is_none and not starting:
                    return None
                if response.is_success:
                    return response.json() if response.content else {}
                if response.status_code not in TRY_AGAIN and not starting:
                    raise NotAsExpectedError(
                        f"Kafka Connect refused {method} {path} with HTTP {response.status_code}: {_message(response)}",
                        where=self._url,
                        next_step="correct the file in connect/ and run the task again",
                    )
                reason = f"HTTP {response.status_code}: {_message(response)}"
            except httpx.TransportError as error:
                reason = str(error) or type(error).__name__
            waited = time.monotonic() - began
            if waited > self._give_up_after_s:
                raise UnavailableError(
                    f"Kafka Connect has not answered {method} {path} for {waited:.0f} s ({reason}).",
                    where=self._url,
                    next_step="see `headway status` and `headway logs connect`",
                )
            time.sleep(PAUSE_S)


def _describe(status: ConnectorStatus | None) -> str:
    if status is None:
        return "Connect does not know it"
    tasks = ", ".join(status.tasks) or "none"
    return f"connector {status.state}, tasks {tasks}" + (f" ({status.reason})" if status.reason else "")


def _message(response: httpx.Response, *, own: bool = False) -> str:
    """Give Connect's message, or (unless only its ``own`` counts) the body's beginning."""
    try:
        return str(response.json()["message"])
    except (ValueError, KeyError, TypeError):
        return "" if own else response.text[:300]
