"""Databases of several sizes, one after the other: filled for a run, or filled before and given."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from app.clock import utc_now
from bench.databases import add_url_option, open_databases, show_database
from bench.generator import Filled, count, fill
from bench.past import Past


def add_size_options(parser: argparse.ArgumentParser) -> None:
    """Let the user say how many complaints there shall be, or name databases that hold them already."""
    parser.add_argument("--rows", type=int, nargs="+", default=[100_000], help="complaints, one or more sizes (100000)")
    parser.add_argument("--daily", type=int, default=1_000, help="complaints on a day of the city (1000)")
    add_url_option(parser)
    parser.add_argument(
        "--filled",
        metavar="URL",
        nargs="+",
        help="PostgreSQL databases that `bench.generator` has filled: measured as they are, one after the other",
    )


def each_size(options: argparse.Namespace) -> Iterator[tuple[str, Filled]]:
    """The address of each database that the options ask for, and what it holds."""
    return _given(options.filled) if options.filled else _filled(options.url, options.rows, options.daily)


def _given(urls: Sequence[str]) -> Iterator[tuple[str, Filled]]:
    for url in urls:
        show_database(url, where="given database")
        yield url, count(url)


def _filled(url: str | None, sizes: Sequence[int], daily: int) -> Iterator[tuple[str, Filled]]:
    """All up to one and the same instant: the larger ones have more past behind the same days."""
    until = utc_now().replace(microsecond=0)
    with open_databases(url) as databases:
        for rows in sizes:
            with databases.fresh() as fresh:
                yield fresh, fill(fresh, Past(rows, until, daily=daily))
