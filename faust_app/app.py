"""The Faust app: where it connects, what it keeps, who may watch it."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import faust

from faust_app.agents import StationMerger
from faust_app.committed import CommittedTransport
from headway.core.topics import STATION_LINES, STATIONS
from headway.settings import LOOPBACK, KafkaSettings, Settings

APP_ID = "headway-stations"
HEARTBEAT_S = 1.0


@dataclass(frozen=True)
class WorkerOptions:
    """What differs between workers (and, in tests, between applications)."""

    web_port: int
    datadir: Path
    web_bind: str = LOOPBACK
    app_id: str = APP_ID
    source: str = STATIONS
    target: str = STATION_LINES


def create_app(settings: Settings, options: WorkerOptions) -> Any:
    """Build the application; nothing connects before the worker starts."""
    options.datadir.parent.mkdir(parents=True, exist_ok=True)  # Faust makes the folder, not its parent
    app = faust.App(
        options.app_id,
        broker=[f"kafka://{address.strip()}" for address in settings.kafka.bootstrap_servers.split(",")],
        broker_credentials=credentials(settings.kafka),
        # a killed worker's partition moves to the standby after this, not after Faust's minute
        broker_session_timeout=8.0,
        broker_heartbeat_interval=2.0,
        broker_commit_interval=1.0,
        consumer_auto_offset_reset="earliest",
        producer_acks=-1,
        store="rocksdb://",
        datadir=str(options.datadir),
        table_standby_replicas=max(1, settings.faust.workers - 1),
        topic_partitions=1,
        topic_replication_factor=settings.kafka.replication_factor,
        topic_disable_leader=True,
        web_bind=options.web_bind,
        web_port=options.web_port,
        web_tables_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.transport = CommittedTransport(app.conf.broker_consumer, app)
    merger = StationMerger(app, options.source, options.target)
    _watch(app, merger)
    return app


def credentials(kafka: KafkaSettings) -> Any:
    """Give Faust's form of the security settings, or None for a plain connection."""
    context = None
    if kafka.security_protocol in ("SSL", "SASL_SSL"):
        context = ssl.create_default_context(cafile=kafka.ssl_ca_location or None)
    if kafka.security_protocol.startswith("SASL"):
        return faust.SASLCredentials(
            username=kafka.sasl_username,
            password=kafka.sasl_password.get_secret_value(),
            mechanism=kafka.sasl_mechanism,
            ssl_context=context,
        )
    return faust.SSLCredentials(context) if context is not None else None


def _watch(app: Any, merger: StationMerger) -> None:
    """Serve ``/health``: 200 when the worker is active or standing by, 503 while it recovers or its loop is stuck."""
    started = time.monotonic()
    beats = {"last": started}

    async def beat() -> None:
        beats["last"] = time.monotonic()

    async def health(view: Any, request: Any) -> Any:
        del request
        now = time.monotonic()
        assigned = {tp.topic for tp in app.assignor.assigned_actives()}
        standby = bool(app.assignor.assigned_standbys())
        role = "active" if merger.source_name in assigned else "standby" if standby else "waiting"
        if app.in_recovery or not merger.ready:
            role = role if role == "standby" else "recovering"
        age = now - beats["last"]
        answer = {
            "role": role,
            "heartbeat_age_s": round(age, 3),
            "uptime_s": round(now - started, 1),
            "offset": merger.offset,
            "processed": merger.processed,
            "rejected": merger.rejected,
        }
        return view.json(answer, status=200 if role in ("active", "standby") and age < 10 * HEARTBEAT_S else 503)

    app.timer(HEARTBEAT_S)(beat)
    app.page("/health")(health)
