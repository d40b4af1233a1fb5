"""A screen that polls, and a city for it to look at."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import event, update

from app.db.session import writing
from app.db.tables.sources import Source
from tests.api.door import Door
from tests.workqueue.desk import NOON, Desk

API = "/api/v1"
_LOOK = "GROUP BY anon_1.unit_id"
"""In the statement by which the pulse looks at the changes of complaints, twice a second for all who poll."""


class Screen:
    """A screen on a wall: it asks the same again and again, and shows what it holds when nothing changed."""

    def __init__(self, door: Door, desk: Desk, headers: dict[str, str]) -> None:
        self.door, self.desk, self.headers = door, desk, headers
        self.held: dict[str, str] = {}

    async def poll(self, path: str, **headers: str) -> Any:
        """The answer; what was held of this path is named in the question."""
        given = {**self.headers, **({"If-None-Match": self.held[path]} if path in self.held else {}), **headers}
        answer = await self.door.client.get(f"{API}{path}", headers=given)
        if answer.status_code == 200:
            self.held[path] = answer.headers["etag"]
        return answer

    async def statuses(self, *paths: str) -> list[int]:
        """What each is answered with."""
        return [(await self.poll(path)).status_code for path in paths]

    async def see(self) -> None:
        """Others have written: do not wait until the view is old, but until nothing below it runs any more."""
        async with asyncio.timeout(60):
            while True:
                pulse = self.door.app.state.reads.primary.pulse
                pulse.expire()
                view = await pulse.view()
                if view is not None and not view.stamp(None)[1]:
                    return
                await asyncio.sleep(0.05)

    def set_time(self, now: datetime) -> None:
        self.door.clock.now = now


async def screen_of(door: Door) -> Screen:
    """The screen of a city with two complaints and two sources that are complete at noon."""
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    await tell_source(door, "crm", complete_through=NOON, every_s=300)
    await tell_source(door, "jaki", complete_through=NOON, every_s=300)
    await desk.report("JK1", NOON - timedelta(hours=1), unit="sudin")
    await desk.report("JK2", NOON - timedelta(hours=2), unit="kelurahan-a")
    screen = Screen(door, desk, await door.token("viewer"))
    await screen.see()
    return screen


async def tell_source(door: Door, name: str, **values: object) -> None:
    async with writing(door.house.engine) as connection:
        await connection.execute(update(Source).where(Source.name == name).values(values))


@contextmanager
def statements(door: Door) -> Iterator[list[str]]:
    """What the database is asked, but for the look at the changes."""
    told: list[str] = []
    engine = door.house.engine.sync_engine

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        if _LOOK not in statement:
            told.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    yield told
    event.remove(engine, "before_cursor_execute", note)
