"""How the engine gets its jars: from where, and what counts."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from ksqlengine import artifacts, jvm, maven
from ksqlengine.artifacts import Artifact, fetch, missing_parts, read_lock
from ksqlengine.cli import main
from ksqlengine.errors import KsqlError, SetupError

MIRROR = """<settings xmlns="http://maven.apache.org/SETTINGS/1.2.0"><mirrors>
<mirror><id>a</id><mirrorOf>{of}</mirrorOf><url>https://mirror.example/maven</url></mirror></mirrors></settings>"""


def in_repository(folder: Path, content: bytes = b"jar") -> Artifact:
    """Put an artefact into a folder laid out as a Maven repository."""
    file = folder / "org" / "example" / "thing" / "1.0" / "thing-1.0.jar"
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
    return Artifact("engine", "org.example", "thing", "1.0", "", "jar", hashlib.sha256(b"jar").hexdigest())


def test_lock_holds_what_the_engine_needs_and_no_address() -> None:
    locked = read_lock()
    assert {a.part for a in locked} == {"engine", "enginetest", "ecj"}
    assert len(locked) == 15
    assert "://" not in artifacts.LOCK.read_text()


def test_takes_jars_from_a_folder_that_is_a_maven_repository(tmp_path: Path) -> None:
    wanted = [in_repository(tmp_path / "maven")]
    fetch(tmp_path / "jars", wanted, maven.transport(str(tmp_path / "maven"), tmp_path / "m2"), lambda _: None)
    assert (tmp_path / "jars" / "engine" / "thing-1.0.jar").read_bytes() == b"jar"
    assert missing_parts(tmp_path / "jars", wanted) == {}


def test_takes_what_maven_has_already_fetched(tmp_path: Path) -> None:
    wanted = [in_repository(tmp_path / "m2" / "repository")]
    fetch(tmp_path / "jars", wanted, maven.transport("https://127.0.0.1:1", tmp_path / "m2"), lambda _: None)
    assert missing_parts(tmp_path / "jars", wanted) == {}


def test_other_bytes_than_locked_do_not_count(tmp_path: Path) -> None:
    wanted = [in_repository(tmp_path / "maven", b"other")]
    with pytest.raises(SetupError, match="not there as locked"):
        fetch(tmp_path / "jars", wanted, maven.transport(str(tmp_path / "maven"), tmp_path / "m2"), lambda _: None)
    assert not (tmp_path / "jars" / "engine").exists()


def test_says_that_a_repository_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no such Maven repository"):
        maven.transport(str(tmp_path / "missing"), tmp_path)


@pytest.mark.parametrize(
    ("of", "address"),
    [
        ("central", "https://mirror.example/maven"),
        ("*", "https://mirror.example/maven"),
        ("external:*,!snapshots", "https://mirror.example/maven"),
        ("*,!central", ""),
        ("other", ""),
    ],
)
def test_finds_the_mirror_of_central_in_mavens_settings(tmp_path: Path, of: str, address: str) -> None:
    settings = tmp_path / "settings.xml"
    settings.write_text(MIRROR.format(of=of))
    assert maven.mirror_of_central(settings) == address


def test_broken_settings_of_maven_are_named(tmp_path: Path) -> None:
    settings = tmp_path / "settings.xml"
    settings.write_text("<settings>")
    with pytest.raises(SetupError, match=r"settings\.xml"):
        maven.mirror_of_central(settings)


def test_missing_jars_name_the_command_that_brings_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KSQLENGINE_JARS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    with pytest.raises(KsqlError, match="python -m ksqlengine install"):
        jvm.jars_directory()


def test_jars_of_another_version_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KSQLENGINE_JARS", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    (tmp_path / "ksqlengine" / "java" / "engine").mkdir(parents=True)
    with pytest.raises(KsqlError, match="not those of this version"):
        jvm.jars_directory()


def test_passes_over_an_old_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (("old", "11.0.2"), ("new", "21.0.1")):
        (tmp_path / name / "bin").mkdir(parents=True)
        (tmp_path / name / "bin" / "java").touch(mode=0o755)
        (tmp_path / name / "release").write_text(f'JAVA_VERSION="{version}"\n')
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "old"))
    monkeypatch.setenv("PATH", str(tmp_path / "new" / "bin"))
    assert jvm.java_home() == tmp_path / "new"
    monkeypatch.setenv("PATH", "")
    with pytest.raises(KsqlError, match=r"Java 17 or newer is needed \(found: 11 in"):
        jvm.java_home()


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--help"], 0, "conformance"),
        ([], 2, "conformance"),
        (["bogus"], 2, "no command 'bogus'"),
        (["run", "/no/such.sql"], 1, "There is no file /no/such.sql"),
        (["install", "--repository", "/no/such"], 1, "no such Maven repository"),
    ],
)
def test_command_line_says_what_is_wrong(
    arguments: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    if arguments[:1] == ["install"]:
        arguments = [*arguments, "--jars", str(tmp_path)]
    assert main(arguments) == code
    out = capsys.readouterr()
    assert said in out.out + out.err


def test_forgets_compiled_runtimes_that_nobody_starts_and_nothing_else(tmp_path: Path) -> None:
    for name in ("old", "used", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ("ksqlengine.jar" if name != "other" else "precious")).touch()
    for name in ("old", "other"):
        os.utime(tmp_path / name, (1, 1))
    jvm._prune(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "used"]
