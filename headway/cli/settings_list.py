"""Every setting as a row: variable, value, description."""

from __future__ import annotations

from pydantic import BaseModel, SecretStr

from headway.settings import PREFIX, Settings


def list_settings(settings: Settings) -> list[tuple[str, str, str]]:
    """Give (variable, value, description) of every setting, secrets masked, in the order of the classes."""
    return list(_rows(settings, PREFIX))


def _rows(model: BaseModel, prefix: str) -> list[tuple[str, str, str]]:
    rows = []
    for name, field in type(model).model_fields.items():
        value, variable = getattr(model, name), f"{prefix}{name.upper()}"
        if isinstance(value, BaseModel):
            rows += _rows(value, f"{variable}__")
        elif isinstance(value, SecretStr):
            rows.append((variable, "********" if value.get_secret_value() else "", field.description or ""))
        else:
            rows.append((variable, "" if value is None else str(value), field.description or ""))
    return rows
