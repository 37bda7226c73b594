"""The parts of the embedded platform, one module a part."""

from __future__ import annotations

from headway.runtime.parts.airflow import AirflowApiServer, AirflowDagProcessor, AirflowScheduler, AirflowTriggerer
from headway.runtime.parts.connect import Connect
from headway.runtime.parts.faust import FaustWorker
from headway.runtime.parts.kafka import Kafka
from headway.runtime.parts.ksql import Ksql
from headway.runtime.parts.part import NotReadyError, Part
from headway.runtime.parts.postgres import Postgres
from headway.runtime.parts.rest_proxy import RestProxy
from headway.runtime.parts.spark import SparkMaster, SparkWorker
from headway.settings import Settings

__all__ = ["NotReadyError", "Part", "all_parts"]


def all_parts(settings: Settings) -> list[Part]:
    """Give every part, those that others depend on first."""
    parts: list[Part] = [Kafka(settings), Postgres(settings), SparkMaster(settings), SparkWorker(settings)]
    parts += [Connect(settings), RestProxy(settings), Ksql(settings)]
    parts += [AirflowApiServer(settings), AirflowScheduler(settings)]
    parts += [AirflowDagProcessor(settings), AirflowTriggerer(settings)]
    parts += [FaustWorker(settings, number + 1) for number in range(settings.faust.workers)]
    return parts
