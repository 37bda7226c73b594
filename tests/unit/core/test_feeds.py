"""The feeds' description: what is wrong with it is named by feed and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from headway.core.feeds import Feed, load_feeds
from headway.core.topics import ARRIVALS, TOPICS, TURNSTILE, WEATHER
from headway.errors import FeedError
from headway.settings import PROJECT_DIR

SHIPPED = (PROJECT_DIR / "data" / "feeds.toml").read_text(encoding="utf-8")


def load(folder: Path, *replacements: tuple[str, str]) -> dict[str, Feed]:
    text = SHIPPED
    for old, new in replacements:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "feeds.toml"
    path.write_text(text, encoding="utf-8")
    return load_feeds(path)


def test_the_shipped_feeds_write_the_platforms_topics() -> None:
    feeds = load_feeds(PROJECT_DIR / "data" / "feeds.toml")
    assert {name: feed.topic for name, feed in feeds.items()} == {
        "turnstile": TURNSTILE,
        "arrivals": ARRIVALS,
        "weather": WEATHER,
    }
    known = {topic.name for topic in TOPICS}
    assert all(topic.name in known for feed in feeds.values() for topic in feed.topics())
    assert [feed.transport for feed in feeds.values()] == ["producer", "producer", "rest-proxy"]


WRONG = [
    (('sheet = "Turnstile"', ""), "turnstile", "sheet"),
    (('sheet = "Turnstile"', 'shet = "Turnstile"'), "turnstile", "she"),
    (('transport = "producer"', 'transport = "pigeon"'), "turnstile", "transport"),
    (('message_key = "station_id"', 'message_key = "station"'), "turnstile", "message_key"),
    (('business_key = ["station_id", "line"]', 'business_key = ["station_id", "lane"]'), "turnstile", "business_key"),
    (('time = "slot_start"', 'time = "slot"'), "turnstile", "calendar"),
    (('time = "slot_start"', 'time = "station_id"'), "turnstile", "columns.station_id.type"),
    (('kind = "day-type"', 'kind = "lunar"'), "turnstile", "calendar"),
    (('contract = "turnstile.v1.json"', 'contract = "turnstyle.json"'), "turnstile", "contract"),
    (('line = { header = "line", type = "text" }\nnum', "num"), "turnstile", "line"),
    (
        ('type = "integer", unit = "persons"', 'type = "integer", unit = "degF"'),
        "turnstile",
        "columns.num_entries.unit",
    ),
    (("ledger_partition = 1", "ledger_partition = 0"), "arrivals", "ledger_partition"),
    (("ledger_partition = 1", "ledger_partition = 99"), "arrivals", "ledger_partition"),
    (('trip = "trip_id"', 'trip = "journey"'), "arrivals", "delays.trip"),
    (("share = 0.06", "share = 6"), "arrivals", "delays.share"),
]


@pytest.mark.parametrize(("replacement", "feed", "key"), WRONG, ids=[case[2] for case in WRONG])
def test_an_error_names_feed_and_key(tmp_path: Path, replacement: tuple[str, str], feed: str, key: str) -> None:
    with pytest.raises(FeedError) as caught:
        load(tmp_path, replacement)
    assert f"[{feed}]" in caught.value.where
    assert key in caught.value.what
    assert str(tmp_path) in caught.value.where


@pytest.mark.parametrize("text", ["", "[turnstile", "turnstile = 3"])
def test_a_file_that_describes_nothing_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "feeds.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(FeedError):
        load_feeds(path)
    with pytest.raises(FeedError, match="does not exist"):
        load_feeds(tmp_path / "other.toml")


def test_a_contract_beside_the_feeds_file_wins_and_its_rules_must_be_enforceable(tmp_path: Path) -> None:
    shipped = (PROJECT_DIR / "headway/contracts/turnstile.v1.json").read_text(encoding="utf-8")
    mine = tmp_path / "turnstile.v1.json"
    mine.write_text(shipped.replace('"red", "blue"', '"u1", "u2"'), encoding="utf-8")
    assert "u1" in load(tmp_path)["turnstile"].schema_.schema["properties"]["line"]["enum"]
    mine.write_text(shipped.replace('"minLength": 1', '"contains": 1'), encoding="utf-8")
    with pytest.raises(FeedError, match="contains"):
        load(tmp_path)
    mine.write_text("{}", encoding="utf-8")
    with pytest.raises(FeedError, match="not a JSON Schema"):
        load(tmp_path)


def test_what_decides_the_bytes_is_in_the_fingerprint_and_nothing_else(tmp_path: Path) -> None:
    first = load(tmp_path)["turnstile"].fingerprint("America/Chicago")
    same = load(tmp_path, ("riders who enter", "people who enter"))["turnstile"].fingerprint("America/Chicago")
    assert same == first
    assert load(tmp_path, ("header_row = 1", "header_row = 2"))["turnstile"].fingerprint("America/Chicago") != first
    assert load(tmp_path)["turnstile"].fingerprint("Europe/Berlin") != first
