"""From what somebody wants to a proposal: read, checked, foreseen; the clocks are folded before anything is locked."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.errors import Conflict, InvalidInput
from app.db.rulebook import Rulebooks
from app.db.session import reading
from app.db.states import ProposalState, RuleKind
from app.rules import impact, proposals, versions, words
from app.rules.contents import Content
from app.rules.findings import Finding, Findings
from app.rules.impact import ClockMove
from app.rules.versions import NewRule, Rule, Version
from app.sla.fields import InvalidField


@dataclass(frozen=True, slots=True)
class Draft:
    """What somebody wants, before it is stored: the rule as it stands, the version, the faults found, the preview."""

    rule: Rule
    wanted: Version | Content
    findings: Findings
    preview: Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A version of a rule: the number of a draft, or the content itself; `kinds` are the kinds of sources there are."""

    kind: RuleKind
    name: str
    given: Mapping[str, object]
    number: int | None = None
    new: NewRule = NewRule()  # noqa: RUF009 - it is frozen
    kinds: Collection[str] = ()


async def prepare(
    engine: AsyncEngine, replica: AsyncEngine, rulebooks: Rulebooks, wish: Wish, *, today: date, now: datetime
) -> Draft:
    """The draft with its preview; nothing is locked or written.

    Raises: NotFound, Conflict, InvalidInput, InvalidField.
    """
    async with reading(engine) as connection:
        rule, wanted = await _find(connection, wish, today)
        content = wanted.content if isinstance(wanted, Version) else wanted
        findings = await _find_faults(connection, rule, content, wish.kinds, today)
        versions.demand_sound(findings)
        rules = impact.rules_with(await rulebooks.current(connection), rule, content, now=now)
        names = await impact.unit_names(connection)
    reach = versions.reach_of(rule, None, content)
    async with reading(replica) as connection:
        foreseen = await impact.foresee(connection, rules, reach, now=now)
        findings = await _with_unseen(connection, findings, rule, content)
    warnings = [warning.to_json() for warning in findings.warnings]
    return Draft(rule, wanted, findings, {**foreseen.to_json(names), "warnings": warnings})


async def add_draft(connection: AsyncConnection, wish: Wish, *, today: date, actor: str, now: datetime) -> Rule:
    """The rule with one draft more, its last version; nothing is in force by it.

    Raises: InvalidInput, InvalidField.
    """
    rule = await versions.find_rule(connection, wish.kind, wish.name, wish.new)
    content = versions.read_content(rule, wish.given, today=today)
    versions.demand_sound(await _find_faults(connection, rule, content, wish.kinds, today))
    return await versions.add_version(connection, rule, content, actor=actor, now=now)


async def store(connection: AsyncConnection, draft: Draft, *, reason: str, actor: str, now: datetime) -> int:
    """The id of the proposal.

    Raises: Conflict, when another version came in force while the clocks were folded.
    """
    found = await versions.read_rules(connection, draft.rule.kind, draft.rule.name)
    rule = found[0] if found else draft.rule
    if _in_force(rule) != _in_force(draft.rule):
        raise Conflict(f"{rule.kind} {rule.name} has another version in force since a moment: propose again")
    return await proposals.propose(
        connection, rule, draft.wanted, preview=draft.preview, reason=reason, actor=actor, now=now
    )


async def validate(connection: AsyncConnection, wish: Wish, *, today: date) -> Findings:
    """What is wrong or doubtful about a version; a shape that cannot be read is an error among the others."""
    try:
        rule, wanted = await _find(connection, wish, today)
    except (InvalidField, InvalidInput) as bad:
        return Findings(errors=(Finding("malformed", bad.field, bad.message),))
    content = wanted.content if isinstance(wanted, Version) else wanted
    found = await _find_faults(connection, rule, content, wish.kinds, today)
    return await _with_unseen(connection, found, rule, content)


async def foreseen_moves(
    engine: AsyncEngine,
    replica: AsyncEngine,
    rulebooks: Rulebooks,
    proposal_id: int,
    *,
    after: int,
    limit: int,
    now: datetime,
) -> list[ClockMove]:
    """The clocks that a proposal would move if it were approved now, of complaints with an id above `after`.

    Raises: NotFound; Conflict, once it is decided: what moved then is in the histories.
    """
    async with reading(engine) as connection:
        entry = await proposals.read_proposal(connection, proposal_id)
        if entry.state is not ProposalState.DRAFT:
            raise Conflict(f"proposal {proposal_id} is {entry.state}: what it moved is in the histories")
        rule = await versions.read_rule(connection, entry.kind, entry.name)
        content = rule.version(entry.version).content
        rules = impact.rules_with(await rulebooks.current(connection), rule, content, now=now)
    reach = versions.reach_of(rule, None, content)
    async with reading(replica) as connection:
        return await impact.foreseen_moves(connection, rules, reach, after=after, limit=limit, now=now)


async def _find(connection: AsyncConnection, wish: Wish, today: date) -> tuple[Rule, Version | Content]:
    rule = await versions.find_rule(connection, wish.kind, wish.name, wish.new)
    if wish.number is None:
        return rule, versions.read_content(rule, wish.given, today=today)
    if wish.given:
        raise InvalidInput("version", "names a draft: say nothing of its content beside it")
    version = rule.version(wish.number)
    if version.published_at is not None:
        raise Conflict(f"{wish.kind} {wish.name} version {wish.number} is published already")
    return rule, version


async def _find_faults(
    connection: AsyncConnection, rule: Rule, content: Content, kinds: Collection[str], today: date
) -> Findings:
    found = await versions.find_faults(connection, rule, content, today=today)
    return replace(found, errors=(*found.errors, *words.unknown_kinds(content, kinds)))


async def _with_unseen(connection: AsyncConnection, found: Findings, rule: Rule, content: Content) -> Findings:
    base = rule.in_force.content if rule.in_force is not None else None
    return replace(found, warnings=(*found.warnings, *await words.unseen(connection, content, base)))


def _in_force(rule: Rule) -> int | None:
    return rule.in_force.id if rule.in_force is not None else None
