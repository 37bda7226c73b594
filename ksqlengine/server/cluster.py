"""/clusterStatus: the servers of the service that run queries together with this one."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from ksqlengine.server.service import KsqlService


INTERNAL = "request.ksql.internal.request"
UNRESPONSIVE = "UNRESPONSIVE"


def other_hosts(service: KsqlService) -> set[str]:
    """Give the other servers that run queries with this one; they are known from the consumer groups."""
    hosts: set[str] = set()
    for query in service.queries.all():
        if query.running is not None:
            hosts |= set(query.running.other_hosts())
    return hosts


def query_states(service: KsqlService, *, everywhere: bool = True) -> dict[str, dict[str, str]]:
    """Give, for each persistent query, its state by host; a server that does not answer is UNRESPONSIVE."""
    out = {q.id: {service.config.address: q.state()} for q in service.queries.all()}
    hosts = sorted(other_hosts(service)) if everywhere else []
    if not hosts:
        return out
    with ThreadPoolExecutor(max_workers=len(hosts), thread_name_prefix="ask-host") as asking:
        for host, states in zip(hosts, asking.map(lambda h: _states_of(service, h), hosts), strict=True):
            for query_id, known in out.items():
                if states is None:
                    known[host] = UNRESPONSIVE
                elif query_id in states:
                    known[host] = states[query_id]
    return out


def _states_of(service: KsqlService, host: str) -> dict[str, str] | None:
    body = {"ksql": "SHOW QUERIES;", "streamsProperties": {}, "requestProperties": {INTERNAL: True}}
    try:
        answer = httpx.post(f"http://{host}/ksql", json=body, timeout=service.config.fetch_timeout_s)
        answer.raise_for_status()
        listed = answer.json()[0]["queries"]
        return {str(q["id"]): str(q["state"]) for q in listed if q["queryType"] == "PERSISTENT"}
    except (httpx.HTTPError, ValueError, KeyError, IndexError, TypeError):
        return None


def aggregate(states: dict[str, str]) -> str:
    """Give one state for all hosts: the worst."""
    found = set(states.values())
    return next((s for s in ("ERROR", UNRESPONSIVE, "RUNNING", "PAUSED") if s in found), "RUNNING")


def cluster_status(service: KsqlService) -> dict[str, Any]:
    """Give each server of the service with its liveness."""
    here = service.config.address
    hosts = {here} | other_hosts(service)
    now = int(time.time() * 1000)
    out = {}
    for host in sorted(hosts):
        alive = host == here or _alive(host)
        out[host] = {
            "hostAlive": alive,
            "lastStatusUpdateMs": now,
            "activeStandbyPerQuery": _stores(service) if host == here else {},
            "hostStoreLags": {"stateStoreLags": {}, "updateTimeMs": now},
        }
    return {"clusterStatus": out}


def _stores(service: KsqlService) -> dict[str, Any]:
    return {
        query.id: {
            "activeStores": [query.built.store.name] if query.built and query.built.store else [],
            "activePartitions": [],
            "standByStores": [],
            "standByPartitions": [],
        }
        for query in service.queries.all()
    }


def _alive(host: str) -> bool:
    try:
        return httpx.get(f"http://{host}/info", timeout=1.0).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False
