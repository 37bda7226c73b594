"""Fetch the locked Java artefacts with the Apache Ivy that pyspark brings. Standard library only.

No address is written anywhere: Ivy's built-in default repository serves the coordinates of ``java/artifacts.lock``,
and a file counts only when its SHA-256 is the locked one. A part's folder appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import quoteattr

from headway.errors import RuntimeSetupError
from headway.runtime.java import Java

PROCESSES = 3
ATTEMPTS = 3
_SETTINGS = """<ivysettings>
  <property name="ivy.checksums" value=""/>
  <settings defaultResolver="default" defaultConflictManager="all"/>
  <resolvers><ibiblio name="default" m2compatible="true" usepoms="false" useMavenMetadata="false"/></resolvers>
</ivysettings>
"""


@dataclass(frozen=True)
class Artifact:
    """One locked file: which part uses it, its coordinates and its checksum."""

    part: str
    organisation: str
    module: str
    version: str
    classifier: str
    extension: str
    sha256: str

    @property
    def file_name(self) -> str:
        """Give the name of the file in its part's folder."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.module}-{self.version}{classifier}.{self.extension}"


def read_lock(lock: Path) -> list[Artifact]:
    """Read ``artifacts.lock``; a line that is not ``part org:module:version[:classifier][@ext] sha256`` is an error."""
    out = []
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            part, coordinates, sha256 = line.split()
            name, _, extension = coordinates.partition("@")
            organisation, module, version, *classifier = name.split(":")
        except ValueError as error:
            raise RuntimeSetupError(
                "A line of the Java lock file cannot be read.",
                where=f"{lock}:{number}",
                next_step="write it as: part org:module:version[:classifier][@ext] sha256",
            ) from error
        out.append(
            Artifact(part, organisation, module, version, "".join(classifier), extension or "jar", sha256.lower())
        )
    return out


def parts_of(artifacts: Iterable[Artifact]) -> dict[str, list[Artifact]]:
    """Group artefacts by part."""
    out: dict[str, list[Artifact]] = {}
    for artifact in artifacts:
        out.setdefault(artifact.part, []).append(artifact)
    return out


def _stamp(artifacts: Sequence[Artifact]) -> str:
    lines = "\n".join(sorted(f"{a.file_name} {a.sha256}" for a in artifacts))
    return hashlib.sha256(lines.encode()).hexdigest()


def missing_parts(java_dir: Path, artifacts: Sequence[Artifact]) -> dict[str, list[Artifact]]:
    """Give the parts whose folder is not there as locked (a folder's stamp is written into it before it appears)."""
    out = {}
    for part, members in parts_of(artifacts).items():
        stamp = java_dir / part / ".stamp"
        if not stamp.is_file() or stamp.read_text(encoding="utf-8").strip() != _stamp(members):
            out[part] = members
    return out


def fetch(java_dir: Path, artifacts: Sequence[Artifact], java: Java, ivy_jar: Path, say: Callable[[str], None]) -> None:
    """Bring every missing part into ``java_dir``; a killed fetch leaves only a temporary folder behind."""
    wanted = missing_parts(java_dir, artifacts)
    if not wanted:
        return
    java_dir.mkdir(parents=True, exist_ok=True)
    for leftover in java_dir.glob(".fetch-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    members = [artifact for group in wanted.values() for artifact in group]
    say(f"fetching {len(members)} Java artefacts for {', '.join(sorted(wanted))}")
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=java_dir) as name:
        work = Path(name)
        _run_ivy(work, members, java, ivy_jar)
        for part, group in wanted.items():
            staged = work / "parts" / part
            staged.mkdir(parents=True)
            for artifact in group:
                _place(work / "lib" / part / artifact.file_name, staged, artifact)
            (staged / ".stamp").write_text(_stamp(group) + "\n", encoding="utf-8")
            target = java_dir / part
            if target.exists():
                target.rename(work / f"old-{part}")
            staged.rename(target)


def _run_ivy(work: Path, artifacts: Sequence[Artifact], java: Java, ivy_jar: Path) -> None:
    (work / "settings.xml").write_text(_SETTINGS, encoding="utf-8")
    waiting = list(artifacts)
    output = ""
    for _ in range(ATTEMPTS):
        shares = [waiting[i::PROCESSES] for i in range(PROCESSES) if waiting[i::PROCESSES]]
        running = [_start_ivy(work, i, share, java, ivy_jar) for i, share in enumerate(shares)]
        for process in running:
            out, _ = process.communicate()
            output = out if process.returncode else output
        waiting = [a for a in waiting if not (work / "lib" / a.part / a.file_name).is_file()]
        if not waiting:
            return
    raise RuntimeSetupError(
        f"{len(waiting)} of {len(artifacts)} Java artefacts could not be fetched, the first is "
        f"{waiting[0].organisation}:{waiting[0].module}:{waiting[0].version}.",
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


def _place(source: Path, folder: Path, artifact: Artifact) -> None:
    """Verify one file and move it (an archive is unpacked) into its part's folder."""
    found = hashlib.sha256(source.read_bytes()).hexdigest()
    if found != artifact.sha256:
        raise RuntimeSetupError(
            f"{artifact.file_name} is not the file that was locked: its SHA-256 is {found}.",
            where=f"java/artifacts.lock, part {artifact.part}",
            next_step="do not use that repository; if the artefact was changed on purpose, lock its new checksum",
        )
    if artifact.extension == "tar.gz":
        with tarfile.open(source) as archive:
            if hasattr(tarfile, "data_filter"):
                archive.extractall(folder, filter="data")
            else:  # Python 3.11.3 and older; the archive's checksum is locked
                archive.extractall(folder)  # noqa: S202
    else:
        source.rename(folder / artifact.file_name)
