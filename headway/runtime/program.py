"""What a supervised program is."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

AMBIENT = frozenset({"PATH", "HOME", "USER", "LOGNAME", "LANG", "TMPDIR", "LD_LIBRARY_PATH"})


@dataclass(frozen=True)
class ProgramSpec:
    """One program to supervise.

    ``env`` is its whole environment (see :func:`headway.runtime.environment.base_environment`), not an addition.
    ``stop_seconds`` is how long it may take to end after TERM before it is killed.
    """

    name: str
    command: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None
    autorestart: bool = True
    stop_seconds: int = 15
    stop_signal: str = "TERM"

    def to_json(self) -> str:
        """Give what the launcher reads."""
        return json.dumps(
            {**self._content(dict(self.env)), "fingerprint": self.fingerprint()}, indent=1, sort_keys=True
        )

    def fingerprint(self) -> str:
        """Give a checksum by which a running program is known to be of this spec or of another.

        What differs from terminal to terminal is left out: who asks must not restart a program.
        """
        env = {name: value for name, value in self.env.items() if name not in AMBIENT and not name.startswith("LC_")}
        return hashlib.sha256(json.dumps(self._content(env), sort_keys=True).encode()).hexdigest()

    def _content(self, env: dict[str, str]) -> dict[str, object]:
        return {"name": self.name, "command": list(self.command), "env": env, "cwd": str(self.cwd or "/")}


@dataclass(frozen=True)
class ProgramStatus:
    """A program as the supervisor sees it.

    ``state`` is supervisord's (STOPPED, STARTING, RUNNING, BACKOFF, STOPPING, EXITED, FATAL), or ABSENT when it was
    never registered.
    """

    name: str
    state: str
    pid: int
    since_s: float
    exit_code: int = 0

    @property
    def running(self) -> bool:
        """Say whether the process lives."""
        return self.state in ("RUNNING", "STARTING", "STOPPING") and self.pid > 0
