"""The one tree of errors.

::

    HeadwayError
    ├── SettingsError          a setting is missing, makes no sense, or a part refuses it (a wrong password)
    ├── InputError             somebody's data is not as it must be
    │   ├── WorkbookError      a workbook cannot be read (file, sheet, row, column)
    │   ├── FeedError          feeds.toml is wrong (feed, key)
    │   └── ContractError      a value breaks its JSON Schema
    ├── RangeError             a replay's range is empty, unordered or not whole UTC hours
    ├── UnavailableError       a part of the platform does not answer (which, where, since when)
    ├── NotAsExpectedError     a step ended, but the world is not as it must be after it
    │   ├── BusyError          somebody else holds what the step needs (who, since when)
    │   ├── DeliveryError      delivered differs from planned
    │   │   └── ReplayStoppedError  a replay was asked to stop; what it had sent is committed
    │   └── VerificationError  results differ from the truth (by station and hour)
    ├── LedgerError            the ledger says another workbook, feed or seed made this generation
    └── RuntimeSetupError      installing or starting a part failed
"""

from __future__ import annotations


class HeadwayError(Exception):
    """Say what failed, where it is, and what to do next.

    ``what`` is one sentence; ``where`` names the place (file/sheet/row, topic/partition/offset,
    statement line:column, host:port); ``next_step`` is a command or an action.
    """

    def __init__(self, what: str, *, where: str = "", next_step: str = "") -> None:
        self.what, self.where, self.next_step = what, where, next_step
        super().__init__(str(self))

    def __str__(self) -> str:
        parts = [self.what]
        if self.where:
            parts.append(f"Where: {self.where}")
        if self.next_step:
            parts.append(f"Next: {self.next_step}")
        return "\n".join(parts)

    def __reduce__(self) -> tuple[object, ...]:
        # keyword-only arguments do not survive the default pickling (child processes send errors back)
        return (_rebuild, (type(self), self.what, self.where, self.next_step))


def _rebuild(kind: type[HeadwayError], what: str, where: str, next_step: str) -> HeadwayError:
    return kind(what, where=where, next_step=next_step)


class SettingsError(HeadwayError):
    """A setting is missing, makes no sense, or is refused by the part that it is for."""


class InputError(HeadwayError):
    """Somebody's data is not as it must be."""


class WorkbookError(InputError):
    """A workbook cannot be read, or breaks its contract as a whole."""


class FeedError(InputError):
    """A feed's description is wrong."""


class ContractError(InputError):
    """A value breaks its JSON Schema."""


class RangeError(HeadwayError):
    """A replay's range is empty, unordered or not made of whole UTC hours."""


class UnavailableError(HeadwayError):
    """A part of the platform does not answer."""


class NotAsExpectedError(HeadwayError):
    """A step ended, but the world is not as it must be after it."""


class BusyError(NotAsExpectedError):
    """Somebody else holds what a step needs."""


class DeliveryError(NotAsExpectedError):
    """Delivered differs from planned."""


class ReplayStoppedError(DeliveryError):
    """A replay was asked to stop before its end; what it had sent is committed."""


class VerificationError(NotAsExpectedError):
    """Results differ from the truth."""


class LedgerError(HeadwayError):
    """The ledger says that something else made this generation."""


class RuntimeSetupError(HeadwayError):
    """Installing or starting a part failed."""
