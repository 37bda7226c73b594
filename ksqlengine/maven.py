"""Bring Java artefacts from a Maven repository, without Maven: the Python package jgo speaks its protocol.

Which repository, the first that is there: the one that is named (an option, then ``KSQLENGINE_MAVEN_REPOSITORY``), the
mirror of ``central`` in ``~/.m2/settings.xml``, jgo's default. What Maven has put into ``~/.m2/repository`` is copied
from there. ``HTTPS_PROXY``, ``REQUESTS_CA_BUNDLE`` and ``~/.netrc`` count.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

from ksqlengine.artifacts import Artifact, Transport, sha256_of
from ksqlengine.errors import SetupError

VARIABLE = "KSQLENGINE_MAVEN_REPOSITORY"
_AT_ONCE = 4
_TIMEOUT_S = 60
_ALL_OF_CENTRAL = {"central", "*", "external:*"}


def transport(repository: str = "", maven_home: Path | None = None) -> Transport:
    """Give a transport; ``repository`` is an address or a folder laid out as a Maven repository."""
    home = maven_home or Path.home() / ".m2"
    named = repository or os.environ.get(VARIABLE, "") or mirror_of_central(home / "settings.xml")
    folders = [home / "repository"]
    only_folder = bool(named) and "://" not in named
    if only_folder:
        folders.insert(0, Path(named).expanduser())
        if not folders[0].is_dir():
            raise SetupError(
                "There is no such Maven repository.",
                where=named,
                next_step="name a folder, or an address with https://",
            )

    def bring(artifacts: Sequence[Artifact], folder: Path) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as workers:
            here = workers.map(lambda artifact: _copy(artifact, folder, folders), artifacts)
            missing = [artifact for artifact, found in zip(artifacts, here, strict=True) if not found]
            if missing and only_folder:
                raise SetupError(
                    f"{len(missing)} artefacts are not there as locked, first {missing[0].coordinates}.",
                    where=named,
                    next_step="put them there (mvn dependency:get), or name another repository",
                )
            cache = folder / "cache"
            list(
                workers.map(lambda a: _download(a, cache, named.removesuffix("/")).rename(_target(a, folder)), missing)
            )

    return bring


def mirror_of_central(settings: Path) -> str:
    """Give the address that Maven's settings put in place of the central repository, or nothing."""
    if not settings.is_file():
        return ""
    try:
        root = ElementTree.parse(settings).getroot()  # noqa: S314 - the user's own file
    except ElementTree.ParseError as error:
        raise SetupError(
            f"Maven's settings cannot be read: {error}.",
            where=str(settings),
            next_step=f"mend the file, or name a repository: --repository or {VARIABLE}",
        ) from error
    for mirror in root.iterfind(".//{*}mirror"):
        of = {name.strip() for name in (mirror.findtext("{*}mirrorOf") or "").split(",")}
        if of & _ALL_OF_CENTRAL and "!central" not in of:
            return (mirror.findtext("{*}url") or "").strip()
    return ""


def _target(artifact: Artifact, folder: Path) -> Path:
    target = folder / artifact.part / artifact.file_name
    target.parent.mkdir(parents=True, exist_ok=True)
    return target


def _copy(artifact: Artifact, folder: Path, repositories: Sequence[Path]) -> bool:
    """Take an artefact from a folder that is a Maven repository; False where none has it as locked."""
    inside = Path(*artifact.organisation.split("."), artifact.module, artifact.version, artifact.file_name)
    for local in repositories:
        if (local / inside).is_file() and sha256_of(local / inside) == artifact.sha256:
            shutil.copyfile(local / inside, _target(artifact, folder))
            return True
    return False


def _download(artifact: Artifact, cache: Path, repository: str) -> Path:
    try:
        from jgo.maven import MavenContext
    except ImportError as error:
        raise SetupError(
            "The package jgo, which downloads Java artefacts, is not installed.",
            where=f"looking for {artifact.coordinates}",
            next_step="pip install jgo, or name a folder that is a Maven repository: --repository DIR",
        ) from error
    remote = {"central": repository} if repository else None
    context = MavenContext(repo_cache=cache, local_repos=[], remote_repos=remote, timeout=_TIMEOUT_S)
    component = context.project(artifact.organisation, artifact.module).at_version(artifact.version)
    try:
        found = component.artifact(artifact.classifier, artifact.extension).resolve()
    except (OSError, RuntimeError, ValueError) as error:  # requests' errors are OSErrors
        raise SetupError(
            f"{artifact.coordinates} could not be fetched: {error}",
            where=repository or "jgo's default Maven repository",
            next_step=f"check the network and HTTPS_PROXY, or name another repository: --repository or {VARIABLE}",
        ) from error
    return Path(found)
