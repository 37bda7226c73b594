"""The Airflow pools of the platform.

A backfill brings its own number of parallel runs and two DAGs can replay at once, so ``max_active_runs`` does not
serialise replays. One slot a feed does, whatever asks for the replay; one slot does the same for Spark's checkpoint.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Pool:
    """An Airflow pool: its name, its slots, and what it protects."""

    name: str
    slots: int
    description: str


def replay_pool(feed: str) -> str:
    """Name the pool that serialises the replays of a feed."""
    return f"replay_{feed}"


FEEDS = ("turnstile", "arrivals", "weather")
SPARK_POOL = "spark_transit_stream"
CONTROL_POOL = "platform_control"

POOLS: tuple[Pool, ...] = (
    *(Pool(replay_pool(feed), 1, f"one replay of {feed} at a time, whichever DAG asks for it") for feed in FEEDS),
    Pool(SPARK_POOL, 1, "one bounded Spark run at a time on its checkpoint"),
    Pool(CONTROL_POOL, 1, "one task at a time that starts, stops or converges parts of the platform"),
)
