"""Write the pages of docs/ that are made from the code: settings.md and cli.md."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from pydantic import BaseModel, SecretStr

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from headway.settings import PREFIX, Settings  # noqa: E402  (the project is put on the path first)


def settings_page() -> str:
    """Give docs/settings.md: one row a setting."""
    rows = [
        "# Settings",
        "",
        "Made by `python docs/generate.py` from `headway/settings.py`. Sources, strongest first: the environment,",
        "`.env`, the secrets that the first start generated, these defaults.",
        "`bin/headway config` shows the values in force.",
        "",
        "| variable | default | what |",
        "|---|---|---|",
    ]
    _walk(Settings, PREFIX, rows)
    return "\n".join(rows) + "\n"


def _walk(model: type[BaseModel], prefix: str, rows: list[str]) -> None:
    for name, field in model.model_fields.items():
        variable = prefix + name.upper()
        default = field.get_default(call_default_factory=True)
        if isinstance(default, BaseModel):
            _walk(type(default), variable + "__", rows)
            continue
        if isinstance(default, SecretStr):
            shown = "(secret)"
        elif isinstance(default, Path):
            shown = f"`{default.relative_to(PROJECT)}`"
        else:
            shown = f"`{default}`" if default not in ("", None) else ""
        rows.append(f"| `{variable}` | {shown} | {field.description or ''} |")


def cli_page() -> str:
    """Give docs/cli.md: the help text of every command."""
    import typer

    from headway.cli.app import app

    command = typer.main.get_command(app)
    pages = [
        "# The command line",
        "",
        "Made by `python docs/generate.py` from `headway/cli/`.",
    ]
    _help(command, "headway", pages)
    return "\n".join(pages) + "\n"


def _help(command: object, path: str, pages: list[str]) -> None:
    # the terminal's markup means nothing on a page
    text = re.sub(r"\[/?[a-z]*\]", "", (getattr(command, "help", None) or "").split("\f")[0].strip())
    pages += ["", f"## `{path}`", "", text]
    options = [
        f"- `{', '.join(p.opts)}`: {getattr(p, 'help', None) or ''}".rstrip(": ")
        if p.param_type_name == "option"
        else f"- `{(p.metavar or p.name).upper()}` (argument)"
        for p in getattr(command, "params", [])
        if not getattr(p, "hidden", False) and p.name != "help"
    ]
    if options:
        pages += ["", *options]
    for name, sub in sorted(getattr(command, "commands", {}).items()):
        if not getattr(sub, "hidden", False):
            _help(sub, f"{path} {name}", pages)


PAGES = {"settings.md": settings_page, "cli.md": cli_page}

if __name__ == "__main__":
    for page, make in PAGES.items():
        (PROJECT / "docs" / page).write_text(make(), encoding="utf-8")
