"""What a verification says: one line a check, and the error when one is not equal."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from headway.errors import VerificationError
from headway.verify.compare import Check


@dataclass(frozen=True)
class VerifyReport:
    """The checks of one verification, and the range and generation that they were made for."""

    start: datetime | None
    end: datetime | None
    generation: int
    checks: tuple[Check, ...]
    seconds: float

    @property
    def equal(self) -> bool:
        """Say whether every check holds."""
        return all(check.equal for check in self.checks)

    def __str__(self) -> str:
        head = f"Generation {self.generation}, all hours of the ledger"
        if self.start and self.end:
            head += f", and {self.start:%Y-%m-%d %H:%M}Z to {self.end:%Y-%m-%d %H:%M}Z whole"
        lines = [f"{head}: {len(self.checks)} checks in {self.seconds:.1f} s"]
        for check in self.checks:
            verdict = "equal" if check.equal else "DIFFERS"
            numbers = f"{check.expected:,.0f} expected, {check.observed:,.0f} found"
            note = f"; {check.note}" if check.note else ""
            lines.append(f"  {verdict:<8}{check.name:<58} {numbers} ({check.unit}; {check.keys:,} compared{note})")
            lines += [f"            {difference}" for difference in check.differences]
            if check.different > len(check.differences):
                lines.append(f"            … and {check.different - len(check.differences):,} more")
        return "\n".join(lines)

    def raise_if_different(self) -> None:
        """Raise :class:`VerificationError` that names the differences and what to do."""
        wrong = [check for check in self.checks if not check.equal]
        if not wrong:
            return
        places = [f"{check.name}: {difference}" for check in wrong for difference in check.differences[:5]]
        cures = list(dict.fromkeys(check.cure for check in wrong if check.cure))
        more = sum(check.different for check in wrong) - len(places)
        raise VerificationError(
            f"{len(wrong)} of {len(self.checks)} checks differ: {', '.join(check.name for check in wrong)}.",
            where="\n  ".join(["", *places, *([f"… and {more:,} more"] if more > 0 else [])]),
            next_step="; ".join(cures),
        )
