"""Parquet tables whose partitions are replaced whole, one atomic rename each.

A partition is one file, ``<table>/<column>=<value>/part.parquet``. A reader sees the old or the new file, never half of
one and never none; a crash between two partitions leaves some old and some new, and the batch, run again, replaces all.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pyspark.sql import functions as F  # noqa: N812 - the field's own name for it
from pyspark.sql.types import StructType

from headway.errors import NotAsExpectedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from pyspark.sql import DataFrame, SparkSession

FILE = "part.parquet"


@dataclass(frozen=True)
class PartitionedTable:
    """One table: its folder (shared by driver and executors), schema and partition column."""

    folder: Path
    schema: str
    column: str

    def partitions(self) -> set[str]:
        """List the partitions that exist."""
        return {path.parent.name.partition("=")[2] for path in self.folder.glob(f"{self.column}=*/{FILE}")}

    def read(self, spark: SparkSession, values: Collection[str] | None = None) -> DataFrame:
        """Read some partitions (all when None); those that do not exist are empty."""
        wanted = self.partitions() if values is None else self.partitions() & set(values)
        paths = [f"{self.folder}/{self.column}={value}/{FILE}" for value in sorted(wanted)]
        if not paths:
            return empty(spark, self.schema)
        return spark.read.schema(self.schema).option("basePath", str(self.folder)).parquet(*paths)

    def replace(self, rows: DataFrame, staging: Path) -> set[str]:
        """Write ``rows`` in place of the partitions they belong to; give the partitions replaced.

        ``rows`` must hold each of those partitions whole; persist them first, for one task writes them all. They may
        have been read from this very table.
        """
        shutil.rmtree(staging, ignore_errors=True)
        rows.coalesce(1).write.partitionBy(self.column).parquet(str(staging))
        replaced = set()
        for made in sorted(staging.glob(f"{self.column}=*")):
            files = list(made.glob("*.parquet"))
            if len(files) != 1:
                raise NotAsExpectedError(
                    f"A partition was written as {len(files)} files instead of one.",
                    where=str(made),
                    next_step="unset spark.sql.files.maxRecordsPerFile and run the job again",
                )
            target = self.folder / made.name
            target.mkdir(parents=True, exist_ok=True)
            files[0].replace(target / FILE)
            replaced.add(made.name.partition("=")[2])
        shutil.rmtree(staging, ignore_errors=True)
        return replaced


def empty(spark: SparkSession, schema: str) -> DataFrame:
    """Give no rows in a form that the optimiser sees through (joins with it vanish from the plan)."""
    columns = StructType.fromDDL(schema).fields  # type: ignore[attr-defined] # a list of columns gives a struct
    nulls = [F.lit(None).cast(column.dataType).alias(column.name) for column in columns]
    return spark.range(1).select(*nulls).where(F.lit(False))
