"""What waits to be sent follows the complaint: who answers for it now hears of it, and nobody else does any more."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.ladder import LadderKey, ladder_of, passed_steps
from app.alerts.notifiers import CHAT, EMAIL
from app.alerts.outbox import Message, Raised, post, post_again, refresh, withdraw
from app.alerts.telling import make_teller
from app.complaint.clocks import Rulebook
from app.db.states import DeliveryKind, DeliveryState
from app.db.tables.alerts import Alert, Delivery, DeliveryAlert
from app.db.tables.complaints import Complaint

Recipient = tuple[int, str, str]
"""A complaint, and by which channel who is told of it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert that stands and nobody has acknowledged, with its clock."""

    alert: Any
    clock: Any


async def readdress(
    connection: AsyncConnection, rules: Rulebook, standing: Sequence[Standing], *, now: datetime
) -> None:
    """Tell those who answer for the complaints now of what still waited for its hour, or for another attempt.

    What waits for others is withdrawn. Nobody is told twice: not of what they were told, nor of a lower step. What was
    told already stays told, and webhooks and the console hear what happened, whoever answers for it since.
    """
    deliveries = await _deliveries(connection, [each.alert.id for each in standing])
    waiting = {row.told_id for row in deliveries if row.state is DeliveryState.PENDING}
    raised = await _raised(connection, rules, standing, waiting)
    if not raised:
        return
    teller = replace(await make_teller(connection, rules, raised, now=now), everybody=())
    plan = _Plan({each.id: each for each in raised})
    for row in deliveries:
        plan.note(row)
    for alerts in _by_complaint(raised):
        plan.address(teller.messages(alerts))
    await plan.write(connection)


async def _deliveries(connection: AsyncConnection, alert_ids: Collection[int]) -> list[Any]:
    """Each delivery to a person or a group that tells of an alert as it is now, by each alert that it tells of."""
    columns = (
        Alert.id.label("told_id"), Alert.complaint_id, Alert.clock, Alert.cycle, Alert.rule, Alert.step,
        Delivery.alert_id, Delivery.id, Delivery.state, Delivery.channel, Delivery.recipient,
    )  # fmt: skip
    alerts = select(*columns).where(Alert.id.in_(alert_ids))
    is_own = and_(Delivery.alert_id == Alert.id, Delivery.round == Alert.round)
    own = alerts.join(Delivery, is_own)
    joined = alerts.join(DeliveryAlert, DeliveryAlert.alert_id == Alert.id)
    joined = joined.join(Delivery, Delivery.id == DeliveryAlert.delivery_id)
    is_personal = Delivery.kind == DeliveryKind.ALERT, Delivery.channel.in_((EMAIL, CHAT))
    ways = (own, joined) if alert_ids else ()
    return [row for way in ways for row in await connection.execute(way.where(*is_personal))]


async def _raised(
    connection: AsyncConnection, rules: Rulebook, standing: Sequence[Standing], alert_ids: Collection[int]
) -> list[Raised]:
    """The alerts as if they were raised now: of the unit that has the clock or else the complaint."""
    columns = (Complaint.id, Complaint.unit_id, Complaint.assignee_id, Complaint.category_code, Complaint.received_at)
    ids = {each.alert.complaint_id for each in standing if each.alert.id in alert_ids}
    rows = await connection.execute(select(*columns).where(Complaint.id.in_(ids))) if ids else ()
    cases = {row.id: row for row in rows}
    lower: dict[LadderKey, int] = {}
    found: list[Raised] = []
    for each in sorted(standing, key=lambda one: int(one.alert.step)):
        row = dict(each.alert._mapping)
        below = lower.get(ladder_of(row), 0)
        lower[ladder_of(row)] = each.alert.step
        if each.alert.id in alert_ids:
            case = cases[each.alert.complaint_id]
            row["unit_id"] = each.clock.unit_id if each.clock.unit_id is not None else case.unit_id
            missed = _missed(rules, each, case.received_at, below)
            known = {"id": each.alert.id, "round": each.alert.round, "missed": missed}
            found.append(Raised(row, case.unit_id, case.assignee_id, case.category_code, **known))
    return found


def _missed(rules: Rulebook, each: Standing, received_at: datetime, below: int) -> Sequence[int]:
    """The lower steps that the alert speaks for: those that no alert of its ladder was raised of."""
    policy_id = each.clock.policy_version_id
    if policy_id is None or (below == 0 and each.alert.fired_at <= received_at):
        return ()
    return passed_steps(rules.policy_by_id[policy_id], above=below, step=each.alert.step - 1)


def _by_complaint(alerts: Sequence[Raised]) -> Collection[list[Raised]]:
    found: dict[int, list[Raised]] = defaultdict(list)
    for each in alerts:
        found[each.row["complaint_id"]].append(each)
    return found.values()


@dataclass(slots=True)
class _Plan:
    """Who has heard what or is about to, and what becomes of it; gathered before the first statement that writes."""

    alerts: Mapping[int, Raised]
    heard: dict[Recipient, dict[LadderKey, int]] = field(default_factory=lambda: defaultdict(dict))
    pending: dict[str, Recipient] = field(default_factory=dict)
    """What waits for somebody who does not answer for the complaint any more."""
    withdrawn: dict[tuple[int, str, str], str] = field(default_factory=dict)
    """Deliveries that were taken back, by the alert, the channel and the recipient that make them what they are."""
    new: list[Message] = field(default_factory=list)
    again: dict[str, Message] = field(default_factory=dict)

    def note(self, row: Any) -> None:
        """Take a delivery into account, for one alert that it tells of."""
        recipient: Recipient = (row.complaint_id, row.channel, row.recipient)
        if row.state is DeliveryState.WITHDRAWN:
            if row.told_id == row.alert_id:
                self.withdrawn[row.alert_id, row.channel, row.recipient] = row.id
            return
        if row.state is DeliveryState.PENDING:
            self.pending[row.id] = recipient
        steps, ladder = self.heard[recipient], ladder_of(row._mapping)
        steps[ladder] = max(steps.get(ladder, 0), row.step)

    def address(self, messages: Sequence[Message]) -> None:
        """What each who answers now has not heard yet; what is on its way to them stays as it is."""
        wanted = {(each.alert.row["complaint_id"], each.channel, each.recipient): each for each in messages}
        for id_ in [id_ for id_, recipient in self.pending.items() if recipient in wanted]:
            del self.pending[id_]
        for recipient, message in wanted.items():
            if unheard := list(self._unheard(recipient, (message.alert, *message.others))):
                self._tell(replace(message, alert=unheard[0], others=unheard[1:]))

    def _tell(self, message: Message) -> None:
        held = self.withdrawn.get((message.alert.id, message.channel, message.recipient))
        if held is None:
            self.new.append(message)
        else:
            self.again[held] = message

    def _unheard(self, recipient: Recipient, alerts: Sequence[Raised]) -> Iterator[Raised]:
        """Of each ladder the highest step, unless they have heard of it or of a higher one; the highest come first."""
        steps = self.heard[recipient]
        for each in alerts:
            ladder = ladder_of(each.row)
            if each.row["step"] > steps.get(ladder, 0):
                steps[ladder] = each.row["step"]
                yield each

    async def write(self, connection: AsyncConnection) -> None:
        """Deliveries in the order of their ids and before their alerts, as everywhere."""
        touched = [*self.pending, *self.again]
        if touched:
            locked = select(Delivery.id).where(Delivery.id.in_(touched)).order_by(Delivery.id).with_for_update()
            await connection.execute(locked)
        changed = await withdraw(connection, list(self.pending))
        if self.again:
            await post_again(connection, self.again)
        await post(connection, self.new)
        await refresh(connection, changed.union(self.alerts))
        for unit_id, ids in self._units().items():
            await connection.execute(update(Alert).where(Alert.id.in_(ids)).values(unit_id=unit_id))

    def _units(self) -> Mapping[int | None, list[int]]:
        found: dict[int | None, list[int]] = defaultdict(list)
        for each in self.alerts.values():
            found[each.row["unit_id"]].append(each.id)
        return found
