"""The queue as a page: what is due soonest first, narrowed by what officers ask for most."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query, Request, Response

from app.complaint.errors import InvalidInput
from app.complaint.lifecycle import Status
from app.dashboard.reader import TongueDep
from app.db.freshness import read_freshness
from app.dependencies import CallerDep, HouseDep, Looking, Now, session_of
from app.workqueue.asker import Asker
from app.workqueue.filters import ME, NOBODY, Due, Filters
from app.workqueue.listing import Page, Part, Position, read_page
from app.workqueue.selection import select_for

router = APIRouter(include_in_schema=False)

QUEUE = "/complaints"
_ON_A_PAGE = 25
_NOTHING = Page([], None)
_TOO_MANY = 2**63


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What the reader narrows the queue to; what is empty narrows nothing."""

    unit: str
    due: str
    status: str
    assignee: str
    q: str

    @property
    def filters(self) -> Filters:
        """The same as the queue takes it."""
        return Filters(
            units=(self.unit,) if self.unit else (),
            due=(Due(self.due),) if self.due else (),
            statuses=(Status(self.status),) if self.status else (),
            assignees=(self.assignee,) if self.assignee else (),
            words=self.q or None,
        )

    def path(self, last: Position | None) -> str:
        """The page behind a position, or the first one."""
        told = {name: getattr(self, name) for name in self.__slots__}
        query = {name: value for name, value in told.items() if value}
        if last is not None:
            query["after"] = f"{last.part}~{last.at.isoformat()}~{last.id}"
        return f"{QUEUE}?{urlencode(query)}" if query else QUEUE


async def _narrowed(
    unit: Annotated[str, Query(max_length=80)] = "",
    due: Literal["", "overdue", "today", "24h", "72h"] = "",
    status: Annotated[Status | Literal[""], Query()] = "",
    assignee: Literal["", "me", "none"] = "",
    q: Annotated[str, Query(max_length=200)] = "",
) -> Narrowed:
    return Narrowed(unit.strip(), due, str(status), assignee, q.strip())


@router.get(QUEUE)
async def queue(
    request: Request,
    caller: CallerDep,
    house: HouseDep,
    connection: Looking,
    now: Now,
    tongue: TongueDep,
    narrowed: Annotated[Narrowed, Depends(_narrowed)],
    after: Annotated[str | None, Query(max_length=80)] = None,
) -> Response:
    """One page of the reader's queue."""
    asker, rules = Asker(caller.scope, caller.role, caller.officer_id), await house.rulebooks.current(connection)
    problem, page, begin = None, _NOTHING, _position(after)
    try:
        zone = house.settings.zone
        chosen = await select_for(connection, narrowed.filters, asker, rules, now=now, zone=zone)
        page = await read_page(connection, chosen, asker, rules, after=begin, limit=_ON_A_PAGE, now=now)
    except InvalidInput as error:
        problem = error.field
    sources, session = await read_freshness(connection, now=now), session_of(request)
    return tongue.page(
        "queue.html",
        422 if problem else 200,
        narrowed=narrowed,
        problem=problem,
        items=page.items,
        next_path=narrowed.path(page.last) if page.last else None,
        first_path=narrowed.path(None) if begin else None,
        statuses=list(Status),
        holders=((ME, "holder_me"), (NOBODY, "holder_none")),
        dues=[str(each) for each in Due],
        sources=sources,
        may_take_in=asker.works,
        as_of=now,
        username=caller.name,
        csrf_token=session.csrf_token if session else None,
    )


def _position(told: str | None) -> Position | None:
    """The place that the link to a next page names; one that nobody can read is the start."""
    parts = (told or "").split("~")
    try:
        part, at, complaint_id = parts
        moment, number = datetime.fromisoformat(at), int(complaint_id)
        is_place = moment.tzinfo is not None and 0 <= number < _TOO_MANY
        return Position(Part(part), moment, number) if is_place else None
    except ValueError:
        return None
