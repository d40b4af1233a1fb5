"""Commands on the rules of telling and on mutes."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

import typer

from app.alerts.groups import seal_group
from app.alerts.mutes import MuteView, NewMute, find_mute, lift, mute
from app.alerts.rule_changes import Entry, add_rule, find_rule, list_rules, remove_rule, replace_rule
from app.alerts.rules import Hours, Rule, Severity
from app.clock import utc_now
from app.commands.frame import open_plant, run, show
from app.commands.people import ACTOR
from app.commands.sources import Json
from app.complaint.errors import NotFound
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.people.audit import Details, record

rules = typer.Typer(help="Who is told of which step, how and at which hours.", no_args_is_help=True)

Words = list[str] | None


@rules.command("list")
def list_all(as_json: Json = False) -> None:
    """Every rule, those of the lower steps first."""
    entries = run(_list())
    if as_json:
        show({"items": [_document(entry) for entry in entries]}, as_json=True)
        return
    for entry in entries:
        rule = entry.rule
        steps = f"{rule.from_step}-{rule.to_step if rule.to_step is not None else ''}"
        typer.echo(f"{rule.name:<24} {steps:<10} {', '.join(rule.who)}{'' if rule.is_active else ' (off)'}")


@rules.command("show")
def show_one(name: str, as_json: Json = False) -> None:
    """One rule."""
    show(_document(run(_find(name))), as_json=as_json)


@rules.command("set")
def set_rule(
    name: str,
    from_step: Annotated[int, typer.Option("--from", help="Percent of the target; 101 is the first reminder.")],
    who: Annotated[Words, typer.Option(help="assignee, officers, head, head+1 to head+9, bureau.")] = None,
    to_step: Annotated[int | None, typer.Option("--to", help="Left out: every step that follows.")] = None,
    every: Annotated[int, typer.Option(help="Of the reminders only each nth.")] = 1,
    channel: Annotated[Words, typer.Option(help="email, chat; both when left out.")] = None,
    severity: Annotated[Severity, typer.Option(help="What is urgent comes through quiet hours.")] = Severity.NORMAL,
    hours: Annotated[Hours, typer.Option(help="At once, or in the office hours of the unit.")] = Hours.ANY,
    clock: Annotated[Words, typer.Option(help="Only these clocks.")] = None,
    policy: Annotated[Words, typer.Option(help="Only these policies.")] = None,
    unit: Annotated[Words, typer.Option(help="Only these units and those below.")] = None,
    category: Annotated[Words, typer.Option(help="Only these categories.")] = None,
    group_url: Annotated[
        str | None, typer.Option(help="Apprise URL of a chat group to tell too, kept encrypted; - asks for it.")
    ] = None,
    no_group: Annotated[bool, typer.Option("--no-group", help="Tell the chat group of this rule no more.")] = False,
    description: str = "",
    off: Annotated[bool, typer.Option("--off", help="Keep it, but tell nobody by it.")] = False,
    as_json: Json = False,
) -> None:
    """Make the rule, or replace it whole; a chat group that it tells stays until it is named or taken away."""
    group_url = _asked(group_url, no_group=no_group)
    rule = Rule(
        name=name,
        description=description,
        from_step=from_step,
        to_step=to_step,
        every=every,
        who=tuple(who or ()),
        channels=tuple(channel or ("chat", "email")),
        severity=severity,
        hours=hours,
        clocks=frozenset(clock) if clock else None,
        policies=frozenset(policy) if policy else None,
        units=frozenset(unit) if unit else None,
        categories=frozenset(category) if category else None,
        is_active=not off,
    )
    show(_document(run(_set(rule, group_url, keeps_group=not no_group))), as_json=as_json)


def _asked(group_url: str | None, *, no_group: bool) -> str | None:
    if group_url is not None and no_group:
        raise typer.BadParameter("either --group-url or --no-group")
    return str(typer.prompt("Group URL", hide_input=True, err=True)) if group_url == "-" else group_url


@rules.command("remove")
def remove(name: str, as_json: Json = False) -> None:
    """Tell nobody by the rule any more."""
    run(_remove(name))
    show({"removed": name}, as_json=as_json)


def mute_unit(
    unit: str,
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%dT%H:%M"], help="Local time, 2026-12-01T07:30.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept.")],
    rule: Annotated[str | None, typer.Option(help="An alert rule or a policy; left out it is everything.")] = None,
    as_json: Json = False,
) -> None:
    """Say nothing of a unit and those below it until an instant."""
    show({"id": run(_mute(unit, until, reason, rule))}, as_json=as_json)


def unmute(mute_id: Annotated[int, typer.Argument(metavar="ID")], as_json: Json = False) -> None:
    """End a mute before its time; what it has silenced is not told any more. A second time changes nothing."""
    lifted = run(_unmute(mute_id))
    show({"id": lifted.id, "lifted_at": lifted.lifted_at, "lifted_by": lifted.lifted_by}, as_json=as_json)


async def _list() -> list[Entry]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return await list_rules(connection)


async def _find(name: str) -> Entry:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return await find_rule(connection, name)


async def _set(rule: Rule, group_url: str | None, *, keeps_group: bool) -> Entry:
    now = utc_now()
    async with open_plant() as plant, writing(plant.engine) as connection:
        allowed = plant.settings.allowed_webhook_hosts
        group = seal_group(group_url, plant.vault, allowed) if group_url is not None else None
        change: dict[str, Any] = {"group": group, "by": ACTOR, "now": now}
        try:
            done = await replace_rule(connection, rule, keeps_group=keeps_group, **change)
            action = "alert-rule.change"
        except NotFound:
            done, action = await add_rule(connection, rule, **change), "alert-rule.create"
        details: Details = {"changed": ["group_url"]} if group is not None or not keeps_group else {}
        subject = f"alert-rule {rule.name}"
        await record(connection, actor=ACTOR, action=action, subject=subject, details=details, now=now)
        return done


async def _remove(name: str) -> None:
    now = utc_now()
    async with open_plant() as plant, writing(plant.engine) as connection:
        await remove_rule(connection, name, by=ACTOR, now=now)
        await record(connection, actor=ACTOR, action="alert-rule.delete", subject=f"alert-rule {name}", now=now)


async def _mute(unit: str, until: datetime, reason: str, rule: str | None) -> int:
    now = utc_now()
    async with open_plant() as plant, writing(plant.engine) as connection:
        until_at = until.replace(tzinfo=plant.settings.zone)
        new = NewMute(rule=rule, unit=unit, until_at=until_at, reason=reason)
        made = await mute(connection, new, WHOLE, created_by=ACTOR, now=now)
        details = {"rule": rule, "unit": unit, "until": until_at.isoformat(), "reason": reason}
        subject = f"alert-mute:{made.id}"
        await record(connection, actor=ACTOR, action="alert.mute", subject=subject, details=details, now=now)
        return made.id


async def _unmute(mute_id: int) -> MuteView:
    now = utc_now()
    async with open_plant() as plant, writing(plant.engine) as connection:
        before = await find_mute(connection, mute_id, WHOLE)
        lifted = await lift(connection, mute_id, WHOLE, lifted_by=ACTOR, now=now)
        if before.lifted_at is None:
            subject = f"alert-mute:{mute_id}"
            await record(connection, actor=ACTOR, action="alert.mute-lift", subject=subject, now=now)
        return lifted


def _document(entry: Entry) -> dict[str, Any]:
    plain = asdict(entry.rule)
    plain |= {name: sorted(value) for name, value in plain.items() if isinstance(value, frozenset)}
    return {**plain, "group": entry.group, "updated_at": entry.updated_at, "updated_by": entry.updated_by}
