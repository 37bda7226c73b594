"""Wait until every reader has passed the last record that was seen in its topics."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping

from headway.adapters.kafka import group_offsets
from headway.adapters.ksql import KsqlClient
from headway.errors import NotAsExpectedError
from headway.settings import Settings
from headway.spark.catch_up import wait_until_passed
from headway.spark.layout import Layout
from headway.spark.lease import owner
from headway.verify.compare import Check

POLL_S = 0.3
Ends = Mapping[int, int]  # one past the last record, by partition


def wait_for_ksql(settings: Settings, client: KsqlClient, sinks: list[str], topic: str, ends: Ends, by: float) -> None:
    """Wait until the queries that fill ``sinks`` run and have committed past ``ends`` of their topic.

    The end is that of the last *record*: a transaction's marker after it takes an offset that a reader need not pass.
    Raises :class:`NotAsExpectedError` when that does not happen until ``by`` (monotonic seconds).
    """
    for sink in sinks:
        for query in client.wait_query_running(sink, timeout_s=max(1.0, by - time.monotonic())):
            group = f"_confluent-ksql-{settings.ksql.service_id}query_{query.id}"
            while behind := _behind(ends, group_offsets(settings, group, topic)):
                if time.monotonic() >= by:
                    raise NotAsExpectedError(
                        f"The KSQL query {query.id} has not read {behind:,} records of {topic}.",
                        where=f"consumer group {group}",
                        next_step="`headway logs ksql`; the embedded engine restores and goes on when it is restarted",
                    )
                time.sleep(POLL_S)


def _behind(ends: Ends, reached: Mapping[int, int]) -> int:
    return sum(max(0, end - reached.get(partition, 0)) for partition, end in ends.items())


def newest_job(settings: Settings, generation: int) -> Layout:
    """Give the layout of the job that finished a batch last in this generation (the default one when none has)."""
    newest, layout = 0, Layout(settings.output, generation)
    for folder in settings.output.glob(f"g{generation}-w*-e*"):
        match = re.fullmatch(r"g\d+-w(\d+)-e(\d+)", folder.name)
        commits = [path.stat().st_mtime_ns for path in (folder / "_checkpoint" / "commits").glob("[0-9]*")]
        if match and max(commits, default=0) > newest:
            newest, layout = max(commits), Layout(settings.output, generation, int(match[1]), int(match[2]))
    return layout


def wait_for_spark(layout: Layout, ends: Mapping[str, Ends], by: float) -> None:
    """Wait until a batch of the job ended past ``ends``; a job that no driver runs is not waited for."""
    running = owner(layout.lease) is not None
    wanted = {topic: {str(at): end for at, end in partitions.items()} for topic, partitions in ends.items()}
    try:
        wait_until_passed(layout, wanted, max(0.0, by - time.monotonic()) if running else 0.0)
    except NotAsExpectedError as error:
        raise NotAsExpectedError(
            "Spark's results do not hold all that is in the topics.",
            where=error.where,
            next_step="run the Spark task (or the whole main DAG) again, then verify",
        ) from error


def settled(make: Callable[[], Check], by: float) -> Check:
    """Make a check of small tables until it is equal or the time is up; give the last one."""
    while True:
        check = make()
        if check.equal or time.monotonic() >= by:
            return check
        time.sleep(POLL_S)
