"""The account of a stored clock: figures equal to what is stored, and a text that says why."""

from __future__ import annotations

import hashlib
import json
import string
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import insert, select

from app.complaint.errors import InvalidInput, NotFound
from app.complaint.events import CaseEvent, EventKind, Timing
from app.complaint.lifecycle import Move, Status
from app.db.changes import RULES, count_up
from app.db.complaints import Change, advance, lock
from app.db.session import reading, writing
from app.sla.preview import preview
from app.workqueue.account import prose
from app.workqueue.account_card import AccountCard, account_card
from app.workqueue.account_sums import parts_of, table
from app.workqueue.catalogue import CLOCKS, CONFIDENCE, MOVES, TEXTS
from app.workqueue.explaining import Account, explain_clock
from app.workqueue.filters import Clock
from app.workqueue.notes import add_note
from tests.workqueue.desk import DAY, NOON, Desk, entry
from tests.workqueue.desk import table as rows_of

HOUR = timedelta(hours=1)


async def account(
    desk: Desk, complaint_id: int, *, now: datetime = NOON, language: str = "id", **wanted: Any
) -> Account:
    async with reading(desk.engine) as connection:
        rules = await desk.rules(connection)
        found = await explain_clock(connection, complaint_id, rules, language=language, now=now, **wanted)
    rows = found.rows
    assert sum(row.counted_s for row in rows) == found.outcome.elapsed_s
    assert all(before.to_at == after.from_at for before, after in pairwise(rows))
    assert sum(parts_of(rows).values()) == (rows[-1].to_at - rows[0].from_at).total_seconds() if rows else True
    assert (
        hashlib.sha256(
            json.dumps(found.inputs, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        ).hexdigest()
        == found.hash
    )
    return found


async def card(desk: Desk, complaint_id: int, **wanted: Any) -> AccountCard:
    return account_card(await account(desk, complaint_id, **wanted), wanted.get("language", "id"))


async def add_policy(desk: Desk, name: str, **version: Any) -> None:
    """One more policy of a family of its own."""
    policy, versions = rows_of("policy"), rows_of("policy_version")
    row = {"target_unit": "elapsed_minute", "target_amount": 60, "calendar": "24x7", "applies": {}, "honours": []}
    row |= {"version": 1, "thresholds": [75, 90, 100], "repeat_s": None, "max_extensions": 0, "basis": "uji coba"}
    row |= {"effective_on": datetime(2020, 1, 1).date(), "confidence": "M", "published_at": NOON - 99 * DAY}  # noqa: DTZ001
    clock = version.pop("clock", "resolve")
    async with writing(desk.engine) as connection:
        made = insert(policy).values(name=name, family=name, kind="clock", clock=clock).returning(policy.c.id)
        await connection.execute(insert(versions).values(policy_id=await connection.scalar(made), **{**row, **version}))
        await count_up(connection, RULES)


async def add_version(desk: Desk, name: str, **changed: Any) -> None:
    """The next version of a policy, like the first but for what changed; it reaches no complaint by itself."""
    policy, versions = rows_of("policy"), rows_of("policy_version")
    async with writing(desk.engine) as connection:
        first = select(versions).join(policy, policy.c.id == versions.c.policy_id).where(policy.c.name == name)
        row = (await connection.execute(first)).one()._asdict()
        del row["id"]
        await connection.execute(insert(versions).values({**row, "version": 2, **changed}))
        await count_up(connection, RULES)


async def add_office(desk: Desk) -> None:
    """A calendar with a lunch break and one decreed holiday, 14 January 2026."""
    week = {day: [["08:00", "12:00"], ["13:00", "17:00"]] for day in ("mon", "tue", "wed", "thu", "fri")}
    day = {"date": "2026-01-14", "hours": [], "name": "Hari Uji", "source": "Keputusan 1/2026"}
    calendar, versions = rows_of("calendar"), rows_of("calendar_version")
    rules = {"name": "office", "timezone": "Asia/Jakarta", "week": week, "days": [day]}
    async with writing(desk.engine) as connection:
        made = insert(calendar).values(name="office").returning(calendar.c.id)
        row = {"calendar_id": await connection.scalar(made), "version": 1, "rules": rules, "published_at": NOON - DAY}
        await connection.execute(insert(versions).values(row))
        await count_up(connection, RULES)


async def hear(desk: Desk, complaint_id: int, event: CaseEvent) -> None:
    async with writing(desk.engine) as connection:
        await lock(connection, complaint_id)
        change = Change(complaint_id=complaint_id, events=[event])
        await advance(connection, [change], await desk.rules(connection), now=event.recorded_at)


def figures(shape: Mapping[str, Any]) -> dict[str, Any]:
    """What an account and a clock of the complaint both say."""
    names = ("clock", "cycle", "state", "provisional", "target", "started_at", "due_at", "stopped_at", "breached_at")
    return {name: shape[name] for name in (*names, "elapsed_seconds", "paused_seconds", "remaining_seconds")}


async def test_every_clock_of_a_complaint_is_accounted_for_as_the_complaint_shows_it(desk: Desk) -> None:
    await add_policy(desk, "second", target_amount=14 * 24 * 60, clock="respond")
    await add_policy(desk, "news", target_amount=7 * 24 * 60, clock="update")
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    await desk.move(found, Move.ACCEPT, now=NOON + HOUR)
    await desk.move(found, Move.ASK_COMPLAINANT, text="Di mana?", now=NOON + 2 * HOUR)
    await desk.move(found, Move.FORWARD, unit="sudin", reason="Jalan kota", now=NOON + 3 * HOUR)
    await desk.move(found, Move.ACCEPT, now=NOON + 4 * HOUR)
    await desk.move(found, Move.SUBMIT, now=NOON + 5 * HOUR)
    await desk.move(found, Move.SEND_BACK, reason="Foto kabur", now=NOON + 6 * HOUR)
    now = NOON + 9 * DAY
    seen = (await desk.see(found, now=now))["clocks"]
    assert {clock["clock"] for clock in seen} == {"respond", "resolve", "coordinate", "handle", "validate", "update"}
    for clock in seen:
        policy = clock["policy"] and clock["policy"]["name"]
        asked = {"clock": clock["clock"], "cycle": clock["cycle"], "policy": policy}
        assert figures(await card(desk, found, now=now, **asked)) == figures(clock)


async def test_without_a_wish_it_is_the_clock_that_is_due_next_then_the_newest_cycle_and_the_first_policy(
    desk: Desk,
) -> None:
    await add_policy(desk, "slow", target_amount=30 * 24 * 60)
    found = await desk.report("JK1", NOON)
    assert (await account(desk, found)).cycle.clock == "respond"
    await desk.move(found, Move.RESPOND, text="Kami periksa", now=NOON + HOUR)
    due_next = await account(desk, found, now=NOON + HOUR)
    assert (due_next.cycle.clock, due_next.policy and due_next.policy.policy) == ("resolve", "city.resolve")
    assert (await account(desk, found, clock="resolve", policy="slow", now=NOON + HOUR)).policy.policy == "slow"  # type: ignore[union-attr]
    await desk.hear(found, Status.RESOLVED, NOON + 2 * HOUR)
    assert (await account(desk, found, now=NOON + 3 * HOUR)).cycle.clock == "respond"
    await desk.move(found, Move.REOPEN, reason="Belum", now=NOON + 4 * HOUR)
    assert (await account(desk, found, clock="resolve", now=NOON + 4 * HOUR)).cycle.cycle == 2


@pytest.mark.parametrize(
    ("wanted", "error"),
    [
        ({"clock": "validate"}, NotFound),
        ({"clock": "respond", "cycle": 2}, NotFound),
        ({"clock": "respond", "policy": "city.resolve"}, NotFound),
        ({"clock": "coordinate", "policy": "city.resolve"}, NotFound),
        ({"clock": "respond", "policy": "atlantis"}, InvalidInput),
    ],
    ids=str,
)
async def test_what_does_not_exist_is_refused(desk: Desk, wanted: dict[str, Any], error: type[Exception]) -> None:
    found = await desk.report("JK1", NOON, unit="sudin")
    with pytest.raises(error):
        await account(desk, found, **wanted)


async def test_a_pause_says_who_asked_and_what_it_covered_and_where_the_due_time_went(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    await desk.move(found, Move.ASK_COMPLAINANT, "ani", text="Di mana?", now=NOON + HOUR)
    paused = await account(desk, found, clock="resolve", now=NOON + 3 * HOUR)
    assert "masih berlangsung: 2 jam tidak dihitung" in prose(paused, "id")
    assert "Selama jeda tidak ada tenggat; bila dilanjutkan sekarang, tersisa 6 hari 23 jam." in prose(paused, "id")
    await desk.move(found, Move.COMPLAINANT_ANSWERED, "ani", now=NOON + 3 * HOUR)
    resumed = await account(desk, found, clock="resolve", now=NOON + 4 * HOUR, language="en")
    assert (
        "Paused (waiting for the complainant) from Monday, 12 January 2026, 13:00 WIB to Monday, 12 January 2026, "
        "15:00 WIB (by Ani): 2 hours not counted. The due time became Monday, 19 January 2026, 14:00 WIB."
    ) in prose(resumed, "en")
    assert "Paused: waiting for the complainant (by Ani), 2 hours not counted" in table(resumed, "en")


async def test_a_pause_out_of_hours_is_told_as_worth_nothing_and_moves_no_due_time(desk: Desk) -> None:
    await add_office(desk)
    target = {"target_unit": "working_minute", "target_amount": 8 * 60, "calendar": "office"}
    await add_policy(desk, "office", honours=["awaiting_complainant"], **target)
    found = await desk.report("JK1", NOON, unit="sudin")
    await desk.move(found, Move.ACCEPT, now=NOON + HOUR)
    await desk.move(found, Move.ASK_COMPLAINANT, text="Di mana?", now=NOON + 6 * HOUR)
    await desk.move(found, Move.COMPLAINANT_ANSWERED, now=NOON + 7 * HOUR)
    told = prose(await account(desk, found, clock="resolve", policy="office", now=NOON + DAY), "id")
    assert "pukul 19.00 WIB (oleh Gita): seluruhnya di luar jam kerja." in told
    assert "Tenggat menjadi" not in told


async def test_a_wait_that_a_policy_gives_no_pause_for_is_said_and_counted(desk: Desk) -> None:
    await add_policy(desk, "strict", target_amount=60)
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    await desk.move(found, Move.ASK_COMPLAINANT, "ani", text="Di mana?", now=NOON + HOUR / 2)
    strict = await account(desk, found, clock="resolve", policy="strict", now=NOON + 2 * HOUR)
    assert (strict.outcome.elapsed_s, strict.outcome.paused_s) == (7200, 0)
    assert "menunggu pelapor (oleh Ani); aturan ini tidak memberi jeda" in prose(strict, "id")
    notes = [row["note"] for row in account_card(strict, "id")["rows"]]
    assert notes[1] == "Waktu berjalan; menunggu pelapor: aturan ini tidak memberi jeda (oleh Ani)"
    assert notes[2] == "Waktu berjalan, sesudah batas waktu"


async def test_hand_overs_are_told_in_order_with_who_made_them(desk: Desk) -> None:
    found = await desk.report("JK1", NOON)
    await desk.move(found, Move.FORWARD, unit="kelurahan-a", reason="Setempat", now=NOON + HOUR)
    await desk.move(found, Move.FORWARD, "ani", unit="sudin", reason="Jalan kota", now=NOON + 2 * HOUR)
    resolve = await account(desk, found, clock="resolve", now=NOON + 3 * HOUR)
    assert [row["note"] for row in account_card(resolve, "id")["rows"]] == [
        "Waktu berjalan",
        "Waktu berjalan; diberikan kepada Kelurahan-A (oleh Gita)",
        "Waktu berjalan; diserahkan dari Kelurahan-A ke Sudin (oleh Ani)",
    ]
    assert prose(resolve, "id").endswith("Pergantian unit tidak mengubah tenggat bagi warga.")
    first = await account(desk, found, clock="coordinate", cycle=1, now=NOON + 3 * HOUR)
    assert [row["note"] for row in account_card(first, "id")["rows"]] == ["Waktu berjalan; dipegang Kelurahan-A"]
    assert "Pergantian unit" not in prose(first, "id")


async def test_a_reopened_cycle_says_what_it_goes_on_with(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="sudin")
    await desk.hear(found, Status.RESOLVED, NOON + 2 * DAY)
    await desk.move(found, Move.REOPEN, reason="Belum", now=NOON + 5 * DAY)
    again = await account(desk, found, clock="resolve", now=NOON + 6 * DAY)
    assert "meneruskan sisa siklus sebelumnya, 5 hari." in prose(again, "id")
    assert again.rows[0].marks[0].key == "carried"
    assert again.inputs["carried_seconds"] == 5 * 86_400
    late = await desk.report("JK2", NOON, unit="sudin")
    await desk.hear(late, Status.RESOLVED, NOON + 8 * DAY)
    await desk.move(late, Move.REOPEN, reason="Belum", now=NOON + 9 * DAY)
    spent = await account(desk, late, clock="resolve", now=NOON + 10 * DAY)
    assert "reopened with nothing left" in prose(spent, "en")
    assert spent.outcome.breached_at == NOON + 9 * DAY
    first = await account(desk, late, clock="resolve", cycle=1, now=NOON + 10 * DAY)
    assert "Terlambat 1 hari." in prose(first, "id")


async def test_a_promised_date_says_whether_it_moved_the_due_time(desk: Desk) -> None:
    await add_policy(desk, "ews", target_amount=7 * 24 * 60, max_extensions=1, extension_cap_s=30 * 86_400)
    found = await desk.report("JK1", NOON, unit="sudin")
    await desk.move(found, Move.ACCEPT, now=NOON + HOUR)
    for days in (40, 45):
        promise = {"promised_at": NOON + days * DAY, "reason": "Menunggu suku cadang"}
        await desk.move(found, Move.SCHEDULE, "citra", now=NOON + days / 40 * DAY, **promise)
    ews = await account(desk, found, clock="resolve", policy="ews", now=NOON + 3 * DAY)
    assert [mark.note.key for mark in ews.marks] == ["held", "capped", "used_up"]
    assert "tenggat pindah ke batas terjauh Rabu, 11 Februari 2026 pukul 12.00 WIB" in prose(ews, "id")
    assert "Tenggat semula Senin, 19 Januari 2026 pukul 12.00 WIB, menjadi Rabu, 11 Februari" in prose(ews, "id")
    city = await account(desk, found, clock="resolve", policy="city.resolve", now=NOON + 3 * DAY)
    assert [mark.note.key for mark in city.marks] == ["held", "not_given", "not_given"]


async def test_what_was_only_seen_has_its_error_and_what_was_there_at_first_sight_is_not_judged(desk: Desk) -> None:
    observed = {"timing": Timing.OBSERVED, "status": Status.IN_PROGRESS, "word": "Proses"}
    found = await desk.report("JK1", NOON, unit="sudin")
    crm = {"source_id": desk.sources["crm"]}
    await hear(desk, found, entry(EventKind.STATUS, NOON + HOUR, earliest_at=NOON + HOUR / 2, **observed, **crm))
    seen = prose(await account(desk, found, clock="respond", now=NOON + DAY), "id")
    assert "crm menyatakan “Proses”" in seen
    assert "kejadiannya paling lama 30 menit sebelumnya" in seen
    closed = await desk.report("JK2", NOON, unit="sudin")
    unknown = {"timing": Timing.UNKNOWN, "status": Status.RESOLVED, "word": "Selesai", "earliest_at": NOON}
    await hear(desk, closed, entry(EventKind.STATUS, NOON + DAY, **unknown, **crm))
    told = prose(await account(desk, closed, clock="resolve", now=NOON + 2 * DAY), "id")
    assert "Tidak dinilai, karena sumber tidak menyebut waktunya." in told
    assert "waktu sebenarnya tidak diketahui" in told


async def test_a_withdrawn_complaint_is_closed_without_a_verdict(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="sudin")
    await desk.move(found, Move.WITHDRAW, reason="Warga mencabut", now=NOON + HOUR)
    told = prose(await account(desk, found, clock="resolve", now=NOON + DAY), "en")
    assert "the complaint was withdrawn (by Gita). Closed without a verdict." in told


async def test_a_clock_that_no_policy_judges_is_only_measured(desk: Desk) -> None:
    found = await desk.report(None, NOON, unit="sudin")
    measured = await account(desk, found, clock="coordinate", now=NOON + HOUR)
    shown = account_card(measured, "id")
    assert (shown["policy"], shown["calendar"], shown["target"], shown["due_at"]) == (None, None, None, None)
    assert prose(measured, "id").startswith(f"Laporan {found}: koordinasi, siklus 1 dari 1. Tidak ada aturan")
    assert "WIB" in prose(measured, "id")


async def test_a_change_of_rules_and_a_late_correction_are_told_with_the_old_due_time(desk: Desk) -> None:
    found = await desk.report("JK1", NOON, unit="sudin")
    clock = {"clock": "resolve", "cycle": 1, "family": "city"}
    old, new = {"due_at": "2026-01-16T05:00:00Z"}, {"due_at": "2026-01-19T05:00:00Z"}
    paused = {"due_at": None}
    told_in_turn = [
        ("recalculated", {**clock, "old": old, "new": new}),
        ("recalculated", {**clock, "old": new, "new": new}),
        ("recalculated", {**clock, "old": paused, "new": paused}),
        ("corrected", clock),
    ]
    for number, (kind, details) in enumerate(told_in_turn):
        row = {"complaint_id": found, "kind": kind, "occurred_at": NOON + DAY, "recorded_at": NOON + DAY}
        row["key"] = f"{kind}:{number}"
        row |= {"is_public": False, "timing": "dated", "rank": 0, "effect": "applied", "details": details}
        async with writing(desk.engine) as connection:
            await connection.execute(insert(rows_of("complaint_event")).values(row))
    told = prose(await account(desk, found, clock="resolve", now=NOON + 2 * DAY), "en")
    assert (
        "On Tuesday, 13 January 2026, 12:00 WIB the rules changed: the due time went from "
        "Friday, 16 January 2026, 12:00 WIB to Monday, 19 January 2026, 12:00 WIB."
    ) in told
    assert "the rules changed; the due time stayed Monday, 19 January 2026, 12:00 WIB." in told
    assert "the rules changed during the pause." in told
    assert "an entry that came late cleared the breach" in told
    other = prose(await account(desk, found, clock="respond", now=NOON + 2 * DAY), "en")
    assert "rules changed" not in other


@pytest.mark.parametrize(
    ("on_change", "said"),
    [
        ("restart", "this version of the policy came in force, and the time is counted anew. Due"),
        (
            "carry_remaining",
            "this version of the policy came in force, with what the former one had left, 4 hours. Due",
        ),
    ],
)
async def test_a_version_that_counts_from_when_it_came_says_so(desk: Desk, on_change: str, said: str) -> None:
    await add_policy(desk, "anew", target_amount=6 * 60)
    found = await desk.report("JK1", NOON, unit="sudin")
    await desk.move(found, Move.ACCEPT, now=NOON + HOUR / 2)
    await desk.move(found, Move.ASK_COMPLAINANT, text="Di mana?", now=NOON + HOUR)
    await add_version(desk, "anew", on_change=on_change, published_at=NOON + 2 * HOUR)
    await desk.move(found, Move.COMPLAINANT_ANSWERED, now=NOON + 3 * HOUR)
    await desk.move(found, Move.ASK_COMPLAINANT, text="Kapan?", now=NOON + 4 * HOUR)
    told = prose(await account(desk, found, clock="resolve", policy="anew", now=NOON + 5 * HOUR, language="en"), "en")
    assert f"Started Monday, 12 January 2026, 14:00 WIB: {said}" in told
    assert told.count("this policy gives no pause") == 1
    assert "From Monday, 12 January 2026, 16:00 WIB waiting for the complainant" in told


async def test_both_languages_have_the_same_words_with_the_same_gaps() -> None:
    def gaps(text: str) -> set[str]:
        return {name for _, name, _, _ in string.Formatter().parse(text) if name}

    assert {key: gaps(text) for key, text in TEXTS["id"].items()} == {
        key: gaps(text) for key, text in TEXTS["en"].items()
    }
    for words, members in ((CLOCKS, Clock), (MOVES, Move)):
        assert all(set(words[language]) == {str(member) for member in members} for language in TEXTS)
    assert CONFIDENCE["id"].keys() == CONFIDENCE["en"].keys()


async def test_the_text_sums_up_holidays_with_their_decree_and_breaks(desk: Desk) -> None:
    await add_office(desk)
    target = {"target_unit": "working_minute", "target_amount": 8 * 60, "calendar": "office"}
    await add_policy(desk, "office", **target)
    found = await desk.report("JK1", NOON - HOUR, unit="sudin")
    office = await account(desk, found, clock="resolve", policy="office", now=NOON + 3 * DAY, language="en")
    told = prose(office, "en")
    assert "Policy office, version 1: 8 hours of working time. Basis: uji coba (confidence: medium)." in told
    assert (
        "Of the 3 days 1 hour (73 hours) between start and now: counted 17 hours, 9 hours of it after the due time, "
        "breaks 2 hours, outside working hours 30 hours and holidays 24 hours."
    ) in told
    assert "Holidays: Hari Uji (14 January 2026) by Keputusan 1/2026." in told
    assert "Due Tuesday, 13 January 2026, 11:00 WIB." in told
    assert "Past due by 9 hours of working time." in told
    assert office.inputs["calendar"]["name"] == "office"  # type: ignore[index]


async def test_the_inputs_redo_the_figures_by_the_preview(desk: Desk) -> None:
    await add_office(desk)
    honours = ["awaiting_complainant"]
    await add_policy(
        desk, "office", target_unit="working_minute", target_amount=900, calendar="office", honours=honours
    )
    found = await desk.report("JK1", NOON, unit="kelurahan-a")
    await desk.move(found, Move.ASK_COMPLAINANT, text="Di mana?", now=NOON + HOUR)
    await desk.move(found, Move.COMPLAINANT_ANSWERED, now=NOON + 26 * HOUR)
    shown = await card(desk, found, clock="resolve", policy="office", now=NOON + 2 * DAY)
    inputs = shown["inputs"]
    case = {"calendar": inputs["calendar"]["name"], **{name: inputs[name] for name in ("target", "events", "as_of")}}
    async with reading(desk.engine) as connection:
        rules = await desk.rules(connection)
    redone = preview(case, calendars=lambda name: rules.calendars[name].calendar.rules)
    for name in ("state", "elapsed_seconds", "paused_seconds", "remaining_seconds"):
        assert redone[name] == shown[name]  # type: ignore[literal-required]
    calendar = json.dumps(
        rules.calendars["office"].calendar.rules.to_json(), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    assert inputs["calendar"]["sha256"] == hashlib.sha256(calendar.encode()).hexdigest()


async def test_the_hash_of_a_closed_cycle_stays_and_that_of_an_open_one_goes_with_the_time(desk: Desk) -> None:
    found = await desk.report("JK1", NOON)
    await desk.move(found, Move.RESPOND, text="Kami periksa", now=NOON + HOUR)
    closed = [await account(desk, found, clock="respond", now=NOON + hours * HOUR) for hours in (2, 3)]
    running = [await account(desk, found, clock="resolve", now=NOON + hours * HOUR) for hours in (2, 3)]
    assert closed[0].hash == closed[1].hash
    assert running[0].hash != running[1].hash


async def test_a_public_note_is_named_as_what_answered_and_an_internal_one_is_not(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - 3 * HOUR, unit="kelurahan-a")
    for hours, is_public in ((2, False), (1, True)):
        now = NOON - hours * HOUR
        async with writing(desk.engine) as connection:
            rules = await desk.rules(connection)
            await add_note(connection, found, "Halo", desk.asker("ani"), rules, is_public=is_public, now=now)
    answered = await account(desk, found, clock=Clock.RESPOND)
    assert "catatan publik kepada warga (oleh Ani)" in prose(answered, "id")
    assert (answered.outcome.stopped_at, answered.outcome.elapsed_s) == (NOON - HOUR, 2 * 3600)
