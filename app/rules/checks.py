"""What is wrong with a version (it is refused) and what is doubtful about it (publishing asks for a confirmation)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from itertools import chain

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import CLOSED_STATES
from app.db.rulebook import stored_calendars
from app.db.tables.complaints import SlaClock
from app.db.tables.rules import Policy, PolicyVersion, ReasonCode
from app.db.tables.sources import Category
from app.db.tables.units import Unit
from app.rules.contents import CalendarContent, Content, PolicyContent
from app.rules.feasible import is_within_reach, shut_from
from app.rules.findings import Finding, Findings
from app.rules.words import unknown
from app.sla.calendars import CalendarRules

CLOCKS = ("respond", "resolve", "coordinate", "handle", "validate", "update")
_DECREE_MONTH = 12


async def check(
    connection: AsyncConnection, name: str, content: Content, base: Content | None, *, today: date
) -> Findings:
    """The findings of a version whose shape is sound; `base` is the version in force."""
    if isinstance(content, CalendarContent):
        held = base.rules if isinstance(base, CalendarContent) else None
        excepted = [exception.unit for exception in content.rules.exceptions]
        errors = [*await _unknown_units(connection, "rules.exceptions", excepted), *_shut(content, today)]
        return Findings(tuple(errors), tuple(_calendar_warnings(content.rules, held, today)))
    former = base if isinstance(base, PolicyContent) else None
    warnings = await _policy_warnings(connection, name, content, former, today)
    return Findings(tuple(await _policy_errors(connection, content, today)), tuple(warnings))


def _shut(content: CalendarContent, today: date) -> Iterator[Finding]:
    """A calendar, or the one of a unit with exceptions, that stays shut for a year."""
    begins = max(today, content.effective_on or today)
    units = [(exception.unit,) for exception in content.rules.exceptions]
    for rules in (content.rules, *(content.rules.for_units(unit) for unit in units)):
        on = shut_from(rules, begins)
        if on is not None:
            yield Finding("no_open_time", "rules.week", f"nothing is open for a year from {on} on")
            return


def _calendar_warnings(rules: CalendarRules, held: CalendarRules | None, today: date) -> Iterator[Finding]:
    known = {(found.code, found.message) for found in _doubts(held, today)} if held is not None else set()
    for found in _doubts(rules, today):
        yield replace(found, is_new=(found.code, found.message) not in known)


def _doubts(rules: CalendarRules, today: date) -> Iterator[Finding]:
    """Warnings of a calendar; one that knows no holidays (24x7) needs no decree."""
    estimated = sorted(str(row.on) for row in rules.days if row.is_estimated)
    estimated += [row.name or str(row.from_on) for row in rules.periods if row.is_estimated]
    for name in estimated:
        yield Finding("estimated", "rules.days", f"{name} is estimated, not decreed")
    if not _knows_holidays(rules):
        return
    last = max(chain([today.year], (special.on.year for special in rules.days)))
    for year in range(today.year, last + 1):
        if not _is_decreed(rules, year):
            yield Finding("no_decree", "rules.decreed_through", f"the holidays of {year} are not decreed")
    if today.month == _DECREE_MONTH and last == today.year and not _is_decreed(rules, today.year + 1):
        message = f"the decree on the holidays of {today.year + 1} is missing, and it is December"
        yield Finding("no_decree", "rules.decreed_through", message)


def missing_decree(rules: CalendarRules, today: date) -> int | None:
    """The year whose holidays should be decreed by now and are not: from December on it may be the next one."""
    last = today.year + (today.month == _DECREE_MONTH)
    years = range(today.year, last + 1) if _knows_holidays(rules) else ()
    return next((year for year in years if not _is_decreed(rules, year)), None)


def _knows_holidays(rules: CalendarRules) -> bool:
    return bool(rules.days) or rules.decreed_through is not None


def _is_decreed(rules: CalendarRules, year: int) -> bool:
    if rules.decreed_through is not None:
        return rules.decreed_through >= date(year, 12, 31)
    return any(special.on.year == year and not special.is_estimated for special in rules.days)


async def _policy_errors(connection: AsyncConnection, content: PolicyContent, today: date) -> list[Finding]:
    calendars = await stored_calendars(connection)
    categories = set(await connection.scalars(select(Category.code)))
    reasons = set(await connection.scalars(select(ReasonCode.code).where(ReasonCode.kind == "pause")))
    errors = [
        *unknown(calendars.keys(), "calendar", "published calendar", [content.calendar]),
        *unknown(categories, "applies.categories", "category", content.applies.categories),
        *unknown(reasons, "honours", "reason for a pause", content.honours),
        *await _unknown_units(connection, "applies.units", content.applies.units),
    ]
    if content.max_extensions and content.extension_cap_s is None:
        errors.append(Finding("no_cap", "extension_cap_s", "is required where a promised date may move the due time"))
    rules = calendars.get(content.calendar)
    if rules is not None and not is_within_reach(content.target, rules, today):
        errors.append(Finding("too_far", "target.amount", "is due in more than a hundred years"))
    return errors


async def _unknown_units(connection: AsyncConnection, field: str, codes: Sequence[str]) -> list[Finding]:
    known = set(await connection.scalars(select(Unit.code).where(Unit.code.in_(codes)))) if codes else set()
    return list(unknown(known, field, "unit", codes))


async def _policy_warnings(
    connection: AsyncConnection, name: str, content: PolicyContent, former: PolicyContent | None, today: date
) -> list[Finding]:
    """A version may reach back; what is closed keeps its verdict all the same, and that should surprise nobody."""
    if former is None or content.effective_on == former.effective_on or content.effective_on >= today:
        return []
    statement = (
        select(func.count())
        .select_from(SlaClock)
        .join(PolicyVersion, PolicyVersion.id == SlaClock.policy_version_id)
        .join(Policy, Policy.id == PolicyVersion.policy_id)
        .where(Policy.name == name, SlaClock.state.in_(CLOSED_STATES))
    )
    closed = int(await connection.scalar(statement) or 0)
    message = f"it takes effect on {content.effective_on}, in the past; {closed} closed cycles keep their verdict"
    return [Finding("past", "effective_on", message)] if closed else []
