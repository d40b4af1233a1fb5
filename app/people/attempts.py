"""A write that may come again: its body's hash, its one transaction, and how that ends once the answer is known."""

from __future__ import annotations

import hashlib
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.db.session import writing
from app.people.answers import Answer, Asked, asked_by, demand_unanswered, keep_answer
from app.vault import Vault


class Room(Protocol):
    """What an attempt needs of the house."""

    @property
    def engine(self) -> AsyncEngine: ...
    @property
    def vault(self) -> Vault: ...


class RequestHash:
    """The hash of what a request asks, however its body was cut into pieces and whatever boundary its parts have."""

    def __init__(self, address: str, boundary: bytes) -> None:
        self._hash = hashlib.sha256(address.encode())
        self._boundary = boundary
        self._pending = b""

    def add(self, piece: bytes) -> None:
        """The next piece of the body."""
        if not self._boundary:
            self._hash.update(piece)
            return
        *whole, rest = (self._pending + piece).split(self._boundary)
        for part in whole:
            self._hash.update(part + b"\0boundary\0")
        cut = max(0, len(rest) - len(self._boundary) + 1)
        self._hash.update(rest[:cut])
        self._pending = rest[cut:]

    def hexdigest(self) -> str:
        """Of all that was added."""
        whole = self._hash.copy()
        whole.update(self._pending)
        return whole.hexdigest()


@dataclass(slots=True)
class Attempt:
    """One request with a key. Its transaction stays open until the answer is known, which is kept in it."""

    key: str
    request_hash: RequestHash
    stack: AsyncExitStack
    is_read: bool = False
    """Whether the whole body has come in."""
    is_done: bool = False
    """Whether the route came to its end."""
    _room: Room | None = field(default=None)
    _connection: AsyncConnection | None = field(default=None)
    _asked: Asked | None = field(default=None)

    async def begin(self, room: Room, caller: str, *, now: datetime) -> AsyncConnection:
        """The writing connection of a request that was not answered before.

        Raises: what `asked_by` and `demand_unanswered` raise.
        """
        self._asked = asked_by(caller, self.key, self.request_hash.hexdigest())
        connection = await self.stack.enter_async_context(writing(room.engine))
        self._room, self._connection = room, connection
        await demand_unanswered(connection, self._asked, room.vault, now=now)
        return connection

    async def end(self, answer: Answer, *, now: datetime) -> None:
        """Keeps the answer of a route that came to its end, to be committed with what it did; else nothing is kept."""
        if self._connection is None or self._room is None or self._asked is None:
            return
        if self.is_done:
            await keep_answer(self._connection, self._asked, answer, self._room.vault, now=now)
        else:
            await self._connection.rollback()
