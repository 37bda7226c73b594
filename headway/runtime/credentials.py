"""Make the passwords and keys of a new platform, once."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from headway.settings import PREFIX, Settings, load

_PASSWORD_BYTES = 18


def ensure_credentials(settings: Settings) -> Settings:
    """Write ``secrets.env`` (mode 600) with what neither the user nor an earlier start gave; give the settings again.

    What is there is never changed: Postgres and Airflow hold the same values in their own stores.
    """
    missing = {
        "POSTGRES__PASSWORD": settings.postgres.password,
        "AIRFLOW__PASSWORD": settings.airflow.password,
        "AIRFLOW__JWT_SECRET": settings.airflow.jwt_secret,
        "AIRFLOW__FERNET_KEY": settings.airflow.fernet_key,
    }
    empty = [name for name, value in missing.items() if not value.get_secret_value()]
    if not empty:
        return settings
    there = _names(settings.secrets_file)  # these settings may be older than the file
    made = {name: _new(name) for name in empty if name not in there}
    if made:
        _append(settings.secrets_file, made)
    load.cache_clear()
    return load()


def _names(path: Path) -> set[str]:
    if not path.is_file():
        return set()
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.split("=", 1)[0].removeprefix(PREFIX) for line in lines if line.startswith(PREFIX)}


def _new(name: str) -> str:
    if name.endswith("FERNET_KEY"):
        return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    return secrets.token_urlsafe(64 if name.endswith("JWT_SECRET") else _PASSWORD_BYTES)


def _append(path: Path, values: dict[str, str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    old = (
        path.read_text(encoding="utf-8")
        if path.is_file()
        else "# Made at the first start; `headway reset` forgets it.\n"
    )
    text = old + "".join(f"{PREFIX}{name}='{value}'\n" for name, value in values.items())
    temporary = path.with_suffix(".tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    temporary.replace(path)
