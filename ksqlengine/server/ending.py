"""/ksql/terminate: end a service for good, with its queries, its command topic and the topics that are named."""

from __future__ import annotations

import re
from typing import Any

from ksqlengine.server.entities import Entity, RequestError, current_status
from ksqlengine.server.service import KsqlService, Session

_STATEMENT = "TERMINATE CLUSTER;"


def terminate_cluster(service: KsqlService, patterns: Any) -> list[Entity]:
    """End all queries, delete sink topics that a pattern matches, then the command topic; nothing is served after.

    Other servers of the service must have been stopped before, as ksqlDB's documentation asks. Raises RequestError for
    a list that is none, or a pattern that cannot be read.
    """
    wanted = _patterns(patterns)
    runner = service.runner
    runner.check_not_degraded()
    service.push.close()
    service.execute("TERMINATE ALL;", Session())
    sinks = {s.topic for s in list(service.engine.catalog.sources.values()) if s.created_by}
    service.ready = False
    runner.stop()
    for topic in sorted(t for t in sinks if any(p.fullmatch(t) for p in wanted)):
        service.backend.delete_topic(topic)
    service.backend.delete_topic(service.config.command_topic)
    status = {"status": "SUCCESS", "message": "Terminated the cluster.", "queryId": None}
    return [current_status(_STATEMENT, "cluster/TerminateCluster/terminate", status, -1)]


def _patterns(given: Any) -> list[re.Pattern[str]]:
    if not isinstance(given, list) or not all(isinstance(p, str) for p in given):
        raise RequestError("deleteTopicList must be a list of topic names or regular expressions.")
    out = []
    for pattern in given:
        try:
            out.append(re.compile(pattern))
        except re.error as error:
            raise RequestError(f"Invalid pattern: {pattern}: {error}") from None
    return out
