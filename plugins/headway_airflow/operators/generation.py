"""A new generation: a reset that was asked for, never an append."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from headway.core.pools import CONTROL_POOL
from headway.errors import RangeError
from headway_airflow.operators.base import HeadwayOperator

if TYPE_CHECKING:
    from airflow.sdk import Context

PHRASE = "begin a new generation"


class ConfirmOperator(HeadwayOperator):
    """Go on only when the phrase was typed.

    Green: it was. It changes nothing.
    """

    template_fields: Sequence[str] = ("typed",)

    def __init__(self, *, typed: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.typed = typed

    def step(self, context: Context) -> None:
        """Compare."""
        if self.typed.strip().lower() != PHRASE:
            raise RangeError(
                "This deletes every event and result, and that was not confirmed.",
                where=f"parameter confirm: {self.typed!r}",
                next_step=f"type: {PHRASE}",
            )


class NewGenerationOperator(HeadwayOperator):
    """Begin a new generation.

    Green: the readers were stopped, the statements dropped with their topics, event, result and dead-letter topics
    are empty, and the ledger counts a new generation (which gives Spark a new checkpoint and output). No replay and no
    verification runs meanwhile. A retry does it all again; nothing is kept that should be gone.
    """

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("pool", CONTROL_POOL)
        super().__init__(**kwargs)

    def step(self, context: Context) -> dict[str, Any]:
        """Stop, drop, recreate, begin."""
        from headway.adapters.locks import replays_excluded
        from headway_airflow.hooks import generation

        with replays_excluded(self.settings, "a reset (transit_new_generation)"):
            return generation.begin(self.settings, self.log.info)


class ResumeReadersOperator(HeadwayOperator):
    """Start the continuous Spark driver again, if the reset stopped it.

    Green: it was asked to start (or was not running before). `transit_health` looks after the rest.
    """

    template_fields: Sequence[str] = ("stopped",)

    def __init__(self, *, stopped: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.stopped = stopped

    def step(self, context: Context) -> bool:
        """Start it."""
        from headway_airflow.hooks import spark

        if str(self.stopped) != "True":
            self.log.info("The continuous Spark driver was not running.")
            return False
        spark.start_continuous(self.settings)
        return True
