"""Validated load of the shipped sheets against raw python-calamine, in one run, alternating.

Raw is what reading costs without asking anything of the cells: open, parse, all rows as Python lists. Validated is
what a replay does: archive check, child process under limits, each cell typed and checked, identities, order. No cache.
"""

from __future__ import annotations

import sys
import time

import python_calamine

from benchmarks.result import Result
from headway.core.feeds import load_feeds
from headway.settings import load
from headway.workbooks import load_table

BAR = 2.0


def run(quick: bool) -> list[Result]:
    """Measure each shipped feed's sheet."""
    settings = load()
    results = []
    for feed in load_feeds(settings.replay.feeds_file).values():
        path = str(feed.workbook_path(settings.data_dir))
        ratios, validated, raw, rows = [], [], [], 0
        for _ in range(2 if quick else 7):
            began = time.perf_counter()
            python_calamine.CalamineWorkbook.from_path(path).get_sheet_by_name(feed.sheet).to_python()
            between = time.perf_counter()
            rows = len(load_table(feed, settings.data_dir, settings.timezone))
            ended = time.perf_counter()
            raw.append(between - began)
            validated.append(ended - between)
            ratios.append(validated[-1] / raw[-1])
        details = {"rows": rows, "raw_s": round(min(raw), 3), "validated_s": round(min(validated), 3)}
        results.append(Result(f"workbook load / raw calamine: {feed.name}", ratios, BAR, False, details))
    return results


if __name__ == "__main__":
    for result in run("--quick" in sys.argv):
        print(result)
