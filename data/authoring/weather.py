"""Make a year of hourly weather from monthly figures: diurnal curve, persistent noise, Markov statuses."""

from __future__ import annotations

import calendar
import math
import random
from collections.abc import Iterator
from itertools import accumulate

from data.authoring import figures
from data.authoring.apportion import apportion
from data.authoring.figures import STATUSES, Climate

WEATHER_STATION = "MDW"
SEED = 7
YEAR = 2023  # any year of 365 days
HOURS = 8_760
WINDY_MS = 8.9  # 20 mph, from which on the statuses of the figures say 'windy'
# The last hours of December fade into what led up to January, so that the year can repeat.
FADE = 72
CANDIDATES = 40

Month = tuple[int, int]  # first hour of the year, hours


def months() -> list[Month]:
    """Give each month's first hour of the year and its number of hours."""
    lengths = [24 * calendar.monthrange(YEAR, month)[1] for month in range(1, 13)]
    return list(zip(accumulate(lengths[:-1], initial=0), lengths, strict=True))


def _normal(rng: random.Random) -> float:
    """Draw from (nearly) the standard normal distribution with additions only: no libm, the same on each machine."""
    return sum(rng.random() for _ in range(12)) - 6.0


def _persistent(rng: random.Random, ar1: float) -> list[float]:
    """Give a year of AR(1) noise of variance 1 whose end leads into its beginning."""
    step, value, series = math.sqrt(1 - ar1 * ar1), _normal(rng), []
    for _ in range(HOURS + FADE):
        value = ar1 * value + step * _normal(rng)
        series.append(value)
    lead, year = series[:FADE], series[FADE:]
    for i, before in enumerate(lead):
        part = (i + 1) / FADE
        at = HOURS - FADE + i
        year[at] = year[at] * math.sqrt(1 - part) + before * math.sqrt(part)
    return year


def _smooth(monthly: list[float]) -> list[float]:
    """Draw a line through the months' middles, round the year."""
    spans = months()
    middles = [first + hours / 2 for first, hours in spans]
    middles = [middles[-1] - HOURS, *middles, middles[0] + HOURS]
    values = [monthly[-1], *monthly, monthly[0]]
    found, at = [], 0
    for hour in range(HOURS):
        while hour >= middles[at + 1]:
            at += 1
        part = (hour - middles[at]) / (middles[at + 1] - middles[at])
        found.append(values[at] + part * (values[at + 1] - values[at]))
    return found


def _centred(series: list[float], wanted: list[float]) -> list[float]:
    """Shift a series smoothly until each month's mean is the wanted one (within 0.1)."""
    for _ in range(8):
        means = [math.fsum(series[first : first + hours]) / hours for first, hours in months()]
        shift = _smooth([want - mean for want, mean in zip(wanted, means, strict=True)])
        series = [value + by for value, by in zip(series, shift, strict=True)]
    return series


def temperatures(rng: random.Random, climate: Climate) -> list[float]:
    """Give the hourly temperatures in °C: month's mean, hour's departure, noise of the month's spread, clipped."""
    noise, spread = _persistent(rng, climate.ar1), _smooth(climate.sd_c)
    diurnal = [_smooth([month[hour] for month in climate.diurnal_c]) for hour in range(24)]
    raw = [diurnal[hour % 24][hour] + noise[hour] * spread[hour] for hour in range(HOURS)]
    return [min(climate.high_c, max(climate.low_c, value)) for value in _centred(raw, climate.mean_c)]


def raked(transition: dict[str, dict[str, float]], share: dict[str, float]) -> dict[str, list[float]]:
    """Weigh the columns of a transition matrix until its stationary distribution is ``share``; rows sum to 1."""
    weight = dict.fromkeys(STATUSES, 1.0)
    rows: dict[str, list[float]] = {}
    for _ in range(200):
        rows = {}
        for start in STATUSES:
            row = [transition[start][end] * weight[end] for end in STATUSES]
            rows[start] = [value / sum(row) for value in row]
        now = dict(share)
        for _ in range(30):
            now = {e: sum(now[s] * rows[s][i] for s in STATUSES) for i, e in enumerate(STATUSES)}
        weight = {s: weight[s] * share[s] / now[s] for s in STATUSES}
    return rows


def statuses(rng: random.Random, climate: Climate) -> list[str]:
    """Give the hourly statuses.

    Each month is a Markov chain with the raked matrix; hours hang together, so one draw strays from the shares by
    several points, and the month is the nearest of ``CANDIDATES`` draws.
    """
    found: list[str] = []
    for (_, hours), share in zip(months(), climate.share, strict=True):
        matrix = raked(climate.transition, share)
        bounds = {start: list(accumulate(row)) for start, row in matrix.items()}
        before = found[-1] if found else "cloudy"
        draws = [_chain(rng, bounds, before, hours) for _ in range(CANDIDATES)]
        distances = [_distance(draw, share) for draw in draws]
        found += draws[distances.index(min(distances))]
    return found


def _distance(draw: list[str], share: dict[str, float]) -> float:
    return sum(abs(draw.count(status) / len(draw) - share[status]) for status in STATUSES)


def _chain(rng: random.Random, bounds: dict[str, list[float]], before: str, hours: int) -> list[str]:
    found = []
    for _ in range(hours):
        draw = rng.random()
        before = next((s for s, bound in zip(STATUSES, bounds[before], strict=True) if draw < bound), STATUSES[-1])
        found.append(before)
    return found


def precipitation_mm(rng: random.Random, climate: Climate, status: list[str]) -> list[float]:
    """Give the hourly precipitation: in hours of that status only, each month's sum as in the figures (0.1 mm)."""
    found = []
    for (first, hours), millimetres in zip(months(), climate.precipitation_mm, strict=True):
        # 1/u has a long tail, like rain: most hours are a drizzle and few are a downpour.
        weights = [1 / (0.02 + rng.random()) if s == "precipitation" else 0.0 for s in status[first : first + hours]]
        wet = sum(1 for weight in weights if weight)
        tenths = apportion(round(10 * millimetres) - wet, weights)
        found += [(part + 1) / 10 if weight else 0.0 for part, weight in zip(tenths, weights, strict=True)]
    return found


def winds(rng: random.Random, climate: Climate, status: list[str]) -> list[float]:
    """Give the hourly wind in m/s: the month's mean, persistent noise, and from 20 mph on exactly when 'windy'."""
    noise, mean = _persistent(rng, 0.9), _smooth(climate.wind_ms)
    found = []
    for z, usual, state in zip(noise, mean, status, strict=True):
        wind = usual * (1 + 0.38 * z)
        if state == "windy":
            found.append(WINDY_MS + abs(z) * 1.5)
        else:
            found.append(min(max(wind, 0.2), WINDY_MS - 0.1))
    return found


def weather_rows() -> Iterator[tuple[object, ...]]:
    """Yield the rows of the sheet ``Hourly weather``: 365 days of local clock hours."""
    climate = figures.climate()
    # A generator each: a change to one column leaves the others as they are.
    temperature, status = temperatures(random.Random(SEED), climate), statuses(random.Random(SEED + 1), climate)
    rain, wind = (
        precipitation_mm(random.Random(SEED + 2), climate, status),
        winds(random.Random(SEED + 3), climate, status),
    )
    for month, (first, hours) in enumerate(months(), 1):
        for at in range(first, first + hours):
            day, hour = divmod(at - first, 24)
            # Adding 0.0 turns -0.0 into 0.0.
            shown = round(temperature[at], 1) + 0.0
            yield WEATHER_STATION, month, day + 1, hour, shown, status[at], rain[at], round(wind[at], 1)
