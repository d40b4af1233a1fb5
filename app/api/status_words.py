"""Status words of the sources over REST: what each means, and a new one taught."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.auth import AdminDep, WholeAdminDep
from app.api.bodies import Sent
from app.api.instants import Instant
from app.complaint.lifecycle import Status
from app.dependencies import Now, Reading, Writing
from app.intake import words
from app.people.audit import record
from connectors.registry import CONNECTORS

router = APIRouter(prefix="/admin/status-words", tags=["admin"])

_KINDS = ("", *CONNECTORS)


class WordRequest(Sent):
    """A word and what it means; without a connector it means the same whichever source says it."""

    word: Annotated[str, Field(min_length=1, max_length=200)]
    status: Status
    connector: Annotated[str, Field(max_length=60)] = words.ANY


class WordAnswer(BaseModel):
    """A word as it is looked up (case and white space do not count), and what it means."""

    connector: str
    word: str
    status: Status


class WordList(BaseModel):
    """Every word that is known."""

    items: list[WordAnswer]
    as_of: Instant


@router.get("")
async def list_words(connection: Reading, caller: AdminDep, now: Now) -> WordList:
    """What the words of the sources mean."""
    found = await words.list_words(connection)
    return WordList(items=[WordAnswer.model_validate(each, from_attributes=True) for each in found], as_of=now)


@router.put("")
async def teach_word(asked: WordRequest, connection: Writing, caller: WholeAdminDep, now: Now) -> WordAnswer:
    """Teaches a word; complaints that carried it while nobody knew it are read again within seconds."""
    words.check_kind(asked.connector, _KINDS)
    taught = await words.teach_word(connection, asked.connector, asked.word, asked.status)
    details = {"status": taught.status.value, "connector": taught.connector}
    subject = f"status word {taught.word}"
    await record(connection, actor=caller.name, action="status_word.teach", subject=subject, details=details, now=now)
    return WordAnswer.model_validate(taught, from_attributes=True)
