"""The forms: what a person who triggers a DAG is asked, and what is refused before anything runs."""

from __future__ import annotations

import os
import re
from typing import Any

from airflow.sdk import Param

from headway.settings import PREFIX, ReplaySettings, SparkSettings

_WHOLE_HOUR = r"^\d{4}-\d{2}-\d{2}T\d{2}:00(:00(\.0+)?)?(Z|[+-]\d{2}:?00)$"
_SPEED = r"^(max|[0-9]{1,6}(\.[0-9]+)?)$"
_MEMORY = r"^[1-9][0-9]{0,5}[mMgG]$"
_COORDINATES = r"^([\w.\-]+:[\w.\-]+:[\w.\-]+(,[\w.\-]+:[\w.\-]+:[\w.\-]+)*)?$"

# What has no section is in the one that is open from the start.
_CLUSTER, _TUNING = "What Spark gets", "Spark tuning"


def _default(section: str, name: str, default: Any) -> Any:
    """Give a setting's default, or what the environment says instead (reading .env would be I/O while parsing)."""
    value = os.environ.get(f"{PREFIX}{section}__{name}".upper())
    return type(default)(value) if value else default


def _spark(name: str) -> Any:
    return _default("spark", name, SparkSettings.model_fields[name].default)


def _ask(default: Any, *, description: str, **schema: Any) -> Param:
    """Make a question; its description is Markdown on the form, plain text elsewhere."""
    plain = re.sub(r"[*`]", "", description)
    return Param(default, description=plain, description_md=description, **schema)


def range_params() -> dict[str, Param]:
    """Ask for the simulated range."""
    return {
        "start": _ask(
            "2026-03-02T06:00:00Z",
            type="string",
            format="date-time",
            pattern=_WHOLE_HOUR,
            title="First simulated hour",
            description="Start of the range, on a **whole UTC hour**. 06:00 UTC is midnight in Chicago in winter.",
        ),
        "end": _ask(
            "2026-03-03T06:00:00Z",
            type="string",
            format="date-time",
            pattern=_WHOLE_HOUR,
            title="End of the range",
            description="On a **whole UTC hour**, itself not included. Hours delivered before are not sent again.",
        ),
    }


def replay_params() -> dict[str, Param]:
    """Ask for the range, the speed and the seed."""
    return {
        **range_params(),
        "speed": _ask(
            "max",
            type="string",
            pattern=_SPEED,
            examples=["max", "3600", "600", "60", "10", "1"],
            values_display={
                "max": "max: as fast as it goes",
                "3600": "3600: an hour a second",
                "600": "600: a day in 2.4 minutes",
                "60": "60: a minute a second",
                "10": "10: ten times real time",
                "1": "1: real time",
            },
            title="Speed",
            description="**max**, or how many simulated seconds pass in one. It changes the pacing, never the content.",
        ),
        "seed": _ask(
            _default("replay", "seed", ReplaySettings.model_fields["seed"].default),
            type="integer",
            minimum=0,
            maximum=2**31 - 1,
            title="Seed of the disturbances",
            description="Same seed, same bytes. Another seed than the ledger's needs `transit_new_generation` first.",
        ),
    }


def _memory(default: str, title: str, description: str) -> Param:
    return _ask(
        default,
        type="string",
        pattern=_MEMORY,
        examples=["512m", "768m", "1g", "2g", "4g"],
        title=title,
        description=description + " A number and `m` or `g`; Spark needs 512m at least.",
        section=_CLUSTER,
    )


def _count(default: int, most: int, section: str, title: str, description: str) -> Param:
    return _ask(default, type="integer", minimum=1, maximum=most, title=title, description=description, section=section)


def spark_params() -> dict[str, Param]:
    """Ask for the job's memory, cores and tuning."""
    return {
        "driver_memory": _memory(_spark("driver_memory"), "Driver memory", "Heap of the driver."),
        "executor_memory": _memory(_spark("executor_memory"), "Executor memory", "Heap of each executor."),
        "executor_cores": _count(
            _spark("executor_cores"), 16, _CLUSTER, "Cores per executor", "Tasks at a time in one."
        ),
        "total_executor_cores": _count(
            _spark("total_executor_cores"), 64, _CLUSTER, "Total cores", "Of all executors together: `spark.cores.max`."
        ),
        "shuffle_partitions": _count(
            _spark("shuffle_partitions"),
            1000,
            _TUNING,
            "Shuffle partitions",
            "`spark.sql.shuffle.partitions`; a stream keeps the number that its checkpoint began with.",
        ),
        "default_parallelism": _count(4, 1000, _TUNING, "Default parallelism", "`spark.default.parallelism`."),
        "memory_fraction": _ask(
            0.6,
            type="number",
            minimum=0.1,
            maximum=0.9,
            title="Memory fraction",
            description="`spark.memory.fraction`: the part of the heap for execution and storage.",
            section=_TUNING,
        ),
        "packages": _ask(
            "",
            type=["null", "string"],
            pattern=_COORDINATES,
            title="More packages",
            description="Maven coordinates, comma between: `group:artifact:version`. Kafka's are there already.",
            section=_TUNING,
        ),
    }
