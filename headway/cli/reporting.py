"""Print the report."""

from __future__ import annotations

from headway.settings import Settings


def print_report(settings: Settings) -> None:
    """Print what :mod:`headway.report` builds."""
    from rich.console import Console

    from headway.report import build_report, render  # type: ignore[attr-defined, unused-ignore]

    Console(soft_wrap=True, highlight=False).print(render(build_report(settings)), markup=False)
