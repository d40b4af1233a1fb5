"""Commands on calendars and policies: list, show, create, validate, publish; and what if another had been in force."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from app.clock import utc_now
from app.commands.frame import open_plant, run, say, show
from app.commands.people import ACTOR
from app.complaint.errors import DomainError, InvalidInput
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.db.states import RuleKind
from app.intake.walk_in import DESK
from app.people.audit import Details, record
from app.pulling import Plant
from app.rules import drafting, versions
from app.rules.drafting import Wish
from app.rules.findings import Findings
from app.rules.impact import unit_names
from app.rules.versions import NewRule, Rule, Version
from app.rules.what_if import Question, ask
from app.sla.clock import Target, parse_target
from app.sla.fields import day, instant, is_day
from connectors.registry import CONNECTORS

calendar = typer.Typer(help="Working calendars and their versions.", no_args_is_help=True)
policy = typer.Typer(help="Policies (targets of the clocks) and their versions.", no_args_is_help=True)

CALENDAR, POLICY = RuleKind.CALENDAR, RuleKind.POLICY
_KINDS = (*CONNECTORS, DESK)

Json = Annotated[bool, typer.Option("--json", help="One JSON document on standard output.")]
File = Annotated[str, typer.Argument(help="The version as JSON; - is standard input.")]
Number = Annotated[int, typer.Argument(min=1, help="A version, by its number.")]
Confirm = Annotated[bool, typer.Option("--confirm", help="The warnings have been read.")]
EffectiveOn = Annotated[str | None, typer.Option(help="Cycles that start earlier keep the former version.")]
Document = Annotated[str | None, typer.Option("--source", help="The decree or circular that it rests on.")]
Family = Annotated[str | None, typer.Option(help="Of a policy that is new.")]
Clock = Annotated[str | None, typer.Option(help="Of a policy that is new.")]


class Unsound(DomainError):
    """A version has errors."""


@calendar.command("list")
def list_calendars(as_json: Json = False) -> None:
    """Every calendar and the version in force."""
    _list(CALENDAR, as_json=as_json)


@policy.command("list")
def list_policies(as_json: Json = False) -> None:
    """Every policy and the version in force."""
    _list(POLICY, as_json=as_json)


@calendar.command("show")
def show_calendar(name: str, as_json: Json = False) -> None:
    """One calendar with its versions, newest first."""
    _show(run(_read(CALENDAR, name)), as_json=as_json)


@policy.command("show")
def show_policy(name: str, as_json: Json = False) -> None:
    """One policy with its versions, newest first."""
    _show(run(_read(POLICY, name)), as_json=as_json)


@calendar.command("create")
def create_calendar(
    name: str, file: File, effective_on: EffectiveOn = None, source: Document = None, as_json: Json = False
) -> None:
    """Draft a version of a calendar, in the shape of the preview; nothing is in force by it."""
    _create(_calendar_wish(name, file, effective_on, source), as_json=as_json)


@policy.command("create")
def create_policy(name: str, file: File, family: Family = None, clock: Clock = None, as_json: Json = False) -> None:
    """Draft a version of a policy; what the file leaves out stays as it is in force."""
    _create(_policy_wish(name, file, family, clock), as_json=as_json)


@calendar.command("validate")
def validate_calendar(
    name: str, file: File, effective_on: EffectiveOn = None, source: Document = None, as_json: Json = False
) -> None:
    """What is wrong (exit 1) or doubtful about a version; nothing is stored."""
    _validate(_calendar_wish(name, file, effective_on, source), as_json=as_json)


@policy.command("validate")
def validate_policy(name: str, file: File, family: Family = None, clock: Clock = None, as_json: Json = False) -> None:
    """What is wrong (exit 1) or doubtful about a version; nothing is stored."""
    _validate(_policy_wish(name, file, family, clock), as_json=as_json)


@calendar.command("publish")
def publish_calendar(name: str, version: Number, confirm: Confirm = False, as_json: Json = False) -> None:
    """Bring a draft in force that no open clock could follow; else it takes a proposal and a second person."""
    _publish(CALENDAR, name, version, confirm=confirm, as_json=as_json)


@policy.command("publish")
def publish_policy(name: str, version: Number, confirm: Confirm = False, as_json: Json = False) -> None:
    """Bring a draft in force that no open clock could follow; else it takes a proposal and a second person."""
    _publish(POLICY, name, version, confirm=confirm, as_json=as_json)


def what_if(
    policy: Annotated[str, typer.Option(help="Whose cycles, e.g. law.decide.")],
    from_: Annotated[str, typer.Option("--from", help="A local day or an instant: cycles that start from here.")],
    to: Annotated[str, typer.Option("--to", help="The last local day, or the instant before which they start.")],
    target: Annotated[str | None, typer.Option(help="Another target, e.g. '6 working_day'.")] = None,
    calendar: Annotated[str | None, typer.Option(help="Another calendar, by name.")] = None,
    as_json: Json = False,
) -> None:
    """The same past period under another target or calendar, by unit; nothing is changed."""
    supposed = _target(target) if target is not None else None
    document = run(_what_if(policy, from_, to, supposed, calendar))
    if as_json:
        show(document, as_json=True)
        return
    total = document["total"]
    typer.echo(f"{document['policy']}: {total['cycles']} cycles, now {_verdicts(total['now'])}")
    typer.echo(f"as supposed: {_verdicts(total['then'])}")
    for unit in document["units"]:
        name = unit["name"] or "(unrouted)"
        typer.echo(f"{name:<50} {unit['cycles']:>7}  {_verdicts(unit['now'])}  ->  {_verdicts(unit['then'])}")


async def _what_if(policy: str, from_: str, to: str, target: Target | None, calendar: str | None) -> dict[str, Any]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        since, until = _edge("from", from_, plant, days=0), _edge("to", to, plant, days=1)
        question = Question(policy=policy, since=since, until=until, target=target, calendar=calendar)
        rules = await plant.rulebooks.current(connection)
        answer = await ask(connection, rules, question, scope=WHOLE, now=utc_now())
        return answer.to_json(await unit_names(connection))


def _edge(field: str, text: str, plant: Plant, *, days: int) -> datetime:
    """The instant, or the start of the local day so many days later."""
    if not is_day(text):
        return instant(text, field)
    on = day(text, field)
    try:
        return datetime.combine(on + timedelta(days=days), time(), plant.settings.zone).astimezone(UTC)
    except OverflowError as error:
        raise InvalidInput(field, f"{text} lies beyond what can be computed") from error


def _target(text: str) -> Target:
    amount, _, unit = text.strip().rpartition(" ")
    if not amount:
        return parse_target({"unit": unit})
    if not amount.isascii() or not amount.isdigit():
        raise InvalidInput("target", f"{text} is no target: write it like '6 working_day'")
    return parse_target({"unit": unit, "amount": int(amount)})


def _verdicts(counts: Mapping[str, object]) -> str:
    return f"{counts['met']} met, {counts['missed']} missed, {counts['running']} running"


def _list(kind: RuleKind, *, as_json: bool) -> None:
    rules = run(_read_all(kind))
    if as_json:
        show({"items": [_summary(rule) for rule in rules]}, as_json=True)
        return
    for rule in rules:
        held = f"version {rule.in_force.number}" if rule.in_force is not None else "not in force"
        drafts = len(rule.versions) - len(rule.published)
        typer.echo(f"{rule.name:<24} {rule.clock or '':<12} {held}{f', {drafts} drafts' if drafts else ''}")


def _show(rule: Rule, *, as_json: bool) -> None:
    """As JSON, or a line for each version with its content below it, in the shape in which `create` takes it."""
    if as_json:
        show(_rule_json(rule), as_json=True)
        return
    typer.echo(" ".join(filter(None, (rule.name, rule.family, rule.clock))))
    for version in reversed(rule.versions):
        typer.echo(f"version {version.number}: {_standing(rule, version)}")
        typer.echo(orjson.dumps(version.content.to_json(), option=orjson.OPT_INDENT_2).decode())


def _standing(rule: Rule, version: Version) -> str:
    if version.published_at is None:
        return f"a draft of {version.created_by or 'nobody'}"
    standing = "in force" if version is rule.in_force else "no longer in force"
    by = f" by {version.published_by}" if version.published_by else ""
    return f"{standing}, published {version.published_at:%Y-%m-%d %H:%M:%S} UTC{by}"


def _create(wish: Wish, *, as_json: bool) -> None:
    rule = run(_draft(wish))
    number = rule.versions[-1].number
    show({"name": rule.name, "version": number}, as_json=as_json)
    say(f"{wish.kind} {rule.name} version {number} is a draft: nothing is in force by it.")


async def _draft(wish: Wish) -> Rule:
    now = utc_now()
    async with open_plant() as plant, writing(plant.engine) as connection:
        drafted = await drafting.add_draft(connection, wish, today=_today(plant, now), actor=ACTOR, now=now)
        details: Details = {"version": drafted.versions[-1].number}
        subject = f"{wish.kind} {wish.name}"
        await record(connection, actor=ACTOR, action=f"{wish.kind}.draft", subject=subject, details=details, now=now)
        return drafted


def _validate(wish: Wish, *, as_json: bool) -> None:
    found = run(_find_faults(wish))
    if as_json:
        errors, warnings = ([each.to_json() for each in each_kind] for each_kind in (found.errors, found.warnings))
        show({"valid": not errors, "errors": errors, "warnings": warnings}, as_json=True)
    else:
        typer.echo("there are errors" if found.errors else "nothing is wrong")
        for word, each_kind in (("error", found.errors), ("warning", found.warnings)):
            for each in each_kind:
                typer.echo(f"{word}: {each.field}: {each.message}")
    if found.errors:
        raise Unsound(f"{wish.kind} {wish.name}: {found.errors[0].field} {found.errors[0].message}")


async def _find_faults(wish: Wish) -> Findings:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return await drafting.validate(connection, wish, today=_today(plant, utc_now()))


def _publish(kind: RuleKind, name: str, number: int, *, confirm: bool, as_json: bool) -> None:
    rule = run(_bring_in_force(kind, name, number, confirm=confirm))
    show({"name": rule.name, "version_in_force": number}, as_json=as_json)


async def _bring_in_force(kind: RuleKind, name: str, number: int, *, confirm: bool) -> Rule:
    now = utc_now()
    async with open_plant() as plant, writing(plant.engine) as connection:
        rule = await versions.publish_unused(
            connection, kind, name, number, confirm=confirm, actor=ACTOR, today=_today(plant, now), now=now
        )
        details: Details = {"version": number, "confirmed": confirm}
        subject = f"{kind} {name}"
        await record(connection, actor=ACTOR, action=f"{kind}.publish", subject=subject, details=details, now=now)
        return rule


async def _read(kind: RuleKind, name: str) -> Rule:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return await versions.read_rule(connection, kind, name)


async def _read_all(kind: RuleKind) -> list[Rule]:
    async with open_plant() as plant, reading(plant.engine) as connection:
        return await versions.read_rules(connection, kind)


def _calendar_wish(name: str, file: str, effective_on: str | None, source: str | None) -> Wish:
    """A calendar's file is the calendar itself, or the version around it."""
    stated = _read_json(file)
    given = stated if "rules" in stated else {"rules": stated}
    options = {"effective_on": effective_on, "source_document": source}
    return Wish(kind=CALENDAR, name=name, given={**given, **{key: each for key, each in options.items() if each}})


