"""JAKI's pages out of a folder, so that a pull can be measured without HTTP and without keeping every record."""

from __future__ import annotations

import multiprocessing
import os
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import orjson

from app.demo.report import Channel
from app.demo.wire import jaki_item
from bench.past import Past, Share, split
from connectors.contract import Response, SourceUnavailable
from connectors.jaki.client import PAGE_SIZE

_SHARE = 2_000
_SHARE_OF_JAKI = 0.88
"""A little less than the share of the city's complaints that JAKI has, so that there are enough."""


def write_pages(folder: Path, rows: int, past: Past) -> None:
    """Write `rows` records of JAKI, as they stand at the end of `past`, in pages."""
    with multiprocessing.get_context("spawn").Pool(os.cpu_count()) as pool:
        shares = split(past, pool.map, size=_SHARE)
        records = islice((one for some in pool.imap(_records, shares) for one in some), rows)
        written = 0
        for number, page in enumerate(_pages(records)):
            (folder / _name(number)).write_bytes(b"[" + b",".join(page) + b"]")
            written += len(page)
    if written < rows:
        raise ValueError(f"{past.rows} complaints have only {written} records of JAKI")


def past_with(rows: int, past: Past) -> Past:
    """The same past with so many complaints that JAKI has `rows` of them."""
    return Past(int(rows / _SHARE_OF_JAKI) + 200, past.until, past.seed)


def _records(share: Share) -> list[bytes]:
    until = share.past.until
    return [orjson.dumps(jaki_item(each, until)) for each in share.reports() if each.channel is Channel.JAKI]


def _pages(records: Iterator[bytes]) -> Iterator[list[bytes]]:
    while page := list(islice(records, PAGE_SIZE)):
        yield page


def _name(number: int) -> str:
    return f"{number:06d}.json"


@dataclass(slots=True)
class PageClient:
    """A source's client that answers from a folder: the first `pages` pages of it.

    `note` hears the number of each page that is asked for, and so that all before it are stored.
    """

    folder: Path
    pages: int
    note: Callable[[int], None] = field(default=lambda _: None)

    async def get(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """One page of JAKI, whatever the address."""
        number = int((params or {}).get("cursor", "0"))
        self.note(number)
        following = f'"{number + 1}"' if number + 1 < self.pages else "null"
        body = b'{"data":%b,"next_cursor":%b}' % ((self.folder / _name(number)).read_bytes(), following.encode())
        return Response(200, {"content-type": "application/json"}, body)

    async def dial(self, host: str, port: int) -> ssl.SSLSocket:
        """Nothing: a folder speaks HTTP's part alone.

        Raises: SourceUnavailable.
        """
        raise SourceUnavailable(f"{host}:{port} is not in the folder")
