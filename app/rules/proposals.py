"""Proposals: one person wants a version in force, another approves it, the clocks follow, one call takes it back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Table, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, Forbidden, NotFound
from app.db.rejudge import Reach
from app.db.states import ProposalState, RecalculationState, RuleKind
from app.db.tables.rules import Proposal, Recalculation
from app.rules import versions, words
from app.rules.contents import Content
from app.rules.versions import Rule, Version

_TAKES_BACK = (ProposalState.APPROVED, ProposalState.APPLYING, ProposalState.APPLIED)
_UNFINISHED = (RecalculationState.WAITING, RecalculationState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far the clocks have followed; `total` counts complaints, as they were when a worker began."""

    state: RecalculationState
    reverts: bool
    total: int | None
    visited: int
    moved: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProposalEntry:
    """A proposal as it stands, with its recalculations, newest first; versions are by number."""

    id: int
    kind: RuleKind
    name: str
    version: int
    former_version: int | None
    revert_version: int | None
    reason: str
    state: ProposalState
    preview: Mapping[str, Any]
    created_by: str
    created_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    decision: str | None
    reverted_by: str | None
    reverted_at: datetime | None
    recalculations: Sequence[Progress]


async def propose(
    connection: AsyncConnection,
    rule: Rule,
    wanted: Version | Content,
    *,
    preview: Mapping[str, object],
    reason: str,
    actor: str,
    now: datetime,
) -> int:
    """The id of a proposal of a draft, or of a content that becomes one.

    Raises: Conflict, when the version is published already, or the rule has another version in force than `rule`.
    """
    if not isinstance(wanted, Version):
        rule = await versions.add_version(connection, rule, wanted, actor=actor, now=now)
        wanted = rule.versions[-1]
    if wanted.published_at is not None:
        raise Conflict(f"{rule.kind} {rule.name} version {wanted.number} is published already")
    row = {
        "kind": rule.kind,
        "name": rule.name,
        "version_id": wanted.id,
        "former_id": rule.in_force.id if rule.in_force is not None else None,
        "reason": reason,
        "state": ProposalState.DRAFT,
        "preview": dict(preview),
        "created_by": actor,
        "created_at": now,
    }
    return int((await connection.execute(insert(_proposal).values(row).returning(_proposal.c.id))).scalar_one())


async def approve(
    connection: AsyncConnection, proposal_id: int, *, confirm: bool, actor: str, today: date, now: datetime
) -> None:
    """Bring the version in force; a worker then moves the open clocks.

    Raises: NotFound; Forbidden, for who proposed it; Conflict, when it is no draft any more, another version came in
    force since, or a warning is not confirmed.
    """
    await versions.claim(connection)
    row = await _lock(connection, proposal_id)
    _demand_state(row, ProposalState.DRAFT)
    if row.created_by == actor:
        raise Forbidden(f"{actor} made proposal {proposal_id}: somebody else must approve it")
    rule = await versions.read_rule(connection, row.kind, row.name)
    if (rule.in_force.id if rule.in_force is not None else None) != row.former_id:
        raise Conflict(f"{row.kind} {row.name} has another version in force since: propose again")
    version = rule.by_id(row.version_id)
    findings = await versions.find_faults(connection, rule, version.content, today=today)
    versions.demand_sound(findings)
    # Looking for the words anew would keep everybody from the rules, so what the preview said of them stands.
    told = words.told_unseen(row.preview.get("warnings", ()))
    versions.demand_confirmed(replace(findings, warnings=(*findings.warnings, *told)), confirm=confirm)
    reach = versions.reach_of(rule, version)
    await versions.publish(connection, rule, version, actor=actor, now=now)
    await _decide(connection, proposal_id, ProposalState.APPROVED, actor, None, now)
    await _order(connection, proposal_id, reach, now, reverts=False)


async def refuse(
    connection: AsyncConnection, proposal_id: int, *, reason: str | None, actor: str, now: datetime
) -> None:
    """The version does not come in force; its draft stays. Who proposed it may take it back this way too.

    Raises: NotFound; Conflict, when it is no draft any more.
    """
    _demand_state(await _lock(connection, proposal_id), ProposalState.DRAFT)
    await _decide(connection, proposal_id, ProposalState.REFUSED, actor, reason, now)


