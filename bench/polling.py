"""What a poll costs in which nothing changed, and how soon 500 streams learn of a change: `python -m bench.polling`.

A poll with `If-None-Match` stands beside an empty answer of the same application, behind the same middleware, for the
same caller. The streams are open on one process; a change is one transaction on its database.
"""

from __future__ import annotations

import argparse
import asyncio
import http.client
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn
from fastapi import APIRouter, Depends, FastAPI, Response
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from app.api.strictness import refuse_the_unknown
from app.clock import utc_now
from app.complaint.roles import Role
from app.db.changes import next_change
from app.db.session import make_engine, writing
from app.db.tables.complaints import Complaint
from app.dependencies import signed_in
from app.main import create_app
from app.people.tokens import NewToken, create_token
from app.settings import Settings
from bench.databases import add_url_option, open_databases
from bench.figures import Figure, Goal, percentile, show_table
from bench.generator import fill
from bench.machine import show_machine
from bench.past import Past
from bench.serving import serving

POLLED = ("/api/v1/complaints", "/api/v1/overview", "/api/v1/units/status")
EMPTY = "/api/v1/empty"
_SECRET = "a benchmark has nothing to hide from anybody"
_WARM_UP = 50
_GOAL = Goal.rate(0.6)
_SOON = Goal.within(1)
_SOON_S = 2.0


def main() -> None:
    """Take every figure twice and print both takes."""
    parser = argparse.ArgumentParser(prog="python -m bench.polling", description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000, help="complaints (20000)")
    parser.add_argument("--requests", type=int, default=500, help="requests for each figure (500)")
    parser.add_argument("--streams", type=int, default=500, help="open event streams (500)")
    parser.add_argument("--changes", type=int, default=5, help="changes that the streams wait for (5)")
    parser.add_argument("--serve", nargs=2, metavar=("URL", "PORT"), help=argparse.SUPPRESS)
    add_url_option(parser)
    options = parser.parse_args()
    if options.serve:
        uvicorn.run(_application(options.serve[0]), port=int(options.serve[1]), log_config=None, access_log=False)
        return
    show_machine("Polling")
    with open_databases(options.url) as databases, databases.fresh() as url:
        filled = fill(url, Past(options.rows, utc_now().replace(microsecond=0)))
        print(f"sizes:    {filled}\n          {options.requests} requests a figure, {options.streams} streams")
        with _served(url) as (port, process_id):
            token = asyncio.run(_token(url))
            for take in (1, 2):
                show_table(f"take {take}: a poll in which nothing changed", _polls(port, token, options.requests))
            asyncio.run(_show_streams(url, port, process_id, token, options.streams, options.changes))


def _settings(url: str) -> Settings:
    given = {"database_url": url, "secret_key": _SECRET, "rate_limit": "off"}
    return Settings(_env_file=None, **given)  # type: ignore[arg-type]


def _application(url: str) -> FastAPI:
    """The application with one more route, which answers nothing to whoever is signed in."""
    app, empty = create_app(_settings(url)), APIRouter(tags=["system"])

    @empty.get(EMPTY)
    async def nothing() -> Response:
        return Response()

    app.include_router(empty, dependencies=[Depends(signed_in), Depends(refuse_the_unknown)])
    return app


@contextmanager
def _served(url: str) -> Iterator[tuple[int, int]]:
    """The port and the process of the application."""
    with tempfile.TemporaryDirectory() as name:
        arguments = ["-m", "bench.polling", "--serve", url]
        with serving(arguments, Path(name)) as caller:
            yield caller.port, caller.process_id


async def _token(url: str) -> str:
    engine = make_engine(url)
    async with writing(engine) as connection:
        made = await create_token(connection, NewToken("layar", Role.VIEWER, ()), actor="bench", now=utc_now())
    await engine.dispose()
    return made.token


def _polls(port: int, token: str, requests: int) -> list[Figure]:
    """The medians; each poll in turn with the empty answer, so that both meet the same machine."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}"}
    figures = []
    for path in POLLED:
        tag = _ask(connection, path, headers)[1]
        held = {**headers, "If-None-Match": tag}
        times: dict[str, list[float]] = {path: [], EMPTY: []}
        for number in range(requests + _WARM_UP):
            for asked, given, status in ((path, held, 304), (EMPTY, headers, 200)):
                took, _ = _ask(connection, asked, given, status)
                if number >= _WARM_UP:
                    times[asked].append(took)
        medians = {name: percentile(each, 0.5) for name, each in times.items()}
        figures.append(Figure(path, medians[path], medians[EMPTY], _GOAL))
    return figures


def _ask(
    connection: http.client.HTTPConnection, path: str, headers: dict[str, str], status: int = 200
) -> tuple[float, str]:
    """The seconds of one answer, and its tag."""
    begun = time.perf_counter()
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    took = time.perf_counter() - begun
    if answer.status != status:
        raise RuntimeError(f"{path} answers {answer.status}: {body[:300]!r}")
    return took, answer.headers.get("etag", "")


async def _show_streams(url: str, port: int, process_id: int, token: str, streams: int, changes: int) -> None:
    """Each change with the time until the last of the streams had it, and what the streams take of memory."""
    before = _resident_kb(process_id)
    opened = [await _open(port, token) for _ in range(streams)]
    held = _resident_kb(process_id) - before
    engine = make_engine(url)
    figures = []
    for number in range(1, changes + 1):
        begun = time.perf_counter()
        arrivals = [asyncio.create_task(_event(reader)) for reader, _ in opened]
        await _change(engine)
        async with asyncio.timeout(60):
            ends = await asyncio.gather(*arrivals)
        figures.append(Figure(f"change {number} at the last of {streams} streams", max(ends) - begun, _SOON_S, _SOON))
    show_table("a change in every stream, beside two seconds", figures)
    print(f"memory:   {held / 1024:.1f} MB for {streams} streams, {held / streams:.0f} kB each")
    for _, writer in opened:
        writer.close()
    await engine.dispose()


async def _open(port: int, token: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = f"GET /api/v1/changes/stream?cursor=now HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {token}\r\n\r\n"
    writer.write(head.encode())
    await reader.readuntil(b"retry: ")
    return reader, writer


async def _event(reader: asyncio.StreamReader) -> float:
    """When the next event was there."""
    await reader.readuntil(b"data: ")
    return time.perf_counter()


async def _change(engine: AsyncEngine) -> None:
    async with writing(engine) as connection:
        newest = select(Complaint.id).order_by(Complaint.id.desc()).limit(1).scalar_subquery()
        touched = update(Complaint).where(Complaint.id == newest)
        await connection.execute(touched.values(change_no=await next_change(connection)))


def _resident_kb(process_id: int) -> int:
    """What the process holds in memory."""
    status = Path(f"/proc/{process_id}/status").read_text()
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


if __name__ == "__main__":
    main()
