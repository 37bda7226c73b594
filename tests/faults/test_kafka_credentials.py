"""A cluster that does not let us in: said as it is, at once, and not as a cluster that is away."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from headway.adapters import kafka
from headway.core.topics import Topic
from headway.errors import SettingsError, UnavailableError
from headway.replay.partition import records
from headway.settings import LOOPBACK, KafkaSettings, Settings, load
from tests.own_broker import PASSWORD, USER, WRONG, OwnBroker

TOPIC = Topic("test.credentials", 2, "a test's")


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OwnBroker]:
    own = OwnBroker(load(), tmp_path_factory.mktemp("broker"), secure=True)
    own.start()
    yield own
    own.stop()


def settings_of(port: int, password: str) -> Settings:
    cluster = KafkaSettings(
        bootstrap_servers=f"{LOOPBACK}:{port}",
        security_protocol="SASL_PLAINTEXT",
        sasl_mechanism="SCRAM-SHA-512",
        sasl_username=USER,
        sasl_password=password,
    )
    return load().model_copy(update={"kafka": cluster})


def test_wrong_password_is_told_at_once_by_whatever_asks_first(broker: OwnBroker) -> None:
    wrong = settings_of(broker.sasl_port, WRONG)
    for ask in (
        lambda: kafka.wait_for_broker(wrong, 60),
        lambda: kafka.ensure_topics(wrong, [TOPIC]),
        lambda: kafka.end_offsets(wrong, TOPIC.name),
        lambda: list(kafka.read_all(wrong, TOPIC.name)),
        lambda: list(records(wrong, TOPIC.name, 0)),
    ):
        kafka._refusals.clear()
        began = time.monotonic()
        with pytest.raises(SettingsError, match="does not let us in") as caught:
            ask()
        assert time.monotonic() - began < 25
        text = str(caught.value)
        assert f"user {USER}" in text and "HEADWAY__KAFKA__SASL_PASSWORD" in text
        assert WRONG not in text


def test_right_password_is_let_in(broker: OwnBroker) -> None:
    right = settings_of(broker.sasl_port, PASSWORD)
    kafka.wait_for_broker(right)
    assert kafka.ensure_topics(right, [TOPIC]) == [TOPIC.name]
    assert list(kafka.read_all(right, TOPIC.name)) == []


def test_cluster_that_is_away_is_still_away() -> None:
    with pytest.raises(UnavailableError, match="did not answer"):
        kafka.wait_for_broker(settings_of(1, PASSWORD), 1)
