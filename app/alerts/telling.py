"""Who is told what in one message: rules, mutes and the directory applied to the alerts of a complaint."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.directory import Directory, Reached, read_directory
from app.alerts.groups import GROUP, read_groups
from app.alerts.hours import Quiet, office_of, when
from app.alerts.ladder import BREACH_STEP, Level, Recipient, level_of, told
from app.alerts.mutes import Mute, is_muted, mutes_at
from app.alerts.notifiers import CHAT, CONSOLE, EMAIL
from app.alerts.outbox import Message, Raised, refresh, withdraw
from app.alerts.rules import Hours, Rule, Severity, active_rules
from app.alerts.webhooks import recipients
from app.complaint.clocks import Rulebook
from app.db.states import DeliveryState
from app.db.tables.alerts import Alert, Delivery, DeliveryAlert

_CONSOLE = Recipient(channel=CONSOLE, name=CONSOLE)
_SEVERITIES = tuple(Severity)


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """By which rule a person or a group is told of an alert, when, and as what."""

    at: datetime
    severity: Severity
    rule: str
    told_as: str
    instead_of: str | None = None
    for_officer_id: int | None = None


@dataclass(slots=True)
class _Told:
    """What one recipient is told of one complaint."""

    channel: str
    name: str
    webhook_id: int | None = None
    at: datetime | None = None
    alerts: list[Raised] = field(default_factory=list)
    voices: list[Voice] = field(default_factory=list)

    def hear(self, raised: Raised, at: datetime, voice: Voice | None = None) -> None:
        self.at = at if self.at is None else min(self.at, at)
        if raised not in self.alerts:
            self.alerts.append(raised)
        if voice is not None:
            self.voices.append(voice)

    def message(self) -> Message:
        first, *others = sorted(self.alerts, key=lambda each: (-each.row["step"], each.row["due_at"]))
        assert self.at is not None
        return Message(first, others, self.channel, self.name, self.webhook_id, self.at, self._payload())

    def _payload(self) -> dict[str, Any]:
        if not self.voices:
            return {}
        first = min(self.voices, key=lambda each: (each.for_officer_id is not None, each.at))
        said = {
            "rules": sorted({each.rule for each in self.voices}),
            "severity": max((each.severity for each in self.voices), key=_SEVERITIES.index),
            "told_as": first.told_as,
            "instead_of": first.instead_of,
            "for_officer_id": first.for_officer_id,
        }
        return {name: value for name, value in said.items() if value is not None}


@dataclass(frozen=True, slots=True, kw_only=True)
class Teller:
    """Everything that decides who is told, read once for a batch.

    `everybody` are the console and the webhooks, `groups` the rules that have a chat group.
    """

    rulebook: Rulebook
    rules: Sequence[Rule]
    mutes: Sequence[Mute]
    directory: Directory
    everybody: Sequence[Recipient]
    groups: Collection[str] = ()
    now: datetime

    def messages(self, alerts: Sequence[Raised]) -> list[Message]:
        """One message for each recipient and complaint, whatever it is made of."""
        found: dict[tuple[str, str], _Told] = {}
        for raised in alerts:
            if self._is_muted(raised.row["rule"], raised):
                continue
            for each in self._everybody(raised):
                heard = found.setdefault((each.channel, each.name), _Told(each.channel, each.name, each.webhook_id))
                heard.hear(raised, self.now)
            for channel, name, voice in self._by_rules(raised):
                found.setdefault((channel, name), _Told(channel, name)).hear(raised, voice.at, voice)
        return [each.message() for each in found.values()]

    def _everybody(self, raised: Raised) -> Sequence[Recipient]:
        """Webhooks hear of the levels that they asked for; of those that were missed only a breach still matters."""
        units = self._codes({raised.row["unit_id"], raised.holder_id})
        levels = {level_of(raised.row["step"]), *({Level.BREACH} if BREACH_STEP in raised.missed else ())}
        return told(self.everybody, units=units, levels=levels, clock=raised.row["clock"])

    def _by_rules(self, raised: Raised) -> Iterator[tuple[str, str, Voice]]:
        units = self._codes({raised.row["unit_id"]})
        clock, policy = raised.row["clock"], raised.row["rule"]
        for rule in self.rules:
            about = {"clock": clock, "policy": policy, "units": units, "category": raised.category}
            if any(rule.tells(step, **about) for step in raised.steps) and not self._is_muted(rule.name, raised):
                if rule.name in self.groups:
                    at = self._open_at(rule, raised.row["unit_id"], quiet=None)
                    voice = Voice(at=at, severity=rule.severity, rule=rule.name, told_as="group")
                    yield CHAT, f"{GROUP}{rule.name}", voice
                for who in rule.who:
                    yield from self._answering(raised, rule, who)

    def _answering(self, raised: Raised, rule: Rule, who: str) -> Iterator[tuple[str, str, Voice]]:
        answer = self.directory.answer(
            who, unit_id=raised.row["unit_id"], assignee_id=raised.assignee_id, channels=rule.channels
        )
        if answer is None:
            return
        for reached in answer.reached:
            voice = Voice(
                at=self._due(reached, rule),
                severity=rule.severity,
                rule=rule.name,
                told_as=answer.told_as,
                instead_of=answer.instead_of,
                for_officer_id=reached.stands_in_for,
            )
            for channel in sorted(reached.person.channels & set(rule.channels)):
                yield channel, f"officer:{reached.person.id}", voice

    def _due(self, reached: Reached, rule: Rule) -> datetime:
        """When the person is told by the rule."""
        quiet = reached.person.quiet if rule.severity is not Severity.URGENT else None
        return self._open_at(rule, reached.unit_id, quiet=quiet)

    def _open_at(self, rule: Rule, unit_id: int | None, *, quiet: Quiet | None) -> datetime:
        office = office_of(self.rulebook, unit_id, self.now) if rule.hours is Hours.WORKING else None
        return when(self.now, office=office, quiet=quiet, zone=self.rulebook.zone)

    def _is_muted(self, name: str, raised: Raised) -> bool:
        unit_id = raised.row["unit_id"]
        return is_muted(self.mutes, name, self.rulebook.ancestors.get(unit_id, (unit_id,)))

    def _codes(self, unit_ids: set[int | None]) -> frozenset[str]:
        """The codes of the units and of all above them."""
        rules = self.rulebook
        above = {each for unit_id in unit_ids if unit_id for each in rules.ancestors.get(unit_id, (unit_id,))}
        return frozenset(rules.unit_codes[each] for each in above if each in rules.unit_codes)


async def make_teller(
    connection: AsyncConnection, rules: Rulebook, alerts: Sequence[Raised], *, now: datetime
) -> Teller:
    """Who is told of the alerts: everything that decides it, in a handful of statements however many there are."""
    told_by = await active_rules(connection)
    units = {each.row["unit_id"] for each in alerts if each.row["unit_id"] is not None}
    assignees = {each.assignee_id for each in alerts if each.assignee_id is not None}
    directory = Directory()
    if told_by:
        directory = await read_directory(connection, unit_ids=units, officer_ids=assignees, now=now)
    return Teller(
        rulebook=rules,
        rules=told_by,
        mutes=await mutes_at(connection, now),
        directory=directory,
        everybody=[_CONSOLE, *await recipients(connection)],
        groups=await read_groups(connection) if told_by else (),
        now=now,
    )


async def supersede(connection: AsyncConnection, messages: Sequence[Message], former_ids: Collection[int]) -> None:
    """Take back what a person would hear later of a lower step, now that they hear of a higher one.

    Only what was not tried yet, because it waits for its hour or because nobody was there to send it. Webhooks and the
    console hear of every step.
    """
    hearing = {
        (alert.row["complaint_id"], alert.row["clock"], alert.row["rule"], each.channel, each.recipient)
        for each in messages
        for alert in (each.alert, *each.others)
    }
    if not former_ids or not hearing:
        return
    statement = (
        select(Delivery.id, Delivery.alert_id, Delivery.channel, Delivery.recipient)
        .add_columns(Alert.complaint_id, Alert.clock, Alert.rule)
        .join(Alert, Alert.id == Delivery.alert_id)
        .where(Delivery.alert_id.in_(former_ids), Delivery.state == DeliveryState.PENDING)
        .where(Delivery.attempts == 0, Delivery.channel.in_((EMAIL, CHAT)))
        .where(~exists().where(DeliveryAlert.delivery_id == Delivery.id))
    )
    rows = [
        row
        for row in await connection.execute(statement)
        if (row.complaint_id, row.clock, row.rule, row.channel, row.recipient) in hearing
    ]
    await refresh(connection, await withdraw(connection, [row.id for row in rows]))
