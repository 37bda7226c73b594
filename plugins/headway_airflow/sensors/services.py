"""Wait for the parts that the next steps need."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from headway_airflow.operators.base import WaitingOperator


class ServiceHealthSensor(WaitingOperator):
    """Wait, with a limit, until each named part answers.

    Green: they all answered. Red says which did not, and since when. It looks only, so a retry is safe.

    :param services: of ``kafka``, ``postgres``, ``connect``, ``rest-proxy``, ``ksql``, ``spark-master``
    """

    probe = "services"

    def __init__(
        self,
        *,
        services: Sequence[str],
        limit: timedelta = timedelta(minutes=2),
        interval_s: float = 2.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(limit=limit, interval_s=interval_s, **kwargs)
        self.services = list(services)

    def probe_arguments(self) -> dict[str, Any]:
        """Name the parts."""
        return {"names": self.services}
