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
        answer = service.peers.post(host, "/ksql", body, timeout=service.config.fetch_timeout_s)
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
    """Give each server of the service with its liveness, what it has of each query and, where asked for, its lags."""
    here = service.config.address
    running = {query.id: query.running for query in service.queries.all() if query.running is not None}
    placed = {query_id: run.placement() for query_id, run in running.items()}
    hosts = sorted({here, *(host for places in placed.values() for host in places if _is_known(host))})
    with ThreadPoolExecutor(max_workers=len(hosts), thread_name_prefix="ask-host") as asking:
        reports = list(asking.map(lambda host: _report(service, host), hosts))
    return {
        "clusterStatus": {
            host: {
                "hostAlive": report is not None,
                "lastStatusUpdateMs": int(time.time() * 1000),
                "activeStandbyPerQuery": {q: places[host] for q, places in placed.items() if host in places},
                "hostStoreLags": report or {"stateStoreLags": {}, "updateTimeMs": 0},
            }
            for host, report in zip(hosts, reports, strict=True)
        }
    }


def _is_known(host: str) -> bool:
    return not host.startswith("unavailable:")  # what Kafka Streams says before the first rebalance


def store_lags(service: KsqlService) -> dict[str, Any]:
    """Give this server's lags, as ksqlDB reports them; none unless ksql.lag.reporting.enable is true."""
    lags: dict[str, Any] = {}
    if service.config.properties.get("ksql.lag.reporting.enable", "false").lower() == "true":
        for query in service.queries.all():
            for store, parts in (query.running.lags() if query.running is not None else {}).items():
                name = f"{service.config.application_id(query.id)}#{store}"
                lags[name] = {"lagByPartition": parts, "size": len(parts)}
    return {"stateStoreLags": lags, "updateTimeMs": int(time.time() * 1000)}


def _report(service: KsqlService, host: str) -> dict[str, Any] | None:
    """Give a server's lags; None when it does not answer."""
    if host == service.config.address:
        return store_lags(service)
    try:
        answer = service.peers.get(host, "/lag", timeout=2.0)
        return dict(answer.json()) if answer.status_code == httpx.codes.OK else None
    except (httpx.HTTPError, ValueError):
        return None
