"""Evidence in the room: kept once, compared with all, reviewed before an approval, told by the history."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from app.complaint.errors import Conflict, EvidenceUnreviewed, Forbidden, NotFound, StaleVersion
from app.complaint.evidence import EvidenceKind, Place, Verdict
from app.complaint.lifecycle import Move, Status
from app.complaint.privacy import ERASED
from app.db.case_rows import read_stored
from app.db.complaints import refold
from app.db.session import reading, writing
from app.people.duties import erase_words
from app.workqueue import evidence
from app.workqueue.evidence import NewEvidence, Review, add_evidence, review_evidence
from app.workqueue.evidence_pictures import develop
from app.workqueue.evidence_reading import EvidenceCard, read_evidence
from app.workqueue.shapes import Words
from tests.workqueue.desk import DAY, NOON, VAULT, Desk
from tests.workqueue.pictures import photo, saved_again

WIB = ZoneInfo("Asia/Jakarta")
TAKEN = "2026:01:12 11:00:00"
"""An hour before the tests look."""


async def send(
    desk: Desk,
    complaint_id: int,
    content: bytes,
    username: str = "ani",
    kind: EvidenceKind = EvidenceKind.AFTER,
    *,
    seen: set[int] | None = None,
    **told: Any,
) -> tuple[int, bool]:
    new = NewEvidence(kind=kind, picture=develop(content, VAULT, WIB), **told)
    async with writing(desk.engine) as connection:
        rules = await desk.rules(connection)
        return await add_evidence(
            connection, complaint_id, new, desk.asker(username), rules, far_m=500, seen=seen, now=NOON
        )


async def say(
    desk: Desk, complaint_id: int, evidence_id: int, verdict: Verdict, username: str = "dewi", reason: str = "Dilihat"
) -> None:
    review = Review(verdict=verdict, reason=reason)
    async with writing(desk.engine) as connection:
        rules = await desk.rules(connection)
        await review_evidence(connection, complaint_id, evidence_id, review, desk.asker(username), rules, now=NOON)


async def look(desk: Desk, complaint_id: int, username: str = "dewi") -> tuple[list[EvidenceCard], Words]:
    async with reading(desk.engine) as connection:
        return await read_evidence(connection, complaint_id, desk.asker(username))


async def flags_of(desk: Desk, complaint_id: int) -> list[list[str]]:
    return [list(map(str, card["flags"])) for card in (await look(desk, complaint_id, "gita"))[0]]


async def test_a_picture_raises_the_version_and_the_history_tells_it(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    before = await desk.see(found)
    evidence_id, is_new = await send(desk, found, photo(time=TAKEN), note="Sudah ditambal")
    assert is_new
    after = await desk.see(found)
    assert (after["version"], after["status"]) == (before["version"] + 1, before["status"])
    entry = (await desk.history(found)).items[-1]
    assert (entry["kind"], entry["actor"], entry["text"]) == ("evidence", "Ani", "Sudah ditambal")
    assert entry["details"] == {"evidence": evidence_id, "kind": "after", "flags": []}
    async with reading(desk.engine) as connection:
        stored = (await read_stored(connection, [found]))[found]
        again = refold(found, stored, await desk.rules(connection))
    assert all(stored.header[name] == value for name, value in again.header.items() if name in stored.header)


async def test_the_same_bytes_are_kept_once_so_that_sending_again_is_safe(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    first = await send(desk, found, photo(time=TAKEN))
    version = (await desk.see(found))["version"]
    assert await send(desk, found, photo(time=TAKEN)) == (first[0], False)
    assert (await desk.see(found))["version"] == version
    assert len(await desk.rows("evidence")) == len(await desk.rows("evidence_file")) == 1


async def test_the_file_is_believed_before_the_program_that_sends_it(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a", lat=-6.2, lng=106.8)
    told = {"taken_at": NOON - timedelta(hours=2), "place": Place(-6.2001, 106.8)}
    await send(desk, found, photo(1, time=TAKEN, place=(-6.3, 106.8)), **told)
    await send(desk, found, photo(2), **told)
    spoken, silent = (await look(desk, found))[0]
    assert (spoken["taken_at"], spoken["taken_at_from"]) == (NOON - timedelta(hours=1), "file")
    assert (spoken["lat"], spoken["place_from"], spoken["flags"]) == (-6.3, "file", ["far_away"])
    assert (silent["taken_at"], silent["taken_at_from"]) == (NOON - timedelta(hours=2), "client")
    assert (silent["distance_m"], silent["place_from"], silent["flags"]) == (11, "client", ["no_exif"])


async def test_the_work_does_not_look_like_the_complainants_own_picture(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    await send(desk, found, photo(5, time=TAKEN), kind=EvidenceKind.BEFORE)
    await send(desk, found, saved_again(photo(5)))
    await send(desk, found, photo(6, time=TAKEN))
    assert await flags_of(desk, found) == [[], ["no_exif", "same_as_complainant"], []]


async def test_a_refused_picture_does_not_come_back_in_another_coat(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    first, _ = await send(desk, found, photo(5, time=TAKEN))
    await send(desk, found, saved_again(photo(5), quality=70))
    await say(desk, found, first, Verdict.REFUSED)
    await send(desk, found, saved_again(photo(5), quality=50))
    assert await flags_of(desk, found) == [[], ["no_exif"], ["no_exif", "same_as_refused"]]


async def test_of_two_equal_pictures_at_once_the_second_is_flagged(desk: Desk) -> None:
    one, two = [await desk.report(code, NOON - DAY, unit="kelurahan-a") for code in ("JK1", "JK2")]
    await asyncio.gather(send(desk, one, photo(time=TAKEN)), send(desk, two, photo(time=TAKEN)))
    flags = await flags_of(desk, one) + await flags_of(desk, two)
    assert sorted(flags) == [[], ["same_as_other_complaint"]]


async def test_a_match_names_only_complaints_that_the_reader_may_see(desk: Desk) -> None:
    other = await desk.report("JK1", NOON - DAY, unit="kelurahan-b")
    found = await desk.report("JK2", NOON - DAY, unit="kelurahan-a")
    first, _ = await send(desk, other, photo(time=TAKEN), "dewi")
    await send(desk, found, photo(time=TAKEN))
    matches = {name: (await look(desk, found, name))[0][0]["matches"] for name in ("ani", "dewi")}
    assert matches["dewi"] == [{"evidence": first, "ticket_code": "JK1", "complaint_id": other, "distance": 0}]
    assert matches["ani"] == [{"evidence": None, "ticket_code": None, "complaint_id": None, "distance": 0}]


async def test_nothing_is_approved_while_flagged_evidence_waits(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    good, _ = await send(desk, found, photo(1, time=TAKEN))
    doubtful, _ = await send(desk, found, photo(2))
    for wanted in (Move.ACCEPT, Move.SUBMIT):
        await desk.move(found, wanted, "ani")
    with pytest.raises(EvidenceUnreviewed, match=str(doubtful)) as refused:
        await desk.move(found, Move.APPROVE, "dewi")
    assert refused.value.evidence == (doubtful,)
    assert good not in refused.value.evidence
    await say(desk, found, doubtful, Verdict.ACCEPTED, "eko")
    assert (await desk.move(found, Move.APPROVE, "dewi"))["status"] is Status.RESOLVED


async def test_a_verdict_may_be_mended_and_the_history_keeps_both(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    evidence_id, _ = await send(desk, found, photo())
    await say(desk, found, evidence_id, Verdict.ACCEPTED, reason="Lokasi cocok")
    version = (await desk.see(found))["version"]
    await say(desk, found, evidence_id, Verdict.ACCEPTED, reason="Lokasi cocok")
    assert (await desk.see(found))["version"] == version
    await say(desk, found, evidence_id, Verdict.REFUSED, reason="Ternyata foto lama")
    card = (await look(desk, found))[0][0]
    assert card["review"] == {
        "verdict": Verdict.REFUSED,
        "reason": "Ternyata foto lama",
        "reviewer": "Dewi",
        "reviewed_at": NOON,
    }
    told = [entry for entry in (await desk.history(found)).items if entry["kind"] == "evidence"][1:]
    assert [(entry["reason"], (entry["details"] or {})["verdict"]) for entry in told] == [
        ("Lokasi cocok", "accepted"),
        ("Ternyata foto lama", "refused"),
    ]


async def test_who_may_send_and_who_may_judge(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    evidence_id, _ = await send(desk, found, photo())
    own, _ = await send(desk, found, photo(2), "dewi")
    with pytest.raises(Forbidden, match="needs an officer"):
        await send(desk, found, photo(3), "fajar")
    with pytest.raises(NotFound):
        await send(desk, found, photo(3), "citra")
    with pytest.raises(StaleVersion):
        await send(desk, found, photo(3), seen={1})
    with pytest.raises(Forbidden, match="needs a supervisor"):
        await say(desk, found, evidence_id, Verdict.ACCEPTED, "budi")
    with pytest.raises(Conflict, match="your own"):
        await say(desk, found, own, Verdict.ACCEPTED, "dewi")
    with pytest.raises(NotFound, match="no complaint"):
        await say(desk, found, evidence_id, Verdict.ACCEPTED, "eko")
    with pytest.raises(NotFound, match="has no evidence"):
        await say(desk, found, own + 1, Verdict.ACCEPTED)


async def test_a_complaint_takes_so_many_pictures_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evidence, "MOST_PICTURES", 2)
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    for seed in (1, 2):
        await send(desk, found, photo(seed))
    with pytest.raises(Conflict, match="has 2 pictures already"):
        await send(desk, found, photo(3))
    assert (await send(desk, found, photo(2)))[1] is False


async def test_private_pictures_are_for_those_who_handle_the_complaint(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a", is_private=True)
    await send(desk, found, photo(place=(-6.2, 106.8)), note="Rumah pelapor")
    (card,), words = await look(desk, found, "ani")
    assert (words, card["note"], card["lat"]) == (Words.ON_RECORD, "Rumah pelapor", -6.2)
    (card,), words = await look(desk, found, "fajar")
    assert (words, card["note"], card["lat"], card["distance_m"]) == (Words.HIDDEN, None, None, None)


async def test_a_viewer_reads_notes_with_numbers_masked(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    await send(desk, found, photo(), note="Pelapor di 0812-0000-1234")
    assert (await look(desk, found, "fajar"))[0][0]["note"] == "Pelapor di [telepon]"


async def test_erasing_the_words_erases_what_was_said_of_pictures(desk: Desk) -> None:
    found = await desk.report("JK1", NOON - DAY, unit="kelurahan-a")
    evidence_id, _ = await send(desk, found, photo(), note="Ibu Sekar di depan")
    await say(desk, found, evidence_id, Verdict.REFUSED, reason="Wajah Ibu Sekar terlihat")
    async with writing(desk.engine) as connection:
        await erase_words(connection, [found], await desk.rules(connection), now=NOON)
    (row,) = await desk.rows("evidence")
    assert (row.note, row.review_reason, row.verdict) == (ERASED, ERASED, Verdict.REFUSED)
