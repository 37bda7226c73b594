"""`python -m ksqlengine.conformance DIR [--rest] [--json FILE] [--only PATTERN]`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def main(arguments: list[str] | None = None) -> int:
    """Run a folder of cases and print what passed; the exit code is 0 when all did."""
    options = argparse.ArgumentParser(prog="python -m ksqlengine.conformance", description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--rest", action="store_true", help="the folder holds REST cases")
    options.add_argument("--json", type=Path, help="write the result to this file")
    options.add_argument("--only", help="run cases whose `file: name` holds or matches this")
    options.add_argument("--quiet", action="store_true", help="print totals only")
    chosen = options.parse_args(arguments)
    result: dict[str, Any]
    if chosen.rest:
        from ksqlengine.conformance import rest

        result = rest.run_folder(chosen.folder, only=chosen.only or "")
    else:
        from ksqlengine.conformance import report

        result = report.run_folder(chosen.folder, chosen.only).to_json()
    if chosen.json:
        chosen.json.write_text(json.dumps(result, indent=1), encoding="utf-8")
    write = sys.stdout.write
    if not chosen.quiet:
        for failure in result["failures"]:
            write(f"FAIL {failure['file']}: {failure['case']}\n      {failure['reason']}\n")
    for feature, counts in (result.get("features") or {}).items():
        if counts["passed"] < counts["total"]:
            write(f"{feature}: {counts['passed']}/{counts['total']}\n")
    for kind in ("positive", "negative"):
        passed, total = result[kind]["passed"], result[kind]["total"]
        write(f"{kind}: {passed} of {total} ({100 * passed / max(total, 1):.1f} %)\n")
    write(f"out of scope: {len(result['out_of_scope'])}; {result.get('seconds')} s\n")
    total = result["positive"]["total"] + result["negative"]["total"]
    return 0 if total and not result["failures"] else 1


if __name__ == "__main__":
    sys.exit(main())
