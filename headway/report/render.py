"""Show a report: coloured in a terminal, plain elsewhere."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from headway.report.model import Report

if TYPE_CHECKING:
    from rich.console import RenderableType

WIDTH = 100
BAR = 22
# The lines' own colours, legible on dark and light.
COLOURS = {
    "red": "#e0243f",
    "blue": "#1f9fdd",
    "green": "#1fae5a",
    "brown": "#a5693c",
    "orange": "#f4682f",
    "pink": "#e27ea6",
    "purple": "#8a63c9",
    "yellow": "#d9b700",
}
SHORT = {
    "red": "Rd",
    "blue": "Bl",
    "green": "Gn",
    "brown": "Br",
    "orange": "Or",
    "pink": "Pk",
    "purple": "Pr",
    "yellow": "Yl",
}


class Rendered:
    """A report ready to show: ``str()`` is plain text, rich prints it with colours."""

    def __init__(self, report: Report) -> None:
        self.report = report

    def __rich__(self) -> RenderableType:
        """Give the coloured form."""
        return _group(self.report)

    def __str__(self) -> str:
        out = Console(file=io.StringIO(), width=WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
        out.print(self)
        text = out.file.getvalue() if isinstance(out.file, io.StringIO) else ""
        return "\n".join(line.rstrip() for line in text.splitlines()) + "\n"


def render(report: Report) -> Rendered:
    """Make a report showable, 100 columns wide."""
    return Rendered(report)


def _group(report: Report) -> Group:
    parts: list[RenderableType] = [
        _title(f"Headway, generation {report.generation}"),
        _section("What was delivered", _feeds(report)),
    ]
    if report.stations:
        parts.append(_section(f"Busiest stations of {report.entries:,} entries (KSQL)", _stations(report)))
    if report.lines:
        parts.append(_section("Lines (riders: KSQL; trains: Spark)", _lines(report)))
    if report.weather:
        parts.append(_section("Weather", _weather(report)))
    if report.spark:
        parts.append(_section("Spark", _spark(report)))
    if report.missing:
        parts.append(_section("Not in this report", _pairs(tuple(report.missing.items()))))
    parts.append(_section("Where to look next", _pairs(report.places)))
    return Group(*parts)


def _title(text: str) -> Text:
    return Text(f"\n{text}\n{'━' * len(text)}", style="bold")


def _section(name: str, body: RenderableType) -> Group:
    return Group(Text(f"\n{name}", style="bold cyan"), Padding(body, (0, 0, 0, 2)))


def _table(*columns: tuple[str, str]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), header_style="dim", show_edge=False)
    for name, side in columns:
        table.add_column(name, justify="right" if side == ">" else "left", no_wrap=True)
    return table


def _feeds(report: Report) -> RenderableType:
    if not any(feed.delivered or feed.rejected for feed in report.feeds):
        return Text("Nothing yet. `bin/headway run` replays a day.")
    table = _table(("feed", "<"), ("delivered", ">"), ("rejected", ">"), ("hours", ">"), ("of simulated time", "<"))
    for feed in report.feeds:
        span = ""
        if feed.first_hour is not None and feed.last_hour is not None:
            span = f"{_hour(feed.first_hour)} – {_hour(feed.last_hour + 3_600_000)} UTC"
        rejected = Text(f"{feed.rejected:,}", style="yellow" if feed.rejected else "dim")
        table.add_row(feed.name, f"{feed.delivered:,}", rejected, f"{feed.hours:,}", Text(span, style="dim"))
    return table


def _stations(report: Report) -> Table:
    table = _table(("station", "<"), ("entries", ">"), ("", "<"), ("busiest hour", "<"), ("lines", "<"))
    most = max(station.entries for station in report.stations)
    for station in report.stations:
        peak = ""
        if station.peak_hour is not None:
            peak = f"{_local(station.peak_hour, report.timezone)}  {station.peak_entries:>6,}"
        table.add_row(
            station.name,
            f"{station.entries:,}",
            _bar(station.entries, most, "cyan", 10),
            peak,
            Text(" ").join(Text(SHORT.get(line, line), style=COLOURS.get(line, "")) for line in station.lines),
        )
    return table


def _lines(report: Report) -> Table:
    table = _table(("line", "<"), ("entries", ">"), ("", "<"), ("mean headway", ">"), ("on time", ">"))
    most = max(line.entries for line in report.lines)
    for line in report.lines:
        colour = COLOURS.get(line.name, "")
        table.add_row(
            Text(line.name, style=colour),
            f"{line.entries:,}",
            _bar(line.entries, most, colour),
            f"{line.headway_s / 60:.1f} min" if line.headway_s is not None else "–",
            f"{100 * line.on_time:.1f} %" if line.on_time is not None else "–",
        )
    return table


def _weather(report: Report) -> Text:
    weather = report.weather
    if weather is None:
        return Text("")
    shares = ", ".join(f"{status.replace('_', ' ')} {count / weather.hours:.0%}" for status, count in weather.statuses)
    return Text(
        f"{weather.low_c:.1f} to {weather.high_c:.1f} °C, mean {weather.mean_c:.1f} °C; "
        f"{weather.precipitation_mm:.1f} mm in {weather.hours:,} hours\n{shares}"
    )


def _spark(report: Report) -> Text:
    spark = report.spark
    if spark is None:
        return Text("")
    late = f"\n{spark.dropped_late:,} events came too late and are not in the results" if spark.dropped_late else ""
    batches = f"{spark.batches:,} batch{'es' if spark.batches != 1 else ''}"
    best = f", at best {spark.peak_rows_per_s:,.0f}" if spark.batches > 1 else ""
    return Text(
        f"{spark.rows:,} rows in {batches}, {spark.busy_s:.1f} s: {spark.rows_per_s:,.0f} rows/s{best}\n"
        f"{spark.state_rows:,} rows of state; most time in {spark.slowest_phase or '–'}; "
        f"job {spark.job}, {spark.trigger}{late}"
    )


def _pairs(pairs: tuple[tuple[str, str], ...]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(Text(name, style="dim"), Text(value))
    return table


def _bar(value: int, most: int, colour: str, width: int = BAR) -> Text:
    return Text("█" * max(1, round(width * value / most)) if value else "", style=colour)


def _hour(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M")


def _local(ms: int, timezone: str) -> str:
    return datetime.fromtimestamp(ms / 1000, ZoneInfo(timezone)).strftime("%d %b %H:%M")
