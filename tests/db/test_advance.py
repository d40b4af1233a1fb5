"""The one writer: what a change leaves in each table, and what it leaves alone."""

from __future__ import annotations

import pytest
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError

from app.complaint.errors import NotFound
from app.complaint.lifecycle import Move
from app.db.complaints import NEVER, Change, advance, find, lock
from app.db.metadata import metadata
from app.db.recompute import recompute_all
from app.db.session import reading, writing
from tests.complaint.story import KELURAHAN, SUDIN, at, given, look, move, reply, reported, told, word
from tests.db.ledger import HEADER, KOTA

NEW = (reported("12 08:00"), given("12 08:00", KELURAHAN))


async def test_a_new_complaint_is_whole_after_one_change(ledger):
    id_ = await ledger.report(*NEW, code="JK2601120001")
    header = await ledger.header(id_)
    assert (header.version, header.status, header.unit_id, told(header.reported_at)) == (
        1,
        "received",
        KELURAHAN,
        "12 08:00",
    )
    assert (header.next_due_at, header.queue_at) == (None, NEVER)
    assert {(row.clock, row.cycle, row.family) for row in await ledger.rows("sla_clock")} == {
        ("respond", 1, ""),
        ("resolve", 1, ""),
        ("coordinate", 1, ""),
    }
    assert [(row.ordinal, row.unit_id) for row in await ledger.rows("stint")] == [(1, KELURAHAN)]
    assert await ledger.places(id_) == {KELURAHAN, KOTA}
    assert await ledger.differences() == []


async def test_the_same_entry_again_is_written_once(ledger):
    id_ = await ledger.report(*NEW)
    await ledger.add(id_, *NEW, word("12 09:00", "in_progress"), word("12 09:00", "in_progress"))
    assert [row.kind for row in await ledger.rows("complaint_event")] == ["reported", "assigned", "status"]


async def test_a_change_raises_version_and_change_number_and_a_recalculation_only_the_latter(ledger):
    id_ = await ledger.report(*NEW)
    first = await ledger.header(id_)
    await ledger.add(id_, reply("12 09:00"), now="12 13:00")
    second = await ledger.header(id_)
    await ledger.write(Change(complaint_id=id_, bumps=False), now="12 14:00")
    third = await ledger.header(id_)
    assert [row.version for row in (first, second, third)] == [1, 2, 2]
    assert first.change_no < second.change_no < third.change_no
    assert [told(row.updated_at) for row in (first, second, third)] == ["12 12:00", "12 13:00", "12 13:00"]


async def test_header_values_that_no_history_holds_are_set_beside_it(ledger):
    id_ = await ledger.report(*NEW)
    await ledger.add(id_, subject="Lampu", is_private=True)
    header = await ledger.header(id_)
    assert (header.subject, header.is_private, header.text) == ("Lampu", True, "Lampu mati")


async def test_a_hand_over_moves_its_place_in_every_queue(ledger):
    id_ = await ledger.report(*NEW)
    await ledger.add(id_, move("12 09:00", Move.FORWARD, unit_id=SUDIN))
    assert await ledger.places(id_) == {SUDIN, KOTA}
    assert [(row.ordinal, row.unit_id, told(row.ended_at)) for row in await ledger.rows("stint")] == [
        (1, KELURAHAN, "12 09:00"),
        (2, SUDIN, None),
    ]


async def test_what_is_closed_leaves_every_queue_and_comes_back_when_reopened(ledger):
    id_ = await ledger.report(*NEW)
    await ledger.add(id_, word("12 10:00", "resolved"))
    assert (await ledger.places(id_), (await ledger.header(id_)).is_open) == (set(), False)
    await ledger.add(id_, word("12 11:00", "rework"))
    assert await ledger.places(id_) == {KELURAHAN, KOTA}
    assert await ledger.differences() == []


async def test_an_unrouted_complaint_stands_in_no_units_queue(ledger):
    id_ = await ledger.report(reported("12 08:00"))
    assert await ledger.places(id_) == set()
    await ledger.add(id_, given("12 09:00", KELURAHAN))
    assert await ledger.places(id_) == {KELURAHAN, KOTA}


async def test_a_late_entry_folds_everything_again_and_takes_back_what_no_longer_is(ledger):
    id_ = await ledger.report(*NEW, word("12 10:00", "resolved"), word("12 11:00", "rework"))
    assert ("resolve", 2) in {(row.clock, row.cycle) for row in await ledger.rows("sla_clock")}
    observed = look("12 09:00", "12 10:30", "in_progress")
    await ledger.add(id_, observed)
    effects = {row.key: row.effect for row in await ledger.rows("complaint_event")}
    assert effects[observed.key] == "shadowed"
    early = move("12 10:15", Move.ACCEPT, actor_id=None)
    await ledger.add(id_, early)
    assert ("resolve", 2) not in {(row.clock, row.cycle) for row in await ledger.rows("sla_clock")}
    assert await ledger.differences() == []


