"""Calendars and policies over REST: their versions, drafts, checks; what is in use changes by proposal alone."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Body, Path, Request, Response
from sqlalchemy.ext.asyncio import AsyncConnection

from app.api.auth import AdminDep, WholeAdminDep
from app.api.bodies import Digits
from app.api.paging import Cursors, CursorsDep, CursorText, Limit, next_link
from app.api.rule_answers import (
    CalendarBody,
    CalendarProposalBody,
    ConfirmBody,
    FindingsAnswer,
    PolicyBody,
    PolicyProposalBody,
    ProposalAnswer,
    RuleAnswer,
    RulePage,
)
from app.db.session import writing
from app.db.states import RuleKind
from app.dependencies import House, HouseDep, Now, Reading, Writing
from app.intake.walk_in import DESK
from app.people.audit import Details, record
from app.people.callers import Caller
from app.rules import drafting, versions
from app.rules.drafting import Wish
from app.rules.proposals import read_proposal
from app.rules.versions import NewRule
from connectors.registry import CONNECTORS

router = APIRouter(prefix="/admin", tags=["rules"])

CALENDAR, POLICY = RuleKind.CALENDAR, RuleKind.POLICY
_KINDS = (*CONNECTORS, DESK)
Name = Annotated[str, Path(min_length=1, max_length=60)]
Number = Annotated[int, Digits, Path(ge=1, le=2**31 - 1, description="A version, by its number.")]
Confirmed = Annotated[ConfirmBody | None, Body()]


def today_of(house: House, now: datetime) -> date:
    """The local date."""
    return now.astimezone(house.settings.zone).date()


@router.get("/calendars")
async def calendars(
    request: Request,
    response: Response,
    connection: Reading,
    _caller: AdminDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> RulePage:
    """Every calendar with its versions."""
    page = await _page(connection, CALENDAR, cursors, limit, cursor, now)
    response.headers.update(next_link(request, page.next_cursor))
    return page


@router.get("/calendars/{name}")
async def calendar(name: Name, connection: Reading, _caller: AdminDep, now: Now) -> RuleAnswer:
    """One calendar with its versions, newest first."""
    return RuleAnswer.of(await versions.read_rule(connection, CALENDAR, name), now)


@router.post("/calendars/{name}/versions", status_code=201)
async def draft_calendar(
    name: Name, asked: CalendarBody, connection: Writing, caller: WholeAdminDep, house: HouseDep, now: Now
) -> RuleAnswer:
    """One draft more; a calendar that does not exist yet begins with it. Nothing is in force by it."""
    wish = Wish(kind=CALENDAR, name=name, given=_given(asked))
    return await _draft(connection, wish, caller, today_of(house, now), now)


@router.post("/calendars/{name}/validate")
async def validate_calendar(
    name: Name, asked: CalendarBody, connection: Reading, _caller: AdminDep, house: HouseDep, now: Now
) -> FindingsAnswer:
    """What is wrong or doubtful about a version; nothing is stored."""
    wish = Wish(kind=CALENDAR, name=name, given=_given(asked))
    return FindingsAnswer.of(await drafting.validate(connection, wish, today=today_of(house, now)))


@router.post("/calendars/{name}/versions/{number}/publish")
async def publish_calendar(
    name: Name,
    number: Number,
    connection: Writing,
    caller: WholeAdminDep,
    house: HouseDep,
    now: Now,
    asked: Confirmed = None,
) -> RuleAnswer:
    """Bring a draft in force that no open clock could follow; else 409: propose it."""
    return await _publish(connection, CALENDAR, name, number, asked, caller, today_of(house, now), now)


@router.post("/calendars/{name}/proposals", status_code=201)
async def propose_calendar(
    name: Name, asked: CalendarProposalBody, caller: WholeAdminDep, house: HouseDep, now: Now
) -> ProposalAnswer:
    """A version that should come in force, with a preview of every clock it would move; somebody else approves it."""
    wish = Wish(kind=CALENDAR, name=name, given=_given(asked), number=asked.version)
    return await _propose(house, wish, asked.reason, caller, now)


@router.get("/policies")
async def policies(
    request: Request,
    response: Response,
    connection: Reading,
    _caller: AdminDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> RulePage:
    """Every policy with its versions."""
    page = await _page(connection, POLICY, cursors, limit, cursor, now)
    response.headers.update(next_link(request, page.next_cursor))
    return page


@router.get("/policies/{name}")
async def policy(name: Name, connection: Reading, _caller: AdminDep, now: Now) -> RuleAnswer:
    """One policy with its versions, newest first."""
    return RuleAnswer.of(await versions.read_rule(connection, POLICY, name), now)


@router.post("/policies/{name}/versions", status_code=201)
async def draft_policy(
    name: Name, asked: PolicyBody, connection: Writing, caller: WholeAdminDep, house: HouseDep, now: Now
) -> RuleAnswer:
    """One draft more; a policy that does not exist yet begins with it and names its family and clock."""
    return await _draft(connection, _policy_wish(name, asked), caller, today_of(house, now), now)


@router.post("/policies/{name}/validate")
async def validate_policy(
    name: Name, asked: PolicyBody, connection: Reading, _caller: AdminDep, house: HouseDep, now: Now
) -> FindingsAnswer:
    """What is wrong or doubtful about a version; nothing is stored."""
    wish = _policy_wish(name, asked)
    return FindingsAnswer.of(await drafting.validate(connection, wish, today=today_of(house, now)))


@router.post("/policies/{name}/versions/{number}/publish")
async def publish_policy(
    name: Name,
    number: Number,
    connection: Writing,
    caller: WholeAdminDep,
    house: HouseDep,
    now: Now,
    asked: Confirmed = None,
) -> RuleAnswer:
    """Bring a draft in force that no open clock could follow; else 409: propose it."""
    return await _publish(connection, POLICY, name, number, asked, caller, today_of(house, now), now)


@router.post("/policies/{name}/proposals", status_code=201)
async def propose_policy(
    name: Name, asked: PolicyProposalBody, caller: WholeAdminDep, house: HouseDep, now: Now
) -> ProposalAnswer:
    """A version that should come in force, with a preview of every clock it would move; somebody else approves it."""
    return await _propose(house, _policy_wish(name, asked, asked.version), asked.reason, caller, now)


def _given(asked: CalendarBody | PolicyBody) -> dict[str, Any]:
    """The content that was sent, without what is left out."""
    beside = {"reason", "version", "family", "clock"}
    return asked.model_dump(mode="json", exclude_unset=True, exclude=beside)


def _policy_wish(name: str, asked: PolicyBody, number: int | None = None) -> Wish:
    new = NewRule(asked.family, asked.clock)
    return Wish(kind=POLICY, name=name, given=_given(asked), number=number, new=new, kinds=_KINDS)


async def _page(
    connection: AsyncConnection, kind: RuleKind, cursors: Cursors, limit: int, cursor: str | None, now: datetime
) -> RulePage:
    place = cursors.decode(kind, cursor)
    after = str(place[0]) if place else ""
    rules = [rule for rule in await versions.read_rules(connection, kind) if rule.name > after]
    next_cursor = cursors.encode(kind, [rules[limit - 1].name]) if len(rules) > limit else None
    return RulePage(items=[RuleAnswer.of(rule, now) for rule in rules[:limit]], next_cursor=next_cursor, as_of=now)


async def _draft(connection: AsyncConnection, wish: Wish, caller: Caller, today: date, now: datetime) -> RuleAnswer:
    drafted = await drafting.add_draft(connection, wish, today=today, actor=caller.name, now=now)
    details: Details = {"version": drafted.versions[-1].number}
    subject = f"{wish.kind} {wish.name}"
    await record(connection, actor=caller.name, action=f"{wish.kind}.draft", subject=subject, details=details, now=now)
    return RuleAnswer.of(drafted, now)


async def _publish(
    connection: AsyncConnection,
    kind: RuleKind,
    name: str,
    number: int,
    asked: ConfirmBody | None,
    caller: Caller,
    today: date,
    now: datetime,
) -> RuleAnswer:
    confirm = asked is not None and asked.confirm
    rule = await versions.publish_unused(
        connection, kind, name, number, confirm=confirm, actor=caller.name, today=today, now=now
    )
    details: Details = {"version": number, "confirmed": confirm}
    subject = f"{kind} {name}"
    await record(connection, actor=caller.name, action=f"{kind}.publish", subject=subject, details=details, now=now)
    return RuleAnswer.of(rule, now)


async def _propose(house: House, wish: Wish, reason: str, caller: Caller, now: datetime) -> ProposalAnswer:
    """The clocks are folded before anything is locked; only then is the proposal written, in a short transaction."""
    draft = await drafting.prepare(
        house.engine, house.replica, house.rulebooks, wish, today=today_of(house, now), now=now
    )
    async with writing(house.engine) as connection:
        proposal_id = await drafting.store(connection, draft, reason=reason, actor=caller.name, now=now)
        entry = await read_proposal(connection, proposal_id)
        details: Details = {"proposal": proposal_id, "version": entry.version, "reason": reason}
        subject = f"{wish.kind} {wish.name}"
        await record(connection, actor=caller.name, action="proposal.create", subject=subject, details=details, now=now)
    return ProposalAnswer.of(entry)
