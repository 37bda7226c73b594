"""Make the timetable: every train's arrival at every station, from checkpoint headways and run times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from data.authoring import figures
from data.authoring.figures import Line, Service
from data.authoring.network import Branch, branches

HOUR, DAY = 3_600, 86_400
# Clock hours before this one belong to the night that the service day began in.
NIGHT_ENDS = 3
MIN_LAYOVER_S = 120
# Weekday peaks in which Purple trains run through to the Loop, by their time at South Boulevard (assumption).
EXPRESS = ((5 * HOUR, 9 * HOUR), (14 * HOUR, 18 * HOUR + 900))
LOOP = -1  # the terminal of trains that end or begin in the Loop


@dataclass(frozen=True)
class Stop:
    """A call of a trip, or of a pattern when ``time`` counts from the checkpoint (s)."""

    station_id: int
    direction: str
    time: int


@dataclass(frozen=True)
class Trip:
    """One train's way from terminal to terminal; times are seconds of the service day, below 0 and past 86,400 too."""

    day_type: str
    line: str
    trip_id: str
    train_id: str
    stops: tuple[Stop, ...]
    goes_on: bool = False  # the train goes on as another trip: riders board at the last stop too


def passes(service: Service) -> list[int]:
    """Give the seconds at which trains pass the checkpoint: the counts, first and last trains of ``service``.

    Hour 0 counts the night's tail (00:xx, from ``first``) and the day's end (24:xx, up to ``last``) together. The
    tail chains forward from the first train; the day chains so that it ends at the last one; where no hour is
    without trains both are one chain, stretched to fit (by less than 2 %).
    """
    count0, mean0 = service.hours.get(0, (0, None))
    late = 0
    if count0 and service.last >= DAY:
        late = min(count0, int((service.last - DAY) // (60 * (mean0 or 60.0))) + 1)
    buckets = [(0, count0 - late, mean0)] + [(h, *service.hours.get(h, (0, None))) for h in range(1, 24)]
    buckets.append((24, late, mean0))
    segments: list[list[float]] = [[]]
    for hour, count, mean in buckets:
        if not count and 0 < hour < 24 and segments[-1]:
            segments.append([])
        segments[-1].extend([60 * (mean or 0.0)] * count)
    segments = [segment for segment in segments if segment]
    if len(segments) == 1:
        gaps = segments[0][:-1]
        stretch = (service.last - service.first) / sum(gaps)
        return _chain(service.first, [gap * stretch for gap in gaps])
    tail, day = segments
    day_start = service.last - sum(day[:-1])
    return _chain(service.first, tail[:-1]) + _chain(day_start, day[:-1])


def _chain(start: float, gaps: list[float]) -> list[int]:
    times, at = [_half_minute(start)], start
    for gap in gaps:
        at += gap
        times.append(_half_minute(at))
    return times


def _half_minute(second: float) -> int:
    return int(second / 30 + 0.5) * 30


def _pattern(calls: list[tuple[int, str, float]], checkpoint: int) -> tuple[Stop, ...]:
    """Count the calls' run times (s) from the first call at the checkpoint."""
    at, times = 0.0, []
    for _station, _direction, run in calls:
        at += run
        times.append(int(at + 0.5))
    zero = next(time for (station, *_), time in zip(calls, times, strict=True) if station == checkpoint)
    return tuple(
        Stop(station, direction, time - zero) for (station, direction, _), time in zip(calls, times, strict=True)
    )


def _two_ways(line: Line, branch: Branch, scale: float, last: int) -> tuple[tuple[Stop, ...], tuple[Stop, ...]]:
    """Give the patterns of a train up to order ``last`` and of one back from it (from the Loop's exit if it turns)."""
    out = [(branch.stations[i], line.forward, branch.run_s[i] * scale) for i in range(last + 1)]
    turn = min(last, branch.exit)
    back = [(branch.stations[turn], line.back, 0.0)]
    back += [(branch.stations[i], line.back, branch.run_s[i + 1] * scale) for i in range(turn - 1, -1, -1)]
    assert line.back_checkpoint is not None  # noqa: S101 - only lines that turn in the Loop have none
    return _pattern(out, line.forward_checkpoint), _pattern(back, line.back_checkpoint)


def _round_trip(line: Line, branch: Branch) -> tuple[Stop, ...]:
    """Give the pattern of a train that goes in, round the Loop, and out again.

    The part beyond the checkpoint is scaled to the minutes seen there, the outer part to the rest of the cycle.
    """
    cp = branch.stations.index(line.forward_checkpoint)
    inner_out = sum(branch.run_s[cp + 1 :])
    inner_back = sum(branch.run_s[cp + 1 : branch.exit + 1])
    loop_s = 60 * (line.loop_min or 0.0)
    inner = loop_s / (inner_out + branch.exit_run_s + inner_back)
    outer = (60 * (line.cycle_min - line.layover_min) - loop_s) / (2 * sum(branch.run_s[: cp + 1]))
    scale = [outer if i <= cp else inner for i in range(len(branch.stations))]
    calls = [(s, line.forward, branch.run_s[i] * scale[i]) for i, s in enumerate(branch.stations)]
    calls.append((branch.stations[branch.exit], line.back, branch.exit_run_s * inner))
    calls += [
        (branch.stations[i], line.back, branch.run_s[i + 1] * scale[i + 1]) for i in range(branch.exit - 1, -1, -1)
    ]
    return _pattern(calls, line.forward_checkpoint)


@dataclass(frozen=True)
class _Run:
    way: str
    begins: int
    ends: int
    stops: tuple[Stop, ...]


def _run(way: str, pattern: tuple[Stop, ...], at: int, begins: int = 0, ends: int = 0) -> _Run:
    stops = tuple(Stop(stop.station_id, stop.direction, stop.time + at) for stop in pattern)
    return _Run(way, begins or stops[0].station_id, ends or stops[-1].station_id, stops)


def _runs(day_type: str, line: Line, ways: list[Branch]) -> list[_Run]:
    forward = passes(figures.services()[day_type, line.name, "forward"])
    if line.loop:
        pattern = _round_trip(line, ways[0])
        return [_run(line.forward, pattern, at) for at in forward]
    backward = passes(figures.services()[day_type, line.name, "back"])
    if line.name == "purple":
        return _purple_runs(day_type, line, ways[0], forward, backward)
    scale = 60 * (line.cycle_min - line.layover_min) / (2 * sum(ways[0].run_s))
    patterns = [_two_ways(line, branch, scale, len(branch.stations) - 1) for branch in ways]
    runs = []
    for at_way, times, direction in ((0, forward, line.forward), (1, backward, line.back)):
        # Trains of a line that forks take its branches in turn (assumption).
        runs += [_run(direction, patterns[i % len(patterns)][at_way], at) for i, at in enumerate(times)]
    return runs


def _purple_runs(day_type: str, line: Line, way: Branch, forward: list[int], backward: list[int]) -> list[_Run]:
    """Run shuttles to Howard, and on weekday peaks expresses to the Loop.

    An express ends at the Loop's last station; the first train back that can follow it starts at the Loop's exit.
    """
    howard = 8  # the order of Howard, where the shuttle turns
    scale = 60 * (line.cycle_min - line.layover_min) / (2 * sum(way.run_s[: howard + 1]))
    shuttle, express = (_two_ways(line, way, scale, last) for last in (howard, len(way.stations) - 1))
    is_peak = [day_type == "weekday" and any(a <= at < b for a, b in EXPRESS) for at in forward]
    runs = [
        _run(line.forward, express[0], at, ends=LOOP) if peak else _run(line.forward, shuttle[0], at)
        for at, peak in zip(forward, is_peak, strict=True)
    ]
    in_loop = sorted(run.stops[-1].time for run in runs if run.ends == LOOP)
    for at in backward:
        from_loop = bool(in_loop) and at + express[1][0].time >= in_loop[0] + MIN_LAYOVER_S
        if from_loop:
            in_loop.pop(0)
        runs.append(_run(line.back, express[1], at, begins=LOOP) if from_loop else _run(line.back, shuttle[1], at))
    return runs


def trips(day_type: str) -> list[Trip]:
    """Give the day's trips, line by line, in the order in which they begin; trains are chained at the terminals."""
    found: list[Trip] = []
    for line in figures.lines().values():
        runs = _runs(day_type, line, [branch for branch in branches() if branch.line == line.name])
        runs.sort(key=lambda run: (run.stops[0].time, run.way, run.begins))
        waiting: dict[int, list[tuple[int, int]]] = {}  # terminal -> (free from, train), oldest first
        trains, count = 0, {line.forward: 0, line.back: 0}
        for run in runs:
            free = waiting.setdefault(run.begins, [])
            free.sort()
            if free and free[0][0] <= run.stops[0].time:
                train = free.pop(0)[1]
            else:
                trains += 1
                train = trains
            waiting.setdefault(run.ends, []).append((run.stops[-1].time + MIN_LAYOVER_S, train))
            count[run.way] += 1
            trip_id = f"{day_type}-{line.code}-{run.way}{count[run.way]:03}"
            found.append(Trip(day_type, line.name, trip_id, f"{line.code}{train:03}", run.stops, run.ends == LOOP))
    return found


def arrival_rows(all_trips: list[Trip]) -> Iterator[tuple[object, ...]]:
    """Yield the rows of the sheet ``Arrivals``."""
    for trip in all_trips:
        before: int | None = None
        for sequence, stop in enumerate(trip.stops):
            yield (
                trip.day_type,
                trip.trip_id,
                sequence,
                trip.train_id,
                trip.line,
                stop.direction,
                stop.station_id,
                before,
                stop.time,
            )
            before = stop.station_id
