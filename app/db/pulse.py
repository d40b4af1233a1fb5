"""What a process knows of changes without asking anew: a view of each unit's last change, half a second old at most."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.complaint.rulebook import Rulebook
from app.db.freshness import Freshness, read_freshness
from app.db.marks import Marks, Passing, read_marks
from app.db.rulebook import Rulebooks
from app.db.scope import Scope
from app.db.session import reading, writing
from app.db.unit_changes import NO_UNIT, Running, keep, read_kept, read_last_changes, read_running
from app.db.written import read_written

FRESH_S = 0.5
"""How old a view may be when somebody asks."""

_PATIENCE_S = 1.0
_LOOKS = 2  # A look that began before something was written here is followed by one more.
_KEEP_EVERY = timedelta(minutes=1)
_MOST_MARKS = 4_096
_log = logging.getLogger(__name__)

Stamp = tuple[int, tuple[int, ...]]
"""The last change and the transactions below it that still run: equal stamps, equal complaints."""
UnitIds = frozenset[int] | None
"""The units that are asked for, each by itself; None is everything, held by a unit or not."""


@dataclass(frozen=True, slots=True)
class View:
    """What was known at one look; `number` rises when anything of complaints or rules is otherwise.

    `written` is how often the tables behind the lists of other things were written.
    """

    number: int
    running: Running
    last_changes: dict[int, int]
    newest: int
    rules: Rulebook
    sources: tuple[Freshness, ...]
    written: Mapping[str, int]
    stamps: dict[UnitIds, Stamp] = field(default_factory=dict)

    def stamp(self, unit_ids: UnitIds) -> Stamp:
        """What all changes of complaints of these units come to. It never comes back to what it was."""
        if unit_ids not in self.stamps:
            last = self.newest
            if unit_ids is not None:
                last = max((self.last_changes.get(each, 0) for each in unit_ids), default=0)
            self.stamps[unit_ids] = last, tuple(each for each in self.running.pending if each < last)
        return self.stamps[unit_ids]

    def settled(self, unit_ids: UnitIds) -> tuple[Stamp, int]:
        """The stamp, and how far up changes may be handed out: when neither moved, nothing new can be."""
        stamp = self.stamp(unit_ids)
        return stamp, min(self.running.horizon, stamp[0] + 1)


class Pulse:
    """Looks at the changes for all who poll, once for all of them, and only while somebody asks."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], datetime], *, keeper: AsyncEngine | None) -> None:
        """`engine` is what answers are read from; `keeper` keeps what was gathered, None where nobody may."""
        self._engine, self._clock, self._keeper = engine, clock, keeper
        self._rulebooks = Rulebooks()
        self._view: View | None = None
        self._looked_at = self._expired_at = float("-inf")
        self._looking: asyncio.Task[View] | None = None
        self._moved = asyncio.Event()
        self._waiters = 0
        self._poller: asyncio.Task[None] | None = None
        self._keeping: asyncio.Task[None] | None = None
        self._kept_at: datetime | None = None
        self._kept = 0
        self._marks: dict[tuple[Passing, int], tuple[Stamp, Marks]] = {}
        self._together: dict[tuple[Passing, UnitIds], tuple[Stamp, Marks]] = {}
        self._covered: dict[tuple[int, tuple[int, ...]], frozenset[int]] = {}

    def expire(self) -> None:
        """Something was written in this process: whoever asks next sees it."""
        self._expired_at = asyncio.get_running_loop().time()

    async def view(self) -> View | None:
        """A fresh view; None while the first one is still being gathered."""
        for _ in range(_LOOKS):
            if self._view is not None and self._is_fresh():
                break
            task = self._look()
            done, _ = await asyncio.wait({task}, timeout=_PATIENCE_S)
            if not done:
                return None
            task.result()
        return self._view

    async def marks(self, view: View, passing: Passing, unit_ids: UnitIds, *, now: datetime) -> Marks:
        """The last instant that passed and the next one for all these units together."""
        key, stamp = (passing, unit_ids), view.stamp(unit_ids)
        held = self._together.get(key)
        if held is not None and held[0] == stamp and held[1].hold_at(now):
            return held[1]
        units = unit_ids if unit_ids is not None else frozenset({NO_UNIT, *view.rules.unit_codes})
        await self._probe(view, passing, units, now)
        each = [self._marks[passing, unit_id][1] for unit_id in units]
        passed = [marks.last for marks in each if marks.last is not None]
        coming = [marks.next for marks in each if marks.next is not None]
        found = Marks(max(passed, default=None), min(coming, default=None))
        if len(self._together) >= _MOST_MARKS:
            self._together.clear()
        self._together[key] = stamp, found
        return found

    def covered(self, view: View, scope: Scope) -> UnitIds:
        """The units of a scope with all below them. A validator sees what awaits validation anywhere: everything."""
        if scope.unit_ids is None or scope.is_validator:
            return None
        return self.below(view, scope.unit_ids)

    def below(self, view: View, unit_ids: Collection[int]) -> frozenset[int]:
        """The units and all below them."""
        key = view.rules.revision, tuple(sorted(unit_ids))
        if key not in self._covered:
            if len(self._covered) >= _MOST_MARKS:
                self._covered.clear()
            wanted = set(unit_ids)
            found = (each for each, above in view.rules.ancestors.items() if not wanted.isdisjoint(above))
            self._covered[key] = frozenset(found)
        return self._covered[key]

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """While somebody waits, one task looks at the changes for all who do."""
        self._waiters += 1
        if self._poller is None or self._poller.done():
            self._poller = asyncio.create_task(self._poll())
        try:
            yield
        finally:
            self._waiters -= 1

    async def moved(self, number: int, *, within_s: float) -> View | None:
        """The view once it is another one than `number`, else as it is when the time is over; inside `watched`."""
        if self._view is None or self._view.number == number:
            waiting = self._moved
            try:
                async with asyncio.timeout(within_s):
                    await waiting.wait()
            except TimeoutError:
                return self._view
        return self._view

    async def moved_for(self, unit_ids: UnitIds, before: View, *, within_s: float) -> bool:
        """Whether complaints of these units moved since `before`, as soon as they have; inside `watched`."""
        loop = asyncio.get_running_loop()
        until, view = loop.time() + within_s, self._view or before
        while view.settled(unit_ids) == before.settled(unit_ids):
            rest_s = until - loop.time()
            if rest_s <= 0:
                return False
            view = await self.moved(view.number, within_s=rest_s) or view
        return True

    async def close(self) -> None:
        """No look is left behind."""
        self._waiters = 0
        tasks = [each for each in (self._poller, self._looking, self._keeping) if each is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _is_fresh(self) -> bool:
        now = asyncio.get_running_loop().time()
        return self._expired_at < self._looked_at and now - self._looked_at < FRESH_S

    async def _poll(self) -> None:
        while self._waiters > 0:
            try:
                await self._look()
            except (SQLAlchemyError, OSError) as error:
                _log.warning("pulse_failed error=%s", type(error).__name__)
            await asyncio.sleep(FRESH_S)

    def _look(self) -> asyncio.Task[View]:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._gather(asyncio.get_running_loop().time()))
        return self._looking

    async def _gather(self, started: float) -> View:
        now, before = self._clock(), self._view
        async with reading(self._engine) as connection:
            seen, known = (before.running, before.last_changes) if before else await read_kept(connection)
            rules = await self._rulebooks.current(connection)
            sources = tuple(await read_freshness(connection, now=now))
            written = await read_written(connection)
            running = await read_running(connection)
            found = await read_last_changes(connection, seen)
        newer = {each: last for each, last in found.items() if last > known.get(each, 0)}
        last_changes = {**known, **newer} if newer else known
        newest = before.newest if before is not None and not newer else max(last_changes.values(), default=0)
        view = _numbered(View(1, running, last_changes, newest, rules, sources, written), before)
        self._view, self._looked_at = view, started
        if before is None or view.number != before.number:
            moved, self._moved = self._moved, asyncio.Event()
            moved.set()
        self._keep_sometimes(view, now)
        return view

    def _keep_sometimes(self, view: View, now: datetime) -> None:
        """So that the next process to start has little to gather."""
        if self._keeper is None or view.running.horizon == self._kept:
            return
        if self._kept_at is None or abs(now - self._kept_at) >= _KEEP_EVERY:
            self._kept_at, self._kept = now, view.running.horizon
            self._keeping = asyncio.create_task(self._keep(self._keeper, view))

    @staticmethod
    async def _keep(keeper: AsyncEngine, view: View) -> None:
        try:
            async with writing(keeper) as connection:
                await keep(connection, view.running.horizon, view.last_changes)
        except SQLAlchemyError as error:
            _log.warning("unit_changes_not_kept error=%s", type(error).__name__)

    async def _probe(self, view: View, passing: Passing, units: frozenset[int], now: datetime) -> None:
        old = [each for each in units if not self._holds(view, passing, each, now)]
        if not old:
            return
        async with reading(self._engine) as connection:
            found = await read_marks(connection, passing, old, now=now)
        for unit_id, marks in found.items():
            self._marks[passing, unit_id] = view.stamp(frozenset({unit_id})), marks

    def _holds(self, view: View, passing: Passing, unit_id: int, now: datetime) -> bool:
        held = self._marks.get((passing, unit_id))
        return held is not None and held[0] == view.stamp(frozenset({unit_id})) and held[1].hold_at(now)


def _numbered(view: View, before: View | None) -> View:
    """The view with the number of the one before, or the next where complaints or rules are otherwise."""
    if before is None:
        return view
    is_same = view.rules.revision == before.rules.revision and view.last_changes is before.last_changes
    is_same = is_same and view.settled(None) == before.settled(None)
    return replace(view, number=before.number if is_same else before.number + 1)
