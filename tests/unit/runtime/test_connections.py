"""The credentials of a cluster reach the servers that we start, whatever a password holds."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from headway.runtime.parts.ksql import Ksql
from headway.runtime.parts.rest_proxy import RestProxy
from headway.settings import KafkaSettings, Settings
from ksqlengine.server.config import read_properties as engine_reads
from restproxy.__main__ import read_properties as proxy_reads

CLUSTER = KafkaSettings(
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-256",
    sasl_username="me",
    sasl_password=SecretStr('a"b\\c=d:e #'),
    ssl_ca_location="/etc/kafka/ca.pem",
)


def test_engine_and_proxy_connect_with_the_clusters_credentials_and_keep_them_to_themselves(tmp_path: Path) -> None:
    settings = Settings(state_dir=tmp_path, kafka=CLUSTER)
    for part, read, expected in (
        (Ksql(settings), engine_reads, settings.kafka.java()),
        (RestProxy(settings), proxy_reads, settings.kafka.librdkafka()),
    ):
        part.prepare()
        file = part.folder / "kafka.properties"
        assert read(file) == expected
        assert file.stat().st_mode & 0o077 == 0
        assert str(file) in part.spec().command
