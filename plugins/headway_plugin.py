"""The plugin file: the only one of this folder that Airflow executes by itself (see .airflowignore)."""

from __future__ import annotations

from typing import Any

from airflow.plugins_manager import AirflowPlugin
from headway_airflow import listener
from headway_airflow.links import LINKS


class HeadwayPlugin(AirflowPlugin):
    """Register the links, the pools' listener, and the menu entries of the systems around Airflow."""

    name = "headway"
    operator_extra_links: list[Any] = [link() for link in LINKS]  # noqa: RUF012 Airflow reads class attributes
    listeners: list[Any] = [listener]  # noqa: RUF012
    external_views: list[Any] = []  # noqa: RUF012

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Fill the menu with the addresses of the settings."""
        from headway_airflow.menu import views

        cls.external_views = views()
