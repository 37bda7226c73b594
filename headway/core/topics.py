"""Every topic of the platform, in one table: name, partitions, retention, compaction."""

from __future__ import annotations

from dataclasses import dataclass

# Simulated time is not the broker's time: its defaults refuse tonight's events and delete last year's.
FOREVER = "-1"
DAY_MS = 86_400_000
TEN_YEARS = str(3651 * DAY_MS)  # and a day, for a window and its grace of ten years
WEEK = str(7 * DAY_MS)  # only for what the wall clock stamps
ANY_TIMESTAMP = str(2**63 - 1)

TURNSTILE = "transit.turnstile.v1"
ARRIVALS = "transit.arrivals.v1"
WEATHER = "transit.weather.v1"
STATIONS = "transit.stations.v1"
STATION_LINES = "transit.stations.lines.v1"
SUMMARY = "transit.turnstile.summary.v1"
HOURLY = "transit.turnstile.hourly.v1"
LINE_HOURLY = "transit.turnstile.lines.hourly.v1"
RIDERSHIP = "transit.ridership.v1"
HEADWAYS = "transit.headways.v1"
SPARK_PROGRESS = "headway.spark.progress"
LEDGER = "headway.replays"
GENERATIONS = "headway.generations"


@dataclass(frozen=True)
class Topic:
    """One topic: what it is for, and how the broker keeps it."""

    name: str
    partitions: int
    purpose: str
    compacted: bool = False
    kind: str = "event"  # event | result | state; a new generation recreates events and results
    # ksqlDB wants a windowed table's topic to carry the RETENTION of its window; compaction alone ignores it
    retention_ms: str = FOREVER

    def config(self) -> dict[str, str]:
        """Give the broker's topic configuration."""
        return {
            "cleanup.policy": "compact" if self.compacted else "delete",
            "retention.ms": self.retention_ms,
            # a segment that is being written is never deleted
            "segment.ms": str(DAY_MS if self.retention_ms == WEEK else 365 * DAY_MS),
            "message.timestamp.after.max.ms": ANY_TIMESTAMP,
            "message.timestamp.before.max.ms": ANY_TIMESTAMP,
        }


def dead_letters(topic: str) -> str:
    """Name the dead-letter topic of a topic."""
    return f"{topic}.dlq"


TOPICS: tuple[Topic, ...] = (
    Topic(TURNSTILE, 3, "turnstile entries, one record a station, line and time slot"),
    Topic(ARRIVALS, 3, "train arrivals at stations"),
    Topic(WEATHER, 1, "hourly weather, through the REST proxy"),
    Topic(STATIONS, 1, "rows of Postgres' stations table, from Debezium", compacted=True, kind="state"),
    Topic(STATION_LINES, 1, "one row a station with all its lines, from Faust", compacted=True, kind="state"),
    Topic(SUMMARY, 3, "entries of each station, ever, from KSQL", compacted=True, kind="result"),
    Topic(
        HOURLY,
        3,
        "entries of each station and hour, from KSQL",
        compacted=True,
        kind="result",
        retention_ms=TEN_YEARS,
    ),
    Topic(
        LINE_HOURLY,
        3,
        "entries of each line and hour, from KSQL",
        compacted=True,
        kind="result",
        retention_ms=TEN_YEARS,
    ),
    Topic(RIDERSHIP, 3, "ridership joined with weather, from Spark", compacted=True, kind="result"),
    Topic(HEADWAYS, 3, "headway and delay per line and direction, from Spark", compacted=True, kind="result"),
    Topic(SPARK_PROGRESS, 1, "each micro-batch's progress, from Spark's listener", kind="state", retention_ms=WEEK),
    Topic(LEDGER, 8, "what each replay has delivered, one partition a feed", compacted=True, kind="state"),
    Topic(GENERATIONS, 1, "the number of the present generation", compacted=True, kind="state"),
    Topic(dead_letters(TURNSTILE), 1, "rejected turnstile rows"),
    Topic(dead_letters(ARRIVALS), 1, "rejected arrival rows"),
    Topic(dead_letters(WEATHER), 1, "rejected weather rows"),
    Topic(dead_letters(STATIONS), 1, "station rows that Faust could not use", kind="state"),
)
