"""Empty the platform of events and results, and begin a new generation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.settings import PROJECT_DIR

if TYPE_CHECKING:
    from headway.settings import Settings


def begin(settings: Settings, say: Callable[..., None]) -> dict[str, Any]:
    """Stop the readers, drop KSQL with its topics, recreate event and result topics, count a new generation."""
    from headway.adapters.kafka import ensure_topics
    from headway.replay.generation import begin_new
    from headway.replay.topics import reset_topics
    from headway_airflow.hooks import spark

    stopped = spark.continuous_registered(settings)  # a retry finds it stopped, and it must go on all the same
    if stopped:
        spark.stop_continuous(settings)
        say("The continuous Spark driver is stopped.")
    spark.wait_until_idle(settings)
    for name in drop_statements(settings):
        say("Dropped %s with its topic.", name)
    say("Emptied: %s", ", ".join(reset_topics(settings)))
    ensure_topics(settings)
    generation = begin_new(settings)
    say("Generation %d has begun.", generation)
    return {"generation": generation, "stream_was_running": stopped}


def drop_statements(settings: Settings) -> list[str]:
    """Drop what the statements in ``ksql/`` made, last first; what a query filled goes with its topic."""
    from headway.adapters.ksql import KsqlClient
    from headway_airflow.hooks.ksql import made

    statements = [
        entry
        for file in sorted(Path(PROJECT_DIR, "ksql").glob("*.sql"))
        for entry in made(file.read_text(encoding="utf-8"))
    ]
    dropped = []
    with KsqlClient(settings) as client:
        for kind, name, filled in reversed(statements):
            client.terminate_and_drop(kind, name, delete_topic=filled)
            dropped.append(name)
    return dropped
