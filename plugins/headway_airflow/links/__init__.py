"""Links from a task's page to the systems that it worked with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey

    from headway.settings import Settings


class _SettingsLink(BaseOperatorLink):
    """A link whose address is in the settings; it is made when the task has run."""

    def address(self, settings: Settings) -> str:
        """Give the address."""
        raise NotImplementedError

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Give the address for this task."""
        from headway.settings import load

        return self.address(load())


class SparkMasterLink(_SettingsLink):
    """The standalone master's page."""

    name = "Spark master"

    def address(self, settings: Settings) -> str:
        """Give the master's UI."""
        from urllib.parse import urlsplit

        host = urlsplit(settings.spark.master_url).hostname or "127.0.0.1"
        return f"http://{host}:{settings.spark.master_ui_port}"


class SparkDriverLink(_SettingsLink):
    """The running driver's page."""

    name = "Spark driver (while it runs)"

    def address(self, settings: Settings) -> str:
        """Give the driver's UI: its streaming tab."""
        return f"http://127.0.0.1:{settings.spark.driver_ui_port}/StreamingQuery/"


class ConnectLink(_SettingsLink):
    """Kafka Connect's connectors with their tasks."""

    name = "Kafka Connect"

    def address(self, settings: Settings) -> str:
        """Give the list of connectors and their states."""
        return f"{settings.connect.url}/connectors?expand=status"


class KsqlLink(_SettingsLink):
    """The ksqlDB server."""

    name = "ksqlDB"

    def address(self, settings: Settings) -> str:
        """Give the server's own description."""
        return f"{settings.ksql.url}/info"


LINKS = (SparkMasterLink, SparkDriverLink, ConnectLink, KsqlLink)
