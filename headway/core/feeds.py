"""Feeds: which sheet becomes which events, and how they travel, read from ``data/feeds.toml``."""

from __future__ import annotations

import tomllib
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from headway.core.contracts import Contract, load_contract
from headway.core.topics import LEDGER, TOPICS, Topic, dead_letters
from headway.core.units import convertible
from headway.errors import ContractError, FeedError

LEDGER_PARTITIONS = next(topic.partitions for topic in TOPICS if topic.name == LEDGER)
IDENTITY_FIELDS = ("event_id", "event_time", "service_date")
DELAY_FIELDS = ("train_status", "delay_s")
NAME = r"^[a-z][a-z0-9_-]*$"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Part):
    """What a column of the sheet is."""

    header: str = Field(min_length=1, description="the header's text, as the sheet has it")
    type: Literal["text", "integer", "number", "boolean", "service-time", "datetime", "date"]
    unit: str | None = Field(None, description="the sheet's unit; converted to the contract's")
    format: str = Field("", description="seconds, minutes, hh:mm (service-time); a strptime pattern or iso (dates)")
    optional: bool = Field(False, description="an empty cell is null, not an error")
    decimal: Literal[".", ","] = "."


class DayTypeCalendar(_Part):
    """The sheet is a template for weekday, saturday and sunday; holidays run as sunday."""

    kind: Literal["day-type"]
    day_type: str
    time: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Give the columns that place a row in time."""
        return (self.day_type, self.time)


class MonthDayHourCalendar(_Part):
    """The sheet repeats every year, by local month, day and hour; 29 February replays the 28th."""

    kind: Literal["month-day-hour"]
    month: str
    day: str
    hour: str

    @property
    def columns(self) -> tuple[str, ...]:
        """Give the columns that place a row in time."""
        return (self.month, self.day, self.hour)


class DatedCalendar(_Part):
    """The rows have dates: replayed as dated, or shifted by whole days."""

    kind: Literal["dated"]
    time: str = Field(description="a datetime column, or a service-time column beside `date`")
    date: str | None = None
    shift_days: int = 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Give the columns that place a row in time."""
        return (self.time,) if self.date is None else (self.date, self.time)


class Delays(_Part):
    """How arrivals are delayed: rare disturbances that build up along a trip and fade."""

    trip: str
    sequence: str
    share: float = Field(0.06, ge=0, le=1)
    median_s: int = Field(240, gt=0)
    cap_s: int = Field(1500, gt=0)
    ramp_stops: int = Field(4, ge=1)
    recovery_s: int = Field(15, ge=0)
    delayed_from_s: int = Field(60, ge=1)


Calendar = Annotated[DayTypeCalendar | MonthDayHourCalendar | DatedCalendar, Field(discriminator="kind")]


class Feed(_Part):
    """One feed: workbook, columns, identity, calendar, topic, transport."""

    name: str = Field(pattern=NAME)
    folder: Path
    description: str = ""
    workbook: Path
    sheet: str
    header_row: int = Field(1, ge=1)
    topic: str = Field(pattern=r"^[a-zA-Z0-9._-]{1,200}$")
    partitions: int = Field(3, ge=1, description="of the topic, when it is not one of the platform's")
    message_key: str
    business_key: tuple[str, ...] = Field(min_length=1)
    contract: str
    transport: Literal["producer", "rest-proxy"] = "producer"
    ledger_partition: int = Field(ge=0, lt=LEDGER_PARTITIONS)
    timezone: str | None = Field(None, description="of the sheet's times; the platform's when not given")
    calendar: Calendar
    columns: dict[str, Column] = Field(min_length=1)
    delays: Delays | None = None

    @cached_property
    def schema_(self) -> Contract:
        """Give the contract, loaded."""
        return load_contract(self.contract, self.folder)

    @property
    def dlq(self) -> str:
        """Name the feed's dead-letter topic."""
        return dead_letters(self.topic)

    @property
    def headers(self) -> list[str]:
        """Give the headers that are read."""
        return [column.header for column in self.columns.values()]

    def workbook_path(self, data_dir: Path) -> Path:
        """Give the workbook's place: absolute as it is, else in the data folder."""
        return self.workbook if self.workbook.is_absolute() else data_dir / self.workbook

    def topics(self) -> tuple[Topic, ...]:
        """Give the topics that this feed writes: the platform's own, or new ones as described."""
        known = {topic.name: topic for topic in TOPICS}
        return (
            known.get(self.topic, Topic(self.topic, self.partitions, self.description)),
            known.get(self.dlq, Topic(self.dlq, 1, f"rejected rows of {self.name}")),
        )

    def fingerprint(self, timezone: str) -> bytes:
        """Give all that decides the events' content, as canonical bytes (not where the workbook lies)."""
        said = self.model_dump(mode="json", exclude={"folder", "description", "workbook", "partitions", "timezone"})
        said["timezone"] = self.timezone or timezone
        return orjson.dumps([said, self.schema_.schema], option=orjson.OPT_SORT_KEYS)


