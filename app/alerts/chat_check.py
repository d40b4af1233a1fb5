"""Which chat addresses could not be told a message, found out without sending one; for `tanggap doctor`."""

from __future__ import annotations

import importlib
import logging
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.chat import CHAT_PURPOSE, check_chat_url, is_installed
from app.complaint.errors import InvalidInput
from app.db.tables.people import Officer
from app.vault import CannotOpen, Vault

_MOST = 10
"""How many addresses are named one by one."""


async def check_chats(connection: AsyncConnection, vault: Vault, allowed_hosts: Sequence[str]) -> AsyncIterator[str]:
    """What is wrong with the chat addresses of officers, a line for each of the first, never the address itself.

    What the vault cannot open is a matter of its keys, and left to who looks at those.
    """
    statement = select(Officer.id, Officer.username, Officer.sealed_chat_url)
    reachable = statement.where(Officer.is_active, Officer.sealed_chat_url.is_not(None)).order_by(Officer.username)
    officers = (await connection.execute(reachable)).all()
    if officers and not is_installed():
        yield f"{len(officers)} officers are told by chat, and apprise is missing: pip install 'tanggap[notify]'"
        return
    found = list(_faults(officers, vault, allowed_hosts))
    for officer, fault in found[:_MOST]:
        way = f"PUT /api/v1/admin/officers/{officer.id}/alert-settings sets another one"
        yield f"the chat address of officer {officer.username} {fault}: {way}"
    if len(found) > _MOST:
        yield f"{len(found) - _MOST} more officers have a chat address that cannot be told a message"


def _faults(officers: Sequence[Any], vault: Vault, allowed_hosts: Sequence[str]) -> Iterator[tuple[Any, str]]:
    for officer in officers:
        try:
            url = vault.open(officer.sealed_chat_url, CHAT_PURPOSE).decode()
        except CannotOpen:
            continue
        if (fault := find_fault(url, allowed_hosts)) is not None:
            yield officer, fault


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
