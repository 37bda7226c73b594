"""Replay at the maximum against a bare idempotent confluent-kafka loop that sends the same bytes, encoded beforehand.

Both are timed from before the producer is made until the last record is acknowledged (the replay: until its ledger is
checked), alternating, each repeat to a fresh topic. The workbook is loaded beforehand: ``workbook_load`` measures that.
Needs a running broker (``bin/headway up``). ``python -m benchmarks.replay --rows 1000000 --repeats 5``.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from confluent_kafka import Producer

from benchmarks.result import Result
from headway.adapters.kafka import delete_topics, ensure_topics, producer_config
from headway.core.clock import hours_of
from headway.core.encode import Encoded
from headway.core.topics import TOPICS
from headway.replay import replay
from headway.replay.prepare import prepare
from headway.replay.topics import ensure_feed_topics
from headway.settings import Settings, load

BAR = 0.5
START = datetime(2026, 3, 2, 6, tzinfo=UTC)
PARTITION = 6  # of the ledger; the shipped feeds have 0 to 2
SHIPPED = "arrivals"


def run(quick: bool) -> list[Result]:
    """Measure at a million rows, or show that it runs."""
    return [measure(100_000 if quick else 1_000_000, 1 if quick else 5)]


def measure(rows: int, repeats: int) -> Result:
    """Measure the ratio of the rates, a value a repeat."""
    with tempfile.TemporaryDirectory() as folder:
        own = _feed(load(), Path(folder), "warm")
        hours = _hours(own[0], own[1], rows)
        ready = _encoded(own[0], own[1], hours)
        sent = len(ready.values)
        ratios, bare_rates, replay_rates = [], [], []
        for number in range(repeats):
            settings, name = _feed(load(), Path(folder), f"{number}-{uuid.uuid4().hex[:6]}")
            feed = prepare(settings, name).feed
            ensure_feed_topics(settings, feed)
            ensure_topics(settings, [topic for topic in TOPICS if topic.name.startswith("headway.")])
            bare_topic = f"{feed.topic}.bare"
            ensure_topics(settings, [type(TOPICS[0])(bare_topic, 3, "the bare loop's")])
            try:
                bare = sent / _bare(settings, bare_topic, ready)
                began = time.perf_counter()
                result = replay(settings, name, START, START + timedelta(hours=hours))
                ours = result.delivered / (time.perf_counter() - began)
                assert result.delivered == sent
            finally:
                delete_topics(settings, [feed.topic, feed.dlq, bare_topic])
            ratios.append(ours / bare)
            bare_rates.append(bare)
            replay_rates.append(ours)
        details = {"rows": sent, "replay/s": max(replay_rates), "bare/s": max(bare_rates)}
        return Result("replay at max / bare idempotent loop", ratios, BAR, True, details)


def _feed(base: Settings, folder: Path, name: str) -> tuple[Settings, str]:
    """Describe the shipped feed under a name and topic of its own."""
    import tomllib

    text = base.replay.feeds_file.read_text(encoding="utf-8")
    topic = tomllib.loads(text)[SHIPPED]["topic"]
    place = f"ledger_partition = {tomllib.loads(text)[SHIPPED]['ledger_partition']}\n"
    own = f"bench-{name}"
    text = text.replace(f"[{SHIPPED}", f"[{own}").replace(f'"{topic}"', f'"bench.{own}"')
    text = text.replace(place, f"ledger_partition = {PARTITION}\n")
    path = folder / f"{own}.toml"
    path.write_text(text, encoding="utf-8")
    for contract in base.replay.feeds_file.parent.glob("*.json"):
        (folder / contract.name).write_bytes(contract.read_bytes())
    return base.model_copy(update={"replay": base.replay.model_copy(update={"feeds_file": path})}), own


def _hours(settings: Settings, name: str, rows: int) -> int:
    """Give how many hours hold at least so many rows."""
    plan = prepare(settings, name).plan
    found, hours = 0, 0
    while found < rows:
        chunk = plan.chunk(list(hours_of(START + timedelta(hours=hours), START + timedelta(hours=hours + 24))))
        found, hours = found + len(chunk.rows), hours + 24
    return hours


def _encoded(settings: Settings, name: str, hours: int) -> Encoded:
    prepared = prepare(settings, name)
    ready = Encoded([], [], [])
    every = list(hours_of(START, START + timedelta(hours=hours)))
    for at in range(0, len(every), 24):
        part = prepared.encoder.encode(prepared.plan.chunk(every[at : at + 24]))
        ready.keys.extend(part.keys)
        ready.values.extend(part.values)
        ready.timestamps.extend(part.timestamps)
    return ready


def _bare(settings: Settings, topic: str, ready: Encoded) -> float:
    """Send everything with nothing around it; give the seconds."""
    began = time.perf_counter()
    producer = Producer(
        {**producer_config(settings, batch_size=131_072), "queue.buffering.max.messages": 200_000, "log_level": 2}
    )
    produce, poll = producer.produce, producer.poll
    for key, value, timestamp in zip(ready.keys, ready.values, ready.timestamps, strict=True):
        while True:
            try:
                produce(topic, value, key, -1, None, None, timestamp)
                break
            except BufferError:
                poll(0.05)
    assert producer.flush(120) == 0
    seconds = time.perf_counter() - began
    producer.close()
    return seconds


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=5)
    asked = parser.parse_args()
    print(measure(asked.rows, asked.repeats))
