"""Whoever made a webhook is told when it is switched off, since it may be nobody's who runs this installation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from sqlalchemy import Table, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.contents import Incident
from app.alerts.directory import Directory, Person, read_delegates, read_people
from app.alerts.hours import when
from app.alerts.incidents import Fault, notice_row
from app.alerts.webhooks import Failed
from app.db.tables.alerts import Delivery
from app.db.tables.people import Officer

WEBHOOK_OFF = "webhook_off"


def off_fault(webhook_id: int, host: str) -> Fault:
    """What is wrong with a webhook that was switched off."""
    return Fault(f"{WEBHOOK_OFF}:{webhook_id}", WEBHOOK_OFF, {"webhook": str(webhook_id), "host": host})


async def tell_owners(connection: AsyncConnection, failed: Sequence[Failed], *, zone: tzinfo, now: datetime) -> int:
    """How many messages tell the owners, or who stands in for them, after their quiet hours.

    A webhook of a token is its maker's only if that was an officer; those who run this installation are told anyway.
    """
    owners = await _owners(connection, {each.created_by for each in failed}, now)
    rows = [row for each in failed if (person := owners.get(each.created_by)) for row in _rows(each, person, zone, now)]
    if rows:
        await connection.execute(insert(_delivery), rows)
    return len(rows)


async def _owners(connection: AsyncConnection, names: set[str], now: datetime) -> Mapping[str, Person]:
    """Who is told for each officer, by user name."""
    statement = select(Officer.username, Officer.id).where(Officer.username.in_(names))
    ids = {row.username: int(row.id) for row in await connection.execute(statement)}
    delegates = await read_delegates(connection, now)
    wanted = {*ids.values(), *(each for each in delegates.values() if each is not None)}
    directory = Directory(people=await read_people(connection, wanted), delegates=delegates)
    reached = {name: directory.stand_in(id_, None) for name, id_ in ids.items()}
    return {name: each.person for name, each in reached.items() if each is not None}


def _rows(failed: Failed, person: Person, zone: tzinfo, now: datetime) -> Iterator[dict[str, Any]]:
    fault = off_fault(failed.id, failed.host)
    incident = Incident(key=fault.key, what=fault.what, is_over=False, since=now, about=fault.about)
    at = when(now, office=None, quiet=person.quiet, zone=zone)
    for channel in sorted(person.channels):
        way = {"channel": channel, "recipient": f"officer:{person.id}", "webhook_id": None, "next_attempt_at": at}
        yield notice_row(incident, way, now)


_delivery: Table = Delivery.__table__  # type: ignore[assignment]
