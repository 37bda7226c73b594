"""What a worker connects with, built in the Faust environment (this one has no Faust)."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import certifi

from headway.runtime.environment import python
from headway.settings import PROJECT_DIR, load
from headway.stations.workers import GROUP

PROGRAM = """
import json, sys
from pathlib import Path
from faust_app.app import WorkerOptions, create_app
from headway.settings import KafkaSettings, Settings
out = []
for number, kafka in enumerate(json.loads(sys.argv[2])):
    settings = Settings(kafka=KafkaSettings(bootstrap_servers="one:9092,two:9093", **kafka))
    app = create_app(settings, WorkerOptions(web_port=1, datadir=Path(sys.argv[1]) / str(number) / "state"))
    found = app.conf.broker_credentials
    out.append({
        "brokers": [str(url) for url in app.conf.broker],
        "kind": type(found).__name__,
        "protocol": found and found.protocol.value,
        "mechanism": getattr(found, "mechanism", None) and found.mechanism.value,
        "checks_certificates": bool(getattr(found, "context", None) or getattr(found, "ssl_context", None)),
        "consumer": app.transport.Consumer.__name__,
        "id": app.conf.id,
    })
print(json.dumps(out))
"""
PLAIN: dict[str, str] = {}
TLS = {"security_protocol": "SSL", "ssl_ca_location": certifi.where()}
SASL = {
    "security_protocol": "SASL_SSL",
    "sasl_mechanism": "SCRAM-SHA-512",
    "sasl_username": "me",
    "sasl_password": "p",
}


def test_a_worker_connects_as_the_settings_say_and_reads_committed_records(tmp_path: Path) -> None:
    command = [python(load(), "faust"), "-c", PROGRAM, str(tmp_path), json.dumps([PLAIN, TLS, SASL])]
    done = subprocess.run(command, cwd=PROJECT_DIR, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        _expected("NoneType", None, None, False),
        _expected("SSLCredentials", "SSL", None, True),
        _expected("SASLCredentials", "SASL_SSL", "SCRAM-SHA-512", True),
    ]


def _expected(kind: str, protocol: str | None, mechanism: str | None, certificates: bool) -> dict[str, Any]:
    return {
        "brokers": ["kafka://one:9092", "kafka://two:9093"],
        "kind": kind,
        "protocol": protocol,
        "mechanism": mechanism,
        "checks_certificates": certificates,
        "consumer": "CommittedConsumer",
        "id": GROUP,
    }
