"""A claim as a lease: who holds a complaint, and until when without a sign of life."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from app.complaint.events import CaseEvent
from app.complaint.lifecycle import WAITING, WORKING, Move, Status

_TURN = WAITING | WORKING
"""Where the next step is the holder's own; nobody loses a complaint by waiting for the citizen or a verdict."""


@dataclass(slots=True)
class Claim:
    """Who holds a complaint, as the fold of its history goes along.

    A claim lasts as long as its entry says, counted from the holder's last entry; what a supervisor assigned has no
    end of its own. While it waits for others the time stands still, and it begins anew when the turn comes back.
    """

    holder_id: int | None = None
    lasts: timedelta | None = None
    expires_at: datetime | None = None
    is_turn: bool = True

    def take(self, event: CaseEvent) -> None:
        """The complaint goes to the one whom a claim or an assignment names."""
        self.holder_id, self.lasts, self.expires_at = event.assignee_id, None, None
        if event.move is Move.CLAIM and event.expires_at is not None:
            self.lasts, self.expires_at = event.expires_at - event.occurred_at, event.expires_at

    def drop(self) -> None:
        """Nobody holds it."""
        self.holder_id, self.lasts, self.expires_at = None, None, None

    def ends(self, event: CaseEvent) -> bool:
        """Whether the claim ends at this entry's instant; it has dropped then."""
        is_due = self.expires_at is not None and self.expires_at == event.occurred_at
        if is_due:
            self.drop()
        return is_due

    def follow(self, event: CaseEvent, at: datetime, status: Status, promised_at: datetime | None) -> None:
        """What an entry, once it is applied, means for the end of the claim."""
        was_turn, self.is_turn = self.is_turn, status in _TURN
        if self.lasts is None:
            return
        if not self.is_turn:
            self.expires_at = None
        elif event.actor_id == self.holder_id or not was_turn:
            is_promised = status is Status.SCHEDULED and promised_at is not None
            self.expires_at = (max(at, promised_at) if is_promised and promised_at else at) + self.lasts