async def revert(connection: AsyncConnection, proposal_id: int, *, actor: str, now: datetime) -> None:
    """Bring the former content in force again, as a new version; a worker then moves the open clocks back.

    Raises: NotFound; Conflict, when it was never approved, is taken back already, another version came in force
    since, or there was none before.
    """
    await versions.claim(connection)
    row = await _lock(connection, proposal_id)
    if row.state not in _TAKES_BACK or row.revert_version_id is not None:
        raise Conflict(f"proposal {proposal_id} is {_told(row)} and cannot be taken back")
    rule = await versions.read_rule(connection, row.kind, row.name)
    if rule.in_force is None or rule.in_force.id != row.version_id:
        raise Conflict(f"{row.kind} {row.name} has another version in force since: take that back first")
    if row.former_id is None:
        raise Conflict(
            f"{row.kind} {row.name} had no version before proposal {proposal_id}: there is nothing to go back to"
        )
    former = rule.by_id(row.former_id)
    reach = versions.reach_of(rule, former)
    drafted = await versions.add_version(connection, rule, former.content, actor=actor, now=now)
    await versions.publish(connection, drafted, drafted.versions[-1], actor=actor, now=now)
    changed = {"state": ProposalState.APPROVED, "revert_version_id": drafted.versions[-1].id}
    await connection.execute(
        update(_proposal).where(_proposal.c.id == proposal_id).values(**changed, reverted_by=actor, reverted_at=now)
    )
    await connection.execute(
        update(_recalculation)
        .where(_recalculation.c.proposal_id == proposal_id, _recalculation.c.state.in_(_UNFINISHED))
        .values(state=RecalculationState.REPLACED, finished_at=now, lease_owner=None, lease_until=None)
    )
    await _order(connection, proposal_id, reach, now, reverts=True)


async def read_proposal(connection: AsyncConnection, proposal_id: int) -> ProposalEntry:
    """The proposal as it stands.

    Raises: NotFound.
    """
    for entry in await _entries(connection, select(_proposal).where(_proposal.c.id == proposal_id)):
        return entry
    raise NotFound(f"there is no proposal {proposal_id}")


async def list_proposals(
    connection: AsyncConnection,
    *,
    kind: RuleKind | None = None,
    name: str | None = None,
    state: ProposalState | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[ProposalEntry]:
    """The newest proposals below the id `before`, newest first."""
    statement = select(_proposal).order_by(_proposal.c.id.desc()).limit(limit)
    wanted = {"kind": kind, "name": name, "state": state}
    for column, value in wanted.items():
        if value is not None:
            statement = statement.where(_proposal.c[column] == value)
    if before is not None:
        statement = statement.where(_proposal.c.id < before)
    return await _entries(connection, statement)


async def _lock(connection: AsyncConnection, proposal_id: int) -> Any:
    statement = select(_proposal).where(_proposal.c.id == proposal_id).with_for_update()
    row = (await connection.execute(statement)).one_or_none()
    if row is None:
        raise NotFound(f"there is no proposal {proposal_id}")
    return row


def _demand_state(row: Any, state: ProposalState) -> None:
    if row.state is not state:
        raise Conflict(f"proposal {row.id} is {_told(row)}, not {state}")


def _told(row: Any) -> str:
    return "taken back already" if row.revert_version_id is not None else str(row.state)


async def _decide(
    connection: AsyncConnection, proposal_id: int, state: ProposalState, actor: str, decision: str | None, now: datetime
) -> None:
    values = {"state": state, "decided_by": actor, "decided_at": now, "decision": decision}
    await connection.execute(update(_proposal).where(_proposal.c.id == proposal_id).values(values))


async def _order(connection: AsyncConnection, proposal_id: int, reach: Reach, now: datetime, *, reverts: bool) -> None:
    row = {
        "proposal_id": proposal_id,
        "reverts": reverts,
        "reach": reach.to_json(),
        "state": RecalculationState.WAITING,
        "last_complaint_id": 0,
        "visited": 0,
        "moved": 0,
        "lease_no": 0,
        "created_at": now,
    }
    await connection.execute(insert(_recalculation).values(row))


async def _entries(connection: AsyncConnection, statement: Any) -> list[ProposalEntry]:
    rows = list(await connection.execute(statement))
    runs: dict[int, list[Progress]] = {row.id: [] for row in rows}
    ran = (
        select(_recalculation).where(_recalculation.c.proposal_id.in_(list(runs))).order_by(_recalculation.c.id.desc())
    )
    for run in await connection.execute(ran):
        runs[run.proposal_id].append(Progress(**{name: getattr(run, name) for name in _PROGRESS}))
    numbers = {
        kind: await versions.numbers(connection, kind, [each for row in rows if row.kind is kind for each in _ids(row)])
        for kind in RuleKind
    }
    return [_entry(row, numbers[row.kind], runs[row.id]) for row in rows]


def _entry(row: Any, numbers: Mapping[int, int], runs: Sequence[Progress]) -> ProposalEntry:
    return ProposalEntry(
        **{name: getattr(row, name) for name in _ENTRY},
        version=numbers[row.version_id],
        former_version=numbers.get(row.former_id),
        revert_version=numbers.get(row.revert_version_id),
        recalculations=runs,
    )


def _ids(row: Any) -> list[int]:
    return [each for each in (row.version_id, row.former_id, row.revert_version_id) if each is not None]


_ENTRY = (
    "id", "kind", "name", "reason", "state", "preview", "created_by", "created_at", "decided_by", "decided_at",
    "decision", "reverted_by", "reverted_at",
)  # fmt: skip
_PROGRESS = ("state", "reverts", "total", "visited", "moved", "created_at", "started_at", "finished_at")
_proposal: Table = Proposal.__table__  # type: ignore[assignment]
_recalculation: Table = Recalculation.__table__  # type: ignore[assignment]
