"""The assets between the steps: what each step leaves behind, by its place in the platform."""

from __future__ import annotations

from airflow.sdk import Asset

from headway.core import topics


def _topic(name: str) -> Asset:
    return Asset(name=name, uri=f"headway://kafka/{name}", group="kafka")


STATIONS_TABLE = Asset(name="stations", uri="headway://postgres/transit/stations", group="postgres")
STATIONS = _topic(topics.STATIONS)
STATION_LINES = _topic(topics.STATION_LINES)
SUMMARY = _topic(topics.SUMMARY)
HOURLY = _topic(topics.HOURLY)
RIDERSHIP = _topic(topics.RIDERSHIP)
HEADWAYS = _topic(topics.HEADWAYS)
VERIFIED = Asset(name="verified_results", uri="headway://results/verified", group="results")

EVENTS = {
    "turnstile": _topic(topics.TURNSTILE),
    "arrivals": _topic(topics.ARRIVALS),
    "weather": _topic(topics.WEATHER),
}
