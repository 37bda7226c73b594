"""Sensors wait for something that others do."""

from headway_airflow.sensors.services import ServiceHealthSensor

__all__ = ["ServiceHealthSensor"]
