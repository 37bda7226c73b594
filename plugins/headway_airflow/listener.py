"""Create the platform's pools when the scheduler starts.

A task in a pool that does not exist is never scheduled, and says so only in a log. Whoever starts Airflow, and however
(`headway up`, compose, a cluster of one's own), the scheduler does this first.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

from airflow.listeners import hookimpl

from headway.core.pools import POOLS

log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: Any) -> None:
    """Create or correct the pools, in the scheduler's own process only.

    The job does not know its type yet when it calls this, so the command says which process we are in; a task is forked
    from the scheduler and keeps its command, but what starts there is no job.
    """
    if sys.argv[1:2] != ["scheduler"] or type(component).__name__ != "Job":
        return
    from airflow.models.pool import Pool

    for pool in POOLS:
        Pool.create_or_update_pool(pool.name, pool.slots, pool.description, include_deferred=True)
    log.info("Headway's pools are there: %s", ", ".join(pool.name for pool in POOLS))
