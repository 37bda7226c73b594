"""Java artefacts: which are locked, which are missing, and how what was brought is verified and placed.

Standard library only: an installer uses it before anything is installed. No address is written anywhere: who calls
:func:`fetch` hands over a :data:`Transport` that knows a Maven repository (``ksqlengine.maven`` is the engine's own),
and a file counts only when its SHA-256 is the locked one. A part's folder appears whole or not at all.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ksqlengine.errors import SetupError

LOCK = Path(__file__).with_name("artifacts.lock")


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

    @property
    def coordinates(self) -> str:
        """Give organisation:module:version."""
        return f"{self.organisation}:{self.module}:{self.version}"


# Put each artefact at folder/part/file_name; raise SetupError when that cannot be done.
Transport = Callable[[Sequence[Artifact], Path], None]


def default_directory() -> Path:
    """Give the folder of the jars when nobody names another: the user's own, shared by all environments."""
    base = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(base) / "ksqlengine" / "java"


def read_lock(lock: Path = LOCK) -> list[Artifact]:
    """Read a lock file; a line that is not ``part org:module:version[:classifier][@ext] sha256`` is an error."""
    out = []
    for number, line in enumerate(lock.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            part, coordinates, sha256 = line.split()
            name, _, extension = coordinates.partition("@")
            organisation, module, version, *classifier = name.split(":")
        except ValueError as error:
            raise SetupError(
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


def stamp(artifacts: Sequence[Artifact]) -> str:
    """Give the checksum of a part: of the names and checksums of its files."""
    lines = "\n".join(sorted(f"{a.file_name} {a.sha256}" for a in artifacts))
    return hashlib.sha256(lines.encode()).hexdigest()


def missing_parts(directory: Path, artifacts: Sequence[Artifact]) -> dict[str, list[Artifact]]:
    """Give the parts whose folder is not there as locked (a folder's stamp is written into it before it appears)."""
    out = {}
    for part, members in parts_of(artifacts).items():
        mark = directory / part / ".stamp"
        if not mark.is_file() or mark.read_text(encoding="utf-8").strip() != stamp(members):
            out[part] = members
    return out


def fetch(directory: Path, artifacts: Sequence[Artifact], bring: Transport, say: Callable[[str], None]) -> None:
    """Bring every missing part into ``directory``; a killed fetch leaves only a temporary folder behind."""
    wanted = missing_parts(directory, artifacts)
    if not wanted:
        return
    directory.mkdir(parents=True, exist_ok=True)
    for leftover in directory.glob(".fetch-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    members = [artifact for group in wanted.values() for artifact in group]
    say(f"fetching {len(members)} Java artefacts for {', '.join(sorted(wanted))}")
    with tempfile.TemporaryDirectory(prefix=".fetch-", dir=directory) as name:
        work = Path(name)
        bring(members, work / "lib")
        for part, group in wanted.items():
            staged = work / "parts" / part
            staged.mkdir(parents=True)
            for artifact in group:
                place(work / "lib" / part / artifact.file_name, staged, artifact)
            (staged / ".stamp").write_text(stamp(group) + "\n", encoding="utf-8")
            target = directory / part
            if target.exists():
                target.rename(work / f"old-{part}")
            staged.rename(target)


def sha256_of(file: Path) -> str:
    """Give a file's checksum."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def place(source: Path, folder: Path, artifact: Artifact) -> None:
    """Verify one file and move it (an archive is unpacked) into its part's folder."""
    found = sha256_of(source)
    if found != artifact.sha256:
        raise SetupError(
            f"{artifact.file_name} is not the file that was locked: its SHA-256 is {found}.",
            where=f"{artifact.coordinates} of part {artifact.part}",
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
