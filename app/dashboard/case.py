"""What the page of one complaint shows: itself, its clocks, its history, and the steps that its reader may take now."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.clocks import Rulebook
from app.complaint.errors import Forbidden, InvalidInput, NotFound
from app.complaint.lifecycle import STEPS, Move, legal_moves
from app.complaint.roles import covers
from app.db.freshness import Freshness, read_freshness
from app.db.tables.people import Officer, OfficerUnit
from app.workqueue.account import prose
from app.workqueue.actions import demand_role
from app.workqueue.asker import Asker
from app.workqueue.detail import read_history, read_one
from app.workqueue.evidence_reading import EvidenceCard, read_evidence
from app.workqueue.explaining import explain_clock
from app.workqueue.filters import Clock
from app.workqueue.reasons import Reason, read_reasons
from app.workqueue.shapes import ComplaintDetail, HistoryEntry, Words

_MOST_ENTRIES = 500
_MOST_OFFICERS = 100


@dataclass(frozen=True, slots=True)
class Asked:
    """The cycle that the reader asks about; without a policy under the one by which it is due first."""

    clock: Clock
    cycle: int
    policy: str | None


@dataclass(frozen=True, slots=True)
class Why:
    """The account of a cycle in the reader's language."""

    clock: str
    text: str


@dataclass(frozen=True, slots=True)
class Step:
    """A move that the reader may take now, with its fields in the order of the form."""

    move: Move
    required: tuple[str, ...]
    optional: tuple[str, ...]
    reasons: Sequence[Reason]

    @property
    def fields(self) -> tuple[str, ...]:
        """All fields, the required ones first."""
        return self.required + self.optional


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One complaint as its page shows it; the history is newest first."""

    card: ComplaintDetail
    history: Sequence[HistoryEntry]
    pictures: Sequence[EvidenceCard]
    steps: Sequence[Step]
    officers: Sequence[str]
    may_note: bool
    may_review: bool
    why: Why | None
    sources: Sequence[Freshness]
    as_of: datetime

    @property
    def is_hidden(self) -> bool:
        """Whether the words are not for this reader."""
        return self.card["words"] is Words.HIDDEN

    @property
    def name(self) -> str:
        """The ticket code, or the id where the source gave none."""
        return self.card["ticket_code"] or f"#{self.card['id']}"

    @property
    def late_s(self) -> int | None:
        """How long it is overdue on the wall clock, in seconds; None when it is not."""
        due = self.card["next_due"]
        return int((self.as_of - due["due_at"]).total_seconds()) if due is not None and due["breached"] else None


async def read_case(
    connection: AsyncConnection,
    complaint_id: int,
    asker: Asker,
    rules: Rulebook,
    *,
    asked: Asked | None,
    language: str,
    now: datetime,
) -> Case:
    """The page of a complaint that the asker may see; `asked` is a cycle whose account is shown.

    Raises: NotFound, when the complaint has no such cycle.
    """
    card = await read_one(connection, complaint_id, asker, rules, now=now)
    steps = await _steps(connection, card, asker)
    works = asker.works and asker.officer_id is not None
    can_assign = any(step.move is Move.ASSIGN for step in steps)
    return Case(
        card=card,
        history=await _history(connection, complaint_id, asker),
        pictures=(await read_evidence(connection, complaint_id, asker))[0],
        steps=steps,
        officers=await _officers(connection, card, rules) if can_assign else (),
        may_note=works,
        may_review=works and (asker.leads or asker.scope.is_validator) and card["words"] is not Words.HIDDEN,
        why=await _why(connection, complaint_id, rules, asked, language, now) if asked else None,
        sources=await read_freshness(connection, now=now),
        as_of=now,
    )


async def _history(connection: AsyncConnection, complaint_id: int, asker: Asker) -> list[HistoryEntry]:
    found: list[HistoryEntry] = []
    after: tuple[datetime, int] | None = None
    while len(found) < _MOST_ENTRIES:
        page = await read_history(connection, complaint_id, asker, after=after, limit=100)
        found += page.items
        after = page.last
        if after is None:
            break
    return found[::-1]


async def _steps(connection: AsyncConnection, card: ComplaintDetail, asker: Asker) -> list[Step]:
    """What the status, the asker's role and the one who holds the complaint allow."""
    moot = await _moot(connection, card["assignee"], asker)
    moves = [each for each in legal_moves(card["status"]) if each not in moot and _may(each, asker)]
    reasons = await read_reasons(connection) if {Move.REJECT, Move.ASK_COMPLAINANT} & set(moves) else {}
    return [_step(move, reasons, asker) for move in moves]


async def _moot(connection: AsyncConnection, holder: str | None, asker: Asker) -> Set[Move]:
    """What would be refused: to take what is taken, and to give back what nobody, or somebody else, holds."""
    if holder is None:
        return {Move.RELEASE}
    if asker.leads or await _goes_by(connection, holder, asker):
        return {Move.CLAIM}
    return {Move.CLAIM, Move.RELEASE}


async def _goes_by(connection: AsyncConnection, username: str, asker: Asker) -> bool:
    found = await connection.scalar(select(Officer.id).where(Officer.username == username))
    return found is not None and found == asker.officer_id


def _step(move: Move, reasons: Mapping[Move, Sequence[Reason]], asker: Asker) -> Step:
    offered = [each for each in reasons.get(move, ()) if covers(asker.role, each["role"])]
    return Step(move, STEPS[move].required, STEPS[move].optional, offered)


def _may(move: Move, asker: Asker) -> bool:
    try:
        demand_role(move, asker)
    except Forbidden:
        return False
    return True


async def _officers(connection: AsyncConnection, card: ComplaintDetail, rules: Rulebook) -> list[str]:
    """Who works for the unit of the complaint, or for one above it."""
    unit_id = rules.unit_ids.get(card["unit"]["code"]) if card["unit"] is not None else None
    if unit_id is None:
        return []
    units = OfficerUnit.unit_id.in_(rules.ancestors.get(unit_id, (unit_id,)))
    statement = (
        select(Officer.username)
        .where(Officer.is_active, Officer.id.in_(select(OfficerUnit.officer_id).where(units)))
        .order_by(Officer.username)
        .limit(_MOST_OFFICERS)
    )
    return list(await connection.scalars(statement))


async def _why(
    connection: AsyncConnection,
    complaint_id: int,
    rules: Rulebook,
    asked: Asked,
    language: str,
    now: datetime,
) -> Why:
    clock, cycle, policy = asked.clock, asked.cycle, asked.policy
    try:
        account = await explain_clock(
            connection, complaint_id, rules, clock=clock, cycle=cycle, policy=policy, language=language, now=now
        )
    except InvalidInput as error:
        raise NotFound("no policy has that name") from error
    return Why(clock, prose(account, language))


def asked_of(told: str | None) -> Asked | None:
    """The cycle that a page's address names, as in `respond.1.crm.respond`.

    Raises: NotFound, when it names none.

    >>> asked_of("respond.1.crm.redflag")
    Asked(clock=<Clock.RESPOND: 'respond'>, cycle=1, policy='crm.redflag')
    """
    if told is None:
        return None
    clock, _, rest = told.partition(".")
    cycle, _, policy = rest.partition(".")
    if clock not in set(Clock) or not cycle.isascii() or not cycle.isdigit() or len(cycle) > 4:
        raise NotFound("no cycle has that name")
    return Asked(Clock(clock), int(cycle), policy or None)
