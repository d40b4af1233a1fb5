"""Rules of telling and mutes over REST: who hears of which step, and what is silent for a while."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field, SecretStr, StrictBool, StrictInt

from app.alerts import mutes, rule_changes
from app.alerts.groups import Group, seal_group
from app.alerts.mutes import MuteView, NewMute
from app.alerts.rule_changes import MAX_EVERY, MAX_STEP, Entry
from app.alerts.rules import Hours, PersonalChannel, Rule, Severity
from app.api.auth import SupervisorDep, WholeAdminDep
from app.api.bodies import RowId, Sent
from app.api.instants import Instant
from app.api.paging import CursorsDep, CursorText, Limit, last_id, next_link
from app.dependencies import CallerDep, House, HouseDep, Now, Reading, Writing
from app.people.audit import Details, record

router = APIRouter(tags=["alerts"])

RuleName = Annotated[str, Path(max_length=60)]
Name = Annotated[str, Field(min_length=1, max_length=120)]
Names = Annotated[list[Name], Field(min_length=1, max_length=500)]

_MUTES = "alert-mutes"
_CHANNELS = list(PersonalChannel)


class RuleWords(Sent):
    """What a rule says, but for its name; what is left out narrows nothing."""

    description: Annotated[str, Field(max_length=500)] = ""
    from_step: Annotated[
        StrictInt,
        Field(ge=1, le=MAX_STEP, description="Percent of the target; 101 is the first reminder after the breach."),
    ]
    to_step: Annotated[StrictInt | None, Field(ge=1, le=MAX_STEP, description="Null: every step that follows.")] = None
    every: Annotated[StrictInt, Field(ge=1, le=MAX_EVERY, description="Of the reminders only each nth.")] = 1
    who: Annotated[
        list[Name],
        Field(
            max_length=20,
            default_factory=list,
            description="assignee, officers, head, head+1 to head+9, bureau; none for a rule that tells a group alone.",
        ),
    ]
    channels: Annotated[list[PersonalChannel], Field(min_length=1, max_length=10, default_factory=lambda: _CHANNELS)]
    severity: Annotated[Severity, Field(description="What is urgent comes through quiet hours.")] = Severity.NORMAL
    hours: Annotated[Hours, Field(description="At once, or in the office hours of the unit.")] = Hours.ANY
    clocks: Names | None = None
    policies: Names | None = None
    units: Annotated[Names | None, Field(description="Codes, each with all units below it.")] = None
    categories: Names | None = None
    is_active: StrictBool = True
    group_url: Annotated[
        SecretStr | None,
        Field(
            max_length=2_000,
            description="An Apprise URL of a chat group that is told too; kept sealed, shown masked as `group`. "
            "Left out, the group stays; null removes it.",
        ),
    ] = None

    def rule(self, name: str) -> Rule:
        """The rule of this name."""
        return Rule(
            name=name,
            description=self.description,
            from_step=self.from_step,
            to_step=self.to_step,
            every=self.every,
            who=tuple(self.who),
            channels=tuple(self.channels),
            severity=self.severity,
            hours=self.hours,
            clocks=_set(self.clocks),
            policies=_set(self.policies),
            units=_set(self.units),
            categories=_set(self.categories),
            is_active=self.is_active,
        )


class NewRule(RuleWords):
    """A rule to be, with its name."""

    name: Annotated[str, Field(min_length=1, max_length=60, description="Small letters, digits and -.")]


class RuleAnswer(BaseModel):
    """A rule as it stands."""

    name: str
    description: str
    from_step: int
    to_step: int | None
    every: int
    who: list[str]
    channels: list[str]
    severity: Severity
    hours: Hours
    clocks: list[str] | None
    policies: list[str] | None
    units: list[str] | None
    categories: list[str] | None
    is_active: bool
    group: Annotated[str | None, Field(description="The chat group, without what is secret in its address.")]
    updated_at: Instant
    updated_by: str

    @classmethod
    def of(cls, entry: Entry) -> Self:
        """The rule and who wrote it last."""
        rule = entry.rule
        sets = {
            field: sorted(words) if (words := getattr(rule, field)) is not None else None
            for field in ("clocks", "policies", "units", "categories")
        }
        plain = {field: getattr(rule, field) for field in Rule.__slots__ if field not in sets}
        return cls(**plain, **sets, group=entry.group, updated_at=entry.updated_at, updated_by=entry.updated_by)


class RuleList(BaseModel):
    """Every rule, those of the lower steps first."""

    items: list[RuleAnswer]
    next_cursor: str | None = None
    as_of: Instant


class MuteBody(Sent):
    """A mute to be; `rule` names an alert rule or a policy, and left out it is everything."""

    rule: Annotated[str | None, Field(min_length=1, max_length=60)] = None
    unit: Annotated[str, Field(min_length=1, max_length=80, description="A code; all units below it are meant too.")]
    until: Instant
    reason: Annotated[str, Field(min_length=1, max_length=500, pattern=r"\S")]


class MuteAnswer(BaseModel):
    """A mute as it stands."""

    id: int
    rule: str | None
    unit: str
    until: Instant
    reason: str
    created_at: Instant
    created_by: str
    lifted_at: Instant | None
    lifted_by: str | None

    @classmethod
    def of(cls, view: MuteView) -> Self:
        """The mute."""
        plain = {name: getattr(view, name) for name in MuteView.__slots__ if name != "until_at"}
        return cls(**plain, until=view.until_at)


class MuteList(BaseModel):
    """A page of mutes, newest first."""

    items: list[MuteAnswer]
    next_cursor: str | None
    as_of: Instant


@router.get("/alert-rules")
async def list_rules(connection: Reading, _caller: CallerDep, now: Now) -> RuleList:
    """Every rule by which people are told of a step; webhooks have filters of their own."""
    return RuleList(items=[RuleAnswer.of(each) for each in await rule_changes.list_rules(connection)], as_of=now)


@router.post("/alert-rules", status_code=201, responses={409: {"description": "There is a rule of that name."}})
async def add_rule(
    response: Response, connection: Writing, caller: WholeAdminDep, house: HouseDep, now: Now, body: NewRule
) -> RuleAnswer:
    """A new rule; it tells of what fires from now on."""
    rule, group = body.rule(body.name), _group(body, house)
    made = await rule_changes.add_rule(connection, rule, group=group, by=caller.name, now=now)
    await _note(connection, caller.name, "alert-rule.create", body.name, now, has_group=group is not None)
    response.headers["Location"] = f"/api/v1/alert-rules/{body.name}"
    return RuleAnswer.of(made)


@router.get("/alert-rules/{name}")
async def one_rule(connection: Reading, _caller: CallerDep, name: RuleName) -> RuleAnswer:
    """One rule."""
    return RuleAnswer.of(await rule_changes.find_rule(connection, name))


@router.put("/alert-rules/{name}")
async def put_rule(
    connection: Writing, caller: WholeAdminDep, house: HouseDep, now: Now, name: RuleName, body: RuleWords
) -> RuleAnswer:
    """The rule as it shall be, whole but for a group that is left out; messages that wait already stay as they are."""
    names_group = "group_url" in body.model_fields_set
    changed = await rule_changes.replace_rule(
        connection, body.rule(name), group=_group(body, house), keeps_group=not names_group, by=caller.name, now=now
    )
    await _note(connection, caller.name, "alert-rule.change", name, now, has_group=names_group)
    return RuleAnswer.of(changed)


@router.delete("/alert-rules/{name}", status_code=204)
async def delete_rule(connection: Writing, caller: WholeAdminDep, now: Now, name: RuleName) -> None:
    """Nobody is told by the rule any more."""
    await rule_changes.remove_rule(connection, name, by=caller.name, now=now)
    await _note(connection, caller.name, "alert-rule.delete", name, now)


@router.get("/alert-mutes")
async def list_mutes(
    request: Request,
    response: Response,
    connection: Reading,
    caller: SupervisorDep,
    now: Now,
    cursors: CursorsDep,
    is_active: Annotated[bool, Query(description="Only those that hold now.")] = True,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> MuteList:
    """The mutes of the caller's units, newest first."""
    before = last_id(cursors, _MUTES, cursor)
    found = await mutes.list_mutes(
        connection, caller.scope, only_at=now if is_active else None, before=before, limit=limit + 1
    )
    next_cursor = cursors.encode(_MUTES, [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    return MuteList(items=[MuteAnswer.of(each) for each in found[:limit]], next_cursor=next_cursor, as_of=now)


@router.post("/alert-mutes", status_code=201)
async def add_mute(
    response: Response, connection: Writing, caller: SupervisorDep, now: Now, body: MuteBody
) -> MuteAnswer:
    """Say nothing of a unit and those below it until an instant; alerts stay on record, and nobody is sent them."""
    new = NewMute(rule=body.rule, unit=body.unit, until_at=body.until, reason=body.reason)
    made = await mutes.mute(connection, new, caller.scope, created_by=caller.name, now=now)
    details = {"rule": body.rule, "unit": body.unit, "until": body.until.isoformat(), "reason": body.reason}
    subject = f"alert-mute:{made.id}"
    await record(connection, actor=caller.name, action="alert.mute", subject=subject, details=details, now=now)
    response.headers["Location"] = f"/api/v1/alert-mutes/{made.id}"
    return MuteAnswer.of(made)


@router.post("/alert-mutes/{mute_id}/lift")
async def lift_mute(connection: Writing, caller: SupervisorDep, now: Now, mute_id: RowId) -> MuteAnswer:
    """End the mute now; what it has silenced is not told any more. A second time changes nothing."""
    before = await mutes.find_mute(connection, mute_id, caller.scope)
    lifted = await mutes.lift(connection, mute_id, caller.scope, lifted_by=caller.name, now=now)
    if before.lifted_at is None:
        subject = f"alert-mute:{mute_id}"
        await record(connection, actor=caller.name, action="alert.mute-lift", subject=subject, now=now)
    return MuteAnswer.of(lifted)


def _group(body: RuleWords, house: House) -> Group | None:
    if body.group_url is None:
        return None
    return seal_group(body.group_url.get_secret_value(), house.vault, house.settings.allowed_webhook_hosts)


async def _note(connection: Writing, actor: str, action: str, name: str, now: Now, *, has_group: bool = False) -> None:
    details: Details = {"changed": ["group_url"]} if has_group else {}
    await record(connection, actor=actor, action=action, subject=f"alert-rule {name}", details=details, now=now)


def _set(names: list[str] | None) -> frozenset[str] | None:
    return frozenset(names) if names is not None else None
