"""What the forms of a complaint's page send, and what became of it in words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import (
    AlreadyClaimed,
    Conflict,
    DomainError,
    EvidenceUnreviewed,
    Forbidden,
    IllegalMove,
    InvalidInput,
    StaleVersion,
)
from app.complaint.evidence import Verdict
from app.complaint.lifecycle import Move
from app.db.tables.units import Unit
from app.sla.fields import FIRST_YEAR, LAST_YEAR
from app.workqueue.actions import LONGEST_TEXT, MoveRequest

_MOST_NAMED = 8
# The first line that fits an error is its line.
_PROBLEMS: tuple[tuple[type[DomainError], int, str], ...] = (
    (StaleVersion, 412, "problem_stale"),
    (AlreadyClaimed, 409, "problem_claimed"),
    (IllegalMove, 409, "problem_illegal"),
    (EvidenceUnreviewed, 409, "problem_evidence"),
    (Conflict, 409, "problem_conflict"),
    (Forbidden, 403, "problem_forbidden"),
    (InvalidInput, 422, "problem_field"),
)
FIELDS = {
    "unit": "to_unit",
    "assignee": "to_officer",
    "reason": "reason",
    "reason_code": "reason_code",
    "text": "text",
    "promised_at": "until",
    "location.kelurahan_code": "village",
    "reported_at": "when_told",
}
"""The word beside each field of a form."""

_Line = Annotated[str, Field(max_length=200)]
_Lines = Annotated[str, Field(max_length=LONGEST_TEXT)]


class Given(BaseModel):
    """A form of a move; a field that is left empty is none."""

    model_config = ConfigDict(extra="forbid")
    csrf_token: _Line = ""
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    move: Move
    unit: _Line = ""
    assignee: _Line = ""
    reason: _Lines = ""
    reason_code: _Line = ""
    text: _Lines = ""
    promised_at: _Line = ""


class GivenNote(BaseModel):
    """The form of a note."""

    model_config = ConfigDict(extra="forbid")
    csrf_token: _Line = ""
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    text: _Lines = ""
    is_public: bool = False


class GivenReview(BaseModel):
    """The form of a verdict on a picture."""

    model_config = ConfigDict(extra="forbid")
    csrf_token: _Line = ""
    version: Annotated[int, Field(ge=0, le=2**31 - 1)]
    verdict: Verdict
    reason: _Lines = ""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a form came to nothing: the answer's status, the name of its sentence and what fills its gaps.

    `given` is what was typed, so that nobody types it twice. It was the form of `move`, of a verdict on the picture
    `evidence`, or, where both are None, of a note.
    """

    status: int
    word: str
    gaps: Mapping[str, str]
    move: Move | None
    given: Mapping[str, str]
    evidence: int | None = None


class UnitNotMeant(Exception):
    """No unit, or several, are called what was told; `names` are those that might be meant."""

    def __init__(self, told: str, names: list[str]) -> None:
        super().__init__(told)
        self.told = told
        self.names = names


async def request_of(connection: AsyncConnection, given: Given, zone: ZoneInfo) -> MoveRequest:
    """The move that a form asks for; `zone` is where its instants are written.

    Raises: InvalidInput, UnitNotMeant.
    """
    return MoveRequest(
        move=given.move,
        unit=await find_unit_code(connection, given.unit.strip()) if given.unit.strip() else None,
        assignee=given.assignee.strip() or None,
        reason=given.reason.strip() or None,
        reason_code=given.reason_code or None,
        text=given.text.strip() or None,
        promised_at=read_instant(given.promised_at, zone, field="promised_at") if given.promised_at else None,
    )


def problem_of(error: DomainError | UnitNotMeant, move: Move | None, given: Mapping[str, str]) -> Problem:
    """What to say of an error."""
    if isinstance(error, UnitNotMeant):
        word = "problem_many_units" if error.names else "problem_no_unit"
        return Problem(422, word, {"told": error.told, "names": ", ".join(error.names)}, move, given)
    status, word = next((status, word) for kind, status, word in _PROBLEMS if isinstance(error, kind))
    gaps = {"field": error.field} if isinstance(error, InvalidInput) else {}
    return Problem(status, word, gaps, move, given)


def problem_of_review(error: DomainError, evidence: int, given: Mapping[str, str]) -> Problem:
    """What to say of an error in a verdict on a picture."""
    found = problem_of(error, None, given)
    word = "problem_own_picture" if found.word == "problem_conflict" else found.word
    return replace(found, word=word, evidence=evidence)


def read_instant(told: str, zone: ZoneInfo, *, field: str) -> datetime:
    """What `datetime-local` sends, on the wall clock of the city.

    Raises: InvalidInput, naming the field.
    """
    try:
        at = datetime.fromisoformat(told)
    except ValueError as error:
        raise InvalidInput(field, "is no date and time") from error
    if not FIRST_YEAR <= at.year <= LAST_YEAR:
        raise InvalidInput(field, "lies beyond what can be computed")
    return at if at.tzinfo is not None else at.replace(tzinfo=zone)


async def find_unit_code(connection: AsyncConnection, told: str) -> str:
    """The code of the unit that is meant: its code, its name, or a part of its name that no other has.

    Raises: UnitNotMeant.
    """
    fits = or_(Unit.code == told, Unit.name.icontains(told, autoescape=True))
    statement = select(Unit.code, Unit.name).where(Unit.is_active, fits).order_by(Unit.code)
    rows = (await connection.execute(statement)).all()
    exact = [row.code for row in rows if told in (row.code, row.name) or row.name.lower() == told.lower()]
    if len(exact) == 1 or len(rows) == 1:
        return str(exact[0] if exact else rows[0].code)
    raise UnitNotMeant(told, [f"{row.code} ({row.name})" for row in rows[:_MOST_NAMED]])
