"""Verify: the workbook's truth against the ledger, and the ledger against every result, to the unit.

Nothing is written. The caller holds off replays meanwhile (:func:`headway.adapters.locks.replays_excluded`): totals of
all time are compared with the ledger's.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

import pandas as pd

from headway.core import topics
from headway.core.clock import hour_text, hours_of
from headway.core.feeds import Feed, load_feeds
from headway.errors import VerificationError
from headway.replay import generation
from headway.settings import Settings
from headway.verify import observe, truths
from headway.verify.checks import Checks
from headway.verify.observe import TopicFacts
from headway.verify.readers import newest_job
from headway.verify.result import VerifyReport
from headway.verify.results import check_ksql, check_spark, check_stations
from headway.verify.source import Ledger, Planned, ledger_of, nothing_of, planned
from headway.verify.truths import Fingerprints

log = logging.getLogger(__name__)

FEEDS = ("turnstile", "arrivals", "weather")
PARTS = ("ksql", "spark", "stations")
RESULTS = {
    topics.TURNSTILE: "turnstile.v1.json",
    topics.ARRIVALS: "arrivals.v1.json",
    topics.WEATHER: "weather.v1.json",
}
CONTENT = {"turnstile.v1.json": observe.entries_content, "arrivals.v1.json": observe.arrivals_content}
SETTLE_S = 30.0  # for Connect and Faust, whose tables are small: compare until equal


def verify(
    settings: Settings,
    start: datetime | None = None,
    end: datetime | None = None,
    *,
    seed: int | None = None,
    feeds: Iterable[str] = FEEDS,
    parts: Iterable[str] = PARTS,
    timeout_s: float = 300.0,
) -> VerifyReport:
    """Compare everything for the hours [start, end) and for all hours of the ledger; give the report.

    Of ``feeds`` the asked range must have been replayed whole: an hour that the ledger lacks is a difference; any other
    feed is checked for the hours it has. Readers get ``timeout_s`` to pass the last record of their topics. ``seed``
    defaults to the ledger's. ``parts`` leaves out results that are not there by intent.

    Raises :class:`~headway.errors.VerificationError` when anything differs or nothing was replayed, and
    :class:`~headway.errors.UnavailableError` or :class:`~headway.errors.NotAsExpectedError` when a part does not answer
    or a reader does not reach the end.
    """
    begun, parts = time.monotonic(), set(parts)
    asked = hours_of(start, end) if start is not None and end is not None else range(0)
    job = _Verification(settings, asked, frozenset(feeds), seed, generation.current(settings))
    job.check_feeds()
    job.check_results(parts, begun + timeout_s)
    report = VerifyReport(start, end, job.generation, tuple(job.checks.made), time.monotonic() - begun)
    if not report.equal:
        log.error("%s", report)
    report.raise_if_different()
    if not any(map(len, job.truth.values())):
        raise VerificationError(
            "Nothing has been replayed, so there is nothing to verify.",
            where=f"generation {job.generation}",
            next_step="`headway run`, or `headway replay FEED --from … --to …`",
        )
    return report


@dataclass
class _Verification:
    settings: Settings
    asked: range
    feeds: frozenset[str]
    seed: int | None
    generation: int
    checks: Checks = field(default_factory=Checks)
    truth: dict[str, pd.DataFrame] = field(default_factory=dict)  # by topic, all that the ledger says was delivered
    seen: dict[str, TopicFacts] = field(default_factory=dict)

    # -- the feeds: workbook, ledger, topic

    def check_feeds(self) -> None:
        by_topic: dict[str, list[tuple[Feed, Ledger, Planned]]] = {}
        for feed in load_feeds(self.settings.replay.feeds_file).values():
            ledger = ledger_of(self.settings, feed.name, self.generation)
            if not ledger and feed.name not in self.feeds:
                continue  # a feed of the user's that has not been replayed
            by_topic.setdefault(feed.topic, []).append((feed, ledger, self._check_ledger(feed, ledger)))
        for topic, sources in by_topic.items():
            self._check_topic(topic, sources)

    def _check_ledger(self, feed: Feed, ledger: Ledger) -> Planned:
        asked = set(self.asked) if feed.name in self.feeds else set()
        plan = planned(self.settings, feed.name, sorted(ledger.keys() | asked), ledger, self.seed)
        self.checks.compare(
            f"workbook and ledger, {feed.name}",
            plan.hours,
            {hour: (entry.delivered, entry.rejected) for hour, entry in ledger.items()},
            place=hour_text,
            fields=("delivered", "rejected"),
            cure=f"`headway replay {feed.name}` for the hours named: it adds what is missing",
            note=f"{len(ledger):,} hours in the ledger, {len(asked):,} asked" if asked else "",
        )
        return plan

    def _check_topic(self, topic: str, sources: list[tuple[Feed, Ledger, Planned]]) -> None:
        anew = "someone else wrote to the topic, or records were lost: begin a new generation and replay"
        events = pd.concat([plan.events for _, _, plan in sources], ignore_index=True)
        self.truth[topic] = events
        contract = sources[0][0].contract
        facts = self.seen[topic] = observe.read_events(self.settings, topic, CONTENT.get(contract))
        delivered = Counter[int]()
        for _, ledger, _ in sources:
            delivered.update({hour: entry.delivered for hour, entry in ledger.items()})
        # Over HTTP a retry may repeat a record, with the same id; through our producers nothing may come twice.
        over_http = any(feed.transport != "producer" for feed, _, _ in sources)
        ids, records = facts.ids.table(), facts.ids.records()
        repeats = sum(records.values()) - sum(int(str(values[0])) for values in ids.values())
        self.checks.compare(
            f"ledger and topic {topic}",
            {hour: (count,) for hour, count in delivered.items()},
            {hour: ids[hour][:1] for hour in ids} if over_http else {hour: (count,) for hour, count in records.items()},
            place=hour_text,
            fields=("records",),
            cure=anew,
            zero_is_absent=True,
            note=f"{repeats:,} came again over HTTP" if repeats and over_http else "",
        )
        planned_ids = Fingerprints()
        for _, _, plan in sources:
            planned_ids.merge(plan.ids)
        self.checks.compare(
            f"workbook and topic {topic}, event ids",
            planned_ids.table(),
            ids,
            place=hour_text,
            fields=("distinct ids", "fingerprint"),
            cure=anew,
        )
        self.checks.compare(
            f"ledger and topic {topics.dead_letters(topic)}",
            {"all hours": (sum(entry.rejected for _, ledger, _ in sources for entry in ledger.values()),)},
            {"all hours": (observe.count_records(self.settings, topics.dead_letters(topic)),)},
            place=str,
            fields=("records",),
            cure=f"look at them with `headway console {topics.dead_letters(topic)} --from-beginning`",
        )
        if contract == "turnstile.v1.json":
            named = events.drop_duplicates("station_id")
            self.checks.names |= dict(zip(named["station_id"].astype(int), named["station_name"], strict=True))
            self.checks.station_hours(f"workbook and topic {topic}", truths.station_hours(events), facts.table(), anew)
        elif contract == "arrivals.v1.json":
            self.checks.compare(
                f"workbook and topic {topic}",
                truths.arrival_hours(events),
                facts.table(),
                place=lambda key: f"{key[0]} {key[1]}, {hour_text(key[2])}",
                fields=("arrivals", "delay_s"),
                cure=anew,
            )

    # -- results

    def check_results(self, parts: set[str], by: float) -> None:
        """Compare what the readers of the shipped topics made."""
        for topic, contract in RESULTS.items():  # a topic that no feed writes has nothing, and so must its results
            self.truth.setdefault(topic, nothing_of(contract))
            self.seen.setdefault(topic, TopicFacts())
        if "ksql" in parts:
            check_ksql(self.checks, self.settings, self.truth[topics.TURNSTILE], self.seen[topics.TURNSTILE].ends, by)
        if "spark" in parts:
            layout = newest_job(self.settings, self.generation)
            ends = {topic: self.seen[topic].ends for topic in RESULTS}
            check_spark(self.checks, self.settings, layout, self.truth, ends, by)
        if "stations" in parts:
            check_stations(self.checks, self.settings, time.monotonic() + SETTLE_S)
