"""What a process has read so lately that it need not ask again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import datetime
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.freshness import Freshness, read_freshness, stand_at

Key = TypeVar("Key")
Value = TypeVar("Value")


class Recent(Generic[Key, Value]):
    """Values by key, each for `lasts_s` seconds of real time after it was asked for; 0 keeps nothing."""

    def __init__(self, lasts_s: float, *, most: int = 4_096) -> None:
        self._lasts_s, self._most = lasts_s, most
        self._held: dict[Key, tuple[float, Value]] = {}

    def get(self, key: Key) -> Value | None:
        """The value, while it is recent."""
        held = self._held.get(key)
        return held[1] if held is not None and time.monotonic() - held[0] < self._lasts_s else None

    def keep(self, key: Key, value: Value, *, asked_at: float) -> None:
        """Keeps what was asked for at `asked_at`, which `time.monotonic` told before the question went out."""
        if not self._lasts_s:
            return
        if len(self._held) >= self._most:
            self._held.clear()
        self._held[key] = asked_at, value


class Freshnesses:
    """How far each source is complete, for answers that say it beside something else; never ahead of the answer.

    One object for each process.
    """

    def __init__(self, remember_s: float) -> None:
        self._recent: Recent[None, Sequence[Freshness]] = Recent(remember_s)

    async def read(self, connection: AsyncConnection, *, now: datetime) -> list[Freshness]:
        """Every enabled source, by name, as it stands at `now`."""
        found = self._recent.get(None)
        if found is None:
            asked_at = time.monotonic()
            found = await read_freshness(connection, now=now)
            self._recent.keep(None, found, asked_at=asked_at)
        return stand_at(found, now)
