"""The installer: what counts as installed, what a killed install leaves, what the lock files must look like."""

from __future__ import annotations

import hashlib
import os
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from defusedxml import ElementTree

from headway.errors import RuntimeSetupError
from headway.runtime import artifacts, install
from headway.runtime.artifacts import Artifact, fetch, locked, missing_parts
from headway.runtime.install import LOCKS, Installation, lock_stamp
from headway.runtime.java import (
    Java,
    adapt_wheel_runtime,
    find_java,
    java_version,
    wheel_is_adapted,
    wheel_runtime,
)
from ksqlengine.artifacts import place, stamp

PROJECT = Path(__file__).resolve().parents[3]


def _env(installation: Installation, name: str, lock: str) -> None:
    python = installation.python(name)
    python.parent.mkdir(parents=True)
    python.touch()
    (installation.dir / "envs" / f"{name}.stamp").write_text(lock_stamp(lock))


def test_environment_counts_only_with_the_stamp_of_its_lock(tmp_path: Path) -> None:
    installation = Installation(tmp_path, lambda _: None)
    assert not installation.is_ready("platform", "platform")
    _env(installation, "platform", "platform")
    assert installation.is_ready("platform", "platform")
    assert not installation.is_ready("platform", "dev")


def test_development_environment_serves_the_platform_too(tmp_path: Path) -> None:
    installation = Installation(tmp_path, lambda _: None)
    _env(installation, "platform", "dev")
    assert installation.is_ready("platform", "platform", "dev")


def test_environment_of_a_killed_install_does_not_count(tmp_path: Path) -> None:
    installation = Installation(tmp_path, lambda _: None)
    _env(installation, "platform", "platform")
    with pytest.raises(KeyboardInterrupt), installation._building("platform"):
        raise KeyboardInterrupt
    assert not installation.is_ready("platform", "platform")


def test_killed_environment_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installation = Installation(tmp_path, lambda _: None)
    _env(installation, "faust", "faust")
    half = installation.env("faust") / "half-written"
    half.touch()
    installation._marker("faust").touch()
    commands: list[list[str]] = []
    monkeypatch.setattr(install, "_call", lambda command, *_: commands.append(command))
    installation._make_env("faust", "faust")
    assert not half.exists()
    assert [command[command.index("--quiet") + 1] for command in commands] == ["venv", "pip"]
    assert "--require-hashes" in commands[1]


def test_every_requirement_is_locked_with_a_hash() -> None:
    locks = sorted(LOCKS.glob("*.txt"))
    counted = 0
    for lock in locks:
        if lock.name == "overrides.txt":
            continue
        text = lock.read_text()
        assert "://" not in text, f"{lock.name} names an address"
        for entry in text.replace("\\\n", " ").splitlines():
            if "==" in entry and not entry.lstrip().startswith("#"):
                assert "--hash=sha256:" in entry, f"{lock.name}: {entry[:60]}"
                counted += 1
    assert counted > 200


def test_java_lock_names_every_part_and_no_address() -> None:
    found = locked()
    assert {artifact.part for artifact in found} == {"kafka", "debezium", "engine", "enginetest", "ecj", "spark"}
    assert len(found) > 100
    assert all(len(artifact.sha256) == 64 for artifact in found)
    assert len({(artifact.part, artifact.file_name) for artifact in found}) == len(found)
    assert not [lock for lock in artifacts.LOCKS if "://" in lock.read_text()]


@pytest.mark.parametrize(
    ("line", "file_name"),
    [
        ("kafka a.b:c:1.0 00", "c-1.0.jar"),
        ("kafka a.b:c:1.0:plugin@tar.gz 00", "c-1.0-plugin.tar.gz"),
        ("kafka a.b:c:1.0@zip 00", "c-1.0.zip"),
    ],
)
def test_reads_a_line_of_the_java_lock(tmp_path: Path, line: str, file_name: str) -> None:
    lock = tmp_path / "artifacts.lock"
    lock.write_text(f"# comment\n\n{line}\n")
    assert [artifact.file_name for artifact in locked(lock)] == [file_name]


def test_broken_line_of_the_java_lock_is_named(tmp_path: Path) -> None:
    lock = tmp_path / "artifacts.lock"
    lock.write_text("# comment\nkafka only-two-words\n")
    with pytest.raises(RuntimeSetupError, match=r"artifacts\.lock:2"):
        locked(lock)


