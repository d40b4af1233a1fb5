"""The small city with office hours: policies that count working time, lives of every kind, two administrators."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import insert, select, update

from app.complaint.clocks import Rulebook
from app.db.changes import RULES, count_up
from app.db.session import reading, snapshot, writing
from app.db.states import RuleKind
from app.db.verify import Difference, verify
from app.rules import impact, proposals, versions
from app.rules.contents import Content
from app.rules.proposals import ProposalEntry
from app.rules.recalculation import Bench, Recalculated, recalculate
from app.rules.versions import NewRule, Rule, Version
from tests.units.city import NOW, City
from tests.workqueue.desk import _VERSION, _add, table

TODAY = date(2026, 3, 2)
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri")
OFFICE: Mapping[str, Any] = {
    "timezone": "Asia/Jakarta",
    "week": {day: [["07:30", "12:00"], ["13:00", "16:00"]] for day in WEEKDAYS},
}
SHORT: Mapping[str, Any] = {**OFFICE, "week": {day: [["08:00", "12:00"]] for day in WEEKDAYS}}
"""Half the hours: every clock that counts working time moves."""
OFFICE_POLICIES = {
    "law.resolve": ("law", "resolve", "working_day", 5, ["awaiting_complainant"]),
    "office.respond": ("office", "respond", "working_minute", 900, []),
    "office.handle": ("office", "handle", "working_minute", 2_000, ["awaiting_complainant", "awaiting_validation"]),
}
_reason = table("reason_code")


class Hall(City):
    """A city whose office hours and targets somebody wants to change."""

    async def build(self) -> None:
        await super().build()
        async with writing(self.engine) as connection:
            calendar_id = await _add(connection, "calendar", name="office")
            version = {"calendar_id": calendar_id, "version": 1, "rules": OFFICE, "published_at": NOW}
            await _add(connection, "calendar_version", **version)
            for name, (family, clock, unit, amount, honours) in OFFICE_POLICIES.items():
                policy_id = await _add(connection, "policy", name=name, family=family, kind="clock", clock=clock)
                row = {**_VERSION, "calendar": "office", "target_unit": unit, "honours": honours}
                await _add(connection, "policy_version", policy_id=policy_id, target_amount=amount, **row)
            for code in ("awaiting_complainant", "awaiting_validation"):
                labels = {"label_id": code, "label_en": code, "needs_evidence": False}
                known = await connection.scalar(select(_reason.c.code).where(_reason.c.code == code))
                if known is None:
                    await connection.execute(insert(_reason).values(kind="pause", code=code, **labels))
            await count_up(connection, RULES)

    async def fill(self, count: int, *, seed: int = 7) -> None:
        """So many complaints; nobody has claimed one, so that every row is what its history gives."""
        await super().fill(count, seed=seed)
        async with writing(self.engine) as connection:
            await connection.execute(update(table("complaint")).values(assignee_id=None))

    async def rule(self, kind: RuleKind, name: str) -> Rule:
        async with reading(self.engine) as connection:
            return await versions.read_rule(connection, kind, name)

    async def content(self, kind: RuleKind, name: str, **given: Any) -> Content:
        """A version that is like the one in force but for what is given."""
        return versions.read_content(await self.rule(kind, name), given, today=TODAY)

    async def draft(self, kind: RuleKind, name: str, *, new: NewRule | None = None, **given: Any) -> Version:
        async with writing(self.engine) as connection:
            rule = await versions.find_rule(connection, kind, name, new or NewRule())
            content = versions.read_content(rule, given, today=TODAY)
            return (await versions.add_version(connection, rule, content, actor="gita", now=NOW)).versions[-1]

    async def publish(self, kind: RuleKind, name: str, number: int, *, confirm: bool = False) -> Rule:
        async with writing(self.engine) as connection:
            return await versions.publish_unused(
                connection, kind, name, number, confirm=confirm, actor="gita", today=TODAY, now=NOW
            )

    async def propose(self, kind: RuleKind, name: str, *, actor: str = "gita", **given: Any) -> int:
        """A proposal of a version like the one in force but for what is given, with its preview."""
        content = await self.content(kind, name, **given)
        rule = await self.rule(kind, name)
        preview = (await self.foresee(rule, content)).to_json(await self.names())
        async with writing(self.engine) as connection:
            return await proposals.propose(
                connection, rule, content, preview=preview, reason="jam kerja baru", actor=actor, now=NOW
            )

    async def foresee(self, rule: Rule, content: Content) -> impact.Impact:
        async with reading(self.engine) as connection:
            rules = impact.rules_with(await self.rules(connection), rule, content, now=NOW)
            return await impact.foresee(connection, rules, versions.reach_of(rule, None, content), now=NOW)

    async def names(self) -> dict[int, tuple[str, str]]:
        async with reading(self.engine) as connection:
            return await impact.unit_names(connection)

    async def approve(
        self, proposal_id: int, *, actor: str = "hana", confirm: bool = True, now: datetime = NOW
    ) -> None:
        async with writing(self.engine) as connection:
            await proposals.approve(connection, proposal_id, confirm=confirm, actor=actor, today=TODAY, now=now)

    async def refuse(self, proposal_id: int, *, actor: str = "hana") -> None:
        async with writing(self.engine) as connection:
            await proposals.refuse(connection, proposal_id, reason="belum waktunya", actor=actor, now=NOW)

    async def revert(self, proposal_id: int, *, actor: str = "hana") -> None:
        async with writing(self.engine) as connection:
            await proposals.revert(connection, proposal_id, actor=actor, now=NOW)

    async def proposal(self, proposal_id: int) -> ProposalEntry:
        async with reading(self.engine) as connection:
            return await proposals.read_proposal(connection, proposal_id)

    def bench(self, owner: str = "worker", *, span: timedelta = timedelta(seconds=60)) -> Bench:
        return Bench(self.engine, self.rulebooks, owner, span, lambda: NOW)

    async def work(self) -> Recalculated | None:
        """What a worker does at its tick."""
        return await recalculate(self.bench())

    async def differences(self) -> list[Difference]:
        """Where what is stored is not what its history gives."""
        async with snapshot(self.engine) as connection:
            rules: Rulebook = await self.rules(connection)
            return [each async for _, found in verify(connection, rules) for each in found]

    async def clocks(self, *, is_open: bool) -> dict[int, dict[str, Any]]:
        """Every clock row by id, of those that are open or of the others."""
        rows = [dict(row._mapping) for row in await self.rows("sla_clock")]
        return {row["id"]: row for row in rows if (row["state"] in ("running", "paused")) is is_open}

    async def everything(self) -> dict[str, list[Any]]:
        """Every row that complaints have."""
        names = ("complaint", "complaint_event", "sla_clock", "stint", "pause", "queue_slot")
        return {name: [tuple(row) for row in await self.rows(name)] for name in names}

    async def recalculated(self) -> list[dict[str, Any]]:
        """What the histories say about clocks that followed new rules."""
        events = table("complaint_event")
        statement = select(events.c.details).where(events.c.kind == "recalculated").order_by(events.c.id)
        async with reading(self.engine) as connection:
            return list(await connection.scalars(statement))
