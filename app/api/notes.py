"""Notes over REST: internal ones for colleagues, public ones that answer the citizen."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import Field, StrictBool

from app.api.auth import OfficerDep
from app.api.bodies import Sent
from app.api.complaint_answers import ComplaintAnswer, complaint_answer, seen_versions
from app.api.complaint_moves import Text
from app.api.complaints import IfMatch, Ref, asker_of
from app.api.disclosure import note_words
from app.api.freshness import sources_block
from app.dependencies import HouseDep, Now, Writing
from app.workqueue.detail import locate, read_one
from app.workqueue.notes import add_note

router = APIRouter(prefix="/complaints", tags=["complaints"])

_STALE: dict[int | str, dict[str, Any]] = {412: {"description": "The version is another one than `If-Match` names."}}


class NoteRequest(Sent):
    """A note; what is public is a word to the citizen and answers the response clock, as `respond` does."""

    text: Text
    is_public: Annotated[StrictBool, Field(description="Whether the citizen may read it.")] = False


@router.post("/{ref}/notes", status_code=201, response_model=ComplaintAnswer, responses=_STALE)
async def write_note(
    ref: Ref,
    asked: NoteRequest,
    connection: Writing,
    caller: OfficerDep,
    house: HouseDep,
    now: Now,
    if_match: IfMatch = None,
) -> Response:
    """Adds a note to the history, whatever the status, and answers with the complaint after it."""
    asker = asker_of(caller)
    found = await locate(connection, ref, asker.scope)
    rules = await house.rulebooks.current(connection)
    seen = seen_versions(if_match)
    await add_note(connection, found, asked.text, asker, rules, is_public=asked.is_public, seen=seen, now=now)
    card = await read_one(connection, found, asker, rules, now=now)
    await note_words(house, connection, caller, found, card["words"], now=now)
    answer = complaint_answer(card, await sources_block(connection, now=now), now=now)
    answer.status_code = 201
    return answer
