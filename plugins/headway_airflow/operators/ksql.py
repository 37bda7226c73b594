"""KSQL: the statements of a folder, their queries truly running."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from headway.errors import NotAsExpectedError
from headway.settings import PROJECT_DIR
from headway_airflow.links import KsqlLink
from headway_airflow.operators.base import WaitingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context


class KsqlStatementsOperator(WaitingOperator):
    """Run the statements of a folder through ksqlDB's REST API, in the order of the files' names.

    Green: every statement was accepted, every table or stream that a query writes has its query, and all are RUNNING.
    The statements are idempotent, so a retry changes nothing.

    :param folder: the folder of ``.sql`` files, from the project's folder
    """

    template_fields: Sequence[str] = ("folder",)
    operator_extra_links = (KsqlLink(),)
    probe = "ksql_queries"

    def __init__(self, *, folder: str = "ksql", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.folder = folder

    def _files(self) -> list[Path]:
        folder = Path(PROJECT_DIR, self.folder)
        files = sorted(folder.glob("*.sql"))
        if not files:
            raise NotAsExpectedError(
                "There is no statement to run.", where=str(folder), next_step="put .sql files there"
            )
        return files

    def probe_arguments(self) -> dict[str, Any]:
        """Name what the statements' queries write."""
        from headway_airflow.hooks.ksql import written

        return {"sinks": [sink for file in self._files() for sink in written(file.read_text(encoding="utf-8"))]}

    def step(self, context: Context) -> None:
        """Run the files."""
        from headway.adapters.ksql import KsqlClient

        client = KsqlClient(self.settings)
        client.wait_healthy()
        for file in self._files():
            for result in client.run_file(file):
                self.log.info("%s: %s", file.name, result.message or result.kind)
