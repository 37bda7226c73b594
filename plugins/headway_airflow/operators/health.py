"""Look after what runs for ever: restart what is stuck, be red when that does not help."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from headway_airflow.operators.base import WaitingOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

    from headway.settings import Settings
    from headway_airflow.probes import Found, NotYet


PATIENCE_S = 60.0  # what is still not well then is mended


class HealthOperator(WaitingOperator):
    """Look at one thing, mend it once when it is stuck, and wait until it is well.

    Green: it is well (now, or after the mending, which the log tells). Red: it is not, and mending did not help. What
    was never started is left alone: that is green, and said so.

    :param subject: ``services``, ``connector``, ``ksql``, ``faust`` or ``stream``
    """

    def __init__(self, *, subject: str, limit: timedelta = timedelta(minutes=1), **kwargs: Any) -> None:
        super().__init__(limit=limit, **kwargs)
        self.subject = subject
        self.probe = {"ksql": "ksql_queries"}.get(subject, subject)

    def probe_arguments(self) -> dict[str, Any]:
        """Give the arguments of the subject's probe."""
        from headway_airflow.hooks.health import arguments

        return arguments(self.settings, self.subject)

    def execute(self, context: Context) -> Any:
        """Look; leave alone what was never started."""
        from headway_airflow.errors import explained
        from headway_airflow.hooks.health import in_use

        with explained():
            reason = in_use(self.settings, self.subject)
        if reason:
            self.log.info("Left alone: %s", reason)
            return {"left_alone": reason}
        return super().execute(context)

    def step(self, context: Context) -> None:
        """Mend what is stuck."""
        from headway_airflow.hooks.health import mend

        found = self._look(self.settings)
        if found is None:
            return
        self.log.warning("%s is not well: %s", self.subject, found)
        for line in mend(self.settings, self.subject):
            self.log.warning("Mended: %s", line)

    def _look(self, settings: Settings) -> str | None:
        """Say what stays wrong: a look may meet a rebalance, or a machine that is busy."""
        from headway.errors import HeadwayError
        from headway_airflow.probes import check

        arguments = self.probe_arguments()

        def look() -> Found | NotYet | HeadwayError:
            try:
                return check(self.probe, arguments)
            except HeadwayError as error:
                return error

        found = look()
        if isinstance(found, dict):
            return None
        deadline = time.monotonic() + PATIENCE_S
        while not isinstance(found, dict) and time.monotonic() < deadline:
            time.sleep(1.0)
            found = look()
        if isinstance(found, dict):
            return None
        return str(found) if isinstance(found, HeadwayError) else found.why
