"""What a command did goes into the audit trail, as what is ordered over REST does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from app.clock import utc_now
from app.commands.frame import ACTOR
from app.complaint.errors import NotFound
from app.db.session import writing
from app.people.audit import record
from app.pulling import Plant


@dataclass(slots=True)
class Deed:
    """What is done to what; the command adds what came of it while it goes on."""

    subject: str
    details: dict[str, str | int | bool | list[str] | None] = field(default_factory=dict)

    def add(self, **details: object) -> None:
        """More of what came of it; what is no number is told as text."""
        self.details |= {name: each if isinstance(each, int) else str(each) for name, each in details.items()}


@asynccontextmanager
async def on_record(plant: Plant, action: str, subject: str) -> AsyncIterator[Deed]:
    """The deed of the block, on record once the block has ended: what broke off too, but not what is not there."""
    deed = Deed(subject)
    try:
        yield deed
    except NotFound:
        raise
    except BaseException:
        deed.add(outcome="failed")
        await _note(plant, action, deed)
        raise
    await _note(plant, action, deed)


async def _note(plant: Plant, action: str, deed: Deed) -> None:
    async with writing(plant.engine) as connection:
        now = utc_now()
        await record(connection, actor=ACTOR, action=action, subject=deed.subject, details=deed.details, now=now)
