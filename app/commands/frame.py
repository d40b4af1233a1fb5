"""What every command needs: settings, an engine, one document on standard output, all else on standard error."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Coroutine, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import orjson
import typer
from uvicorn.loops.auto import auto_loop_factory

from app.db.rulebook import Rulebooks
from app.db.session import make_engine
from app.logs import configure_logs
from app.pulling import Plant
from app.settings import Settings, load_settings
from app.vault import Vault

T = TypeVar("T")

ACTOR = "command line"
"""Who does what a command does, as the audit trail names them."""

OK, FAILED, USAGE, BUSY = 0, 1, 2, 3


def open_settings(**given: object) -> Settings:
    """The settings, with the logs set up as they say.

    Raises: SettingsError.
    """
    settings = load_settings(**given)
    configure_logs(settings.log_level, settings.log_format)
    return settings


@asynccontextmanager
async def open_plant(settings: Settings | None = None) -> AsyncIterator[Plant]:
    """What a process that works on the database holds, closed afterwards."""
    chosen = settings or open_settings()
    engine = make_engine(chosen.database_url)
    try:
        yield Plant(chosen, engine, Rulebooks(), Vault(chosen.data_key_bytes(), chosen.former_data_keys()))
    finally:
        await engine.dispose()


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine, on the quickest event loop there is: uvicorn chooses one only where it makes it."""
    with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
        return runner.run(work)


def say(text: str) -> None:
    """A line for whoever watches; never on standard output, which belongs to the result."""
    typer.echo(text, err=True)


def show(document: Mapping[str, object], *, as_json: bool) -> None:
    """The result: one JSON document, or a line for each of its members."""
    if as_json:
        sys.stdout.write(orjson.dumps(document, option=orjson.OPT_UTC_Z).decode() + "\n")
        return
    for name, value in document.items():
        typer.echo(f"{name}: {value}")
