"""What a part of the platform is to the runtime."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import subprocess
import threading
from abc import ABC, abstractmethod
from pathlib import Path
from urllib.parse import urlsplit

from headway.errors import RuntimeSetupError
from headway.runtime.environment import base_environment, java_home
from headway.runtime.program import ProgramSpec
from headway.settings import Settings


class NotReadyError(Exception):
    """The part does not serve yet; the text says what is missing."""


class Part(ABC):
    """One program of the platform: how it is prepared, started and probed.

    ``depends`` names the parts that must be healthy before this one starts. ``prepare`` runs before the start and again
    on each ``up``: it must leave alone what is there. ``probe`` answers with a few words, or raises
    :class:`NotReadyError`.
    """

    name: str
    title: str
    depends: tuple[str, ...] = ()
    deadline_s: float = 420.0  # on a busy machine; what dies is seen at once
    started_by_up: bool = True

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = settings.state_dir.resolve() / self.name

    @property
    @abstractmethod
    def address(self) -> str:
        """Give the address that clients use."""

    def ports(self) -> dict[str, int]:
        """Give the ports that must be free before the part starts, by the setting that names each."""
        return {}

    def prepare(self) -> None:  # noqa: B027 (most parts need nothing)
        """Write the files that the part needs."""

    @abstractmethod
    def spec(self) -> ProgramSpec:
        """Give the program."""

    @abstractmethod
    def probe(self) -> str:
        """Ask the part whether it truly serves."""

    def environment(self, **more: str) -> dict[str, str]:
        """Give the program's environment."""
        return base_environment(self.settings) | more

    def java(self) -> str:
        """Give the ``java`` program."""
        home = java_home(self.settings)
        if home is None:
            raise RuntimeSetupError("There is no Java 17 or newer.", next_step="`bin/headway doctor`")
        return str(home / "bin" / "java")

    def jars(self, part: str) -> Path:
        """Give the folder of a part's Java artefacts."""
        return self.settings.install_dir.resolve() / "java" / part


def http_status(url: str, *, timeout_s: float = 5.0) -> tuple[int, bytes]:
    """Ask a part of this machine, without proxies; no answer is not ready.

    The standard library's client: a probe runs several times a second while the machine is busy starting parts.
    """
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port or 80, timeout=timeout_s)
    try:
        connection.request("GET", parts.path or "/", headers={"Accept": "application/json"})
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise NotReadyError(f"{url} does not answer ({type(error).__name__})") from error
    finally:
        connection.close()


def http_json(url: str, *, timeout_s: float = 5.0) -> object:
    """Get JSON from a part of this machine; anything but 200 is not ready."""
    status, body = http_status(url, timeout_s=timeout_s)
    if status != 200:
        raise NotReadyError(f"{url} answers {status}")
    try:
        return json.loads(body)
    except ValueError as error:
        raise NotReadyError(f"{url} answers something that is not JSON") from error


def write_if_changed(path: Path, text: str, mode: int = 0o600) -> None:
    """Write a configuration file, atomically and only when it differs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.is_file() and path.read_text(encoding="utf-8") == text:
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}")  # parts are prepared side by side
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def properties(values: dict[str, object]) -> str:
    """Render a Java properties file (ISO 8859-1 is not needed: our values are ASCII paths, numbers and names)."""
    return "".join(f"{key}={str(value).replace(chr(92), chr(92) * 2)}\n" for key, value in values.items())


def run_once(command: list[str], environment: dict[str, str], doing: str, *, timeout_s: float = 120.0) -> None:
    """Run a preparing command to its end; its last lines are the error's when it fails."""
    try:
        done = subprocess.run(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=timeout_s,
            cwd="/",
            check=False,
        )
        code, output = done.returncode, done.stdout
    except subprocess.TimeoutExpired as error:
        code, output = -1, f"no end after {timeout_s:.0f} s\n{error.stdout or ''!s}"
    if code != 0:
        raise RuntimeSetupError(
            f"{doing} failed (exit code {code}).",
            where="\n".join(output.splitlines()[-15:]),
            next_step="`bin/headway doctor` checks this machine; `bin/headway reset` forgets a broken state",
        )


def replace_folder(staged: Path, target: Path) -> None:
    """Put a folder that is complete in its place, so that a killed preparation leaves nothing half-made."""
    shutil.rmtree(target, ignore_errors=True)
    staged.rename(target)
