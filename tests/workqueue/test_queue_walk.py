"""A long walk through the queue while others change it: whatever does not change is met exactly once.

`QUEUE=full` walks through 100,000 complaints; without it through fewer, so that every run of the tests can afford it.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from datetime import timedelta

import pytest

from app.complaint.events import EventKind
from app.complaint.lifecycle import Status
from app.db.complaints import Change, advance
from app.db.session import writing
from app.workqueue.filters import Filters, Sort
from tests.workqueue.desk import _HEADER, DAY, NOON, Desk, entry

IS_FULL = os.environ.get("QUEUE") == "full"

_COUNT = 100_000 if IS_FULL else 1_200
_PAGE = 200 if IS_FULL else 40
_UNITS = ("kelurahan-a", "kelurahan-b", "sudin", None)
_AT_ONCE = 500


async def _fill(desk: Desk) -> None:
    """Complaints of which many share their instants; every third is done."""
    for first in range(1, _COUNT + 1, _AT_ONCE):
        changes = [_new(desk, id_) for id_ in range(first, min(first + _AT_ONCE, _COUNT + 1))]
        async with writing(desk.engine) as connection:
            await advance(connection, changes, await desk.rules(connection), now=NOON - DAY)


def _new(desk: Desk, id_: int) -> Change:
    reported_at, unit = NOON - timedelta(hours=24 + id_ % 97), _UNITS[id_ % 4]
    events = [entry(EventKind.REPORTED, reported_at)]
    if unit is not None:
        events.append(entry(EventKind.ASSIGNED, reported_at, unit_id=desk.units[unit]))
    if id_ % 3 == 0:
        events.append(entry(EventKind.STATUS, reported_at + timedelta(hours=1), status=Status.RESOLVED, word="Selesai"))
    values = {**_HEADER, "ticket_code": f"JK{id_:06}", "received_at": reported_at}
    return Change(complaint_id=id_, events=events, values=values, is_new=True)


async def _disturb(desk: Desk, chance: random.Random, done: asyncio.Event) -> None:
    """Others' work: complaints whose number ends in 5 move on, are done, come back; new ones arrive."""
    number = 0
    while not done.is_set():
        number += 1
        changing = chance.randrange(5, _COUNT, 10)
        status = chance.choice((Status.COORDINATING, Status.RESOLVED, Status.IN_PROGRESS, Status.REJECTED))
        await desk.hear(changing, status, NOON + timedelta(seconds=number))
        if number % 5 == 0:
            await desk.report(f"NEW{number}", NOON - timedelta(hours=chance.randrange(1, 100)), unit="sudin")
        await asyncio.sleep(0)


@pytest.mark.timeout(1_800 if IS_FULL else 120)
@pytest.mark.parametrize(
    ("sort", "filters"),
    [
        (Sort.DUE, Filters()),
        (Sort.DUE, Filters(units=("kota",))),
        (Sort.NEWEST, Filters(words="lubang sekolah")),
        (Sort.CHANGED, Filters(units=("kota", "dinas"))),
    ],
    ids=["due", "unit", "search", "changed"],
)
async def test_what_does_not_change_is_met_once_while_others_work(desk: Desk, sort: Sort, filters: Filters) -> None:
    await _fill(desk)
    done = asyncio.Event()
    others = asyncio.create_task(_disturb(desk, random.Random(7), done))
    met = Counter(await desk.walk(filters, sort=sort, limit=_PAGE, now=NOON + DAY))
    done.set()
    await others
    is_inside = (lambda id_: id_ % 4 != 3) if filters.units else (lambda _: True)
    still = {f"JK{id_:06}" for id_ in range(1, _COUNT + 1) if id_ % 10 != 5 and is_inside(id_)}
    assert {code: count for code, count in met.items() if code in still and count != 1} == {}
    assert still <= met.keys()
