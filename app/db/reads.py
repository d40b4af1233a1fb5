"""Where lists, status and changes are read from: the replica while it answers, else the primary."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.changes import is_postgresql
from app.db.pulse import Pulse
from app.db.session import only_asking, reading

_TRUSTED_S = 1.0
_GIVEN_UP_S = 5.0
_ANSWERS_WITHIN_S = 2.0
_OWN_WRITES_S = 10.0
_MOST_WRITERS = 10_000
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """One database to read from with the view of its changes; `lag_s` is how far a replica is behind."""

    engine: AsyncEngine
    pulse: Pulse
    lag_s: float | None = None


class Reads:
    """Chooses for each reader; who has just written here reads what they wrote."""

    def __init__(self, engine: AsyncEngine, replica: AsyncEngine, clock: Callable[[], datetime]) -> None:
        """`replica` is `engine` where there is none."""
        asking = only_asking(engine)
        self.primary = Desk(asking, Pulse(asking, clock, keeper=engine))
        self._replica: Desk | None = None
        if replica is not engine:
            looking = only_asking(replica)
            self._replica = Desk(looking, Pulse(looking, clock, keeper=None))
        self._asked_at = self._down_since = float("-inf")
        self._lag_s: float | None = None
        self._examining = asyncio.Lock()
        self._wrote_at: dict[str, float] = {}

    def wrote(self, who: str) -> None:
        """Somebody has written here: views are old, and for some seconds they read from the primary."""
        self.primary.pulse.expire()
        if self._replica is not None:
            if len(self._wrote_at) >= _MOST_WRITERS:
                self._wrote_at.clear()
            self._wrote_at[who] = asyncio.get_running_loop().time()

    async def desk(self, who: str | None = None) -> Desk:
        """Where `who` reads from now."""
        if self._replica is None or self._wrote_lately(who) or not await self._is_up(self._replica):
            return self.primary
        return Desk(self._replica.engine, self._replica.pulse, self._lag_s)

    def doubt(self) -> None:
        """The replica has failed somebody: it is examined before anybody else is sent there."""
        self._asked_at = float("-inf")

    async def close(self) -> None:
        """No look is left behind; the engines are others' to dispose of."""
        await self.primary.pulse.close()
        if self._replica is not None:
            await self._replica.pulse.close()

    def _wrote_lately(self, who: str | None) -> bool:
        now = asyncio.get_running_loop().time()
        return who is not None and now - self._wrote_at.get(who, float("-inf")) < _OWN_WRITES_S

    async def _is_up(self, replica: Desk) -> bool:
        async with self._examining:
            now = asyncio.get_running_loop().time()
            if now - self._down_since < _GIVEN_UP_S:
                return False
            if now - self._asked_at < _TRUSTED_S:
                return True
            return await self._examine(replica)

    async def _examine(self, replica: Desk) -> bool:
        """Ask it how far behind it is; one line in the log when it goes, one when it is back."""
        was_down = self._down_since > float("-inf")
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_ANSWERS_WITHIN_S):
                self._lag_s = await _lag(replica.engine)
        except (SQLAlchemyError, OSError) as error:
            self._down_since = loop.time()
            if not was_down:
                _log.warning("replica_gone error=%s", type(error).__name__)
            return False
        if was_down:
            _log.info("replica_back")
        self._asked_at, self._down_since = loop.time(), float("-inf")
        return True


async def _lag(engine: AsyncEngine) -> float:
    """Seconds that what it shows is behind the primary.

    A standby that has replayed all it received is not behind while it is connected; of one that is not, and of one
    that is still replaying, the last commit that it knows says how old its state is.
    """
    async with reading(engine) as connection:
        if not is_postgresql(connection):
            return 0.0
        lag: Any = await connection.scalar(_behind)
    return max(0.0, float(lag or 0))


_behind = text(
    "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0"
    " WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()"
    " AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0"
    " ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END"
)
