"""Kafka Connect: a connector as its file says, truly running."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.settings import PROJECT_DIR
from headway_airflow.links import ConnectLink
from headway_airflow.operators.base import WaitingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class ConnectorOperator(WaitingOperator):
    """Converge a connector with its file in ``connect/`` and wait until it does its work.

    Green: the configuration is the file's, the connector's *task* runs (a connector can say RUNNING while its task has
    failed), and with ``table_topic`` the topic holds exactly the table's rows. A retry converges again: nothing is
    doubled.

    :param file: the connector's JSON file, from the project's folder
    :param table_topic: wait until the topic equals the table
    """

    template_fields: Sequence[str] = ("file",)
    operator_extra_links = (ConnectLink(),)
    probe = "connector"

    def __init__(self, *, file: str, table_topic: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.file, self.table_topic = file, table_topic

    def _load(self) -> tuple[str, dict[str, str]]:
        from headway.stations.connectors import load_connector

        return load_connector(self.settings, Path(PROJECT_DIR, self.file))

    def probe_arguments(self) -> dict[str, Any]:
        """Name the connector."""
        return {"name": self._load()[0], "table_topic": self.table_topic}

    def step(self, context: Context) -> None:
        """PUT the configuration."""
        from headway.adapters.connect import ConnectClient

        name, config = self._load()
        ConnectClient(self.settings).converge(name, config)
        self.log.info("Connector %s has the configuration of %s.", name, self.file)
