"""Run the benchmarks: ``python -m benchmarks [--quick] [--json FILE] [NAME …]``, one line a result.

A benchmark is a module of this folder with ``run(quick) -> list[Result]``. Those that need a running platform use the
one that the settings name (``bin/headway up``).
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
import time
from pathlib import Path

from benchmarks.result import Result
from headway.errors import HeadwayError

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Give the names of the modules that are benchmarks."""
    files = sorted(FOLDER.glob("*.py"))
    return [file.stem for file in files if "\ndef run(quick: bool" in file.read_text(encoding="utf-8")]


def main() -> int:
    """Run what was asked; 1 when a bar does not hold, 2 when a benchmark could not run."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"all when none is given: {', '.join(names())}")
    parser.add_argument(
        "--quick", action="store_true", help="fewer records and repeats: shows that it runs, no figures"
    )
    parser.add_argument(
        "--json", metavar="FILE", help="also write the results there ('-': standard output, nothing else)"
    )
    asked = parser.parse_args()
    if unknown := set(asked.names) - set(names()):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}; there are: {', '.join(names())}")
    results: list[Result] = []
    failed = False
    for name in asked.names or names():
        try:
            found = importlib.import_module(f"benchmarks.{name}").run(asked.quick)
        except HeadwayError as error:
            failed = True
            print(f"{name}: {error}", file=sys.stderr)
            continue
        results += found
        if asked.json != "-":
            for result in found:
                print(result, flush=True)
    if asked.json:
        machine = {"cores": os.cpu_count(), "python": platform.python_version(), "machine": platform.platform()}
        head = {"when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "quick": asked.quick, **machine}
        text = json.dumps({**head, "results": [result.as_json() for result in results]}, indent=2)
        if asked.json == "-":
            print(text)
        else:
            Path(asked.json).write_text(text + "\n", encoding="utf-8")
    if failed:
        return 2
    return 1 if not asked.quick and any(result.holds is False for result in results) else 0


if __name__ == "__main__":
    sys.exit(main())