def load_feeds(path: Path) -> dict[str, Feed]:
    """Load and check the feeds' description.

    Raises :class:`FeedError` that names the feed and the key, and says what is wrong with it.
    """
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise FeedError(
            "The feeds' description does not exist.",
            where=str(path),
            next_step="set HEADWAY__REPLAY__FEEDS_FILE, or restore data/feeds.toml",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise FeedError(
            f"The feeds' description is no TOML: {error}.", where=str(path), next_step="correct the line it names"
        ) from error
    feeds = {name: _feed(path, name, table) for name, table in said.items()}
    if not feeds:
        raise FeedError("No feed is described.", where=str(path), next_step="see docs/bring-your-own-workbook.md")
    _check_partitions(path, feeds)
    return feeds


def _feed(path: Path, name: str, table: Any) -> Feed:
    if not isinstance(table, dict):
        raise _wrong(path, name, "", "a feed is a table: [name], then its keys")
    try:
        feed = Feed.model_validate({**table, "name": name, "folder": path.parent})
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"] if part not in {"day-type", "month-day-hour", "dated"})
        raise _wrong(path, name, key, first["msg"]) from error
    _check_columns(path, feed)
    return feed


def _check_columns(path: Path, feed: Feed) -> None:
    named = [("message_key", feed.message_key), *(("business_key", key) for key in feed.business_key)]
    named += [("calendar", key) for key in feed.calendar.columns]
    if feed.delays:
        named += [("delays.trip", feed.delays.trip), ("delays.sequence", feed.delays.sequence)]
    for key, column in named:
        if column not in feed.columns:
            raise _wrong(path, feed.name, key, f"there is no column {column!r} among {', '.join(feed.columns)}")
        if feed.columns[column].optional:
            raise _wrong(path, feed.name, f"columns.{column}", f"may not be optional: {key} needs it")
    try:
        contract = feed.schema_
    except ContractError as error:
        raise _wrong(path, feed.name, "contract", str(error)) from error
    derived = set(IDENTITY_FIELDS) | (set(DELAY_FIELDS) if feed.delays else set())
    for field in contract.fields:
        if field in derived:
            continue
        if field not in feed.columns:
            raise _wrong(path, feed.name, "columns", f"the contract {feed.contract} has {field!r}, no column gives it")
        asked, given = contract.unit(field), feed.columns[field].unit
        if asked and given and not convertible(given, asked):
            raise _wrong(path, feed.name, f"columns.{field}.unit", f"{given} cannot be converted to {asked}")
    for field in IDENTITY_FIELDS[:2]:
        if field not in contract.fields:
            raise _wrong(path, feed.name, "contract", f"{feed.contract} has no {field}: every event has one")
    if feed.delays and feed.calendar.kind != "day-type":
        raise _wrong(path, feed.name, "delays", "only a day-type feed can be delayed: others replay what was recorded")
    _check_calendar(path, feed)


def _check_calendar(path: Path, feed: Feed) -> None:
    calendar, columns = feed.calendar, feed.columns
    expected: dict[str, set[str]]
    if isinstance(calendar, DayTypeCalendar):
        expected = {calendar.day_type: {"text"}, calendar.time: {"service-time"}}
    elif isinstance(calendar, MonthDayHourCalendar):
        expected = {key: {"integer"} for key in calendar.columns}
    elif calendar.date is None:
        expected = {calendar.time: {"datetime"}}
    else:
        expected = {calendar.date: {"date"}, calendar.time: {"service-time"}}
    for column, types in expected.items():
        if columns[column].type not in types:
            raise _wrong(path, feed.name, f"columns.{column}.type", f"the calendar needs {' or '.join(sorted(types))}")


def _check_partitions(path: Path, feeds: dict[str, Feed]) -> None:
    taken: dict[int, str] = {}
    for feed in feeds.values():
        if feed.ledger_partition in taken:
            free = sorted(set(range(LEDGER_PARTITIONS)) - {other.ledger_partition for other in feeds.values()})
            raise _wrong(
                path,
                feed.name,
                "ledger_partition",
                f"{feed.ledger_partition} is that of {taken[feed.ledger_partition]}; free: {free}",
            )
        taken[feed.ledger_partition] = feed.name


def _wrong(path: Path, feed: str, key: str, why: str) -> FeedError:
    return FeedError(
        f"The feed {feed!r} is described wrongly: {key + ': ' if key else ''}{why}.",
        where=f"{path}, [{feed}]" + (f" {key}" if key else ""),
        next_step="docs/bring-your-own-workbook.md explains every key",
    )
