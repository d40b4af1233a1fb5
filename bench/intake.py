"""What storing JAKI's records costs beside bare upserts of the very same rows: `python -m bench.intake`.

The records go through the code of a pull, from the page as received to the commit; only HTTP is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from app.clock import utc_now
from bench.databases import Databases, add_url_option, open_databases
from bench.figures import Figure, Goal, show_table
from bench.machine import show_machine
from bench.past import Past
from bench.pulls import Mark, measure_pull
from bench.records import past_with, write_pages
from bench.upserts import Batch, count_rows, take_down, write_bare

_MARKS = (10_000, 50_000, 100_000)
_NEW_GOAL = Goal.rate(0.4)
_UNCHANGED_GOAL = Goal("at most 1/10", 0.1)


def main() -> None:
    """Take every figure twice and print both takes."""
    parser = argparse.ArgumentParser(prog="python -m bench.intake", description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000, help="records of the long pull (100000)")
    parser.add_argument("--sample", type=int, default=10_000, help="records beside which bare upserts are set (10000)")
    add_url_option(parser)
    options = parser.parse_args()
    sample = min(options.sample, options.rows)
    show_machine("Intake")
    with open_databases(options.url) as databases, tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_pages(folder, options.rows, past_with(options.rows, Past(0, utc_now().replace(microsecond=0))))
        with databases.fresh() as url:
            batches = asyncio.run(take_down(url, folder, sample))
        rows = count_rows(batches)
        print(
            f"sizes:    pull of {options.rows:,} records, 200 a page and transaction; set beside the first {sample:,}:"
        )
        counted = ", ".join(f"{count:,} {table}" for table, count in rows.items())
        print(f"          {counted} ({sum(rows.values()) / sample:.1f} rows each)")
        for take in (1, 2):
            _take(take, databases, folder, options.rows, sample, batches)


def _take(take: int, databases: Databases, folder: Path, records: int, sample: int, batches: Sequence[Batch]) -> None:
    with databases.fresh() as url:
        marks, tally = measure_pull(url, folder, records, [sample, *_MARKS])
        _expect(tally["created"], records)
        again, tally = measure_pull(url, folder, sample)
        _expect(tally["unchanged"], sample)
    bare = []
    for prepares in (False, True):
        with databases.fresh() as url:
            bare.append(asyncio.run(write_bare(url, batches, prepares=prepares)))
    show_table(f"take {take}: one record", _figures(marks, again[-1], bare, sample))
    _show_memory(marks)


def _figures(marks: Sequence[Mark], again: Mark, bare: Sequence[float], sample: int) -> Iterator[Figure]:
    new_s = next(mark.seconds for mark in marks if mark.records == sample) / sample
    as_we_connect, prepared = (seconds / sample for seconds in bare)
    yield Figure("new / bare upserts, connected as we are", new_s, as_we_connect, _NEW_GOAL)
    yield Figure("new / bare upserts, statements prepared by the driver", new_s, prepared)
    yield Figure(f"new, mean of {marks[-1].records:,}", marks[-1].seconds / marks[-1].records)
    yield Figure("unchanged / new", again.seconds / sample, new_s, _UNCHANGED_GOAL)


def _show_memory(marks: Sequence[Mark]) -> None:
    first, last = marks[0], marks[-1]
    held = ", ".join(f"{mark.memory_mb:.0f} MB at {mark.records:,}" for mark in marks)
    print(f"memory, most until then: {held}; {last.memory_mb / first.memory_mb:.2f}x", flush=True)


def _expect(found: int, wanted: int) -> None:
    if found != wanted:
        raise SystemExit(f"the pull did something else than was to be measured: {found:,} instead of {wanted:,}")


if __name__ == "__main__":
    main()
