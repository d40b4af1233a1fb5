"""What leased deliveries tell and whom, read for a whole batch, and whether there is still a reason to tell it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.contents import AlertFacts, Alerts, Content, Correction, read_digest, read_incident
from app.alerts.groups import GROUP, Group, read_groups
from app.alerts.mutes import muted_alerts
from app.alerts.notifiers import CHAT, EMAIL, WEBHOOK, Endpoint, Notice, Person, Room
from app.db.states import DeliveryKind
from app.db.tables.alerts import Alert, AlertReview, Delivery, DeliveryAlert, Webhook
from app.db.tables.complaints import Complaint, SlaClock
from app.db.tables.people import Officer
from app.db.tables.rules import Policy
from app.db.tables.units import Unit
from app.sla.clock import State

_OFFICER = "officer:"
_OPERATOR = "operator:"
_LATE = timedelta(minutes=1)
"""A message that is sent so much after its hour comes after a time when no worker ran."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries with all that they need to be sent."""

    rows: Sequence[Any]
    alerts_of: Mapping[str, Sequence[int]]
    alerts: Mapping[int, Any]
    officers: Mapping[int, Any]
    groups: Mapping[str, Group]
    muted: Collection[int]
    changed: Collection[int]
    """The complaints that the sweep has to look at again."""

    def stands(self, row: Any) -> bool:
        """Whether there is still somebody to tell, and a reason to tell them."""
        if row.channel == WEBHOOK and not row.webhook_is_active:
            return False
        if (officer_id := _officer_id(row)) is not None:
            officer = self.officers.get(officer_id)
            if officer is None or not officer.is_active:
                return False
        if (rule := _rule(row)) is not None and rule not in self.groups:
            return False
        return row.kind is not DeliveryKind.ALERT or bool(self._standing(row))

    def is_overtaken(self, row: Any, now: datetime) -> bool:
        """Whether the sweep may take it back from its person and has not come to it yet.

        Its complaint may be another's by now. Or nobody sent it for a while, and meanwhile its clock has passed a step
        not yet raised: the sweep that raises that step takes it back, where the same person hears of the higher one.
        """
        if row.kind is not DeliveryKind.ALERT or row.channel not in (EMAIL, CHAT):
            return False
        standing = self._standing(row)
        if any(alert.complaint_id in self.changed for alert in standing):
            return True
        is_late = row.attempts == 1 and now - row.next_attempt_at > _LATE
        return is_late and any(each.next_fire_at is not None and each.next_fire_at < now for each in standing)

    def notice(self, row: Any) -> Notice:
        """The message of a delivery that stands."""
        return Notice(row.id, self._content(row), self._target(row))

    def _content(self, row: Any) -> Content:
        payload = row.payload or {}
        match row.kind:
            case DeliveryKind.ALERT:
                return Alerts(
                    _told(self._standing(row), payload.get("at")),
                    is_for_another=payload.get("for_officer_id") is not None,
                    is_instead=payload.get("instead_of") is not None,
                )
            case DeliveryKind.CORRECTION:
                return Correction(_told([self.alerts[each] for each in self.alerts_of[row.id]]))
            case DeliveryKind.DIGEST:
                return read_digest(payload)
            case _:
                return read_incident(payload)

    def _target(self, row: Any) -> Endpoint | Person | Room | None:
        if row.channel == WEBHOOK:
            return Endpoint(row.url, row.sealed_secret)
        if (rule := _rule(row)) is not None:
            return Room(self.groups[rule].sealed_url)
        if row.recipient.startswith(_OPERATOR):
            return Person(email=row.recipient.removeprefix(_OPERATOR))
        if (officer_id := _officer_id(row)) is None:
            return None
        officer = self.officers[officer_id]
        return Person(email=officer.email, sealed_chat_url=officer.sealed_chat_url, language=officer.language)

    def _standing(self, row: Any) -> list[Any]:
        spoken = [each for each in self.alerts_of[row.id] if each not in self.muted]
        return [alert for each in spoken if _stands(alert := self.alerts[each])]


