"""A day of the make-believe city with officers at work: afterwards every stored figure equals its history."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.complaint.attribution import attribute
from app.complaint.errors import DomainError
from app.complaint.history import fold_case
from app.complaint.lifecycle import TERMINAL, Move, legal_moves
from app.complaint.roles import Role
from app.db.case_rows import read_events
from app.db.metadata import metadata
from app.db.scope import WHOLE
from app.db.session import reading, writing
from app.demo.feeds import FeedsSettings, open_feeds
from app.workqueue.actions import MoveRequest, move
from app.workqueue.asker import Asker
from app.workqueue.pauses import expire_pauses
from tests.intake.feeds import at
from tests.intake.station import Station

TOKEN = "demo"
STEP = timedelta(hours=3)
MOVES_A_STEP = 25

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
async def station(engine: AsyncEngine) -> AsyncIterator[Station]:
    """A station whose sources are the demo city, at the station's own time."""
    built = Station(engine, now=at("14 06:00"))
    feeds = open_feeds(FeedsSettings(token=TOKEN, per_day=40, live_every=None), now=lambda: built.now)
    server = uvicorn.Server(uvicorn.Config(feeds, port=0, log_level="warning", lifespan="off"))
    task = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    await built.add("jaki", "jaki", url, token=TOKEN)
    await built.add("crm", "crm", url)
    yield built
    server.should_exit = True
    await task


async def _officer(station: Station) -> Asker:
    officer = metadata.tables["officer"]
    row = {"username": "gita", "name": "Gita", "role": Role.ADMIN, "is_active": True, "failed_sign_ins": 0}
    async with writing(station.engine) as connection:
        added = insert(officer).values({**row, "created_at": station.now}).returning(officer.c.id)
        return Asker(WHOLE, Role.ADMIN, int(await connection.scalar(added) or 0))


def _request(station: Station, wanted: Move, rng: random.Random, units: list[str]) -> MoveRequest:
    values: dict[Move, dict[str, Any]] = {
        Move.ASSIGN: {"assignee": "gita"},
        Move.FORWARD: {"unit": rng.choice(units), "reason": "bukan kewenangan"},
        Move.RESPOND: {"text": "Sedang ditangani."},
        Move.ASK_COMPLAINANT: {"text": "Di mana tepatnya?"},
        Move.SCHEDULE: {"promised_at": station.now + timedelta(days=rng.randint(1, 40)), "reason": "menunggu alat"},
        Move.SEND_BACK: {"reason": "foto tidak jelas"},
        Move.REJECT: {"reason_code": "duplicate"},
        Move.REOPEN: {"reason": "belum selesai"},
        Move.WITHDRAW: {"reason": "dicabut"},
    }
    return MoveRequest(move=wanted, **values.get(wanted, {}))


async def _work(station: Station, asker: Asker, rng: random.Random, units: list[str]) -> Counter[str]:
    """Some moves, each legal when it is chosen, on complaints chosen by chance."""
    done: Counter[str] = Counter()
    rows = [row for row in await station.rows("complaint") if legal_moves(row.status)]
    for row in rng.sample(rows, min(len(rows), MOVES_A_STEP)):
        request = _request(station, rng.choice(legal_moves(row.status)), rng, units)
        try:
            async with writing(station.engine) as connection:
                rules = await station.rulebooks.current(connection)
                await move(connection, row.id, request, asker, rules, now=station.now)
        except DomainError:
            done["refused"] += 1
        else:
            done[request.move] += 1
    return done


async def test_after_a_day_of_work_every_figure_equals_its_history(station: Station) -> None:
    rng = random.Random(2026)
    asker = await _officer(station)
    units = [row.code for row in await station.rows("unit") if row.type in ("kelurahan", "suku_dinas", "dinas")]
    done: Counter[str] = Counter()
    for step in range(10):
        await station.pull("jaki")
        # CRM is away for two steps, so that its words come late.
        if step not in (4, 5):
            await station.pull("crm")
        done += await _work(station, asker, rng, units)
        station.now += STEP
    station.now += timedelta(days=31)
    expired = await expire_pauses(station.engine, station.rulebooks, now=station.now)
    assert await station.differences() == []
    assert min(done[name] for name in (Move.FORWARD, Move.ASK_COMPLAINANT, Move.SUBMIT, Move.REOPEN)) > 0, done
    assert expired > 0
    kinds = {row.kind for row in await station.rows("complaint_event")}
    assert {"reported", "status", "assigned", "move", "expired"} <= kinds
    await _each_wait_adds_up(station)


async def _each_wait_adds_up(station: Station) -> None:
    """Every second of a closed complaint's wait, less what it was closed, belongs to somebody."""
    checked = 0
    async with reading(station.engine) as connection:
        complaint = metadata.tables["complaint"]
        closed = select(complaint.c.id, complaint.c.received_at).where(complaint.c.status.in_(TERMINAL))
        for row in (await connection.execute(closed)).all():
            events = await read_events(connection, row.id)
            case = fold_case(events)
            found = attribute(case, events, received_at=row.received_at, as_of=station.now)
            assert case.closed_at is not None
            idle = sum((each.reopened_at - each.closed_at for each in case.closures if each.reopened_at), timedelta())
            assert found.wait_s == (case.closed_at - case.reported_at - idle).total_seconds()
            assert sum(each.seconds for each in found.totals) == found.wait_s
            checked += 1
    assert checked > 50
