"""`tanggap demo`: everything on one command, on an embedded database with the make-believe city."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import httpx
import typer
import uvicorn

from app.clock import utc_now
from app.commands.frame import open_plant, open_settings, run, say
from app.commands.people import ACTOR
from app.commands.serving import listen, serve_web, stop_on_signals
from app.complaint.roles import Role
from app.db.migrate import upgrade
from app.db.session import writing
from app.demo.feeds import FeedsSettings, open_feeds
from app.intake.sources import NewSource, add_source, find_source, point_source
from app.people.officers import NewOfficer, add_officer
from app.people.tokens import NewToken, create_token
from app.seed.load import seed_jakarta
from app.settings import Settings
from app.worker import run_worker

USERNAME = "demo"
_LOOPBACK = "127.0.0.1"
_PER_DAY = 120
_PULL_RATE = "500"


@dataclass(slots=True)
class Keys:
    """What one demo keeps from start to start; a file that only its owner reads."""

    secret_key: str
    feeds_token: str
    password: str
    live_from: str
    token: str = ""


def demo(
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port to listen on.", envvar="PORT")] = 8000,
    folder: Annotated[Path, typer.Option(help="Where its database and keys lie; delete it to start anew.")] = Path(
        ".demo"
    ),
) -> None:
    """Start everything with a make-believe city; prints the address, a sign-in and a token."""
    listener = listen(_LOOPBACK, port)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    keys = _read_keys(folder / "keys.json")
    feeds_port = _free_port()
    settings = open_settings(
        secret_key=keys.secret_key,
        database_url=f"sqlite:///{folder / 'tanggap.db'}",
        public_url=f"http://{_LOOPBACK}:{port}",
        allowed_source_hosts=[_LOOPBACK],
        allowed_webhook_hosts=[_LOOPBACK, "localhost"],
        log_level="WARNING",
    )
    upgrade(settings.database_url)
    run(_prepare(settings, keys, f"http://{_LOOPBACK}:{feeds_port}"))
    _write_keys(folder / "keys.json", keys)
    with _beside(_serve_feeds, keys, feeds_port), _beside(_work, settings):
        threading.Thread(target=_announce, args=(port, keys), daemon=True).start()
        run(serve_web(settings, listener, with_worker=False))


def _read_keys(file: Path) -> Keys:
    if file.exists():
        return Keys(**json.loads(file.read_text()))
    return Keys(
        secret_key=secrets.token_urlsafe(32),
        feeds_token=secrets.token_urlsafe(16),
        password=secrets.token_urlsafe(9),
        live_from=utc_now().isoformat(),
    )


def _write_keys(file: Path, keys: Keys) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as handle:
        json.dump(asdict(keys), handle)


async def _prepare(settings: Settings, keys: Keys, feeds_url: str) -> None:
    """Reference data, both sources, the sign-in and the token; what is there already stays."""
    async with open_plant(settings) as plant, writing(plant.engine) as connection:
        now = utc_now()
        await seed_jakarta(connection, now=now)
        for name, token in (("jaki", keys.feeds_token), ("crm", None)):
            if await find_source(connection, name) is not None:
                await point_source(connection, name, feeds_url, now=now)
                continue
            options = {"rate": _PULL_RATE}
            new = NewSource(name=name, connector=name, url=feeds_url, token=token, every_s=20, options=options)
            await add_source(connection, new, plant.vault, now=now)
        if not keys.token:
            officer = NewOfficer(USERNAME, "Petugas Demo", Role.ADMIN, password=keys.password)
            await add_officer(connection, officer, actor=ACTOR, now=now)
            made = await create_token(connection, NewToken("demo", Role.ADMIN), actor=ACTOR, now=now)
            keys.token = made.token


def _announce(port: int, keys: Keys) -> None:
    """Print the three lines once the page answers, and where to look when the alerts of 30 days have gone by."""
    address = f"http://{_LOOPBACK}:{port}"
    with httpx.Client(trust_env=False) as client:
        while not _answers(client, f"{address}/healthz"):
            time.sleep(0.1)
    typer.echo(f"Alamat (address): {address}")
    typer.echo(f"Masuk (sign-in): {USERNAME} / {keys.password}")
    typer.echo(f"Token: {keys.token}")
    say("Keluhan 30 hari terakhir sedang ditarik; Ctrl+C untuk berhenti.")
    say("(The last 30 days are being pulled; Ctrl+C stops.)")
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {keys.token}"}) as client:
        while not _is_filled(client, f"{address}/api/v1/sources"):
            time.sleep(1)
    say(f"Semua keluhan sudah masuk. Buka {address} dan masuk sebagai {USERNAME} / {keys.password}")
    say("(Every complaint is in: open that address and sign in.)")


def _is_filled(client: httpx.Client, url: str) -> bool:
    """Whether every source has been read through once."""
    try:
        answer = client.get(url)
    except httpx.TransportError:
        return False
    return answer.is_success and all(each["complete_through"] for each in answer.json()["items"])


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.TransportError:
        return False


@contextmanager
def _beside(work: Callable[..., None], *arguments: object) -> Iterator[None]:
    """A process of its own for `work` while the block runs; it ends with us, even when we are killed."""
    process = multiprocessing.get_context("spawn").Process(
        target=_until_orphaned, args=(os.getpid(), work, *arguments), daemon=True
    )
    process.start()
    try:
        yield
    finally:
        process.terminate()
        process.join(timeout=10)


def _until_orphaned(parent: int, work: Callable[..., None], *arguments: object) -> None:
    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(0)

    threading.Thread(target=watch, daemon=True).start()
    work(*arguments)


def _serve_feeds(keys: Keys, port: int) -> None:
    live_from = datetime.fromisoformat(keys.live_from)
    settings = FeedsSettings(token=keys.feeds_token, per_day=_PER_DAY, live_from=live_from)
    uvicorn.run(open_feeds(settings, now=utc_now), host=_LOOPBACK, port=port, log_level="warning")


def _work(settings: Settings) -> None:
    run(_work_on(open_settings(**settings.model_dump(exclude_unset=True))))


async def _work_on(settings: Settings) -> None:
    stop = asyncio.Event()
    stop_on_signals(stop)
    async with open_plant(settings) as plant:
        # Whoever starts the demo again waits neither for a pull to end nor for its lease.
        await run_worker(plant, stop, patience=timedelta())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_LOOPBACK, 0))
        return int(probe.getsockname()[1])