async def read_batch(connection: AsyncConnection, delivery_ids: Sequence[str], *, now: datetime) -> Batch:
    """The deliveries, soonest first, with their alerts, what of them is muted at `now`, and recipients."""
    rows = list(await connection.execute(_DELIVERIES.where(Delivery.id.in_(delivery_ids))))
    alerts_of: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        if row.alert_id is not None:
            alerts_of[row.id].append(row.alert_id)
    joined = select(DeliveryAlert.delivery_id, DeliveryAlert.alert_id)
    for delivery_id, alert_id in await connection.execute(joined.where(DeliveryAlert.delivery_id.in_(delivery_ids))):
        alerts_of[delivery_id].append(alert_id)
    alert_ids = {each for ids in alerts_of.values() for each in ids}
    alerts = {row.id: row for row in await connection.execute(_ALERTS.where(Alert.id.in_(alert_ids)))}
    groups = await read_groups(connection) if any(_rule(row) is not None for row in rows) else {}
    muted = await muted_alerts(connection, alert_ids, now)
    marks = select(AlertReview.complaint_id).where(
        AlertReview.complaint_id.in_({alert.complaint_id for alert in alerts.values()})
    )
    changed = set(await connection.scalars(marks)) if alerts else set()
    return Batch(rows, alerts_of, alerts, await _officers(connection, rows), groups, muted, changed)


async def _officers(connection: AsyncConnection, rows: Sequence[Any]) -> dict[int, Any]:
    ids = {officer_id for row in rows if (officer_id := _officer_id(row)) is not None}
    if not ids:
        return {}
    columns = (Officer.id, Officer.is_active, Officer.email, Officer.sealed_chat_url, Officer.language)
    return {row.id: row for row in await connection.execute(select(*columns).where(Officer.id.in_(ids)))}


def _officer_id(row: Any) -> int | None:
    return int(row.recipient.removeprefix(_OFFICER)) if row.recipient.startswith(_OFFICER) else None


def _rule(row: Any) -> str | None:
    """The rule whose group is told."""
    return str(row.recipient).removeprefix(GROUP) if row.recipient.startswith(GROUP) else None


def _stands(alert: Any) -> bool:
    """Whether the clock runs towards the same due time and nobody knows of it yet."""
    return (
        alert.acknowledged_at is None
        and alert.cleared_at is None
        and alert.clock_state is State.RUNNING
        and alert.clock_due_at == alert.due_at
    )


def _told(alerts: Sequence[Any], at: str | None = None) -> tuple[AlertFacts, ...]:
    """The alerts as they are told, the most serious first; `at` is the hour that their message waited for."""
    told_at = datetime.fromisoformat(at) if at is not None else None
    return tuple(sorted((_facts(row, told_at) for row in alerts), key=lambda each: (-each.step, each.due_at)))


def _facts(row: Any, told_at: datetime | None) -> AlertFacts:
    return AlertFacts(
        id=row.id,
        complaint_id=row.complaint_id,
        ticket_code=row.ticket_code,
        unit_code=row.unit_code,
        unit_name=row.unit_name,
        clock=row.clock,
        cycle=row.cycle,
        rule=row.rule,
        step=row.step,
        due_at=row.due_at,
        raised_at=row.raised_at,
        told_at=told_at,
    )


_DELIVERIES = (
    select(
        Delivery.id, Delivery.kind, Delivery.channel, Delivery.recipient, Delivery.payload, Delivery.attempts,
        Delivery.next_attempt_at, Delivery.alert_id, Delivery.webhook_id, Webhook.url, Webhook.sealed_secret,
        Webhook.is_active.label("webhook_is_active"),
    )
    .outerjoin(Webhook, Webhook.id == Delivery.webhook_id)
    .order_by(Delivery.next_attempt_at, Delivery.id)
)  # fmt: skip
# The ladder belongs to the family of the rule: after a change within the family it is the same clock that counts.
_CLOCK_OF = and_(
    SlaClock.complaint_id == Alert.complaint_id,
    SlaClock.clock == Alert.clock,
    SlaClock.cycle == Alert.cycle,
    SlaClock.family == Policy.family,
)
_ALERTS = (
    select(
        Alert.id, Alert.complaint_id, Alert.clock, Alert.cycle, Alert.rule, Alert.step, Alert.due_at, Alert.raised_at,
        Alert.acknowledged_at, Alert.cleared_at, Complaint.ticket_code, Unit.code.label("unit_code"),
        Unit.name.label("unit_name"), SlaClock.state.label("clock_state"), SlaClock.due_at.label("clock_due_at"),
        SlaClock.next_fire_at,
    )
    .join(Complaint, Complaint.id == Alert.complaint_id)
    .outerjoin(Unit, Unit.id == Alert.unit_id)
    .outerjoin(Policy, Policy.name == Alert.rule)
    .outerjoin(SlaClock, _CLOCK_OF)
)  # fmt: skip
