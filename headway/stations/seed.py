"""Seed Postgres' ``stations`` from the workbook: after it the table holds exactly the sheet's rows."""

from __future__ import annotations

from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headway.adapters.postgres import transaction
from headway.core.stations import COLUMNS, StationRow, check_together, parse_row
from headway.errors import NotAsExpectedError, WorkbookError
from headway.settings import Settings
from headway.workbooks.sheet import read_sheet

if TYPE_CHECKING:
    from psycopg2.extensions import cursor

WORKBOOK = "transit.xlsx"
SHEET = "Stations"
SCHEMA = Path(__file__).with_name("schema.sql")
_LOCK = 0x5354_4154  # any constant that no other advisory lock of this database uses


@dataclass(frozen=True)
class SeedResult:
    """How many rows a seed inserted, changed and removed, and how many there are now."""

    inserted: int
    updated: int
    deleted: int
    total: int


def read_stations(workbook: Path) -> list[StationRow]:
    """Read and check the sheet ``Stations``; raise :class:`InputError` that names the row and column."""
    sheet = read_sheet(workbook, SHEET)
    place = f"{workbook}, sheet {SHEET!r}"
    headers = {header.partition(" (")[0].strip(): header for header in sheet.columns}
    missing = [name for name in COLUMNS if name not in headers]
    if missing:
        raise WorkbookError(
            f"The stations cannot be used: there is no column {missing[0]}.",
            where=f"{place}, row 1",
            next_step=f"give the sheet the headers {', '.join(COLUMNS)}",
        )
    rows = [
        parse_row({name: cells[headers[name]] for name in COLUMNS}, f"{place}, row {number}")
        for number, cells in zip(sheet.row_numbers.tolist(), sheet.rows(), strict=True)
    ]
    check_together(rows, place)
    return rows


def ensure_schema(settings: Settings) -> None:
    """Create the tables and the publication where they are missing."""
    with transaction(settings) as link, link.cursor() as sql:
        _apply_schema(sql)


def seed_stations(settings: Settings, workbook: Path | None = None) -> SeedResult:
    """Make the table equal to the workbook's sheet, in one transaction; a repeat changes nothing.

    The workbook is checked as a whole before the table is touched. Only rows that differ are written, so that only
    they travel through the change stream. Raises :class:`WorkbookError`, or :class:`UnavailableError` when Postgres
    is away.
    """
    rows = read_stations(workbook or settings.data_dir / WORKBOOK)
    with transaction(settings) as link, link.cursor() as sql:
        _apply_schema(sql)
        return _converge(sql, rows)


def _apply_schema(sql: cursor) -> None:
    # CREATE ... IF NOT EXISTS of two sessions at once collides
    sql.execute("SELECT pg_advisory_xact_lock(%s)", (_LOCK,))
    sql.execute(SCHEMA.read_text(encoding="utf-8"))


def _converge(sql: cursor, rows: list[StationRow]) -> SeedResult:
    from psycopg2.extras import execute_values

    names = ", ".join(f'"{name}"' for name in COLUMNS)
    new = ", ".join(f'excluded."{name}"' for name in COLUMNS)
    old = ", ".join(f'stations."{name}"' for name in COLUMNS)
    upsert = (
        f"INSERT INTO stations ({names}) VALUES %s ON CONFLICT (stop_id) DO UPDATE SET ({names}) = ROW({new})"  # noqa: S608  # our own column names
        f" WHERE ({old}) IS DISTINCT FROM ({new}) RETURNING (xmax = 0)"
    )
    values = [astuple(row)[: len(COLUMNS)] for row in rows]
    written = [inserted for (inserted,) in execute_values(sql, upsert, values, page_size=1000, fetch=True)]
    sql.execute("DELETE FROM stations WHERE stop_id <> ALL(%s)", ([row.stop_id for row in rows],))
    deleted = sql.rowcount
    sql.execute("SELECT count(*) FROM stations")
    total = (sql.fetchone() or (0,))[0]
    if total != len(rows):
        raise NotAsExpectedError(
            f"The table stations has {total} rows after seeding {len(rows)}.",
            where="table stations",
            next_step="see whether a trigger or a rule on the table changes what is written",
        )
    return SeedResult(written.count(True), written.count(False), deleted, total)
