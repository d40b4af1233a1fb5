"""When the city complains: the reports of one day as bare instants, with weather, rush hours, bursts and repeats."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from random import Random

from app.demo.chance import Lottery, chance, seed_of

# Jakarta has no summer time, and its tickets count from midnight here.
WIB = timezone(timedelta(hours=7), "WIB")

_WEEKDAYS = (1.14, 1.10, 1.08, 1.06, 1.04, 0.85, 0.73)
_HOURS = Lottery(range(24), (1, 0.6, 0.4, 0.3, 0.5, 1.2, 3, 5, 6, 6, 5.5, 5, 4.5, 5, 5, 5, 5.5, 6, 5.5, 5, 5, 4, 3, 2))
_WET_MONTHS = (11, 12, 1, 2, 3)
_RAIN = 0.35  # what a rainy day brings on top
_SECONDS_A_DAY = 86_400


@dataclass(frozen=True, slots=True)
class Arrival:
    """One report to come: three seeds say what it is about, how it is worded, and how it is handled.

    Reports about one fallen tree share `subject`; one that was sent twice shares `wording` too. `follows` points at
    an earlier day (how many back, and how far into it) whose report this one quotes.
    """

    at: datetime
    subject: int
    wording: int
    life: int
    follows: tuple[int, float] | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """One day's arrivals in order; the position is the daily sequence of the ticket code."""

    is_rainy: bool
    arrivals: tuple[Arrival, ...]


def midnight(day: date) -> datetime:
    """The first instant of a day in Jakarta."""
    return datetime(day.year, day.month, day.day, tzinfo=WIB)


def plan_day(seed: int, day: date, per_day: int) -> Plan:
    """What arrives on a day of a city that sends `per_day` reports in the mean of a year."""
    rng = chance(seed, "plan", day.toordinal())
    wet = 0.3 if day.month in _WET_MONTHS else 0.08
    is_rainy = rng.random() < wet
    weather = (1 + _RAIN * is_rainy) / (1 + _RAIN * wet)
    expected = per_day * _WEEKDAYS[day.weekday()] * weather * (0.85 + 0.3 * rng.random())
    count = int(expected + rng.random())
    arrivals: list[Arrival] = []
    while len(arrivals) < count:
        arrivals += _occasion(rng, midnight(day), seed_of(seed, day.toordinal(), len(arrivals)))
    return Plan(is_rainy, tuple(sorted(arrivals[:count], key=lambda arrival: (arrival.at, arrival.life))))


def _occasion(rng: Random, start: datetime, occasion: int) -> list[Arrival]:
    """One thing that happens: mostly one report, sometimes a burst about it, sometimes one report sent twice."""
    second = _HOURS.draw(rng) * 3600 + int(rng.random() * 3600)
    roll = rng.random()
    if roll < 0.025:
        offsets = [0, *(int(rng.random() * 5400) for _ in range(1 + int(rng.random() * 4)))]
        return [_arrival(start, second + offset, occasion, index) for index, offset in enumerate(offsets)]
    if roll < 0.035:
        echo = second + 20 + int(rng.random() * 500)
        return [_arrival(start, at, occasion, 0, life) for life, at in enumerate((second, echo))]
    follows = (2 + int(rng.random() * 19), rng.random()) if roll < 0.065 else None
    return [_arrival(start, second, occasion, 0, follows=follows)]


def _arrival(
    start: datetime, second: int, occasion: int, index: int, life: int = 0, follows: tuple[int, float] | None = None
) -> Arrival:
    at = start + timedelta(seconds=min(second, _SECONDS_A_DAY - 1))
    return Arrival(at, occasion, occasion + 1 + index, occasion - 1 - index - life, follows)
