"""Which chat addresses could not be told a message, found out without sending one; for `tanggap doctor`."""

from __future__ import annotations

import importlib
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.chat import CHAT_PURPOSE, check_chat_url, is_installed
from app.alerts.groups import read_groups
from app.alerts.signing import PURPOSE
from app.complaint.errors import InvalidInput
from app.db.tables.people import Officer
from app.vault import CannotOpen, Vault

_MOST = 10
"""How many addresses are named one by one."""


@dataclass(frozen=True, slots=True)
class _Address:
    """A sealed address: whose it is, what sets another one, and what the vault bound it to."""

    whose: str
    remedy: str
    sealed: bytes
    purpose: str


async def check_chats(connection: AsyncConnection, vault: Vault, allowed_hosts: Sequence[str]) -> AsyncIterator[str]:
    """What is wrong with the chat addresses of rules and officers: a line for each of the first, never the address.

    What the vault cannot open is a matter of its keys, and left to who looks at those.
    """
    addresses = [*await _of_rules(connection), *await _of_officers(connection)]
    if addresses and not is_installed():
        yield f"{len(addresses)} chats are to be told, and apprise is missing: pip install 'tanggap[notify]'"
        return
    found = list(_faults(addresses, vault, allowed_hosts))
    for address, fault in found[:_MOST]:
        yield f"the chat address of {address.whose} {fault}: {address.remedy} sets another one"
    if len(found) > _MOST:
        yield f"{len(found) - _MOST} more chat addresses cannot be told a message"


async def _of_rules(connection: AsyncConnection) -> list[_Address]:
    remedy = "tanggap alerts rules set {name} --group-url"
    return [
        _Address(f"alert rule {name}", remedy.format(name=name), group.sealed_url, PURPOSE)
        for name, group in sorted((await read_groups(connection)).items())
    ]


async def _of_officers(connection: AsyncConnection) -> list[_Address]:
    statement = select(Officer.id, Officer.username, Officer.sealed_chat_url)
    told = statement.where(Officer.is_active, Officer.sealed_chat_url.is_not(None)).order_by(Officer.username)
    remedy = "PUT /api/v1/admin/officers/{id}/alert-settings"
    return [
        _Address(f"officer {row.username}", remedy.format(id=row.id), row.sealed_chat_url, CHAT_PURPOSE)
        for row in await connection.execute(told)
    ]


def _faults(
    addresses: Iterable[_Address], vault: Vault, allowed_hosts: Sequence[str]
) -> Iterator[tuple[_Address, str]]:
    for address in addresses:
        try:
            url = vault.open(address.sealed, address.purpose).decode()
        except CannotOpen:
            continue
        if (fault := find_fault(url, allowed_hosts)) is not None:
            yield address, fault


def find_fault(url: str, allowed_hosts: Sequence[str]) -> str | None:
    """Why no message can be told at the address, in words without it; None when nothing speaks against it."""
    try:
        check_chat_url(url, allowed_hosts)
    except InvalidInput as error:
        return f"may not be called ({error.message})"
    library: Any = importlib.import_module("apprise")
    # What it would log of an address that it cannot read holds the address, and with it the key.
    logging.getLogger("apprise").setLevel(logging.CRITICAL + 1)
    return None if library.Apprise().add(url) else f"cannot be read by apprise as one of {urlsplit(url).scheme}://"
