"""The topics that feeds write, beyond the platform's own, and their reset for a new generation."""

from __future__ import annotations

from headway.adapters.kafka import delete_topics, ensure_topics, partition_counts
from headway.core.feeds import Feed, load_feeds
from headway.core.topics import TOPICS, Topic
from headway.settings import Settings


def feed_topics(feeds: dict[str, Feed]) -> tuple[Topic, ...]:
    """Give every topic of the platform and of the feeds, each once."""
    found = {topic.name: topic for topic in TOPICS}
    for feed in feeds.values():
        for topic in feed.topics():
            found.setdefault(topic.name, topic)
    return tuple(found.values())


def ensure_feed_topics(settings: Settings, feed: Feed) -> list[str]:
    """Create those of a feed's topics that are missing, and the ledger; give their names."""
    existing = partition_counts(settings)
    needed = [*(topic for topic in TOPICS if topic.name.startswith("headway.")), *feed.topics()]
    missing = [topic for topic in needed if topic.name not in existing]
    return ensure_topics(settings, missing) if missing else []


def reset_topics(settings: Settings) -> list[str]:
    """Delete and create again every event and result topic; give their names.

    Everything in them is gone. State topics (ledger, generations, stations) stay. Nobody may read or write them
    meanwhile: the DAG ``transit_new_generation`` stops the readers first and holds the replay pools.
    """
    feeds = load_feeds(settings.replay.feeds_file)
    doomed = [topic for topic in feed_topics(feeds) if topic.kind in {"event", "result"}]
    delete_topics(settings, [topic.name for topic in doomed])
    ensure_topics(settings, doomed)
    return [topic.name for topic in doomed]
