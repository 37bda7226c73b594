"""The docs say what the code says."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

PROJECT = Path(__file__).resolve().parents[2]
PAGES = sorted([PROJECT / "README.md", PROJECT / "CHANGELOG.md", *(PROJECT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\((?!https?:|#|mailto:)([^)#\s]+)")


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_generate", PROJECT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("page", ["settings.md", "cli.md"])
def test_generated_page_is_up_to_date(page: str) -> None:
    expected = _generator().PAGES[page]()
    assert (PROJECT / "docs" / page).read_text(encoding="utf-8") == expected, "run `python docs/generate.py`"


def test_every_setting_says_what_it_is() -> None:
    rows = [line for line in _generator().settings_page().splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    assert [row for row in rows if row.endswith("|  |")] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    broken = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if not (page.parent / link).exists()]
    assert broken == []


def test_no_registry_address_or_machine_path_is_committed() -> None:
    import subprocess

    files = subprocess.run(["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, check=True).stdout.split(b"\0")
    # the words are put together here, so that this file does not find itself
    hosts = ["pypi" + ".org", "files.python" + "hosted", "repo1." + "maven", "registry." + "npmjs", "/work" + "/main"]
    assert len(files) > 50
    found = []
    for name in filter(None, files):
        path = PROJECT / name.decode()
        if path.suffix in {".xlsx", ".png"} or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="replace")
        found += [f"{name.decode()}: {host}" for host in hosts if host in text]
    assert found == []
