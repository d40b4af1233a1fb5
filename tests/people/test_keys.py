"""The data key changes while the service runs: everything sealed follows, and stays readable all the time."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from sqlalchemy import LargeBinary, insert, select, update

from app.alerts.chat import CHAT_PURPOSE
from app.alerts.signing import PURPOSE
from app.db.metadata import metadata
from app.db.session import reading, writing
from app.intake import imports, push, rejects, sources, store
from app.people.keys import PASSING, SEALED, count_outdated, rotate
from app.vault import Vault
from app.workqueue import evidence_pictures
from tests.workqueue.desk import NOON, Desk

OLD, NEW, LOST = bytes(32), bytes(range(32)), b"?" * 32


@pytest.fixture
async def desk(engine: Any) -> Desk:
    built = Desk(engine, vault=Vault(OLD))
    await built.build()
    for number in range(1, 8):
        found = await built.report(f"JK{number}", NOON)
        await built.carry(found, "crm", str(number), {"id": number})
    return built


async def _raws(desk: Desk) -> list[bytes]:
    records = metadata.tables["source_record"]
    async with reading(desk.engine) as connection:
        return list(await connection.scalars(select(records.c.sealed_raw).order_by(records.c.id)))


def test_every_sealed_column_follows_or_passes_by_itself() -> None:
    columns = {
        (table.name, column.name)
        for table in metadata.tables.values()
        for column in table.c
        if isinstance(column.type, LargeBinary)
    }
    assert columns == {(each.table, each.column) for each in SEALED} | PASSING


def test_each_column_is_sealed_for_what_its_room_seals_it_for() -> None:
    purposes = {f"{each.table}.{each.column}": each.purpose for each in SEALED}
    assert purposes == {
        "identity.sealed": store.IDENTITY,
        "source.sealed_token": sources._SEALED_AS,
        "source.sealed_push_secret": push._SEALED_AS,
        "webhook.sealed_secret": PURPOSE,
        "officer.sealed_chat_url": CHAT_PURPOSE,
        "reject.sealed_raw": rejects.REJECT,
        "import_reject.sealed_raw": store.RAW,
        "import_job.sealed_file": imports.FILE,
        "evidence_file.sealed_copy": evidence_pictures.COPY,
        "evidence_file.sealed_original": evidence_pictures.ORIGINAL,
        "source_record.sealed_raw": store.RAW,
    }


async def test_what_a_former_key_sealed_is_sealed_anew_and_the_former_key_may_go(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.people.keys.SEALED", [type(each)(*_shape(each), at_once=2) for each in SEALED])
    both = Vault(NEW, [OLD])
    identity = {"complaint_id": 1, "source_id": desk.sources["crm"], "received_at": NOON}
    async with writing(desk.engine) as connection:
        sealed = Vault(OLD).seal_json({"name": "Sekar Fiktif"}, "identity")
        await connection.execute(insert(metadata.tables["identity"]).values(**identity, sealed=sealed))
        assert await count_outdated(connection, both) == 8
    done = await rotate(desk.engine, both)
    assert (done.resealed, done.unreadable) == (8, 0)
    assert [Vault(NEW).open_json(each, "raw") for each in await _raws(desk)] == [{"id": n} for n in range(1, 8)]
    async with reading(desk.engine) as connection:
        assert await count_outdated(connection, Vault(NEW)) == 0
    assert (await rotate(desk.engine, both)).resealed == 0


async def test_the_chat_of_an_officer_is_reached_after_the_former_key_is_gone(desk: Desk) -> None:
    officers, url = metadata.tables["officer"], b"tgram://123456789:fiktif/12345"
    new = {"username": "sekar", "name": "Sekar", "role": "officer", "is_active": True, "failed_sign_ins": 0}
    async with writing(desk.engine) as connection:
        sealed = Vault(OLD).seal(url, CHAT_PURPOSE)
        await connection.execute(insert(officers).values(**new, created_at=NOON, sealed_chat_url=sealed))
    await rotate(desk.engine, Vault(NEW, [OLD]))
    async with reading(desk.engine) as connection:
        kept = await connection.scalar(select(officers.c.sealed_chat_url).where(officers.c.username == "sekar"))
    assert Vault(NEW).open(kept or b"", CHAT_PURPOSE) == url


async def test_what_no_key_opens_is_counted_and_holds_nothing_up(desk: Desk) -> None:
    records = metadata.tables["source_record"]
    lost, purged = Vault(LOST).seal_json({"id": 3}, "raw"), b""
    async with writing(desk.engine) as connection:
        for number, sealed in ((3, lost), (4, purged)):
            await connection.execute(update(records).where(records.c.id == number).values(sealed_raw=sealed))
    done = await rotate(desk.engine, Vault(NEW, [OLD]))
    assert (done.resealed, done.unreadable) == (5, 1)
    assert (await _raws(desk))[2:4] == [lost, purged]
    async with reading(desk.engine) as connection:
        assert await count_outdated(connection, Vault(NEW), is_sample=True) == 1


async def test_whoever_writes_meanwhile_is_not_overwritten(desk: Desk) -> None:
    """A worker stores newer records all the time, under the newest key, while others are sealed anew."""
    records, both = metadata.tables["source_record"], Vault(NEW, [OLD])

    async def write() -> None:
        for number in range(1, 8):
            async with writing(desk.engine) as connection:
                newer = both.seal_json({"id": number, "is_newer": True}, "raw")
                await connection.execute(update(records).where(records.c.id == number).values(sealed_raw=newer))

    await asyncio.gather(write(), rotate(desk.engine, both))
    told = [Vault(NEW).open_json(each, "raw") for each in await _raws(desk)]
    assert told == [{"id": number, "is_newer": True} for number in range(1, 8)]


def _shape(each: Any) -> tuple[str, str, str]:
    return each.table, each.column, each.purpose
