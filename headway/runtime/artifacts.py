"""Fetch the locked Java artefacts with the Apache Ivy that pyspark brings. Standard library only.

What is locked, checked and placed, and how, is the KSQL engine's (``ksqlengine/artifacts.py``), which has a lock of its
own; here is only the way to the files. No address is written anywhere: Ivy's built-in default repository serves the
coordinates.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from xml.sax.saxutils import quoteattr

from headway.errors import RuntimeSetupError
from headway.runtime.java import Java
from ksqlengine import artifacts as engine
from ksqlengine.artifacts import Artifact, missing_parts
from ksqlengine.errors import SetupError

PROJECT_DIR = Path(__file__).resolve().parent.parent.parent
LOCKS = (PROJECT_DIR / "java" / "artifacts.lock", engine.LOCK)
PROCESSES = 3
ATTEMPTS = 3
_SETTINGS = """<ivysettings>
  <property name="ivy.checksums" value=""/>
  <settings defaultResolver="default" defaultConflictManager="all"/>
  <resolvers><ibiblio name="default" m2compatible="true" usepoms="false" useMavenMetadata="false"/></resolvers>
</ivysettings>
"""
__all__ = ["LOCKS", "Artifact", "fetch", "locked", "missing_parts"]


@contextmanager
def _our_errors() -> Iterator[None]:
    try:
        yield
    except SetupError as error:
        raise RuntimeSetupError(error.what, where=error.where, next_step=error.next_step) from error


def locked(*locks: Path) -> list[Artifact]:
    """Read the lock files: ours and the engine's unless others are named."""
    with _our_errors():
        return [artifact for lock in locks or LOCKS for artifact in engine.read_lock(lock)]


def fetch(java_dir: Path, artifacts: Sequence[Artifact], java: Java, ivy_jar: Path, say: Callable[[str], None]) -> None:
    """Bring every missing part into ``java_dir``; a killed fetch leaves only a temporary folder behind."""
    with _our_errors():
        engine.fetch(java_dir, artifacts, lambda wanted, lib: _run_ivy(lib, wanted, java, ivy_jar), say)


def _run_ivy(lib: Path, artifacts: Sequence[Artifact], java: Java, ivy_jar: Path) -> None:
    work = lib.parent
    (work / "settings.xml").write_text(_SETTINGS, encoding="utf-8")
    waiting = list(artifacts)
    output = ""
    for _ in range(ATTEMPTS):
        shares = [waiting[i::PROCESSES] for i in range(PROCESSES) if waiting[i::PROCESSES]]
        running = [_start_ivy(work, i, share, java, ivy_jar) for i, share in enumerate(shares)]
        for process in running:
            out, _ = process.communicate()
            output = out if process.returncode else output
        waiting = [a for a in waiting if not (lib / a.part / a.file_name).is_file()]
        if not waiting:
            return
    raise RuntimeSetupError(
        f"{len(waiting)} of {len(artifacts)} Java artefacts could not be fetched, first {waiting[0].coordinates}.",
        where="Apache Ivy's last lines:\n" + "\n".join(output.splitlines()[-15:]),
        next_step="check the network (a proxy needs JAVA_TOOL_OPTIONS=-Dhttps.proxyHost=…), then `bin/headway install`",
    )


def _start_ivy(
    work: Path, number: int, artifacts: Sequence[Artifact], java: Java, ivy_jar: Path
) -> subprocess.Popen[str]:
    module = work / f"ivy-{number}.xml"
    module.write_text(_ivy_module(artifacts), encoding="utf-8")
    command = [str(java.executable), "-Xmx192m", "-XX:TieredStopAtLevel=1", f"-Duser.home={work}", *java.options()]
    command += ["-jar", str(ivy_jar), "-settings", str(work / "settings.xml"), "-cache", str(work / f"cache-{number}")]
    command += ["-ivy", str(module), "-retrieve"]
    command += [str(work / "lib") + "/[conf]/[artifact]-[revision](-[classifier]).[ext]"]
    return subprocess.Popen(
        command, cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def _ivy_module(artifacts: Sequence[Artifact]) -> str:
    lines = ['<ivy-module version="2.0" xmlns:e="http://ant.apache.org/ivy/extra">']
    lines.append('<info organisation="headway" module="java"/><configurations>')
    lines += [f"<conf name={quoteattr(part)}/>" for part in sorted({a.part for a in artifacts})]
    lines.append("</configurations><dependencies>")
    for a in artifacts:
        classifier = f" e:classifier={quoteattr(a.classifier)}" if a.classifier else ""
        lines.append(
            f"<dependency org={quoteattr(a.organisation)} name={quoteattr(a.module)} rev={quoteattr(a.version)}"
            f' transitive="false" conf="{a.part}-&gt;default"><artifact name={quoteattr(a.module)}'
            f" type={quoteattr(a.extension)} ext={quoteattr(a.extension)}{classifier}/></dependency>"
        )
    return "\n".join([*lines, "</dependencies></ivy-module>"])
