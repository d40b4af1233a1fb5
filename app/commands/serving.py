"""Commands that serve: the web service, the worker, the make-believe sources; and what prepares a database."""

from __future__ import annotations

import asyncio
import gc
import signal
import socket
from datetime import datetime
from typing import Annotated, Literal

import typer
import uvicorn

from app.clock import utc_now
from app.commands.frame import open_plant, open_settings, run, say, show
from app.commands.sources import Json
from app.complaint.errors import Conflict, InvalidInput
from app.db.migrate import head, upgrade
from app.db.session import writing
from app.demo.city import MAX_PER_DAY
from app.demo.feeds import FeedsSettings, open_feeds
from app.main import create_app
from app.seed.load import SeedTally, seed_jakarta
from app.settings import Settings, hide_password
from app.worker import run_worker

Port = Annotated[int, typer.Option(min=0, max=65_535, help="Port to listen on; 0 takes a free one.")]


def serve(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Port = 8000,
    with_worker: Annotated[bool, typer.Option("--with-worker", help="Pull and alert in this process too.")] = False,
) -> None:
    """Serve the REST interface and the dashboard."""
    settings = open_settings()
    run(serve_web(settings, listen(host, port), with_worker=with_worker))


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises: Conflict, when that address cannot be had.
    """
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        # Python repeats the address in brackets.
        why = str(error.strerror).partition(" (while")[0]
        raise Conflict(f"cannot listen on {host}, port {port}: {why}") from error


async def serve_web(settings: Settings, listener: socket.socket, *, with_worker: bool) -> None:
    """Serve until a signal ends it; with a worker beside it, both end together."""
    host, port = listener.getsockname()[:2]
    server = make_server(settings, host=host, port=port)
    if not with_worker:
        await server.serve(sockets=[listener])
        return
    stop = asyncio.Event()
    async with open_plant(settings) as plant:
        work = asyncio.create_task(run_worker(plant, stop))
        try:
            await server.serve(sockets=[listener])
        finally:
            stop.set()
            await work


def make_server(settings: Settings, *, host: str, port: int) -> uvicorn.Server:
    """The web server; its logs go the way of ours."""
    config = uvicorn.Config(
        create_app(settings),
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        proxy_headers=True,
        forwarded_allow_ips=list(settings.trusted_proxies),
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    return _Server(config)


class _Server(uvicorn.Server):
    """A server that settles its memory once it has started, and ends its streams before it stops."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """What start-up made stays for good: out of the collector's sight it cuts the slowest pages by three."""
        await super().startup(sockets)
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 50, 100)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Streams of events end first: the server waits for answers that have not ended."""
        self.config.app.state.streams.close()  # type: ignore[union-attr]  # the application of `make_server`
        await super().shutdown(sockets)


def worker() -> None:
    """Pull the sources, raise and deliver alerts; any number of workers may run."""
    run(_work(open_settings()))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with open_plant(settings) as plant:
        await run_worker(plant, stop)


def stop_on_signals(stop: asyncio.Event) -> None:
    """From now on a signal that ends programs sets `stop` instead."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(name, stop.set)


def migrate(as_json: Json = False) -> None:
    """Bring the database to the newest revision; of two at once one waits."""
    settings = open_settings()
    upgrade(settings.database_url)
    if as_json:
        show({"database": hide_password(settings.database_url), "revision": head()}, as_json=True)
    say(f"The database {hide_password(settings.database_url)} stands at revision {head()}.")


def seed(
    city: Annotated[Literal["jakarta"], typer.Argument(help="Whose reference data.")], as_json: Json = False
) -> None:
    """Load a city's units, categories, words, calendars and policies; a second time changes nothing."""
    show(run(_seed()).to_json(), as_json=as_json)


async def _seed() -> SeedTally:
    async with open_plant() as plant, writing(plant.engine) as connection:
        return await seed_jakarta(connection, now=utc_now())


def demo_feeds(
    port: Port = 8001,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    number: Annotated[int, typer.Option("--seed", help="Which city; the same number is the same city.")] = 2026,
    per_day: Annotated[int, typer.Option(min=1, max=MAX_PER_DAY, help="Reports a day.")] = 120,
    token: Annotated[str, typer.Option(help="Bearer token that JAKI asks for.")] = "demo",  # noqa: S107
    freeze_at: Annotated[str | None, typer.Option(help="Stop the city's time at this instant (RFC 3339).")] = None,
    faults: Annotated[str, typer.Option(help="Share of answers that go wrong as real sources' do: 25% or 0.25.")] = "0",
) -> None:
    """Serve only the make-believe sources: CRM and JAKI in their wire shapes."""
    settings = FeedsSettings(
        token=token,
        seed=number,
        per_day=per_day,
        freeze_at=_instant("freeze-at", freeze_at),
        faults=_share("faults", faults),
    )
    listener = listen(host, port)
    say(f"CRM and JAKI of the make-believe city: http://{host}:{listener.getsockname()[1]} (JAKI's token: {token})")
    config = uvicorn.Config(open_feeds(settings, now=utc_now), log_level="warning")
    run(uvicorn.Server(config).serve(sockets=[listener]))


def _instant(field: str, text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(field, f"{text} is no instant: write 2026-11-24T10:00:00+07:00") from error
    if instant.tzinfo is None:
        raise InvalidInput(field, f"{text} has no offset: write 2026-11-24T10:00:00+07:00")
    return instant


def _share(field: str, text: str) -> float:
    """The share that `25%`, `25` or `0.25` means."""
    try:
        number = float(text.removesuffix("%"))
    except ValueError:
        number = -1.0
    share = number / 100 if text.endswith("%") or number > 1 else number
    if not 0 <= share <= 1:
        raise InvalidInput(field, f"{text} is no share: write 25% or 0.25")
    return share
