"""Read workbooks safely: a validated table, or an error that names workbook, sheet, row and column."""

from headway.workbooks.load import load_table
from headway.workbooks.sheet import RawSheet, read_sheet

__all__ = ["RawSheet", "load_table", "read_sheet"]
