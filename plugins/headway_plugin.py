"""The plugin file: the only one of this folder that Airflow executes by itself (see .airflowignore)."""

from __future__ import annotations

from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin
from headway_airflow import listener
from headway_airflow.links import LINKS


class HeadwayPlugin(AirflowPlugin):
    """Register the links, the pools' listener, and the menu entries of the systems around Airflow."""

    name = "headway"
    operator_extra_links: ClassVar[list[Any]] = [link() for link in LINKS]
    listeners: ClassVar[list[Any]] = [listener]
    external_views: ClassVar[list[dict[str, Any]]] = []

    @classmethod
    def on_load(cls, *args: Any, **kwargs: Any) -> None:
        """Fill the menu with the addresses of the settings."""
        from headway_airflow.menu import views

        cls.external_views = views()