def _fake_java(folder: Path, content: bytes) -> Java:
    """A 'java' that retrieves every artefact of the module it is given, as Ivy would."""
    script = folder / "bin" / "java"
    script.parent.mkdir(parents=True)
    script.write_text(
        f"#!{sys.executable}\n"
        "import sys, pathlib, xml.etree.ElementTree as tree\n"
        "root = tree.parse(sys.argv[sys.argv.index('-ivy') + 1]).getroot()\n"
        "lib = pathlib.Path(sys.argv[-1].split('/[conf]')[0])\n"
        "for found in root.iter('dependency'):\n"
        "    part = found.get('conf').split('->')[0]\n"
        "    path = lib / part / (found.get('name') + '-' + found.get('rev') + '.jar')\n"
        "    path.parent.mkdir(parents=True, exist_ok=True)\n"
        f"    path.write_bytes({content!r})\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return Java(folder, 17, "PATH")


def _artifact(module: str, content: bytes, part: str = "kafka") -> Artifact:
    return Artifact(part, "org.example", module, "1.0", "", "jar", hashlib.sha256(content).hexdigest())


def test_fetches_and_verifies_then_has_nothing_left_to_do(tmp_path: Path) -> None:
    java, target = _fake_java(tmp_path / "java", b"bytes"), tmp_path / "jars"
    wanted = [_artifact(f"m{number}", b"bytes") for number in range(5)] + [_artifact("s", b"bytes", "spark")]
    fetch(target, wanted, java, tmp_path / "ivy.jar", lambda _: None)
    assert len(list((target / "kafka").glob("*.jar"))) == 5
    assert len(list((target / "spark").glob("*.jar"))) == 1
    assert missing_parts(target, wanted) == {}
    assert not list(target.glob(".fetch-*"))


def test_refuses_other_bytes_than_locked_and_leaves_no_part(tmp_path: Path) -> None:
    java, target = _fake_java(tmp_path / "java", b"other bytes"), tmp_path / "jars"
    with pytest.raises(RuntimeSetupError, match="not the file that was locked"):
        fetch(target, [_artifact("m", b"bytes")], java, tmp_path / "ivy.jar", lambda _: None)
    assert not (target / "kafka").exists()


def test_says_which_artefact_could_not_be_fetched(tmp_path: Path) -> None:
    script = tmp_path / "bin" / "java"
    script.parent.mkdir()
    script.write_text("#!/bin/sh\necho no route to host; exit 1\n")
    script.chmod(0o755)
    with pytest.raises(RuntimeSetupError, match=r"org\.example:m:1\.0") as caught:
        fetch(tmp_path / "jars", [_artifact("m", b"")], Java(tmp_path, 17, "PATH"), tmp_path / "i.jar", lambda _: None)
    assert "no route to host" in caught.value.where


def test_a_changed_lock_makes_the_part_missing(tmp_path: Path) -> None:
    old, new = _artifact("m", b"old"), _artifact("m", b"new")
    (tmp_path / "kafka").mkdir()
    (tmp_path / "kafka" / ".stamp").write_text(stamp([old]))
    assert missing_parts(tmp_path, [old]) == {}
    assert list(missing_parts(tmp_path, [new])) == ["kafka"]


def test_archive_is_unpacked_into_its_part(tmp_path: Path) -> None:
    inside = tmp_path / "plugin" / "a.jar"
    inside.parent.mkdir()
    inside.write_bytes(b"jar")
    source = tmp_path / "p-1.0-plugin.tar.gz"
    with tarfile.open(source, "w:gz") as archive:
        archive.add(inside.parent, "plugin")
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    folder = tmp_path / "part"
    folder.mkdir()
    place(source, folder, Artifact("d", "o", "p", "1.0", "plugin", "tar.gz", digest))
    assert (folder / "plugin" / "a.jar").read_bytes() == b"jar"


def test_ivy_module_asks_for_exact_files_only() -> None:
    module = ElementTree.fromstring(artifacts._ivy_module([Artifact("d", "o", "m", "1", "plugin", "tar.gz", "0")]))
    dependency = next(module.iter("dependency"))
    assert dependency.get("transitive") == "false"
    found = dependency.find("artifact")
    assert found is not None
    assert found.attrib == {
        "name": "m",
        "type": "tar.gz",
        "ext": "tar.gz",
        "{http://ant.apache.org/ivy/extra}classifier": "plugin",
    }


@pytest.mark.parametrize(("release", "version"), [("17.0.15", 17), ("25", 25), ("1.8.0_402", 8), ("21.0.1+12", 21)])
def test_reads_the_version_of_a_java_runtime(tmp_path: Path, release: str, version: int) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    (tmp_path / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{release}"\n')
    assert java_version(tmp_path) == version


def test_old_java_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").touch()
    (tmp_path / "release").write_text('JAVA_VERSION="11.0.2"\n')
    assert find_java(tmp_path / "install", {"JAVA_HOME": str(tmp_path), "PATH": ""}) is None


def test_wheel_runtime_starts_without_the_module_that_it_lacks(tmp_path: Path) -> None:
    java = wheel_runtime(tmp_path) / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.write_text("#!/usr/bin/env bash\nprintf '%s|' \"$@\"\n", encoding="utf-8")
    java.chmod(0o755)
    adapt_wheel_runtime(tmp_path)
    adapt_wheel_runtime(tmp_path)
    command = [str(java), "--add-modules=jdk.incubator.vector", "-cp", "a b", "Main", ""]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "-cp|a b|Main||"


def test_wheel_s_java_is_adapted_again_after_a_killed_or_another_install(tmp_path: Path) -> None:
    java = wheel_runtime(tmp_path) / "bin" / "java"
    assert wheel_is_adapted(tmp_path), "there is none"
    java.parent.mkdir(parents=True)
    java.write_bytes(b"\x7fELF old")
    java.with_name("java.real").hardlink_to(java)  # killed before the launcher was put there
    for content in (b"\x7fELF old", b"\x7fELF new"):
        java.unlink()
        java.write_bytes(content)
        assert not wheel_is_adapted(tmp_path)
        adapt_wheel_runtime(tmp_path)
        assert wheel_is_adapted(tmp_path)
        assert java.with_name("java.real").read_bytes() == content


def test_launcher_says_what_to_do_without_python_311(tmp_path: Path) -> None:
    for tool in ("bash", "dirname", "readlink", "cat"):
        found = next(Path(folder) / tool for folder in os.defpath.split(":") if (Path(folder) / tool).exists())
        (tmp_path / tool).symlink_to(found)
    text = (PROJECT / "bin" / "headway").read_text()
    for folder in ("/usr/bin/python3.11", "/usr/local/bin/python3.11", "/opt/homebrew/bin/python3.11", "/opt/python"):
        text = text.replace(folder, "/nonexistent")
    script = tmp_path / "bin" / "headway"
    script.parent.mkdir()
    script.write_text(text)
    done = subprocess.run(
        [str(tmp_path / "bash"), str(script), "up"],
        env={"PATH": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Python 3.11 was not found" in done.stderr
    assert "HEADWAY_PYTHON" in done.stderr
