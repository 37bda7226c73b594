"""What was asked to run, besides what `up` starts by itself: the Faust workers, the continuous Spark driver.

Airflow's tasks ask for it and say when it shall end. The supervisor alone cannot tell: it forgets everything when it
ends, and a program that had given up looks the same to it whether somebody stopped it or not. So each wish is a file of
the state folder, which outlives `down`, and the next `up` starts what was wanted.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headway.runtime.environment import base_environment
from headway.runtime.program import ProgramSpec
from headway.runtime.supervision import Supervision
from headway.settings import Settings


class Wanted:
    """The wishes of one platform (one ``state_dir``)."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.state_dir.resolve() / "wanted"

    def __contains__(self, program: str) -> bool:
        return self._path(program).is_file()

    def names(self) -> list[str]:
        """Give the programs that are wanted."""
        return sorted(path.stem for path in self.folder.glob("*.json"))

    def add(self, program: str) -> None:
        """Want one of the platform's parts, which knows its own program."""
        self._write(program, {})

    def add_program(self, spec: ProgramSpec, more: Mapping[str, str]) -> None:
        """Want a program that only who asked for it can make; ``more`` is what its environment has beside the base."""
        kept = {
            "command": list(spec.command),
            "env": dict(more),
            "cwd": str(spec.cwd or "/"),
            "stop_seconds": spec.stop_seconds,
            "master_url": self.settings.spark.master_url,
        }
        self._write(spec.name, kept)

    def remove(self, program: str) -> None:
        """Want it no more; nothing happens when it was not wanted."""
        self._path(program).unlink(missing_ok=True)

    def program(self, program: str) -> ProgramSpec | None:
        """Give a program as it was asked for, in today's environment; None when it is a part, or is not wanted.

        Addresses come from the environment, and the Spark master's from the command: it is the present one too.
        """
        try:
            kept = json.loads(self._path(program).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        if not kept:
            return None
        then, now = kept["master_url"], self.settings.spark.master_url
        command = tuple(now if word == then else word for word in kept["command"])
        env = base_environment(self.settings) | kept["env"]
        return ProgramSpec(program, command, env, Path(kept["cwd"]), stop_seconds=kept["stop_seconds"])

    def begin(self, program: str) -> bool:
        """Start a wanted program that is no part, unless it runs; say whether it was started."""
        supervision = Supervision(self.settings)
        spec = self.program(program)
        if spec is None or supervision.status(program).running:
            return False  # one that runs stays as it is: who asks must not restart it
        supervision.ensure_program(spec)
        supervision.start(program)
        return True

    def _path(self, program: str) -> Path:
        return self.folder / f"{program}.json"

    def _write(self, program: str, kept: Mapping[str, Any]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = self.folder / f".{program}.{os.getpid()}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(kept, file, indent=1)
        temporary.replace(self._path(program))
