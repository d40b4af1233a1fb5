"""The bodies of moves: one for each, so that the document names what each requires."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from app.api.bodies import Sent
from app.api.instants import Instant
from app.complaint.lifecycle import Move
from app.workqueue.actions import LONGEST_REASON, LONGEST_TEXT, MoveRequest

UnitCode = Annotated[str, Field(min_length=1, max_length=80, description="The code of a unit.")]
Username = Annotated[str, Field(min_length=1, max_length=80, description="The user name of an officer.")]
Reason = Annotated[str, Field(min_length=1, max_length=LONGEST_REASON, description="Why; for colleagues.")]
ReasonCode = Annotated[str, Field(min_length=1, max_length=60, description="A reason of the list of reasons.")]
Text = Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]


class Claim(Sent):
    """I take it; another officer who holds it keeps it."""

    move: Literal["claim"]


class Release(Sent):
    """I give it back to the unit."""

    move: Literal["release"]


class Assign(Sent):
    """An officer of the unit shall take it."""

    move: Literal["assign"]
    assignee: Username


class Accept(Sent):
    """The unit takes the work."""

    move: Literal["accept"]


class Forward(Sent):
    """Another unit is the right one."""

    move: Literal["forward"]
    unit: UnitCode
    reason: Reason


class Respond(Sent):
    """A public word to the citizen."""

    move: Literal["respond"]
    text: Text


class Start(Sent):
    """The work begins, or goes on."""

    move: Literal["start"]


class AskComplainant(Sent):
    """A question that only the citizen can answer: the clocks that honour the reason pause, for as long as it allows.

    Without a reason code it is `awaiting_complainant`. Where a reason asks for evidence, `reason` says where it is.
    """

    move: Literal["ask_complainant"]
    text: Text
    reason_code: ReasonCode | None = None
    reason: Reason | None = None


class ComplainantAnswered(Sent):
    """The citizen answered."""

    move: Literal["complainant_answered"]
    text: Text | None = None


class Schedule(Sent):
    """The work is promised for a later time."""

    move: Literal["schedule"]
    promised_at: Instant
    reason: Reason


class Submit(Sent):
    """The work is done and awaits its validation."""

    move: Literal["submit"]
    text: Text | None = None


class Approve(Sent):
    """The result is good."""

    move: Literal["approve"]
    text: Text | None = None


class SendBack(Sent):
    """The result is not good; the time since it was submitted counts."""

    move: Literal["send_back"]
    reason: Reason


class Reject(Sent):
    """The complaint is refused."""

    move: Literal["reject"]
    reason_code: ReasonCode
    reason: Reason | None = None
    text: Text | None = None


class Reopen(Sent):
    """What was closed is not done."""

    move: Literal["reopen"]
    reason: Reason


class Withdraw(Sent):
    """The citizen takes the complaint back."""

    move: Literal["withdraw"]
    reason: Reason


MoveBody = Annotated[
    Claim
    | Release
    | Assign
    | Accept
    | Forward
    | Respond
    | Start
    | AskComplainant
    | ComplainantAnswered
    | Schedule
    | Submit
    | Approve
    | SendBack
    | Reject
    | Reopen
    | Withdraw,
    Field(discriminator="move"),
]


def move_request(body: MoveBody) -> MoveRequest:
    """The body as the room takes it."""
    fields = body.model_dump(exclude={"move"})
    return MoveRequest(move=Move(body.move), **fields)
