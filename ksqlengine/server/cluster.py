"""/clusterStatus: the servers of the service that run queries together with this one."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from ksqlengine.server.service import KsqlService


def cluster_status(service: KsqlService) -> dict[str, Any]:
    """Give each server of the service with its liveness; hosts are known from the consumer groups."""
    here = service.config.address
    hosts = {here}
    for query in service.queries.all():
        if query.running is not None:
            hosts |= set(query.running.other_hosts())
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
