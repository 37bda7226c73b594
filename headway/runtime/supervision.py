"""Start, stop and watch programs through supervisord, over XML-RPC on a unix socket.

Usable from any process of this machine and user (Airflow tasks start the Faust workers and the continuous Spark driver
through it). supervisord restarts what dies; readiness and order are in :mod:`headway.runtime.platform`.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Iterator
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

from headway.errors import NotAsExpectedError, RuntimeSetupError, UnavailableError
from headway.runtime.environment import python
from headway.runtime.program import ProgramSpec, ProgramStatus
from headway.settings import Settings

LONGEST_SOCKET_PATH = 100
_BAD_NAME, _ALREADY_STARTED, _NOT_RUNNING, _ALREADY_ADDED = 10, 60, 70, 90
_LAUNCHER = Path(__file__).with_name("launch.py")


def socket_path(state_dir: Path) -> Path:
    """Give supervisord's socket: in the state folder, or in a private folder of /tmp when that path is too long."""
    path = state_dir.resolve() / "supervisor.sock"
    if len(str(path)) <= LONGEST_SOCKET_PATH:
        return path
    digest = hashlib.sha256(str(path).encode()).hexdigest()[:12]
    folder = Path(tempfile.gettempdir()) / f"headway-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.stat().st_uid != os.getuid() or folder.stat().st_mode & 0o077:
        raise RuntimeSetupError(
            "The folder for the supervisor's socket is open to others.",
            where=str(folder),
            next_step=f"remove {folder}, or set HEADWAY__STATE_DIR to a shorter path",
        )
    return folder / "supervisor.sock"


