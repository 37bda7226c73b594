"""Verify: the workbook's truth against the ledger, and the ledger against every result, to the unit.

Nothing is written. The caller holds off replays meanwhile (:func:`headway.adapters.locks.replays_excluded`): totals of
all time are compared with the ledger's.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pandas as pd

from headway.adapters.ksql import KsqlClient
from headway.core import topics
from headway.core.clock import hour_text, hours_of
from headway.core.feeds import Feed, load_feeds
from headway.core.stations import COLUMNS
from headway.errors import VerificationError
from headway.replay import generation
from headway.settings import Settings
from headway.spark.layout import Layout
from headway.stations.checks import read_table
from headway.verify import observe, readers, stations, truths
from headway.verify.compare import Check, compare
from headway.verify.observe import TopicFacts
from headway.verify.result import VerifyReport
from headway.verify.source import Ledger, Planned, ledger_of, planned
from headway.verify.truths import Fingerprints

log = logging.getLogger(__name__)

FEEDS = ("turnstile", "arrivals", "weather")
PARTS = ("ksql", "spark", "stations")
KSQL_SINKS = ["TURNSTILE_SUMMARY", "TURNSTILE_HOURLY", "LINE_HOURLY"]
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
    if "ksql" in parts:
        job.check_ksql(begun + timeout_s)
    if "spark" in parts:
        job.check_spark(begun + timeout_s)
    if "stations" in parts:
        job.check_stations(time.monotonic() + SETTLE_S)
    report = VerifyReport(start, end, job.generation, tuple(job.checks), time.monotonic() - begun)
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
    checks: list[Check] = field(default_factory=list)
    truth: dict[str, pd.DataFrame] = field(default_factory=dict)  # by topic, all that the ledger says was delivered
    seen: dict[str, TopicFacts] = field(default_factory=dict)
    names: dict[int, str] = field(default_factory=dict)

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
        self._compare(
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
        self._compare(
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
        self._compare(
            f"workbook and topic {topic}, event ids",
            planned_ids.table(),
            ids,
            place=hour_text,
            fields=("distinct ids", "fingerprint"),
            cure=anew,
        )
        self._compare(
            f"ledger and topic {topics.dead_letters(topic)}",
            {"all hours": (sum(entry.rejected for _, ledger, _ in sources for entry in ledger.values()),)},
            {"all hours": (observe.count_records(self.settings, topics.dead_letters(topic)),)},
            place=str,
            fields=("records",),
            cure=f"look at them with `headway console {topics.dead_letters(topic)} --from-beginning`",
        )
        if contract == "turnstile.v1.json":
            named = events.drop_duplicates("station_id")
            self.names |= dict(zip(named["station_id"].astype(int), named["station_name"], strict=True))
            self._compare_station_hours(
                f"workbook and topic {topic}", truths.station_hours(events), facts.table(), anew
            )
        elif contract == "arrivals.v1.json":
            self._compare(
                f"workbook and topic {topic}",
                truths.arrival_hours(events),
                facts.table(),
                place=lambda key: f"{key[0]} {key[1]}, {hour_text(key[2])}",
                fields=("arrivals", "delay_s"),
                cure=anew,
            )

    # -- KSQL

    def check_ksql(self, by: float) -> None:
        ends, entries = self.seen[topics.TURNSTILE].ends, self.truth[topics.TURNSTILE]
        cure = "`headway logs ksql`; drop the table and run ksql/ again, it reads its topic from the beginning"
        with KsqlClient(self.settings) as client:
            readers.wait_for_ksql(self.settings, client, KSQL_SINKS, topics.TURNSTILE, ends, by)
            hourly = observe.ksql_table(client, "turnstile_hourly", int, windowed=True)
            lines = observe.ksql_table(client, "line_hourly", str, windowed=True)
            ever = observe.ksql_table(client, "turnstile_summary", int, windowed=False)
        self._compare_station_hours("KSQL, each station and hour", truths.station_hours(entries), hourly, cure)
        self._compare(
            "KSQL, each line and hour",
            truths.line_hours(entries),
            lines,
            place=lambda key: f"{key[0]}, {hour_text(key[1])}",
            fields=("entries", "records"),
            cure=cure,
        )
        self._compare(
            "KSQL, each station ever",
            truths.station_totals(entries),
            ever,
            place=self._station,
            fields=("entries", "records"),
            cure=cure,
        )

    # -- Spark

    def check_spark(self, by: float) -> None:
        layout = readers.newest_job(self.settings, self.generation)
        events = (topics.TURNSTILE, topics.ARRIVALS, topics.WEATHER)
        readers.wait_for_spark(layout, {topic: self.seen[topic].ends for topic in events}, by)
        minutes = layout.window_minutes
        self._check_ridership(layout, truths.ridership(self.truth[topics.TURNSTILE], minutes))
        expected = truths.headways(self.truth[topics.ARRIVALS], minutes)
        columns = ["line", "direction", "window_start", "trains", "headways", "headway_sum_s", "headway_max_s"]
        columns += ["delay_sum_s", "delay_max_s"]
        for name, rows in (
            ("Parquet", observe.spark_rows(layout, "headways", columns)),
            ("topic", observe.spark_topic(self.settings, topics.HEADWAYS, minutes)),
        ):
            self._compare(
                f"Spark, headway and delay by line and window ({name})",
                expected,
                observe.headways_table(rows),
                place=lambda key: f"{key[1]} {key[2]}, {hour_text(key[3])} (service date {key[0]})",
                fields=("trains", "headways", "sum_s", "max_s", "delay_sum_s", "delay_max_s"),
                cure=self._spark_cure(layout),
            )

    def _check_ridership(self, layout: Layout, expected: truths.Table) -> None:
        columns = ["station_id", "line", "window_start", "entries", "records", "weather_station", "temperature_c"]
        columns += ["weather_status", "precipitation_mm", "wind_ms"]
        weather = truths.weather_hours(self.truth[topics.WEATHER])
        for name, rows in (
            ("Parquet", observe.spark_rows(layout, "ridership", columns)),
            ("topic", observe.spark_topic(self.settings, topics.RIDERSHIP, layout.window_minutes)),
        ):
            found, joined = observe.ridership_table(rows)
            self._compare(
                f"Spark, ridership by station, line and window ({name})",
                expected,
                found,
                place=lambda key: f"{self._station(key[1])} {key[2]}, {hour_text(key[3])} (service date {key[0]})",
                fields=("entries", "records"),
                cure=self._spark_cure(layout),
            )
            nothing = (None,) * 5
            self._compare(
                f"Spark, weather joined to ridership ({name})",
                {hour: weather.get(hour, nothing) for hour in joined},
                joined,
                place=hour_text,
                fields=("weather station", "°C", "status", "mm", "m/s"),
                rows="hours",
                cure=self._spark_cure(layout),
            )

    @staticmethod
    def _spark_cure(layout: Layout) -> str:
        return f"see Spark's log; `--epoch {layout.epoch + 1}` makes every result again from the topics"

    # -- stations: table, Connect's topic, Faust's rows

    def check_stations(self, by: float) -> None:
        rows = list(read_table(self.settings).values())
        self.names |= {int(row["station_id"]): str(row["station_name"]) for row in rows}
        stops, merged = stations.stop_table(rows), stations.line_table(rows)
        self.checks.append(readers.settled(lambda: self._connect(stops), by))
        self.checks.append(readers.settled(lambda: self._faust(merged), by))

    def _connect(self, expected: truths.Table) -> Check:
        found = observe.latest(self.settings, topics.STATIONS)
        by_stop = {observe.key_number(key, "stop_id"): row for key, row in found.items()}
        return compare(
            "Connect, the table's rows in the topic",
            expected,
            {stop: tuple(row.get(name) for name in COLUMNS) for stop, row in by_stop.items()},
            place=lambda stop: f"stop {stop}",
            fields=COLUMNS,
            rows="rows",
            cure="`headway logs connect`; clear the connectors task of the main DAG",
        )

    def _faust(self, expected: truths.Table) -> Check:
        rows = observe.latest(self.settings, topics.STATION_LINES).values()
        return compare(
            "Faust, one row a station with its lines",
            expected,
            stations.merged_table(rows, expected),
            place=self._station,
            rows="stations",
            fields=("lines", "name", "descriptive name", "names of lines", "orders", "stops"),
            cure="`headway logs faust-worker-1`; restart the workers",
        )

    # -- comparing

    def _compare_station_hours(self, name: str, expected: truths.Table, found: truths.Table, cure: str) -> None:
        self._compare(
            name,
            expected,
            found,
            place=lambda key: f"{self._station(key[0])}, {hour_text(key[1])}",
            fields=("entries", "records"),
            cure=cure,
        )

    def _compare(
        self,
        name: str,
        expected: truths.Table,
        found: truths.Table,
        *,
        place: Callable[..., str],
        fields: tuple[str, ...],
        cure: str,
        **more: Any,
    ) -> None:
        self.checks.append(compare(name, expected, found, place=place, fields=fields, cure=cure, **more))

    def _station(self, station_id: int) -> str:
        name = self.names.get(station_id)
        return f"{name} ({station_id})" if name else f"station {station_id}"
