"""Messages that did not arrive over REST: alerts, corrections, lists of a morning, word of the installation itself."""

from __future__ import annotations

from typing import Annotated, Self

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, Field

from app.alerts.dead import DeadView, dead_page
from app.alerts.replaying import replay_any
from app.api.alert_answers import Attempt, DeliveryAnswer
from app.api.auth import WholeAdminDep
from app.api.instants import Instant
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.complaint.errors import InvalidInput
from app.db.states import DeliveryKind
from app.dependencies import Now, Reading, Writing
from app.people.audit import record

router = APIRouter(prefix="/deliveries", tags=["alerts"])

DeliveryId = Annotated[str, Path(max_length=60, pattern="^[A-Za-z0-9_-]+$")]

_LIST = "dead-deliveries"


class DeadAnswer(DeliveryAnswer):
    """A message that was given up, with the last answer."""

    kind: DeliveryKind
    alert_id: Annotated[int | None, Field(description="Of an alert or a correction.")]
    about: Annotated[str | None, Field(description="The day of a digest; what a notice is about.")]
    last: Attempt | None

    @classmethod
    def of_dead(cls, view: DeadView) -> Self:
        """The message and why it is dead."""
        last = Attempt.model_validate(view.last, from_attributes=True) if view.last is not None else None
        plain = DeliveryAnswer.of(view.delivery).model_dump()
        return cls(**plain, kind=view.kind, alert_id=view.alert_id, about=view.about, last=last)


class DeadPage(BaseModel):
    """A page of them, in the order of their ids."""

    items: list[DeadAnswer]
    next_cursor: str | None
    as_of: Instant


@router.get("/dead")
async def list_dead(
    request: Request,
    response: Response,
    connection: Reading,
    _caller: WholeAdminDep,
    now: Now,
    cursors: CursorsDep,
    kind: Annotated[
        str | None, Query(max_length=200, description="alert, correction, digest, notice; several with commas.")
    ] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> DeadPage:
    """Every message that did not arrive, also those that belong to no alert."""
    place = cursors.decode(_LIST, cursor)
    after_id = str(place[0]) if place else None
    found, following = await dead_page(connection, kinds=_kinds(kind), limit=limit, after_id=after_id)
    next_cursor = cursors.encode(_LIST, [following]) if following is not None else None
    response.headers.update(next_link(request, next_cursor))
    return DeadPage(items=[DeadAnswer.of_dead(each) for each in found], next_cursor=next_cursor, as_of=now)


@router.post("/{delivery_id}/replay", responses={409: {"description": "It is not dead."}})
async def replay_any_delivery(
    connection: Writing, caller: WholeAdminDep, now: Now, delivery_id: DeliveryId
) -> DeliveryAnswer:
    """Send a dead message of any kind again from now on, under the same id; one that is not dead is 409."""
    delivery = await replay_any(connection, delivery_id, now=now)
    await record(connection, actor=caller.name, action="delivery.replay", subject=f"delivery:{delivery_id}", now=now)
    return DeliveryAnswer.of(delivery)


def _kinds(text: str | None) -> tuple[str, ...]:
    kinds = tuple(word.strip() for word in text.split(",")) if text is not None else ()
    if not all(kinds):
        raise InvalidInput("kind", "has an empty value")
    return kinds
