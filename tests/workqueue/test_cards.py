"""A complaint as it is shown: its clocks at this instant, and what is hidden from whom."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.complaint.errors import NotFound
from app.complaint.events import EventKind
from app.complaint.lifecycle import Move, Status
from app.complaint.roles import Role
from app.db.scope import WHOLE, Scope
from app.db.session import reading
from app.workqueue.asker import Asker
from app.workqueue.detail import may_know_who, read_source_records
from app.workqueue.shapes import Words
from tests.workqueue.desk import DAY, NOON, OFFICERS, VAULT, Desk


async def test_clocks_are_read_at_the_instant_of_the_question(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    for hours, remaining, is_breached in ((1, 23 * 3600, False), (24, 0, False), (25, -3600, True)):
        seen = await desk.see(found, now=NOON + timedelta(hours=hours))
        clock = seen["clocks"][0]
        assert (clock["clock"], clock["elapsed_seconds"], clock["remaining_seconds"]) == (
            "respond",
            hours * 3600,
            remaining,
        )
        assert clock["breached_at"] == (NOON + DAY if is_breached else None)
        assert seen["next_due"] == {
            "clock": "respond",
            "due_at": NOON + DAY,
            "remaining_seconds": remaining,
            "breached": is_breached,
        }


async def test_a_clock_names_its_policy_and_target_or_is_only_measured(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    clocks = {clock["clock"]: clock for clock in (await desk.see(found))["clocks"]}
    assert list(clocks) == ["respond", "resolve", "coordinate"]
    assert clocks["respond"]["policy"] == {"name": "city.respond", "version": 1}
    assert clocks["respond"]["target"] == {"unit": "elapsed_minute", "amount": 1440}
    assert clocks["coordinate"]["policy"] is clocks["coordinate"]["target"] is clocks["coordinate"]["due_at"] is None
    assert clocks["coordinate"]["unit"] == "kelurahan-a"


async def test_a_paused_clock_has_no_due_time_but_says_when_it_would(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    await desk.move(found, Move.ASK_COMPLAINANT, text="Di mana?", now=NOON + timedelta(hours=1))
    seen = await desk.see(found, now=NOON + timedelta(hours=5))
    resolve = next(clock for clock in seen["clocks"] if clock["clock"] == "resolve")
    assert (resolve["state"], resolve["due_at"], resolve["pause_reason"]) == ("paused", None, "awaiting_complainant")
    assert (resolve["elapsed_seconds"], resolve["paused_seconds"]) == (3600, 4 * 3600)
    assert resolve["due_if_resumed_now"] == NOON + DAY * 7 + timedelta(hours=4)
    assert seen["next_due"] is None


async def test_a_late_stop_stays_a_breach(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY * 2)
    seen = await desk.move(found, Move.REJECT, reason_code="duplicate")
    respond = seen["clocks"][0]
    assert (respond["state"], respond["stopped_at"], respond["breached_at"]) == ("missed", NOON, NOON - DAY)
    assert respond["remaining_seconds"] == -86_400
    assert (await desk.see(found, now=NOON + DAY * 9))["clocks"] == seen["clocks"]


async def test_a_list_masks_what_identifies_people_and_an_officer_reads_it_whole_in_one(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    listed = (await desk.page(username="ani")).items[0]
    assert listed["text"] == "Lubang di depan sekolah, hubungi [telepon]"
    assert (await desk.see(found, "ani"))["text"] == "Lubang di depan sekolah, hubungi 0812-0000-1234"
    assert (await desk.see(found, "fajar"))["text"] == listed["text"]


@pytest.mark.parametrize("flag", ["is_private", "is_confidential"])
async def test_private_words_are_for_those_with_whom_the_complaint_lies(desk: Desk, flag: str) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a", address="Jalan Mawar 5", **{flag: True})
    await desk.move(found, Move.RESPOND, "ani", text="Kami datang ke rumah Ibu Sekar")
    readers = {"fajar": Words.HIDDEN, "ani": Words.ON_RECORD, "dewi": Words.ON_RECORD, "gita": Words.ON_RECORD}
    for reader, words in readers.items():
        seen, told = await desk.see(found, reader), await desk.history(found, reader)
        shows = words is Words.ON_RECORD
        assert (seen["words"], told.words) == (words, words), reader
        assert [bool(each) for each in (seen["subject"], seen["text"], seen["location"]["address"])] == [shows] * 3
        assert told.items[-1]["text"] == ("Kami datang ke rumah Ibu Sekar" if shows else None)


async def test_a_list_has_no_private_words_whoever_reads_it(desk: Desk) -> None:
    await desk.report("JK1", NOON, unit="kelurahan-a", address="Jalan Mawar 5", is_private=True)
    for reader in ("ani", "dewi", "gita", "fajar"):
        (seen,) = (await desk.page(username=reader)).items
        assert (seen["words"], seen["subject"], seen["text"], seen["location"]["address"]) == (
            Words.HIDDEN, None, None, None,
        )  # fmt: skip


async def test_private_words_go_with_the_complaint_from_unit_to_unit(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a", is_private=True)
    await desk.move(found, Move.FORWARD, "ani", unit="sudin", reason="Jalan provinsi")
    assert (await desk.see(found, "citra"))["text"]
    with pytest.raises(NotFound):
        await desk.see(found, "ani")


@pytest.mark.parametrize(
    ("asker", "unit", "holder", "status", "handles"),
    [
        (Asker(Scope((3,)), Role.OFFICER, 7), 3, None, Status.DISPATCHED, True),
        (Asker(Scope((1,)), Role.OFFICER, 7), 3, None, Status.DISPATCHED, False),
        (Asker(Scope((1,)), Role.OFFICER, 7), 3, 7, Status.DISPATCHED, True),
        (Asker(Scope((1,)), Role.SUPERVISOR, 7), 3, None, Status.DISPATCHED, True),
        (Asker(Scope((1,)), Role.VIEWER, 7), 1, None, Status.DISPATCHED, False),
        (Asker(WHOLE, Role.OFFICER), 3, None, Status.DISPATCHED, False),
        (Asker(WHOLE, Role.OFFICER), None, None, Status.RECEIVED, True),
        (Asker(WHOLE, Role.SERVICE), None, None, Status.RECEIVED, False),
        (Asker(Scope((9,), True), Role.OFFICER, 7), 3, None, Status.AWAITING_VALIDATION, True),
        (Asker(Scope((9,), True), Role.OFFICER, 7), 3, None, Status.IN_PROGRESS, False),
    ],
)
def test_a_complaint_lies_with_its_unit_its_holder_its_leaders_and_its_validator(asker, unit, holder, status, handles):
    assert asker.handles(unit_id=unit, assignee_id=holder, status=status) is handles


async def test_a_restricted_complaint_is_shown_as_such_and_its_words_to_administrators_alone(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a", is_restricted=True)
    for reader, shows in {"ani": False, "dewi": False, "fajar": False, "gita": True}.items():
        seen = await desk.see(found, reader)
        assert (seen["is_restricted"], seen["is_private"], bool(seen["text"])) == (True, False, shows), reader
    assert (await desk.page(username="gita")).items[0]["text"] is None


@pytest.mark.parametrize(
    ("flags", "who"),
    [
        ({}, {"dewi", "gita"}),
        ({"is_private": True}, {"gita"}),
        ({"is_confidential": True}, {"gita"}),
        ({"is_restricted": True}, {"gita"}),
    ],
)
async def test_who_complained_is_for_leaders_and_of_what_is_closed_for_the_whole_trees_administrators(
    desk: Desk, flags: dict[str, bool], who: set[str]
) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a", **flags)
    async with reading(desk.engine) as connection:
        may = {each for each in OFFICERS if await may_know_who(connection, found, desk.asker(each))}
    assert may == who


@pytest.mark.parametrize("ref", ["JK1", "1"])
async def test_a_complaint_is_found_by_code_and_by_id(desk: Desk, ref: str) -> None:
    await desk.report("JK1", NOON)
    assert (await desk.see(ref))["ticket_code"] == "JK1"


async def test_a_foreign_complaint_and_an_absent_one_are_told_apart_by_nothing(desk: Desk) -> None:
    await desk.report("JK1", NOON, unit="sudin")
    answers = []
    for ref in ("JK1", "JK9", "9" * 30, "\x00", "x" * 99):
        with pytest.raises(NotFound) as refused:
            await desk.see(ref, "ani")
        answers.append(str(refused.value).replace(repr(ref), "?"))
    assert answers[0] == answers[1] == answers[2] == "no complaint ? in your units"


async def test_history_tells_both_times_who_and_what_it_did_newest_last(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    await desk.hear(found, Status.IN_PROGRESS, NOON - timedelta(hours=2))
    await desk.move(found, Move.FORWARD, "ani", unit="sudin", reason="Jalan provinsi")
    entries = (await desk.history(found)).items
    assert [entry["kind"] for entry in entries] == [
        EventKind.REPORTED,
        EventKind.ASSIGNED,
        EventKind.STATUS,
        EventKind.MOVE,
    ]
    said, moved = entries[2:]
    assert (said["source"], said["word"], said["status"], said["actor"]) == (
        "crm",
        "Kata sumber",
        Status.IN_PROGRESS,
        None,
    )
    assert moved["unit"] == {"code": "sudin", "name": "Sudin"}
    assert (moved["move"], moved["actor"], moved["reason"]) == (Move.FORWARD, "Ani", "Jalan provinsi")
    assert moved["occurred_at"] == moved["recorded_at"] == NOON


async def test_history_comes_in_pages(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY)
    for hour in range(4):
        await desk.move(found, Move.RESPOND, text=f"Kabar {hour}", now=NOON)
    first = await desk.history(found, limit=3)
    rest = await desk.history(found, limit=3, after=first.last)
    assert [entry["text"] for entry in first.items + rest.items] == [None, *(f"Kabar {hour}" for hour in range(4))]
    assert rest.last is None


async def test_source_records_show_the_raw_one_only_on_demand(desk: Desk) -> None:
    found = await desk.report("JK1", NOON)
    await desk.carry(found, "crm", "991", {"id": 991, "content": "Permasalahan"})
    async with reading(desk.engine) as connection:
        plain = await read_source_records(connection, found)
        whole = await read_source_records(connection, found, lambda sealed: VAULT.open_json(sealed, "raw"))
    assert (plain[0]["source"], plain[0]["external_id"], plain[0]["raw"]) == ("crm", "991", None)
    assert whole[0]["raw"] == {"id": 991, "content": "Permasalahan"}
    assert (await desk.see(found))["sources"] == [{"source": "crm", "external_id": "991", "changed_at": NOON}]
