"""Write data/transit.xlsx and data/weather.xlsx from the figures in data/network.

Run it from the project's folder: ``python -m data.make_workbooks [--into FOLDER]``. Made twice, the files are byte
for byte the same.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from data.authoring.sheets import transit_sheets, weather_sheets
from data.authoring.xlsx import write_workbook

HERE = Path(__file__).resolve().parent


def make(into: Path) -> list[Path]:
    """Write both workbooks into a folder and give their paths."""
    into.mkdir(parents=True, exist_ok=True)
    transit, weather = into / "transit.xlsx", into / "weather.xlsx"
    write_workbook(transit, "A day of the Chicago 'L'", transit_sheets())
    write_workbook(weather, "A year of Chicago's weather", weather_sheets())
    return [transit, weather]


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=HERE, help="folder to write to (default: data/)")
    begun = time.monotonic()
    for path in make(parser.parse_args().into):
        sys.stdout.write(f"{path}  {path.stat().st_size / 1e6:.2f} MB\n")
    sys.stdout.write(f"made in {time.monotonic() - begun:.1f} s\n")


if __name__ == "__main__":
    main()
