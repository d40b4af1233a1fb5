"""Push intake: a source sends its records to us, signed as Standard Webhooks says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy import Row

from app.api.source_answers import TallyAnswer
from app.db.session import reading
from app.dependencies import HouseDep, Now, Someone, Writing
from app.intake.beside import Desk
from app.intake.connecting import connect_rereading
from app.intake.push import Message, push_secret, receive
from app.intake.sources import find_source
from app.people.errors import NotSignedIn
from connectors.registry import CONNECTORS, json_value

router = APIRouter(prefix="/api/v1/intake", tags=["intake"])

OWNER = "push"

_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature")
_DOCUMENT: dict[str, Any] = {
    "parameters": [{"name": name, "in": "header", "required": True, "schema": {"type": "string"}} for name in _HEADERS],
    "requestBody": {
        "required": True,
        "description": "One record in the source's own shape, a list of them, or an object with a list under `data`.",
        "content": {"application/json": {"schema": {}}},
    },
    "responses": {"401": {"description": "The signature, its time or the source is not one that we know."}},
}


class PushAnswer(TallyAnswer):
    """What the message came to; of one that came before (`repeat`), what it came to then."""

    source: str
    run: int
    repeat: bool


@dataclass(frozen=True, slots=True)
class Genuine:
    """A message whose signature fits, and the source that sent it."""

    source: Row[Any]
    message: Message


async def _genuine(
    request: Request, house: HouseDep, now: Now, _counted: Someone, source: Annotated[str, Path(max_length=60)]
) -> Genuine:
    """The message, read whole before any connection that writes is taken.

    Raises: NotSignedIn, in the same words for an unknown source, a missing secret and a signature that does not fit.
    """
    body = await request.body()
    async with reading(house.engine) as connection:
        row = await find_source(connection, source)
    secret = push_secret(row, house.vault) if row is not None else None
    message = Message.of(request.headers, body)
    if row is None or secret is None or not message.is_genuine(secret, now=now):
        raise NotSignedIn("the signature does not fit: sign id, timestamp and body with the secret of the source")
    return Genuine(row, message)


@router.post("/{source}", openapi_extra=_DOCUMENT)
async def push(
    genuine: Annotated[Genuine, Depends(_genuine)], connection: Writing, house: HouseDep, now: Now
) -> PushAnswer:
    """Takes records in by the same mapping as a pull; the same message again is answered and not stored again."""
    connector = connect_rereading(genuine.source, house.vault, CONNECTORS)
    desk = Desk(house.rulebooks, house.vault, OWNER, now)
    received = await receive(connection, desk, genuine.source, connector, genuine.message, read_json=json_value)
    tally = received.tally.as_columns()
    return PushAnswer(source=genuine.source.name, run=received.run_id, repeat=received.is_repeat, **tally)
