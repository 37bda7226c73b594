"""The environment every supervised program gets: ours first on PATH, all settings visible, nothing leaking in."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from headway.runtime.java import find_java
from headway.settings import LOOPBACK, PREFIX, PROJECT_DIR, Settings

RUNTIME_ID = "HEADWAY_RUNTIME_ID"
# What passes through. Anything else (make's, a terminal's, a task's variables) would make the same program look like
# another one to the supervisor, which then restarts it.
_KEPT = frozenset(
    {"HOME", "USER", "LOGNAME", "LANG", "TZ", "TMPDIR", "PATH", "LD_LIBRARY_PATH", "JAVA_HOME", "JAVA_TOOL_OPTIONS"}
    | {"NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"}
    | {"SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"}
)
_KEPT_PREFIXES = (PREFIX, "LC_")
SPARK_WRAPPERS = PROJECT_DIR / "headway" / "spark" / "bin"


def runtime_id(settings: Settings) -> str:
    """Name this platform: every process under it carries the name in its environment, so that none is ever lost."""
    return hashlib.sha256(str(settings.state_dir.resolve()).encode()).hexdigest()[:16]


def env_dir(settings: Settings, name: str) -> Path:
    """Give the folder of a Python environment."""
    return settings.install_dir / "envs" / name


def python(settings: Settings, name: str = "platform") -> str:
    """Give the interpreter of an environment (our own when the install folder has none: an embedding application)."""
    found = env_dir(settings, name) / "bin" / "python"
    return str(found) if found.exists() or name != "platform" else sys.executable


def java_home(settings: Settings) -> Path | None:
    """Give the home of the Java runtime that the parts use."""
    java = find_java(settings.install_dir)
    return java.home if java else None


def base_environment(settings: Settings) -> dict[str, str]:
    """Build the environment that all programs start from."""
    env = {
        name: value for name, value in os.environ.items() if name.upper() in _KEPT or name.startswith(_KEPT_PREFIXES)
    }
    home = java_home(settings)
    path = [str(SPARK_WRAPPERS), str(env_dir(settings, "platform") / "bin")]
    if home is not None:
        env["JAVA_HOME"] = str(home)
        path.append(str(home / "bin"))
    path += env.get("PATH", os.defpath).split(os.pathsep)
    env["PATH"] = os.pathsep.join(dict.fromkeys(path))  # once each: one of our own programs may be asking
    env["PYTHONPATH"] = os.pathsep.join([str(PROJECT_DIR), str(PROJECT_DIR / "plugins")])
    env["PYTHONUNBUFFERED"] = "1"
    env.setdefault("LANG", "C.UTF-8")
    env.setdefault("HOME", str(settings.state_dir))
    bypass = [name for name in (env.get("NO_PROXY") or env.get("no_proxy") or "").split(",") if name]
    env["NO_PROXY"] = env["no_proxy"] = ",".join(dict.fromkeys([*bypass, LOOPBACK, "localhost"]))
    env[f"{PREFIX}STATE_DIR"] = str(settings.state_dir.resolve())
    env[f"{PREFIX}INSTALL_DIR"] = str(settings.install_dir.resolve())
    env[RUNTIME_ID] = runtime_id(settings)
    env["SPARK_LOCAL_IP"] = env["SPARK_PUBLIC_DNS"] = LOOPBACK
    return env
