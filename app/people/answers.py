"""Answers of writes, kept for a day and sealed, so that whoever lost one may ask again with the same key."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Table, delete, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import InvalidInput
from app.db.changes import is_postgresql, upsert
from app.db.tables.machine import KeptAnswer
from app.vault import Vault

HEADER = "Idempotency-Key"
KEPT = timedelta(hours=24)
KEY = "^[!-~]{1,200}$"
"""What a key may be: what fits a header, long enough for every way to make a random one."""

_PURPOSE = "kept-answer"


class KeyInUse(Exception):
    """A request with the same key still runs."""


class AnswerEmptied(Exception):
    """The same request was answered before, and what it was told is no longer for anybody to hear."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a write answered; the sealed row holds nothing in clear but the status."""

    status: int
    headers: Sequence[tuple[str, str]]
    body: bytes


class Repeated(Exception):
    """The same request was answered before; `answer` is what it was told."""

    def __init__(self, answer: Answer) -> None:
        super().__init__("answered before")
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Asked:
    """Who asks, by which key (as a hash), for what (method, address and body as a hash)."""

    caller: str
    key_hash: str
    request_hash: str


def asked_by(caller: str, key: str, request_hash: str) -> Asked:
    """The request as its answer is kept under.

    Raises: InvalidInput, when the key is none.
    """
    if not re.fullmatch(KEY, key):
        raise InvalidInput(HEADER, "must be 1 to 200 visible ASCII characters")
    return Asked(caller, hashlib.sha256(f"{caller}\0{key}".encode()).hexdigest(), request_hash)


async def demand_unanswered(connection: AsyncConnection, asked: Asked, vault: Vault, *, now: datetime) -> None:
    """Nothing, when nobody asked this before; until the writing transaction ends nobody else asks it.

    Raises:
        Repeated: the same request was answered.
        AnswerEmptied: the same, and its answer was taken away since.
        InvalidInput: the key was used for another one.
        KeyInUse: a request with this key still runs. SQLite's writers queue, so there it is waited for.
    """
    await _be_alone(connection, asked)
    row = _kept.c
    statement = select(row.request_hash, row.status, row.sealed).where(
        row.caller == asked.caller, row.key_hash == asked.key_hash, row.created_at > now - KEPT
    )
    found = (await connection.execute(statement)).one_or_none()
    if found is None:
        return
    if found.request_hash != asked.request_hash:
        raise InvalidInput(HEADER, "was used for another request")
    if not found.sealed:
        raise AnswerEmptied
    headers, _, body = vault.open(found.sealed, _PURPOSE).partition(b"\n")
    raise Repeated(Answer(found.status, [(name, value) for name, value in json.loads(headers)], body))


async def keep_answer(
    connection: AsyncConnection, asked: Asked, answer: Answer, vault: Vault, *, now: datetime
) -> None:
    """Keeps the answer in the transaction of what it tells: either both are there or neither."""
    sealed = vault.seal(json.dumps(answer.headers).encode() + b"\n" + answer.body, _PURPOSE)
    row: dict[str, object] = {
        "caller": asked.caller,
        "key_hash": asked.key_hash,
        "request_hash": asked.request_hash,
        "status": answer.status,
        "sealed": sealed,
        "created_at": now,
    }
    await upsert(connection, _kept, [row], key=("caller", "key_hash"))


async def empty_answers(connection: AsyncConnection) -> None:
    """Takes what every kept answer says, but not that there was one: a write that comes again is still done once.

    Nobody can tell whose words are in a sealed answer, and words that are erased or closed must not come out of one.
    """
    await connection.execute(update(KeptAnswer).values(sealed=b""))


async def forget_answers(connection: AsyncConnection, *, now: datetime) -> int:
    """How many answers nobody may ask for any more; they are gone."""
    statement = delete(KeptAnswer).where(KeptAnswer.created_at <= now - KEPT).returning(KeptAnswer.key_hash)
    return len((await connection.scalars(statement)).all())


async def _be_alone(connection: AsyncConnection, asked: Asked) -> None:
    if not is_postgresql(connection):
        return
    number = int.from_bytes(bytes.fromhex(asked.key_hash)[:8], signed=True)
    if not await connection.scalar(text("SELECT pg_try_advisory_xact_lock(:number)"), {"number": number}):
        raise KeyInUse


_kept: Table = KeptAnswer.__table__  # type: ignore[assignment]
