"""What belongs together: quoted tickets, probable doubles with their reasons, troubles that come back."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.complaint.errors import Conflict, NotFound
from app.complaint.lifecycle import Status
from app.complaint.roles import Role
from app.db.scope import WHOLE, Scope
from app.db.session import reading, writing
from app.db.states import Relation, SuggestionState
from app.intake.doubles import Told, compare, fold_text
from app.intake.pairing import pair_new
from app.workqueue.asker import Asker
from app.workqueue.detail import read_one
from app.workqueue.suggestions import Decision, decide, list_suggestions
from tests.intake.feeds import HOUR, at, crm, jaki
from tests.sure import all_are_sure

CODE, OTHER, THIRD = "JK2601120001", "JK2601120002", "JK2601120003"
METRE = 1 / 111_195


def told(id_, when, **values):
    named = {
        "ticket_code": f"JK{id_}",
        "status": Status.RECEIVED,
        "closed_at": None,
        "category": "pju",
        "text": "lampu jalan mati di depan pos rw sejak kemarin malam",
        "village": "31.71.07.1001",
        "lat": -6.19,
        "lng": 106.8,
        **values,
    }
    return Told(id=id_, reported_at=at(when), **named)


@pytest.mark.parametrize(
    ("when", "values", "expected"),
    [
        ("12 08:09", {"lat": None, "lng": None}, 100),
        ("12 08:10", {"lat": None, "lng": None}, 100),
        ("12 08:11", {"lat": None, "lng": None}, None),
        ("12 08:09", {"lat": None, "lng": None, "village": None}, None),
        ("12 08:09", {"lat": None, "lng": None, "village": None, "unit_id": 7}, 100),
        ("12 08:09", {"lat": None, "lng": None, "village": None, "unit_id": 8}, None),
        ("12 08:09", {"lat": None, "lng": None, "village": "31.71.07.1002", "unit_id": 7}, None),
        ("12 08:09", {"lat": None, "lng": None, "category": "pohon"}, None),
        ("12 08:09", {"lat": None, "lng": None, "category": ""}, None),
        ("12 08:09", {"lat": None, "lng": None, "text": "lampu jalan mati"}, None),
        ("12 20:00", {"lat": -6.19 + 20 * METRE}, 93),
        ("12 20:00", {"lat": -6.19 + 149 * METRE}, 67),
        ("12 20:00", {"lat": -6.19 + 151 * METRE}, None),
        ("15 07:59", {}, 80),
        ("15 08:01", {}, None),
        ("12 20:00", {"text": "pohon tumbang menutup separuh jalan"}, None),
        ("12 20:00", {"category": "jalan"}, 97),
        ("12 20:00", {"category": "jalan", "text": "lampu taman mati, gelap sekali kalau malam"}, None),
        ("12 20:00", {"quotes": frozenset({"JK1"})}, None),
        ("12 20:00", {"text": "mati", "lat": -6.19}, None),
    ],
)
def test_whether_a_later_complaint_is_probably_the_same(when, values, expected):
    pair = compare(told(2, when, **values), told(1, "12 08:00", unit_id=7))
    assert (pair and pair.score) == expected
    if pair is not None:
        assert (pair.relation, pair.later.id, pair.earlier.id) == (Relation.DUPLICATE, 2, 1)


def test_the_reasons_say_what_was_found():
    pair = compare(told(1, "12 08:00"), told(2, "12 08:30", lat=-6.19 + 20 * METRE))
    assert pair.reasons == {"text_similarity": 100, "minutes_apart": 30, "metres_apart": 20, "same_category": 1}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"status": Status.RESOLVED, "closed_at": at("12 07:00")}, Relation.REPEAT),
        ({"status": Status.RESOLVED, "closed_at": at("12 09:00")}, Relation.DUPLICATE),
        ({"status": Status.REJECTED, "closed_at": at("12 07:00")}, None),
        ({"status": Status.RESOLVED, "closed_at": at("12 07:00"), "category": "pohon"}, None),
        ({"status": Status.RESOLVED, "closed_at": at("12 07:00"), "lat": -6.19 + 60 * METRE}, None),
        ({"status": Status.RESOLVED, "closed_at": at("12 07:00") - timedelta(days=91)}, None),
    ],
)
def test_what_was_resolved_and_comes_again_is_a_repeat_and_no_double(values, expected):
    pair = compare(told(2, "12 08:00"), told(1, "10 08:00", **values))
    assert (pair and pair.relation) == expected


def test_texts_are_compared_without_signs_and_case():
    assert fold_text("Lampu,  MATI!\n(depan pos RW-05)") == "lampu mati depan pos rw 05"


async def suggested(station, state=SuggestionState.OPEN, scope=WHOLE):
    async with reading(station.engine) as connection:
        return await list_suggestions(connection, scope, state=state)


async def pair(station):
    await all_are_sure(station.engine)
    count = 0
    while found := await pair_new(station.engine, now=station.now):
        count += found
    return count


async def related(station, code, scope=WHOLE):
    """What the complaint shows as related, as (code, relation, count)."""
    asker = Asker(scope, Role.OFFICER)
    id_ = (await station.complaint(code)).id
    async with reading(station.engine) as connection:
        rules = await station.rulebooks.current(connection)
        card = await read_one(connection, id_, asker, rules, now=station.now)
    return [(each["ticket_code"], each["relation"], each["count"]) for each in card["related"]]


async def say(station, suggestion, state, note=None, scope=WHOLE):
    decision = Decision(state=state, by="siti", note=note, at=station.now)
    async with writing(station.engine) as connection:
        rules = await station.rulebooks.current(connection)
        return await decide(connection, suggestion.id, scope, decision, rules)


async def test_a_probable_double_is_suggested_once_with_its_reasons(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00"), jaki(OTHER, "12 08:20")]
    await station.pull("jaki")
    assert await pair(station) == 2
    assert await pair(station) == 0
    (one,) = await suggested(station)
    assert (one.ticket_code, one.earlier_ticket_code, one.score) == (OTHER, CODE, 100)
    assert one.reasons == {"text_similarity": 100, "minutes_apart": 20, "metres_apart": 0, "same_category": 1}
    changed = {"title": "Lampu mati", "updated_at": at("12 12:30").isoformat()}
    feeds.jaki = [jaki(CODE, "12 08:00", **changed), jaki(OTHER, "12 08:20", **changed)]
    await station.pull("jaki", "12 13:00")
    assert await pair(station) == 2
    assert len(await suggested(station)) == 1


async def test_a_confirmed_double_relates_both_and_each_keeps_its_clock(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00"), jaki(OTHER, "12 08:20")]
    await station.pull("jaki")
    await pair(station)
    before = [await station.clock(code, "respond") for code in (CODE, OTHER)]
    (one,) = await suggested(station)
    done = await say(station, one, SuggestionState.CONFIRMED, "satu lampu")
    assert (done.state, done.decided_by, done.note) == (SuggestionState.CONFIRMED, "siti", "satu lampu")
    assert await related(station, CODE) == [(OTHER, "duplicate", None)]
    assert await related(station, OTHER) == [(CODE, "duplicate", None)]
    assert [await station.clock(code, "respond") for code in (CODE, OTHER)] == before
    assert [(await station.complaint(code)).version for code in (CODE, OTHER)] == [2, 2]
    with pytest.raises(Conflict, match="is confirmed already"):
        await say(station, one, SuggestionState.REFUSED)
    assert await station.differences() == []


async def test_a_refused_one_relates_nothing_and_is_not_suggested_again(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00"), jaki(OTHER, "12 08:20")]
    await station.pull("jaki")
    await pair(station)
    (one,) = await suggested(station)
    await say(station, one, SuggestionState.REFUSED)
    feeds.jaki = [jaki(CODE, "12 08:00", title="Lampu mati", updated_at=at("12 12:30").isoformat())]
    await station.pull("jaki", "12 13:00")
    assert await pair(station) == 1
    assert await suggested(station) == []
    assert await related(station, CODE) == []


async def test_who_may_not_see_both_complaints_sees_no_suggestion(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00"), jaki(OTHER, "12 08:20", handler={"name": "Dinas Bina Marga"}, location={})]
    feeds.jaki[1]["location"] = {"lat": -6.19, "lng": 106.8}
    await station.pull("jaki")
    await pair(station)
    (one,) = await suggested(station)
    unit_id = (await station.complaint(CODE)).unit_id
    assert (await station.complaint(OTHER)).unit_id != unit_id
    assert await suggested(station, scope=Scope((unit_id,))) == []
    with pytest.raises(NotFound, match=f"no suggestion {one.id} in your units"):
        await say(station, one, SuggestionState.CONFIRMED, scope=Scope((unit_id,)))


async def test_a_trouble_that_comes_back_is_counted_and_never_merged(station, feeds):
    def done(code, reported, resolved):
        return jaki(code, reported, "Selesai", (("Selesai", resolved, "Kelurahan Petamburan"),))

    for number, code in enumerate((CODE, OTHER, THIRD)):
        day = 10 + number
        feeds.jaki = [jaki(code, f"{day} 08:00")]
        await station.pull("jaki", f"{day} 09:00")
        await pair(station)
        feeds.jaki = [done(code, f"{day} 08:00", f"{day} 17:00")]
        await station.pull("jaki", f"{day} 18:00")
        await pair(station)
    assert await related(station, CODE) == [(OTHER, "repeated_by", 1)]
    assert await related(station, OTHER) == [(CODE, "repeat_of", 1), (THIRD, "repeated_by", 2)]
    assert await related(station, THIRD) == [(OTHER, "repeat_of", 2)]
    assert await suggested(station) == []
    assert len(await station.rows("complaint")) == 3


async def test_who_follows_the_changes_learns_of_a_trouble_that_comes_back(station, feeds):
    resolved = (("Selesai", "10 17:00", "Kelurahan Petamburan"),)
    feeds.jaki = [jaki(CODE, "10 08:00", "Selesai", resolved), jaki(OTHER, "11 08:00")]
    feeds.jaki.append(jaki(THIRD, "11 08:30", location={"lat": -6.25, "lng": 106.9}))
    await station.pull("jaki", "11 09:00")
    before = {code: await station.complaint(code) for code in (CODE, OTHER, THIRD)}
    assert await pair(station) > 0
    assert await related(station, CODE) == [(OTHER, "repeated_by", 1)]
    after = {code: await station.complaint(code) for code in (CODE, OTHER, THIRD)}
    assert [code for code in after if after[code].change_no > before[code].change_no] == [CODE, OTHER]
    assert [row.version for row in after.values()] == [row.version for row in before.values()]
    assert await pair(station) == 0, "it is told once"
    assert await station.differences() == []


async def test_a_quoted_ticket_links_both_ways_whichever_comes_first(station, feeds):
    feeds.jaki = [jaki(OTHER, "12 09:00", description=f"Melanjutkan laporan sebelumnya No. {CODE}, lampu tetap mati")]
    await station.pull("jaki")
    assert await related(station, OTHER) == [(CODE, "quotes", None)]
    feeds.jaki = [jaki(CODE, "12 08:00", updated_at=at("12 12:30").isoformat())]
    await station.pull("jaki", "12 13:00")
    assert await related(station, CODE) == [(OTHER, "quoted_by", None)]
    await pair(station)
    assert await suggested(station) == []


async def test_what_lies_elsewhere_is_related_only_for_those_who_may_see_it(station, feeds):
    text = f"Melanjutkan laporan {CODE}, lampu tetap mati"
    feeds.jaki = [
        jaki(CODE, "12 08:00"),
        jaki(OTHER, "12 09:00", description=text, handler={"name": "Dinas Bina Marga"}, location={}),
    ]
    await station.pull("jaki")
    mine, theirs = [(await station.complaint(code)).unit_id for code in (CODE, OTHER)]
    above = [row.ancestor_id for row in await station.rows("unit_ancestor") if row.unit_id == theirs and row.depth]
    assert await related(station, CODE, Scope((mine,))) == []
    assert await related(station, CODE, Scope((mine, theirs))) == [(OTHER, "quoted_by", None)]
    assert await related(station, CODE, Scope((mine, above[0]))) == [(OTHER, "quoted_by", None)]
    assert await related(station, OTHER, Scope((theirs,))) == [(CODE, "quotes", None)]


async def test_old_complaints_that_move_and_history_are_not_compared(station, feeds):
    feeds.jaki = [jaki(CODE, "12 08:00"), jaki(OTHER, "12 08:20")]
    await station.pull("jaki")
    station.now += 8 * 24 * HOUR
    assert await pair(station) <= 1
    assert await suggested(station) == []


async def test_doubles_without_coordinates_are_found_by_village_text_and_minutes(station, feeds):
    place = {"kelurahan": "Petamburan", "address": "Jl. Petamburan IV"}
    feeds.jaki = [jaki(CODE, "12 08:00", location=place), jaki(OTHER, "12 08:09", location=place)]
    await station.pull("jaki")
    await pair(station)
    (one,) = await suggested(station)
    assert one.reasons == {"same_village": 1, "same_text": 1, "minutes_apart": 9, "same_category": 1}


async def test_complaints_are_compared_wherever_they_come_from(station, feeds):
    """CRM brings what another channel told, with a code of its own."""
    feeds.jaki = [jaki(CODE, "12 08:00")]
    text = "Permasalahan: Lampu di depan pos RW mati sejak kemarin\nKategori: Penerangan Jalan"
    feeds.crm = [crm(992, OTHER, "12 09:00", content=text, complaintCategory={"name": "Penerangan Jalan"})]
    await station.pull("jaki")
    await station.pull("crm")
    await pair(station)
    (one,) = await suggested(station)
    assert (one.ticket_code, one.earlier_ticket_code) == (OTHER, CODE)
