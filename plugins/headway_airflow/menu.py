"""Airflow's menu: the systems around it, at the addresses of the settings."""

from __future__ import annotations

from typing import Any


def views() -> list[dict[str, Any]]:
    """Give the menu entries."""
    from headway.settings import load
    from headway_airflow.links import ConnectLink, KsqlLink, SparkMasterLink

    settings = load()
    addresses = {
        "Spark master": SparkMasterLink().address(settings),
        "Kafka Connect": ConnectLink().address(settings),
        "ksqlDB": KsqlLink().address(settings),
    }
    return [
        {"name": name, "href": href, "destination": "nav", "category": "browse"} for name, href in addresses.items()
    ]
