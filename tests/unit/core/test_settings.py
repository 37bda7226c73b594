"""Settings: where they are read from, and places that do not depend on the working directory."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from headway import settings as module
from headway.settings import PREFIX, PROJECT_DIR, Settings


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give an empty project folder, and an environment that says nothing."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(module, "PROJECT_DIR", tmp_path)
    return tmp_path


def test_relative_places_count_from_the_project_wherever_we_are(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(f"{PREFIX}STATE_DIR", "somewhere/state")
    monkeypatch.setenv(f"{PREFIX}REPLAY__FEEDS_FILE", "data/my-feeds.toml")
    settings = Settings()
    assert settings.state_dir == PROJECT_DIR / "somewhere" / "state"
    assert settings.output == PROJECT_DIR / "somewhere" / "state" / "output"
    assert settings.replay.feeds_file == PROJECT_DIR / "data" / "my-feeds.toml"
    assert Settings(data_dir=tmp_path).data_dir == tmp_path


@pytest.mark.parametrize("source", ["environment", "file", "argument"])
def test_secrets_are_read_from_the_state_folder_whoever_names_it(
    project: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    (project / "elsewhere").mkdir()
    (project / "elsewhere" / "secrets.env").write_text(f"{PREFIX}POSTGRES__PASSWORD='made'\n", encoding="utf-8")
    if source == "environment":
        monkeypatch.setenv(f"{PREFIX}STATE_DIR", "elsewhere")
    if source == "file":
        (project / ".env").write_text(f"{PREFIX}STATE_DIR=elsewhere\n", encoding="utf-8")
    settings = Settings(state_dir=Path("elsewhere")) if source == "argument" else Settings()
    assert settings.secrets_file == project / "elsewhere" / "secrets.env"
    assert settings.postgres.password.get_secret_value() == "made"
