"""A source row made into a running pull: connector, guarded client, intake; for worker and command line."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from app.clock import utc_now
from app.complaint.errors import Conflict, InvalidInput
from app.db.rulebook import Rulebooks
from app.db.session import reading, writing
from app.intake import run
from app.intake.connecting import connect, is_read_from_files
from app.intake.health import stop_source
from app.intake.sources import read_source
from app.outbound import dial, outbound_client
from app.settings import Settings
from app.vault import Vault
from connectors.contract import Client, Connector
from connectors.fetch import Fetcher
from connectors.registry import CONNECTORS, request_rate

# A source may send us on within its own host (a trailing slash); to another host it may not.
_MAX_REDIRECTS = 3


@dataclass(frozen=True, slots=True)
class Plant:
    """What a process that reads sources holds."""

    settings: Settings
    engine: AsyncEngine
    rulebooks: Rulebooks
    vault: Vault

    @property
    def intake(self) -> run.Intake:
        """What intake needs of this process."""
        return run.Intake(
            engine=self.engine,
            rulebooks=self.rulebooks,
            vault=self.vault,
            owner=process_name(),
            lease_span=timedelta(seconds=self.settings.lease_seconds),
            zone=self.settings.zone,
            now=utc_now,
        )


def process_name() -> str:
    """This process, as leases and heartbeats name it."""
    return f"{socket.gethostname()}:{os.getpid()}"


async def pull_source(plant: Plant, name: str, *, only_due: bool = False) -> run.Report:
    """One pull of the source, now; with `only_due` none when another worker was faster.

    Raises: NotFound, SourceBusy, InvalidInput for options or a token that no longer serve, the connector's own errors.
    """
    async with reading(plant.engine) as connection:
        source = await read_source(connection, name)
    try:
        connector = build_connector(source, plant.vault)
    except InvalidInput as error:
        async with writing(plant.engine) as connection:
            await stop_source(connection, source, str(error), now=utc_now())
        raise
    async with source_client(plant.settings, source.options) as client:
        return await run.pull(plant.intake, name, connector, client, only_due=only_due)


async def check_source(plant: Plant, name: str) -> str:
    """One sentence that says what was reached; raises as a pull does."""
    async with reading(plant.engine) as connection:
        source = await read_source(connection, name)
    connector = build_connector(source, plant.vault)
    async with source_client(plant.settings, source.options) as client:
        return await connector.check(client)


def build_connector(source: Row[Any], vault: Vault) -> Connector:
    """The connector that a source's row describes.

    Raises: InvalidInput; Conflict for a source that is read from files, since there is nothing to ask.
    """
    if is_read_from_files(source):
        raise Conflict(f"source {source.name} is read from files; import one instead")
    return connect(source, vault, CONNECTORS)


@asynccontextmanager
async def source_client(settings: Settings, options: Mapping[str, str]) -> AsyncIterator[Client]:
    """The guarded client of one source, at its own rate or the default one."""
    async with outbound_client(allowed_hosts=settings.allowed_source_hosts, max_redirects=_MAX_REDIRECTS) as http:
        guarded = partial(dial, allowed_hosts=settings.allowed_source_hosts)
        yield Fetcher(http, rate=request_rate(options, settings.source_rate), dial=guarded, now=utc_now)
