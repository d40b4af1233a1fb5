"""Corrections: whoever was told of a breach that, as is known now, never was, is told so."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.directory import Person, read_people
from app.alerts.hours import when
from app.alerts.mutes import Mute, is_muted, mutes_at
from app.alerts.outbox import Message, Raised, post
from app.complaint.clocks import Rulebook
from app.db.states import DeliveryKind, DeliveryState
from app.db.tables.alerts import Delivery, DeliveryAlert

_OFFICER = "officer:"


async def correct(connection: AsyncConnection, rules: Rulebook, alerts: Sequence[Any], *, now: datetime) -> None:
    """One correction for each recipient and complaint, at any hour but their quiet ones; what is muted stays so."""
    mutes = await mutes_at(connection, now) if alerts else []
    spoken = {alert.id: alert for alert in alerts if not _is_muted(rules, mutes, alert)}
    if not spoken:
        return
    told: dict[tuple[int, str, str], list[Any]] = defaultdict(list)
    hooks: dict[str, int | None] = {}
    for row in await _told(connection, list(spoken)):
        alert = spoken[row.told_id]
        if row.round == alert.round or row.alert_id != alert.id:
            told[alert.complaint_id, row.channel, row.recipient].append(alert)
            hooks[row.recipient] = row.webhook_id
    people = await read_people(connection, {_officer_id(name) for _, _, name in told if name.startswith(_OFFICER)})
    await post(
        connection,
        [
            _message(found, channel, name, hooks[name], at=_at(people, name, rules, now))
            for (_, channel, name), found in told.items()
        ],
    )


async def _told(connection: AsyncConnection, alert_ids: Sequence[int]) -> list[Any]:
    """The deliveries that told of the alerts, or may be doing so at this moment."""
    columns = (Delivery.alert_id, Delivery.round, Delivery.channel, Delivery.recipient, Delivery.webhook_id)
    is_told = or_(
        Delivery.state == DeliveryState.DELIVERED,
        and_(Delivery.state == DeliveryState.PENDING, Delivery.lease_until.is_not(None)),
    )
    is_alert = Delivery.kind == DeliveryKind.ALERT
    own = select(Delivery.alert_id.label("told_id"), *columns).where(Delivery.alert_id.in_(alert_ids))
    joined = (
        select(DeliveryAlert.alert_id.label("told_id"), *columns)
        .join(DeliveryAlert, DeliveryAlert.delivery_id == Delivery.id)
        .where(DeliveryAlert.alert_id.in_(alert_ids))
    )
    return [row for each in (own, joined) for row in await connection.execute(each.where(is_told, is_alert))]


def _message(alerts: Sequence[Any], channel: str, name: str, webhook_id: int | None, *, at: datetime) -> Message:
    unique = {alert.id: alert for alert in alerts}.values()
    first, *others = [
        Raised(dict(alert._mapping), None, id=alert.id, round=alert.round)
        for alert in sorted(unique, key=lambda each: (-each.step, each.due_at))
    ]
    return Message(first, others, channel, name, webhook_id, at, kind=DeliveryKind.CORRECTION)


def _at(people: dict[int, Person], name: str, rules: Rulebook, now: datetime) -> datetime:
    person = people.get(_officer_id(name)) if name.startswith(_OFFICER) else None
    return when(now, office=None, quiet=person.quiet, zone=rules.zone) if person is not None else now


def _officer_id(name: str) -> int:
    return int(name.removeprefix(_OFFICER))


def _is_muted(rules: Rulebook, mutes: Sequence[Mute], alert: Any) -> bool:
    return is_muted(mutes, alert.rule, rules.ancestors.get(alert.unit_id, (alert.unit_id,)))