async def test_arrival_in_any_order_leaves_the_same_rows(ledger):
    events = [*NEW, word("12 09:00", "coordinating"), given("12 09:00", SUDIN), word("12 10:00", "in_progress")]
    events += [word("13 09:00", "awaiting_validation"), word("13 12:00", "rework"), word("14 09:00", "resolved")]
    together = await ledger.report(*events)
    one_by_one = await ledger.report(*NEW)
    for event in reversed(events[2:]):
        await ledger.add(one_by_one, event)
    skip = {"id", "complaint_id", "version", "change_no", "updated_at", "ticket_code"}

    async def told_of(id_):
        found = {}
        for name in ("sla_clock", "stint", "pause"):
            rows = [row._mapping for row in await ledger.rows(name) if row.complaint_id == id_]
            found[name] = sorted(str(sorted((k, v) for k, v in row.items() if k not in skip)) for row in rows)
        header = (await ledger.header(id_))._mapping
        return found, {name: value for name, value in header.items() if name not in skip}

    assert await told_of(one_by_one) == await told_of(together)


async def test_many_complaints_go_in_one_change_number(ledger):
    ids = [await ledger.report(*NEW) for _ in range(3)]
    changes = [Change(complaint_id=id_, events=[word("12 09:00", "in_progress")]) for id_ in ids]
    await ledger.write(*changes)
    assert len({row.change_no for row in await ledger.rows("complaint")}) == 1
    assert {row.status for row in await ledger.rows("complaint")} == {"in_progress"}


async def test_no_change_writes_nothing(ledger):
    assert await ledger.write() == []


async def test_a_ticket_code_is_taken_once(ledger):
    await ledger.report(*NEW, code="JK2601120001")
    with pytest.raises(IntegrityError):
        await ledger.report(*NEW, code="JK2601120001")
    assert len(await ledger.rows("complaint")) == 1
    assert len(await ledger.rows("complaint_event")) == 2


async def test_a_failure_leaves_nothing(ledger):
    async with writing(ledger.engine) as connection:
        rules = await ledger.rulebooks.current(connection)
    change = Change(complaint_id=5, events=NEW, values=HEADER, is_new=True)
    with pytest.raises(RuntimeError, match="power cut"):
        async with writing(ledger.engine) as connection:
            await advance(connection, [change], rules, now=at("12 12:00"))
            raise RuntimeError("power cut")
    for name in ("complaint", "complaint_event", "sla_clock", "stint", "queue_slot"):
        assert list(await ledger.rows(name)) == []


async def test_a_complaint_is_found_by_code_and_by_id(ledger):
    id_ = await ledger.report(*NEW, code="JK2601120001")
    async with reading(ledger.engine) as connection:
        assert await find(connection, "JK2601120001") == id_
        assert await find(connection, str(id_)) == id_
        for ref in ("JK2601120002", "999", "", "١", "9" * 40, "-1"):
            assert await find(connection, ref) is None


async def test_locking_what_is_not_there_says_so(ledger):
    async with writing(ledger.engine) as connection:
        with pytest.raises(NotFound, match="complaint 5 does not exist"):
            await lock(connection, 5)


# --- verify and recompute ---


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("complaint", {"status": "resolved"}),
        ("complaint", {"is_open": False}),
        ("complaint", {"hops": 3}),
        ("sla_clock", {"elapsed_s": 1}),
        ("sla_clock", {"state": "met"}),
        ("stint", {"unit_id": SUDIN}),
        ("complaint_event", {"effect": "conflict"}),
    ],
    ids=lambda each: each if isinstance(each, str) else next(iter(each)),
)
async def test_verify_sees_each_figure_that_somebody_changed_and_recompute_mends_it(ledger, name, values):
    await ledger.report(*NEW)
    async with writing(ledger.engine) as connection:
        await connection.execute(update(metadata.tables[name]).values(values))
    assert await ledger.differences() != []
    assert await recompute_all(ledger.engine, ledger.rulebooks, now=at("12 13:00")) == 1
    assert await ledger.differences() == []


async def test_recompute_mends_a_history_of_holders_with_a_gap(ledger):
    await ledger.report(*NEW, given("12 09:00", SUDIN))
    stint = metadata.tables["stint"]
    async with writing(ledger.engine) as connection:
        await connection.execute(delete(stint).where(stint.c.ordinal == 1))
    await recompute_all(ledger.engine, ledger.rulebooks, now=at("12 13:00"))
    assert await ledger.differences() == []


@pytest.mark.parametrize("name", ["queue_slot", "stint", "sla_clock"])
async def test_recompute_brings_back_rows_that_are_gone(ledger, name):
    await ledger.report(*NEW)
    async with writing(ledger.engine) as connection:
        await connection.execute(delete(metadata.tables[name]))
    assert await ledger.differences() != []
    await recompute_all(ledger.engine, ledger.rulebooks, now=at("12 13:00"))
    assert await ledger.differences() == []


async def test_recompute_follows_a_unit_that_moved_in_its_tree(ledger):
    id_ = await ledger.report(*NEW)
    async with writing(ledger.engine) as connection:
        above = {"unit_id": KELURAHAN, "ancestor_id": SUDIN, "depth": 1}
        await connection.execute(insert(metadata.tables["unit_ancestor"]).values(above))
    ledger.rulebooks = type(ledger.rulebooks)()
    assert await ledger.differences() != []
    await recompute_all(ledger.engine, ledger.rulebooks, now=at("12 13:00"))
    assert await ledger.places(id_) == {KELURAHAN, SUDIN, KOTA}
    assert await ledger.differences() == []