class Supervision:
    """The supervised programs of one platform (one ``state_dir``)."""

    def __init__(self, settings: Settings) -> None:
        self.python = python(settings)
        self.state_dir = settings.state_dir.resolve()
        self.socket = socket_path(self.state_dir)
        self.programs = self.state_dir / "programs"
        self.logs = self.state_dir / "logs"

    # -- the supervisor itself ------------------------------------------------------------------------------------

    def alive(self) -> bool:
        """Say whether the supervisor answers."""
        try:
            return bool(self._call("getPID"))
        except UnavailableError:
            return False

    def pid(self) -> int:
        """Give the supervisor's process id."""
        return int(self._call("getPID"))

    def boot(self, deadline_s: float = 20.0) -> None:
        """Start the supervisor if it does not run, and wait until it answers."""
        if self.alive():
            return
        for folder in (self.state_dir, self.programs, self.logs):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for leftover in [*self.programs.glob("*.conf"), *self.programs.glob("*.running")]:
            leftover.unlink()
        config = self.state_dir / "supervisord.conf"
        config.write_text(self._config(), encoding="utf-8")
        command = [self.python, "-m", "supervisor.supervisord", "-c", str(config)]
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/", env=env, check=False
        )
        end = time.monotonic() + deadline_s
        while done.returncode == 0 and time.monotonic() < end:
            if self.alive():
                return
            time.sleep(0.05)
        raise RuntimeSetupError(
            "The supervisor did not start.",
            where=(done.stderr or done.stdout).strip() or str(self.state_dir / "logs" / "supervisord.log"),
            next_step="`bin/headway doctor` checks this machine",
        )

    def shutdown(self, deadline_s: float = 60.0) -> None:
        """Stop every program and the supervisor, and wait until it is gone."""
        if not self.alive():
            return
        pid = self.pid()
        with contextlib.suppress(UnavailableError):
            self._call("shutdown")
        end = time.monotonic() + deadline_s
        while time.monotonic() < end:
            if not _lives(pid):
                return
            time.sleep(0.05)
        raise RuntimeSetupError("The supervisor did not end.", where=f"process {pid}", next_step=f"kill -9 {pid}")

    def _config(self) -> str:
        return f"""[unix_http_server]
file={self.socket}
chmod=0700
[supervisord]
logfile={_escape(self.logs / "supervisord.log")}
logfile_maxbytes=2MB
logfile_backups=1
pidfile={_escape(self.state_dir / "supervisord.pid")}
childlogdir={_escape(self.logs)}
directory=/
minfds=256
umask=077
[rpcinterface:supervisor]
supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface
[include]
files = {_escape(self.programs)}/*.conf
"""

    # -- programs -------------------------------------------------------------------------------------------------

    def ensure_program(self, spec: ProgramSpec) -> None:
        """Register ``spec`` (stopped), or bring what is registered to it.

        A program that runs with another command or environment is restarted with the new one; one that runs as asked is
        left alone.
        """
        with self._alone():
            path = self.programs / f"{spec.name}.json"
            running_as_asked = self._running_fingerprint(spec.name) == spec.fingerprint()
            _write_private(path, spec.to_json())
            config = self.programs / f"{spec.name}.conf"
            wanted = self._program_config(spec)
            state = self.status(spec.name)
            if state.state != "ABSENT" and config.exists() and config.read_text(encoding="utf-8") == wanted:
                if state.running and not running_as_asked:
                    self.restart(spec.name)
                return
            config.write_text(wanted, encoding="utf-8")
            if state.state != "ABSENT":
                self.stop(spec.name)
                self._call("removeProcessGroup", spec.name)
            self._call("reloadConfig")
            try:
                self._call("addProcessGroup", spec.name)
            except Fault as fault:
                if fault.faultCode != _ALREADY_ADDED:
                    raise
            if state.running:
                self.start(spec.name)

    def remove_program(self, program: str) -> None:
        """Stop a program and forget that it was ever registered; its log stays."""
        with self._alone():
            if self.status(program).state == "ABSENT":
                return
            self.stop(program)
            self._call("removeProcessGroup", program)
            for suffix in (".conf", ".json", ".json.running"):
                (self.programs / f"{program}{suffix}").unlink(missing_ok=True)
            self._call("reloadConfig")

    def start(self, program: str, *, wait: bool = False) -> None:
        """Start a program; nothing happens when it already runs. Readiness is the caller's to probe."""
        try:
            self._call("startProcess", program, wait)
        except Fault as fault:
            if fault.faultCode != _ALREADY_STARTED:
                raise self._refused("start", program, fault) from fault

    def stop(self, program: str) -> None:
        """Stop a program and wait until it is gone; nothing happens when it does not run, or was never registered."""
        self._stop(program, wait=True)

    def begin_stop(self, program: str) -> None:
        """Ask a program to stop and do not wait."""
        self._stop(program, wait=False)

    def _stop(self, program: str, *, wait: bool) -> None:
        try:
            self._call("stopProcess", program, wait)
        except Fault as fault:
            if fault.faultCode not in (_NOT_RUNNING, _BAD_NAME):
                raise self._refused("stop", program, fault) from fault

    def restart(self, program: str) -> None:
        """Stop and start a program."""
        self.stop(program)
        self.start(program)

    def status(self, program: str) -> ProgramStatus:
        """Give the state of one program (ABSENT when it is not registered)."""
        try:
            return _status(self._call("getProcessInfo", program))
        except Fault as fault:
            if fault.faultCode == _BAD_NAME:
                return ProgramStatus(program, "ABSENT", 0, 0.0)
            raise self._refused("look at", program, fault) from fault

    def all(self) -> list[ProgramStatus]:
        """Give the state of every registered program."""
        return [_status(info) for info in self._call("getAllProcessInfo")]

    def log_file(self, program: str) -> Path:
        """Give a program's log (older parts of it are beside it with .1, .2)."""
        return self.logs / f"{program}.log"

    def log_tail(self, program: str, lines: int = 15) -> str:
        """Give the last lines of a program's log."""
        path = self.log_file(program)
        if not path.is_file():
            return "(no log)"
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - 64_000))
            text = file.read().decode("utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:]) or "(an empty log)"

    # -- inside ---------------------------------------------------------------------------------------------------

    def _running_fingerprint(self, program: str) -> str:
        note = self.programs / f"{program}.json.running"
        try:
            return str(json.loads(note.read_text(encoding="utf-8"))["fingerprint"])
        except (OSError, ValueError, KeyError):
            return ""

    def _program_config(self, spec: ProgramSpec) -> str:
        launch = f"{_quote(self.python)} -I -S {_quote(_LAUNCHER)} {_quote(self.programs / f'{spec.name}.json')}"
        return f"""[program:{spec.name}]
command={launch}
autostart=false
autorestart={"true" if spec.autorestart else "false"}
startsecs=2
startretries=3
stopsignal={spec.stop_signal}
stopwaitsecs={spec.stop_seconds}
stopasgroup=false
killasgroup=true
redirect_stderr=true
stdout_logfile={_escape(self.log_file(spec.name))}
stdout_logfile_maxbytes=10MB
stdout_logfile_backups=2
"""

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.programs / ".lock").open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _call(self, method: str, *args: Any) -> Any:
        from supervisor.xmlrpc import SupervisorTransport

        proxy = ServerProxy("http://127.0.0.1", transport=SupervisorTransport(None, None, f"unix://{self.socket}"))
        try:
            return getattr(proxy.supervisor, method)(*args)
        except (OSError, HTTPException) as error:
            raise UnavailableError(
                "The platform's supervisor does not answer.",
                where=str(self.socket),
                next_step="start the platform with `bin/headway up`",
            ) from error

    def _refused(self, doing: str, program: str, fault: Fault) -> NotAsExpectedError:
        return NotAsExpectedError(
            f"The supervisor could not {doing} {program}: {fault.faultString}.",
            where=self.log_tail(program),
            next_step=f"`bin/headway logs {program}`, `bin/headway status`",
        )


def _status(info: dict[str, Any]) -> ProgramStatus:
    since = info["now"] - (info["start"] if info["pid"] else info["stop"] or info["now"])
    return ProgramStatus(info["name"], info["statename"], info["pid"], float(max(0, since)), info["exitstatus"])


def _lives(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)


def _escape(path: Path) -> str:
    return str(path).replace("%", "%%")


def _quote(path: str | Path) -> str:
    import shlex

    return shlex.quote(_escape(Path(path)))
