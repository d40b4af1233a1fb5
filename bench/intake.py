"""What storing JAKI's records costs beside bare upserts of the very same rows: `python -m bench.intake`.

The records go through the code of a pull, from the page as received to the commit; only HTTP is left out.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from app.clock import utc_now
from bench.databases import Databases, add_url_option, open_databases
from bench.figures import Figure, Goal, show_table
from bench.machine import show_machine
from bench.past import Past
from bench.pulls import Mark, measure_pull
from bench.records import past_with, write_pages
from bench.upserts import Batch, count_rows, take_down, write_bare
from connectors.jaki.client import PAGE_SIZE

_MARKS = (10_000, 50_000, 100_000, 200_000)
_NEW_GOAL = Goal.rate(0.4)
_UNCHANGED_GOAL = Goal("at most 1/10", 0.1)


def main() -> None:
    """Take every figure twice and print both takes; then one long pull, for its memory."""
    parser = argparse.ArgumentParser(prog="python -m bench.intake", description=__doc__)
    parser.add_argument("--sample", type=int, default=5_000, help="records beside which bare upserts are set (5000)")
    parser.add_argument("--rows", type=int, default=50_000, help="records of the long pull (50000); 0: none")
    add_url_option(parser)
    options = parser.parse_args()
    show_machine("Intake")
    with open_databases(options.url) as databases, tempfile.TemporaryDirectory() as name:
        folder, written = Path(name), max(options.sample, options.rows)
        write_pages(folder, written, past_with(written, Past(0, utc_now().replace(microsecond=0))))
        with databases.fresh() as url:
            batches = asyncio.run(take_down(url, folder, options.sample))
        _show_sizes(options.sample, count_rows(batches))
        for take in (1, 2):
            show_table(f"take {take}: one record", _figures(databases, folder, options.sample, batches))
        if options.rows:
            _pull_long(databases, folder, options.rows)


def _show_sizes(sample: int, rows: Mapping[str, int]) -> None:
    counted = ", ".join(f"{count:,} {table}" for table, count in rows.items())
    print(f"sizes:    {sample:,} records of JAKI with their whole lives, {PAGE_SIZE} a page and transaction, become")
    print(f"          {counted} ({sum(rows.values()) / sample:.1f} rows each)", flush=True)


def _figures(databases: Databases, folder: Path, sample: int, batches: Sequence[Batch]) -> Iterator[Figure]:
    with databases.fresh() as url:
        new_s = _pull(url, folder, sample, "created")[-1].seconds / sample
        unchanged_s = _pull(url, folder, sample, "unchanged")[-1].seconds / sample
    with databases.fresh() as url:
        bare_s = asyncio.run(write_bare(url, batches, prepares=False)) / sample
    with databases.fresh() as url:
        prepared_s = asyncio.run(write_bare(url, batches, prepares=True)) / sample
    yield Figure("new / bare upserts, connected as we are", new_s, bare_s, _NEW_GOAL)
    yield Figure("new / bare upserts, statements prepared by the driver", new_s, prepared_s)
    yield Figure("unchanged / new", unchanged_s, new_s, _UNCHANGED_GOAL)


def _pull_long(databases: Databases, folder: Path, records: int) -> None:
    with databases.fresh() as url:
        marks = _pull(url, folder, records, "created", _MARKS)
    first, last = marks[0], marks[-1]
    print(f"\none pull of {records:,}: {last.records / last.seconds:,.0f} records a second")
    held = ", ".join(f"{mark.memory_mb:.0f} MB at {mark.records:,}" for mark in marks)
    print(f"its memory, the most until then: {held}; {last.memory_mb / first.memory_mb:.2f}x", flush=True)


def _pull(url: str, folder: Path, records: int, verdict: str, marks: Sequence[int] = ()) -> list[Mark]:
    """The marks of a pull whose every record must get this verdict."""
    found, tally = measure_pull(url, folder, records, [mark for mark in marks if mark < records])
    if tally[verdict] != records:
        raise SystemExit(f"the pull did something else than was to be measured: {tally}")
    return found


if __name__ == "__main__":
    main()
