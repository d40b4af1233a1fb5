"""Chat groups that rules tell: at most one for each rule, its address sealed and kept beside the webhooks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.chat import check_chat_url, masked
from app.alerts.notifiers import Room
from app.alerts.signing import PURPOSE
from app.complaint.errors import NotFound
from app.db.tables.alerts import Webhook
from app.vault import Vault

RULE = "rule"
"""The event of a webhook's row that is the group of a rule; nobody can ask for it."""
GROUP = "group:"
"""How the recipient of a delivery begins; the name of the rule follows."""


@dataclass(frozen=True, slots=True)
class Group:
    """The chat group of a rule: its address as it may be shown, and sealed."""

    shown: str
    sealed_url: bytes


async def read_groups(connection: AsyncConnection) -> Mapping[str, Group]:
    """The group of each rule that has one, by the rule's name."""
    columns = (Webhook.events, Webhook.filters, Webhook.url, Webhook.sealed_secret)
    rows = await connection.execute(select(*columns).where(Webhook.is_active))
    return {row.filters[RULE]: Group(row.url, row.sealed_secret) for row in rows if RULE in row.events}


async def find_room(connection: AsyncConnection, rule: str) -> Room:
    """The group of a rule, as somebody who is told.

    Raises: NotFound.
    """
    group = (await read_groups(connection)).get(rule)
    if group is None:
        raise NotFound(f"alert rule {rule} does not exist or has no group")
    return Room(group.sealed_url)


def seal_group(url: str, vault: Vault, allowed_hosts: Sequence[str]) -> Group:
    """The group at an address that messages may go to.

    Raises: InvalidInput, naming `group_url`.
    """
    check_chat_url(url, allowed_hosts, field="group_url")
    return Group(masked(url), vault.seal(url.encode(), PURPOSE))


async def put_group(connection: AsyncConnection, rule: str, group: Group, *, by: str, now: datetime) -> None:
    """Tell this group by the rule from now on; what waits for the former one goes to it too."""
    values = {"url": group.shown, "sealed_secret": group.sealed_url, "created_at": now, "created_by": by}
    held = await _row_id(connection, rule)
    if held is not None:
        await connection.execute(update(Webhook).where(Webhook.id == held).values(values))
        return
    kind = {"events": [RULE], "unit_codes": None, "filters": {RULE: rule}, "is_active": True}
    await connection.execute(insert(Webhook).values(**values, **kind))


async def drop_group(connection: AsyncConnection, rule: str) -> None:
    """Forget the group of the rule, if there is one; what waits for it is withdrawn when its turn comes."""
    held = await _row_id(connection, rule)
    if held is not None:
        await connection.execute(update(Webhook).where(Webhook.id == held).values(is_active=False, sealed_secret=b""))


async def _row_id(connection: AsyncConnection, rule: str) -> int | None:
    statement = select(Webhook.id, Webhook.events, Webhook.filters).where(Webhook.is_active)
    rows = await connection.execute(statement)
    return next((int(row.id) for row in rows if RULE in row.events and row.filters[RULE] == rule), None)
