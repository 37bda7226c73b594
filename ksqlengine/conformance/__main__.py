"""``ksqlengine conformance DIR [--rest] [--json FILE] [--only PATTERN]``: run cases in ksqlDB's format.

Exit code: 0 when every case in scope passed, 1 when one did not, 2 when none ran (no folder, no case, no match).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from rich.console import Console
from rich.text import Text

from ksqlengine.conformance.report import Report
from ksqlengine.shell.layout import Head, fit, header_lines, row_lines

_NOTHING_RAN = 2
_LONGEST_REASON = 1500


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a folder of cases and give the exit code."""
    options = argparse.ArgumentParser(prog="ksqlengine conformance", description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--rest", action="store_true", help="the folder holds REST cases")
    options.add_argument("--json", type=Path, metavar="FILE", help="write the result to this file")
    options.add_argument("--only", default="", metavar="PATTERN", help="cases whose `file: name` holds or matches this")
    options.add_argument("--quiet", action="store_true", help="print totals only")
    chosen = options.parse_args(arguments)
    return run(chosen.folder, rest=chosen.rest, only=chosen.only, json_file=chosen.json, quiet=chosen.quiet)


def run(folder: Path, *, rest: bool, only: str, json_file: Path | None, quiet: bool) -> int:
    """Run the cases of a folder, print what came of it, and give the exit code."""
    console = Console(highlight=False, soft_wrap=True)
    if not folder.is_dir() or not any(folder.rglob("*.json")):
        console.print(Text(f"There is no case (*.json) in {folder}. Next: give the folder of the cases.", style="red"))
        return _NOTHING_RAN
    if rest:
        from ksqlengine.conformance.rest import run_folder as run_them
    else:
        from ksqlengine.conformance.report import run_folder as run_them
    with console.status("reading cases") if console.is_terminal else nullcontext() as status:
        report = run_them(folder, only, lambda done, of: status.update(f"case {done} of {of}") if status else None)
    if json_file is not None:
        json_file.write_text(json.dumps(report.to_json(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    show(console, report, quiet=quiet)
    if not report.ran:
        why = f"no case's `file: name` holds or matches {only!r}" if only else "all are out of scope"
        console.print(Text(f"No case ran: {why}.", style="red"))
        return _NOTHING_RAN
    return 1 if report.failures else 0


def show(console: Console, report: Report, *, quiet: bool = False) -> None:
    """Print failures with their reasons, features, what was left out, and the totals last."""
    width = console.width
    if not quiet:
        for failure in report.failures:
            console.print(Text.assemble(("✗ ", "bold red"), (failure["file"], "bold"), ": ", failure["case"]))
            reason = failure["reason"]
            more = f" … ({len(reason)} characters)" if len(reason) > _LONGEST_REASON else ""
            for line in (reason[:_LONGEST_REASON] + more).splitlines():
                console.print(Text(f"    {line.strip()}", style="dim"))
        _features(console, report, width)
        for reason, count in Counter(left["reason"] for left in report.out_of_scope).most_common():
            console.print(Text(f"out of scope: {count:4}  {reason}", style="dim"))
    for name, (passed, total) in (("positive", report.positive), ("negative", report.negative)):
        share = f"{100 * passed / total:.1f} %" if total else "none"
        style = "green" if passed == total else "yellow"
        console.print(Text.assemble(f"{name}: ", (f"{passed} / {total}", f"bold {style}"), f" ({share})"))
    console.print(f"out of scope: {len(report.out_of_scope)}; {report.seconds:.1f} s")


def _features(console: Console, report: Report, width: int) -> None:
    """Print a table of the features that did not pass whole, and how many did."""
    whole = [name for name, (passed, total) in report.features.items() if passed == total]
    partly = sorted(
        ((name, passed, total) for name, (passed, total) in report.features.items() if passed < total),
        key=lambda item: (item[1] / item[2], item[0]),
    )
    if partly:
        heads = [Head("feature"), Head("passed", "INT"), Head("of", "INT"), Head("%", "INT")]
        rows = [[name, str(p), str(t), f"{100 * p / t:.0f}"] for name, p, t in partly]
        widths = fit(heads, rows, width) or [24, 6, 4, 3]
        console.print()
        for line in header_lines(heads, widths):
            console.print(line)
        for row in rows:
            for line in row_lines(heads, row, widths, wrap=True):
                console.print(line)
    if whole:
        console.print(f"{'the other ' if partly else ''}{len(whole)} features passed whole", style="green")


if __name__ == "__main__":
    sys.exit(main())
