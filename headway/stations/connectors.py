"""Connector files: ``connect/*.json`` with ``${section.field}`` placeholders filled from the settings."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from headway.errors import SettingsError
from headway.settings import PROJECT_DIR, Settings

CONNECT_DIR = PROJECT_DIR / "connect"
STATIONS_CONNECTOR = CONNECT_DIR / "stations.json"
_PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")


def load_connector(settings: Settings, path: Path = STATIONS_CONNECTOR) -> tuple[str, dict[str, str]]:
    """Read a connector file; give its name and its configuration with every placeholder filled.

    Raises :class:`SettingsError` that names the file and key when the file is not a connector, or a placeholder is no
    setting. The configuration holds the database's password: never log it.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        name, config = content["name"], content["config"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingsError(
            f"The connector file cannot be used: {type(error).__name__}: {error}.",
            where=str(path),
            next_step='give it the form {"name": "...", "config": {...}}',
        ) from error
    return name, {key: _fill(settings, str(value), f"{path}, key {key}") for key, value in config.items()}


def _fill(settings: Settings, text: str, where: str) -> str:
    return _PLACEHOLDER.sub(lambda match: _setting(settings, match.group(1), where), text)


def _setting(settings: Settings, dotted: str, where: str) -> str:
    if dotted == "postgres.connect_host":
        return settings.postgres.connect_host or settings.postgres.host
    if dotted == "postgres.connect_port":
        return str(settings.postgres.connect_port or settings.postgres.port)
    value: Any = settings
    for part in dotted.split("."):
        if not isinstance(value, BaseModel) or part not in type(value).model_fields:
            raise SettingsError(
                f"The placeholder ${{{dotted}}} is not a setting.",
                where=where,
                next_step="`headway config` lists every setting",
            )
        value = getattr(value, part)
    return value.get_secret_value() if isinstance(value, SecretStr) else str(value)
