"""What a page of the queue costs beside the same SQL and bytes without us: `python -m bench.workqueue`.

The service runs as `tanggap serve`; the raw limit is a bare framework's answer that runs the same statements through
the bare driver. Both are asked in turns by one client over one connection. With several sizes the same days get more
past behind them, so that the pages that are compared hold as much.
"""

from __future__ import annotations

import argparse
import asyncio
import pickle
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from app.settings import Settings
from bench.bare import Known
from bench.databases import plain_dsn
from bench.figures import Figure, Goal, percentile, show_table
from bench.generator import Filled
from bench.machine import show_machine
from bench.questions import Question, asking
from bench.serving import Caller, serving
from bench.sizes import add_size_options, each_size

_SECRET = "a benchmark has nothing to hide from anybody"
_ROUNDS = 8
"""A machine that is shared is quicker now and slower then, for seconds: each question is asked all through a take."""
_WARM_UP = 5
"""Requests before those that count, in each round."""
_PAGE_GOAL = Goal.within(2)
_TAIL_GOAL = Goal.within(3)
_GROWTH_GOAL = Goal.within(1.5)


@dataclass(frozen=True, slots=True)
class Times:
    """The seconds of each answer, ours and the bare one."""

    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def main() -> None:
    """Take every figure twice for each size and print both takes; with several sizes, how the figures grow."""
    parser = argparse.ArgumentParser(prog="python -m bench.workqueue", description=__doc__)
    add_size_options(parser)
    parser.add_argument("--requests", type=int, default=200, help="requests for each figure (200)")
    options = parser.parse_args()
    show_machine("Queue")
    medians = {held.rows["complaint"]: _measure(url, held, options.requests) for url, held in each_size(options)}
    sizes = sorted(medians)
    for smaller, larger in pairwise(sizes):
        show_table(f"growth: p50 at {larger:,} / at {smaller:,}", _growth(medians[smaller], medians[larger]))


def _measure(url: str, filled: Filled, requests: int) -> dict[str, float]:
    """The medians of ours by question, the better of two takes."""
    best: dict[str, float] = {}
    print(f"sizes:    {filled}\n          {requests} requests a figure, in {_ROUNDS} rounds")
    questions, known = asyncio.run(_prepare(url))
    for question, answer in zip(questions, known, strict=True):
        print(f"          {question.what}: {len(answer.body):,} bytes, {len(answer.said)} statements")
    with tempfile.TemporaryDirectory() as name, _both(url, known, Path(name)) as callers:
        for take in (1, 2):
            times = _race(callers, questions, requests)
            show_table(f"take {take} at {filled.rows['complaint']:,} complaints", _figures(times))
            medians = {what: percentile(each.ours, 0.5) for what, each in times.items()}
            best = {what: min(median, best.get(what, median)) for what, median in medians.items()}
    return best


async def _prepare(url: str) -> tuple[list[Question], list[Known]]:
    async with asking(_settings(url)) as app:
        places = await app.places()
        overdue = ", ".join(f"{place.overdue:,} of {place.kind} {place.code}" for place in places)
        print(f"          overdue: {overdue}")
        questions = await app.questions(places)
        return questions, [await app.known(question) for question in questions]


def _settings(url: str) -> Settings:
    given = {"database_url": url, "secret_key": _SECRET, "rate_limit": "off"}
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]


@contextmanager
def _both(url: str, known: Sequence[Known], folder: Path) -> Iterator[tuple[Caller, Caller]]:
    """Callers of the service and of the bare one."""
    file = folder / "known.pickle"
    file.write_bytes(pickle.dumps((plain_dsn(url), known)))
    environment = {"TANGGAP_DATABASE_URL": url, "TANGGAP_SECRET_KEY": _SECRET, "TANGGAP_RATE_LIMIT": "off"}
    with (
        serving(["-m", "app.cli", "serve", "--port"], folder, environment) as ours,
        serving(["-m", "bench.bare", file], folder) as bare,
    ):
        yield ours, bare


def _race(callers: tuple[Caller, Caller], questions: Sequence[Question], requests: int) -> dict[str, Times]:
    """A take: all questions in each of several rounds, ours and the bare one in turns."""
    taken = {each.what: Times() for each in questions}
    for _ in range(_ROUNDS):
        for place, question in enumerate(questions):
            _ask(callers, place, question, max(1, requests // _ROUNDS), taken[question.what])
    return taken


def _ask(callers: tuple[Caller, Caller], place: int, question: Question, requests: int, into: Times) -> None:
    ours, bare = callers
    for number in range(-_WARM_UP, requests):
        seconds = ours.get(question.path, question.headers)[0], bare.get(f"/{place}", {})[0]
        if number >= 0:
            into.ours.append(seconds[0])
            into.bare.append(seconds[1])


def _figures(times: Mapping[str, Times]) -> Iterator[Figure]:
    for what, each in times.items():
        median = percentile(each.ours, 0.5)
        yield Figure(f"{what}, p50", median, percentile(each.bare, 0.5), _PAGE_GOAL)
        yield Figure("  p99", percentile(each.ours, 0.99), percentile(each.bare, 0.99))
        yield Figure("  p99 / our p50", percentile(each.ours, 0.99), median, _TAIL_GOAL)


def _growth(smaller: Mapping[str, float], larger: Mapping[str, float]) -> Iterator[Figure]:
    for what, seconds in larger.items():
        if what in smaller:
            yield Figure(what, seconds, smaller[what], _GROWTH_GOAL)


if __name__ == "__main__":
    main()
