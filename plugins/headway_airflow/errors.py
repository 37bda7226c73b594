"""From Headway's errors to Airflow's: what a retry cannot mend is not retried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from headway import errors

# The same input fails again; everything else may be better after a while.
FINAL = (
    errors.InputError,
    errors.RangeError,
    errors.LedgerError,
    errors.SettingsError,
    errors.VerificationError,
)


@contextmanager
def explained() -> Iterator[None]:
    """Turn an error that no retry mends into :class:`AirflowFailException`, its three parts kept."""
    try:
        yield
    except FINAL as error:
        raise AirflowFailException(f"{type(error).__name__}: {error}") from error


def pack(error: errors.HeadwayError) -> dict[str, str]:
    """Write an error into a trigger's event."""
    return {
        "error": type(error).__name__,
        "what": error.what,
        "where": error.where,
        "next_step": error.next_step,
    }


def unpack(event: Mapping[str, Any]) -> errors.HeadwayError:
    """Read the error of a trigger's event."""
    kind = getattr(errors, str(event["error"]), errors.NotAsExpectedError)
    return kind(event["what"], where=event.get("where", ""), next_step=event.get("next_step", ""))