def _policy_wish(name: str, file: str, family: str | None, clock: str | None) -> Wish:
    given = _read_json(file)
    stated = family or given.pop("family", None), clock or given.pop("clock", None)
    return Wish(kind=POLICY, name=name, given=given, new=NewRule(*stated), kinds=_KINDS)


def _read_json(file: str) -> dict[str, Any]:
    try:
        found = orjson.loads(sys.stdin.buffer.read() if file == "-" else Path(file).read_bytes())
    except OSError as error:
        raise InvalidInput("file", f"{file} cannot be read: {error.strerror}") from error
    except orjson.JSONDecodeError as error:
        raise InvalidInput("file", f"{file} is not JSON: {error}") from error
    if not isinstance(found, dict):
        raise InvalidInput("file", "a version is a JSON object")
    return found


def _today(plant: Plant, now: datetime) -> date:
    return now.astimezone(plant.settings.zone).date()


def _summary(rule: Rule) -> dict[str, object]:
    return {
        "name": rule.name,
        "family": rule.family,
        "clock": rule.clock,
        "version_in_force": rule.in_force.number if rule.in_force is not None else None,
        "versions": len(rule.versions),
    }


def _rule_json(rule: Rule) -> dict[str, object]:
    return {**_summary(rule), "versions": [_version_json(version) for version in reversed(rule.versions)]}


def _version_json(version: Version) -> dict[str, object]:
    return {
        "version": version.number,
        "content": version.content.to_json(),
        "created_by": version.created_by,
        "created_at": version.created_at,
        "published_by": version.published_by,
        "published_at": version.published_at,
    }
