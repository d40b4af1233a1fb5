"""A complaint's page and the queue in a browser without script: what officers read there, and the steps they take."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import httpx
from sqlalchemy import update

from app.complaint.events import EventKind
from app.complaint.evidence import Flag, Verdict
from app.complaint.lifecycle import Move, Status
from app.dashboard.case_words import CASE_WORDS
from app.dashboard.catalogue import LANGUAGES
from app.db.session import writing
from app.sla.clock import State
from app.workqueue.claims import CLAIM_LASTS, expire_claims
from app.workqueue.leaving import release_for_the_gone
from tests.api.door import Door
from tests.dashboard.visitor import Visitor, hidden, signed_in
from tests.workqueue.desk import DAY, NOON, WIB, Desk, table
from tests.workqueue.pictures import photo

CODE = "JK2603010001"
PAGE = f"/complaints/{CODE}"


async def _take(visitor: Visitor, move: str, *, page: str = PAGE, **fields: str) -> httpx.Response:
    """Fills in the form of a move, as the page has it now, and follows where it leads."""
    shown = (await visitor.get(page)).text
    form = next(each for each in re.findall(r"<form.*?</form>", shown, re.S) if f'name="move" value="{move}"' in each)
    answer = await visitor.send(f"{page}/moves", **hidden(form), **fields)
    return await visitor.get(answer.headers["location"]) if answer.status_code == 303 else answer


def _moves(page: str) -> list[str]:
    return re.findall(r'name="move" value="([^"]+)"', page)


async def test_what_ends_by_itself_says_why_in_the_readers_language(door: Door, desk: Desk, officer: Visitor) -> None:
    found = await desk.report(CODE, NOON - DAY / 2, unit="kelurahan-a")
    engine, rulebooks = door.house.engine, door.house.rulebooks
    await desk.move(found, Move.CLAIM, "ani")
    await expire_claims(engine, rulebooks, now=NOON + CLAIM_LASTS)
    await desk.move(found, Move.ASSIGN, "dewi", assignee="ani", now=NOON + CLAIM_LASTS)
    async with writing(engine) as connection:
        officers = table("officer")
        await connection.execute(update(officers).where(officers.c.username == "ani").values(is_active=False))
    await release_for_the_gone(engine, rulebooks, now=NOON + CLAIM_LASTS)
    told = (await officer.get(PAGE)).text
    assert CASE_WORDS["id"]["ended_claim"] in told and CASE_WORDS["id"]["ended_by_leaving"] in told
    assert "the officer who" not in told


async def test_a_page_shows_the_complaint_its_clocks_and_its_history(desk: Desk, officer: Visitor) -> None:
    words = {"subject": "Lampu mati", "text": "Gelap <b>sekali</b>\nsejak kemarin"}
    await desk.report(CODE, NOON - DAY * 3, unit="kelurahan-a", **words)
    answer = await officer.get(PAGE)
    text = " ".join(answer.text.split())
    assert answer.status_code == 200
    assert "Lampu mati" in text and "Gelap &lt;b&gt;sekali&lt;/b&gt; sejak kemarin" in text
    assert "Terlambat" in text and "WIB" in text
    assert "Tanggapan pertama" in text and "Aduan dilaporkan" in text and "Diserahkan ke unit" in text
    english = " ".join((await officer.get(f"{PAGE}?lang=en")).text.split())
    assert "First response" in english and "The complaint was reported" in english


async def test_why_a_clock_stands_where_it_does_is_told_on_demand(desk: Desk, officer: Visitor) -> None:
    await desk.report(CODE, NOON - DAY * 3, unit="kelurahan-a")
    plain = (await officer.get(PAGE)).text
    assert 'href="?why=respond.1.city.respond#why"' in plain and "Penjelasan" not in plain
    assert (await officer.get(f"{PAGE}?why=respond.1.mars")).status_code == 404
    told = " ".join((await officer.get(f"{PAGE}?why=respond.1")).text.split())
    assert CODE in told.split("Penjelasan: tanggapan pertama</h3>")[1].split("</div>")[0]
    assert (await officer.get(f"{PAGE}?why=respond.99")).status_code == 404
    assert (await officer.get(f"{PAGE}?why=lunch.1")).status_code == 404


async def test_an_officer_works_a_complaint_through_its_forms(desk: Desk, officer: Visitor) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    claimed = await _take(officer, "claim")
    assert claimed.status_code == 200 and "claim" not in _moves(claimed.text) and "release" in _moves(claimed.text)
    answered = await _take(officer, "respond", text="Petugas menuju lokasi <sekarang>")
    assert "Petugas menuju lokasi &lt;sekarang&gt;" in answered.text
    started = await _take(officer, "start")
    assert "dikerjakan" in started.text and "schedule" in _moves(started.text)
    later = (NOON + DAY).astimezone(WIB).strftime("%Y-%m-%dT%H:%M")
    await _take(officer, "schedule", promised_at=later, reason="Menunggu tiang")
    row = (await desk.rows("complaint"))[0]
    assert (row.status, row.promised_at) == (Status.SCHEDULED, (NOON + DAY).replace(second=0, microsecond=0))


async def test_who_may_not_take_a_move_is_not_offered_it(door: Door, desk: Desk) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    viewer = await signed_in(door, "tamu", "viewer", "kota")
    shown = (await viewer.get(PAGE)).text
    assert _moves(shown) == [] and "Tidak ada langkah" in shown and "Tambah catatan" not in shown
    forged = await viewer.send(f"{PAGE}/moves", **hidden(shown), version="1", move="claim")
    assert forged.status_code == 403
    leader = await signed_in(door, "ketua", "supervisor", "kota")
    assert "assign" in _moves((await leader.get(PAGE)).text)


async def test_only_its_holder_and_who_leads_are_offered_to_give_a_complaint_back(
    door: Door, desk: Desk, officer: Visitor
) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    assert "release" not in _moves((await officer.get(PAGE)).text)
    assert "release" in _moves((await _take(officer, "claim")).text)
    colleague = await signed_in(door, "joko", "officer", "kelurahan-a")
    offered = _moves((await colleague.get(PAGE)).text)
    assert "respond" in offered and {"claim", "release"}.isdisjoint(offered)
    leader = await signed_in(door, "ketua", "supervisor", "kota")
    assert "release" in _moves((await leader.get(PAGE)).text)
    given_back = await _take(leader, "release")
    assert "claim" in _moves(given_back.text) and "release" not in _moves(given_back.text)


async def test_what_goes_wrong_is_told_and_nothing_typed_is_lost(desk: Desk, officer: Visitor) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    answer = await _take(officer, "forward", unit="planet mars", reason="Bukan wilayah kami")
    assert answer.status_code == 422
    assert "Tidak ada unit “planet mars”" in answer.text and "Bukan wilayah kami</textarea>" in answer.text
    several = await _take(officer, "forward", unit="kelurahan", reason="Bukan wilayah kami")
    assert several.status_code == 422 and "kelurahan-a (" in several.text and "kelurahan-b (" in several.text
    empty = await _take(officer, "respond", text="   ")
    assert empty.status_code == 422 and "Isian “Teks” kosong" in empty.text
    bad = await _take(officer, "ask_complainant", text="Di mana?", reason_code="entah")
    assert bad.status_code == 422 and "Di mana?</textarea>" in bad.text
    assert (await desk.rows("complaint"))[0].status == Status.RECEIVED


async def test_a_page_that_was_opened_before_others_moved_takes_nothing(desk: Desk, officer: Visitor) -> None:
    found = await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    old = hidden((await officer.get(PAGE)).text)
    await desk.move(found, Move.RESPOND, "ani", text="Sudah kami lihat")
    late = await officer.send(f"{PAGE}/moves", **old | {"move": "start"})
    assert late.status_code == 412 and "berubah sejak Anda membukanya" in late.text
    assert "Sudah kami lihat" in late.text, "the page that is shown again is the present one"


async def test_a_unit_is_found_by_a_part_of_its_name_and_the_complaint_leaves(desk: Desk, officer: Visitor) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    name = next(row.name for row in await desk.rows("unit") if row.code == "sudin")
    left = await _take(officer, "forward", unit=name.upper(), reason="Jalan kota")
    assert left.status_code == 200 and "<h1>Antrean</h1>" in left.text and CODE not in left.text
    assert (await desk.rows("complaint"))[0].unit_id == desk.units["sudin"]
    assert (await officer.get(PAGE)).status_code == 404


async def test_notes_are_added_and_a_public_one_answers_the_citizen(desk: Desk, officer: Visitor) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    fields = hidden((await officer.get(PAGE)).text)
    sent = {name: fields[name] for name in ("csrf_token", "version")}
    answer = await officer.send(f"{PAGE}/notes", **sent, text="Sudah ditelepon", is_public="true")
    assert answer.status_code == 303
    shown = (await officer.get(PAGE)).text
    assert "Sudah ditelepon" in shown and "untuk warga" in shown
    respond = next(row for row in await desk.rows("sla_clock") if row.clock == "respond")
    assert respond.state in (State.MET, State.MISSED)
    again = await officer.send(f"{PAGE}/notes", **sent, text="Sekali lagi")
    assert again.status_code == 412 and "Sekali lagi</textarea>" in again.text


async def test_flagged_pictures_are_judged_on_the_page_before_the_result_is_approved(
    door: Door, desk: Desk, officer: Visitor
) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    await _take(officer, "accept")
    token = hidden((await officer.get(PAGE)).text)["csrf_token"]
    sent = {"file": ("bukti.jpg", photo(), "image/jpeg"), "kind": (None, "after")}
    shot = await door.client.post(f"/api/v1{PAGE}/evidence", files=sent, headers={"X-CSRF-Token": token})
    assert shot.json()["flags"], shot.text
    page = (await _take(officer, "submit")).text
    assert CASE_WORDS["id"]["flag_no_exif"] in page and "/review" not in page
    lead = await signed_in(door, "ratna", "supervisor", "kelurahan-a")
    held = await _take(lead, "approve")
    assert held.status_code == 409 and CASE_WORDS["id"]["problem_evidence"] in held.text
    form = re.search(r'<form method="post" action="([^"]+/review)">.*?</form>', held.text, re.S)
    assert form is not None
    unsaid = await lead.send(form[1], **hidden(form[0]), verdict="refused", reason=" ")
    assert unsaid.status_code == 422 and '<option value="refused" selected>' in unsaid.text
    judged = await lead.send(form[1], **hidden(form[0]), verdict="accepted", reason="Cocok dengan tempatnya")
    assert judged.status_code == 303
    page = (await lead.get(PAGE)).text
    assert CASE_WORDS["id"]["verdict_accepted"] in page and "Cocok dengan tempatnya" in page
    assert CASE_WORDS["id"]["status_resolved"] in (await _take(lead, "approve")).text


async def test_nobody_judges_their_own_picture_on_the_page(door: Door, desk: Desk) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    lead = await signed_in(door, "ratna", "supervisor", "kelurahan-a")
    token = hidden((await lead.get(PAGE)).text)["csrf_token"]
    sent = {"file": ("bukti.jpg", photo(), "image/jpeg"), "kind": (None, "after")}
    await door.client.post(f"/api/v1{PAGE}/evidence", files=sent, headers={"X-CSRF-Token": token})
    form = re.search(r'<form method="post" action="([^"]+/review)">.*?</form>', (await lead.get(PAGE)).text, re.S)
    assert form is not None
    answer = await lead.send(form[1], **hidden(form[0]), verdict="accepted", reason="Bagus")
    assert answer.status_code == 409 and CASE_WORDS["id"]["problem_own_picture"] in answer.text
    assert ">Bagus</textarea>" in answer.text


async def test_a_form_without_the_secret_of_its_page_is_refused(desk: Desk, officer: Visitor) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    for path, fields in (("moves", {"move": "claim"}), ("notes", {"text": "x"})):
        answer = await officer.send(f"{PAGE}/{path}", version="1", csrf_token="bukan", **fields)
        assert answer.status_code == 403
    assert (await desk.rows("complaint"))[0].assignee_id is None


async def test_private_words_are_for_those_who_handle_it_and_on_record(door: Door, desk: Desk) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a", text="Rahasia sekali", is_private=True)
    viewer = await signed_in(door, "tamu", "viewer", "kota")
    shown = (await viewer.get(PAGE)).text
    assert "Rahasia sekali" not in shown and "hanya untuk petugas" in shown
    officer = await signed_in(door, "lina", "officer", "kelurahan-a")
    assert "Rahasia sekali" in (await officer.get(PAGE)).text
    trail = [(row.actor, row.action) for row in await desk.rows("audit") if row.action == "words.read"]
    assert trail == [("lina", "words.read")]


async def test_absent_and_foreign_are_one(door: Door, desk: Desk) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-b")
    officer = await signed_in(door, "lina", "officer", "kelurahan-a")
    foreign, absent = await officer.get(PAGE), await officer.get("/complaints/JK0")
    assert foreign.status_code == absent.status_code == 404 and foreign.text == absent.text
    sent = {"csrf_token": "x", "version": "1", "move": "claim"}
    assert (await officer.send(f"{PAGE}/moves", **sent)).status_code == 403


async def test_the_queue_is_read_page_by_page_and_narrowed(desk: Desk, officer: Visitor) -> None:
    for number in range(30):
        await desk.report(f"JK{number:04}", NOON - timedelta(minutes=number), unit="kelurahan-a")
    late = await desk.report("JKLATE", NOON - DAY * 5, unit="kelurahan-a", subject="Got mampet")
    seen, path = [], "/complaints"
    while path:
        text = (await officer.get(path)).text
        seen += re.findall(r'class="code"><a href="/complaints/([^"]+)"', text)
        links = re.findall(r'href="([^"]+)" rel="next"', text)
        path = unescape(links[0]) if links else ""
    assert seen[0] == "JKLATE" and len(seen) == len(set(seen)) == 31
    assert _listed(await officer.get("/complaints?due=overdue")) == ["JKLATE"]
    assert _listed(await officer.get("/complaints?q=mampet")) == ["JKLATE"]
    assert _listed(await officer.get("/complaints?assignee=me")) == []
    async with writing(desk.engine) as connection:
        lina = next(row.id for row in await desk.rows("officer") if row.username == "lina")
        complaint = table("complaint")
        await connection.execute(update(complaint).where(complaint.c.id == late).values(assignee_id=lina))
    assert _listed(await officer.get("/complaints?assignee=me&status=")) == ["JKLATE"]


async def test_an_unknown_unit_or_place_in_the_queue_is_told(desk: Desk, officer: Visitor) -> None:
    await desk.report(CODE, NOON - DAY, unit="kelurahan-a")
    unknown = await officer.get("/complaints?unit=mars")
    assert unknown.status_code == 422 and "Isian “Unit”" in unknown.text
    for after in ("x", "open~2026~9", f"open~{NOON.isoformat()}~{'9' * 30}"):
        answer = await officer.door.client.get("/complaints", params={"after": after}, headers={"Accept": "text/html"})
        assert answer.status_code == 200 and CODE in answer.text


def test_every_status_kind_and_state_has_its_word_in_both_languages() -> None:
    assert set(CASE_WORDS) == set(LANGUAGES)
    assert CASE_WORDS["id"].keys() == CASE_WORDS["en"].keys()
    wanted = {f"status_{each}" for each in Status} | {str(each) for each in State}
    wanted |= {f"flag_{each}" for each in Flag} | {f"verdict_{each}" for each in Verdict}
    wanted |= {f"kind_{each}" for each in EventKind if each is not EventKind.MOVE}
    assert wanted <= CASE_WORDS["id"].keys()


def _listed(answer: httpx.Response) -> list[str]:
    return re.findall(r'class="code"><a href="/complaints/([^"]+)"', answer.text)
