"""The complaint routes: shapes, strict queries, pages, moves and what they refuse, over real requests."""

from __future__ import annotations

import asyncio
import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, get_args

import pytest

from app.api.bodies import Sent
from app.api.complaint_moves import MoveBody
from app.complaint.lifecycle import STEPS, Move, Status
from app.workqueue.shapes import ComplaintCard
from tests.api.door import Door
from tests.workqueue.desk import DAY, NOON, Desk

COMPLAINTS = "/api/v1/complaints"
SHAPE = {
    "id", "ticket_code", "version", "status", "source_status", "channel", "classification", "category", "unit",
    "assignee", "subject", "text", "location", "is_private", "is_anonymous", "reported_at", "received_at",
    "updated_at", "promised_at", "next_due", "clocks", "sources", "related", "hops", "rework_count", "is_restricted",
    "words",
}  # fmt: skip
CLOCK = {
    "clock", "cycle", "unit", "state", "provisional", "target", "started_at", "due_at", "stopped_at", "breached_at",
    "elapsed_seconds", "remaining_seconds", "paused_seconds", "pause_reason", "due_if_resumed_now", "policy",
}  # fmt: skip

BAD_QUERIES = (
    ("unit", "atlantis"),
    ("unit", ""),
    ("unit", "kota,,sudin"),
    ("unit_scope", "below"),
    ("status", "Menunggu"),
    ("source", "atlantis"),
    ("assignee", "atlantis"),
    ("clock", "tick"),
    ("due", "yesterday"),
    ("unrouted", "perhaps"),
    ("handled_by", "atlantis"),
    ("outcome", "late"),
    ("due_from", "2026-01-12T15:00:00"),
    ("due_to", "2026-02-30"),
    ("stopped_from", "soon"),
    ("reported_to", "12/01/2026"),
    ("q", "  "),
    ("bbox", "1,2,3"),
    ("bbox", "106.9,-6.3,106.8,-6.2"),
    ("bbox", "nan,0,1,1"),
    ("sort", "text"),
    ("format", "pdf"),
    ("limit", "0"),
    ("limit", "201"),
    ("limit", "ten"),
    ("page", "2"),
    ("q", "nol\x00"),
)
BAD_BODIES: tuple[tuple[str, Any], ...] = (
    ("move", {}),
    ("move", {"move": "teleport"}),
    ("unit", {"move": "forward", "reason": "Perlu"}),
    ("reason", {"move": "forward", "unit": "dinas", "reason": ""}),
    ("unit", {"move": "forward", "unit": "atlantis", "reason": "Perlu"}),
    ("text", {"move": "respond"}),
    ("text", {"move": "respond", "text": "   "}),
    ("text", {"move": "respond", "text": "x" * 10_001}),
    ("text", {"move": "respond", "text": "nol \x00"}),
    ("text", {"move": "claim", "text": "halo"}),
    ("reason_code", {"move": "reject", "reason_code": "mood"}),
    ("body", ["claim"]),
)


@dataclass
class Office:
    """The door with the desk's city behind it, and tokens for who comes in."""

    door: Door
    desk: Desk
    officer: dict[str, str]
    supervisor: dict[str, str]
    viewer: dict[str, str]

    async def get(self, path: str = "", who: dict[str, str] | None = None, **query: Any) -> Any:
        return await self.door.client.get(f"{COMPLAINTS}{path}", params=query, headers=who or self.officer)

    async def move(self, ref: object, who: dict[str, str] | None = None, /, **body: Any) -> Any:
        headers = {**(who or self.officer), **body.pop("headers", {})}
        return await self.door.client.post(f"{COMPLAINTS}/{ref}/moves", json=body, headers=headers)


@pytest.fixture
async def office(door: Door) -> AsyncIterator[Office]:
    door.clock.now = NOON
    desk = Desk(door.house.engine, door.house.rulebooks, door.house.vault)
    await desk.build()
    yield Office(
        door,
        desk,
        await door.token("officer", "kota"),
        await door.token("supervisor", "kota"),
        await door.token("viewer", "kota"),
    )


async def test_a_page_has_the_shape_of_the_contract(office: Office) -> None:
    found = await office.desk.report("JK1", NOON - DAY * 2, unit="sudin", lat=-6.2, lng=106.8)
    await office.desk.carry(found, "crm", "991")
    answer = await office.get()
    assert answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert set(body) == {"items", "next_cursor", "as_of", "sources"}
    assert body["as_of"] == "2026-01-12T05:00:00Z"
    assert [each["source"] for each in body["sources"]] == ["crm", "jaki"]
    item = body["items"][0]
    assert set(item) == SHAPE == set(ComplaintCard.__required_keys__)
    assert item["unit"] == {"code": "sudin", "name": "Sudin"}
    assert item["location"] == {"lat": -6.2, "lng": 106.8, "address": None, "kelurahan_code": None}
    assert item["next_due"] == {
        "clock": "respond",
        "due_at": "2026-01-11T05:00:00Z",
        "remaining_seconds": -86_400,
        "breached": True,
    }
    assert [set(clock) for clock in item["clocks"]] == [CLOCK] * 3
    assert item["sources"] == [{"source": "crm", "external_id": "991", "changed_at": "2026-01-12T05:00:00Z"}]
    assert item["related"] == []


async def test_one_complaint_has_its_version_as_etag_and_says_how_fresh_its_sources_are(office: Office) -> None:
    found = await office.desk.report("JK1", NOON, unit="sudin")
    await office.desk.carry(found, "crm", "991")
    for ref in ("JK1", found):
        answer = await office.get(f"/{ref}")
        body = answer.json()
        assert set(body) == SHAPE | {"wait_seconds", "attribution", "claim_expires_at", "conflicts", "as_of"}
        assert answer.headers["etag"] == f'"{body["version"]}"'
        assert (body["sources"][0]["stale"], body["sources"][0]["complete_through"]) == (True, None)


async def test_pages_follow_their_cursor_and_the_link_says_the_same(office: Office) -> None:
    for number in range(5):
        await office.desk.report(f"JK{number}", NOON - DAY, unit="sudin")
    seen, query = [], {"limit": 2, "unit": "kota"}
    answer = await office.get(**query)
    while True:
        body = answer.json()
        seen += [item["ticket_code"] for item in body["items"]]
        if body["next_cursor"] is None:
            assert "link" not in answer.headers
            break
        link = answer.links["next"]["url"]
        answer = await office.door.client.get(link, headers=office.officer)
        assert answer.json()["items"] == (await office.get(**query, cursor=body["next_cursor"])).json()["items"]
    assert seen == [f"JK{number}" for number in range(5)]


async def test_a_cursor_of_another_order_or_of_nobody_is_refused(office: Office) -> None:
    for number in range(2):
        await office.desk.report(f"JK{number}", NOON - DAY, unit="sudin")
    cursor = (await office.get(limit=1)).json()["next_cursor"]
    for query in ({"cursor": cursor, "sort": "-reported_at"}, {"cursor": "x"}):
        answer = await office.get(**query)
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "cursor")


async def test_a_query_value_that_is_not_understood_is_named(office: Office) -> None:
    for field, value in BAD_QUERIES:
        answer = await office.get(**{field: value})
        assert answer.status_code == 422, (field, value)
        assert answer.headers["content-type"] == "application/problem+json"
        assert [error["field"] for error in answer.json()["errors"]] == [field], (field, value)


async def test_every_filter_of_the_contract_is_understood_together(office: Office) -> None:
    await office.desk.report("JK2601120001", NOON - DAY * 2, unit="sudin", lat=-6.2, lng=106.8)
    day = {"from": "2026-01-01", "to": "2026-01-12"}
    spans = {f"{name}_{edge}": day[edge] for name in ("started", "due", "reported") for edge in day}
    query = {
        "unit": "kota,dinas",
        "status": "received,in_progress",
        "channel": "JAKI",
        "category": "Jalan",
        "assignee": "me,none",
        "clock": "respond",
        "due": "overdue",
        "unrouted": "false",
        "handled_by": "sudin",
        "outcome": "running",
        "q": "lubang sekolah",
        "bbox": "106.7,-6.3,106.9,-6.1",
    }
    for sort in ("due", "reported_at", "-reported_at", "-updated_at"):
        body = (await office.get(**query, **spans, sort=sort)).json()
        assert [item["ticket_code"] for item in body["items"]] == ["JK2601120001"]
    assert (await office.get(**query, **{**spans, "reported_to": "2026-01-09"})).json()["items"] == []


async def test_a_label_with_a_comma_is_one_category(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="sudin", category="Saluran Air, Kali/Sungai")
    body = (await office.get(category="Saluran Air, Kali/Sungai")).json()
    assert [item["ticket_code"] for item in body["items"]] == ["JK1"]


async def test_the_list_comes_as_a_sheet_that_runs_no_formula(office: Office) -> None:
    await office.desk.report("JK1", NOON - DAY, unit="sudin", subject="=HYPERLINK(1)", lat=-6.2, lng=106.8)
    await office.desk.report("JK2", NOON, unit="sudin", text="Lampu mati;=cmd()\n  @SUM(1); dua-tiga", subject="\n=1+1")
    for answer in (
        await office.get(format="csv", limit=1),
        await office.get(who={**office.officer, "Accept": "text/csv"}, limit=1),
    ):
        assert answer.headers["content-type"].startswith("text/csv")
        assert 'rel="next"' in answer.headers["link"]
        rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig"))))
        assert [(row["ticket_code"], row["subject"], row["lat"]) for row in rows] == [("JK1", "'=HYPERLINK(1)", "-6.2")]
        assert (rows[0]["next_due_at"], rows[0]["breached"]) == ("2026-01-12T05:00:00Z", "false")
    whole = (await office.get(format="csv")).content.decode("utf-8-sig")
    last = list(csv.DictReader(io.StringIO(whole, newline="")))[-1]
    assert (last["subject"], last["text"]) == ("'\n'=1+1", "Lampu mati;'=cmd()\n'  @SUM(1); dua-tiga")


async def test_history_and_clocks_are_lists_with_the_instant(office: Office) -> None:
    await office.desk.report("JK1", NOON - DAY, unit="sudin")
    await office.move("JK1", move="respond", text="Kami periksa")
    history = (await office.get("/JK1/history", limit=2)).json()
    assert [entry["kind"] for entry in history["items"]] == ["reported", "assigned"]
    rest = (await office.get("/JK1/history", limit=2, cursor=history["next_cursor"])).json()
    assert [(entry["move"], entry["text"]) for entry in rest["items"]] == [("respond", "Kami periksa")]
    assert rest["next_cursor"] is None
    clocks = (await office.get("/JK1/clocks")).json()
    assert set(clocks) == {"items", "wait_seconds", "attribution", "holdings", "next_cursor", "as_of", "sources"}
    assert [(clock["clock"], clock["state"]) for clock in clocks["items"]] == [
        ("respond", "met"),
        ("resolve", "running"),
        ("coordinate", "running"),
    ]


async def test_raw_records_are_for_supervisors_and_reading_them_is_on_record(office: Office) -> None:
    found = await office.desk.report("JK1", NOON, unit="sudin")
    await office.desk.carry(found, "crm", "991", {"id": 991})
    plain = (await office.get("/JK1/source-records")).json()
    assert [(item["external_id"], item["raw"]) for item in plain["items"]] == [("991", None)]
    before = len(await office.desk.rows("audit"))
    whole = (await office.get("/JK1/source-records", office.supervisor)).json()
    assert whole["items"][0]["raw"] == {"id": 991}
    trail = await office.desk.rows("audit")
    assert len(trail) == before + 1
    assert (trail[-1].action, trail[-1].subject) == ("source_record.read", f"complaint:{found}")


async def test_a_foreign_complaint_is_absent_on_every_route(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="dinas")
    for path in ("", "/history", "/clocks", "/source-records"):
        answers = [(await office.get(f"/{ref}{path}")).json() for ref in ("JK1", "JK9")]
        assert [answer["status"] for answer in answers] == [404, 404]
        assert answers[0]["detail"].replace("JK1", "JK9") == answers[1]["detail"]
    for ref in ("JK1", "JK9", "%00", "%F0%9F%98%80"):
        assert (await office.move(ref, move="claim")).status_code in (404, 422)


async def test_a_claim_answers_with_the_complaint_and_a_second_officer_gets_409(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="sudin")
    first = await office.move("JK1", move="claim")
    assert first.status_code == 200
    assert first.json()["assignee"].startswith("token-")
    assert first.headers["etag"] == f'"{first.json()["version"]}"'
    assert (await office.move("JK1", move="claim")).json()["version"] == first.json()["version"]
    second = await office.move("JK1", office.supervisor, move="claim")
    assert second.status_code == 409
    assert (second.json()["code"], second.json()["version"]) == ("already_claimed", first.json()["version"])


async def test_fifty_officers_claim_at_once_and_one_wins(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="sudin")
    tokens = [await office.door.token("officer", name=f"meja {number}") for number in range(50)]
    answers = await asyncio.gather(*(office.move("JK1", token, move="claim") for token in tokens))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(200), statuses.count(409)) == (1, 49)


async def test_an_illegal_move_names_the_legal_ones(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="sudin")
    answer = await office.move("JK1", office.supervisor, move="approve")
    assert answer.status_code == 409
    body = answer.json()
    assert body["code"] == "illegal_move"
    assert "accept" in body["legal_moves"] and "approve" not in body["legal_moves"]
    assert body["version"] == (await office.get("/JK1")).json()["version"]


async def test_a_whole_life_over_the_door(office: Office) -> None:
    await office.desk.report("JK1", NOON - DAY, unit="sudin")
    for body, status in (
        ({"move": "claim"}, Status.RECEIVED),
        ({"move": "accept"}, Status.IN_PROGRESS),
        ({"move": "respond", "text": "Kami kerjakan"}, Status.IN_PROGRESS),
        ({"move": "schedule", "promised_at": "2026-01-20T16:00:00+07:00", "reason": "Aspal"}, Status.SCHEDULED),
        ({"move": "submit"}, Status.AWAITING_VALIDATION),
        ({"move": "send_back", "reason": "Foto lama"}, Status.REWORK),
        ({"move": "submit", "text": "Foto baru"}, Status.AWAITING_VALIDATION),
        ({"move": "approve"}, Status.RESOLVED),
        ({"move": "reopen", "reason": "Rusak lagi"}, Status.REWORK),
        ({"move": "reject", "reason_code": "duplicate"}, Status.REJECTED),
    ):
        answer = await office.move("JK1", office.supervisor, **body)
        assert (answer.status_code, answer.json()["status"]) == (200, status), body
    assert (await office.get("/JK1")).json()["promised_at"] == "2026-01-20T09:00:00Z"


async def test_a_body_that_is_not_understood_is_named(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="sudin")
    for field, body in BAD_BODIES:
        answer = await office.door.client.post(f"{COMPLAINTS}/JK1/moves", json=body, headers=office.officer)
        assert answer.status_code == 422, body
        assert [error["field"] for error in answer.json()["errors"]] == [field], body


async def test_a_promise_is_an_instant_in_the_future(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="sudin")
    await office.move("JK1", move="accept")
    for promised_at in ("2026-01-20", "2026-01-20T16:00:00", "2026-01-01T00:00:00Z", "9998-12-31T00:00:00Z", 1, None):
        answer = await office.move("JK1", move="schedule", promised_at=promised_at, reason="Aspal")
        assert answer.status_code == 422, promised_at
        assert [error["field"] for error in answer.json()["errors"]] == ["promised_at"]


async def test_roles_decide_who_moves(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="sudin")
    service = await office.door.token("service")
    assert (await office.move("JK1", office.viewer, move="claim")).status_code == 403
    assert (await office.move("JK1", service, move="claim")).status_code == 403
    assert (await office.move("JK1", move="reopen", reason="Perlu")).status_code == 403
    assert (await office.move("JK1", move="approve")).status_code == 403
    assert (await office.door.client.get(COMPLAINTS)).status_code == 401


async def test_if_match_guards_a_move(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="sudin")
    tag = (await office.get("/JK1")).headers["etag"]
    weak = await office.move("JK1", move="accept", headers={"If-Match": f"W/{tag}"})
    assert weak.status_code == 412
    assert (await office.move("JK1", move="accept", headers={"If-Match": f'"77", {tag}'})).status_code == 200
    stale = await office.move("JK1", move="submit", headers={"If-Match": tag})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    assert stale.json()["version"] == (await office.get("/JK1")).json()["version"]
    assert (await office.move("JK1", move="submit", headers={"If-Match": "*"})).status_code == 200


async def test_viewers_read_masked_words_and_none_that_are_private(office: Office) -> None:
    await office.desk.report("JK1", NOON, unit="sudin")
    await office.desk.report("JK2", NOON, unit="sudin", is_private=True)
    assert "[telepon]" in (await office.get("/JK1", office.viewer)).json()["text"]
    assert "0812" in (await office.get("/JK1")).json()["text"]
    hidden = (await office.get("/JK2", office.viewer)).json()
    assert (hidden["subject"], hidden["text"]) == (None, None)


def test_each_move_has_a_body_that_asks_what_the_table_asks() -> None:
    union, _ = get_args(MoveBody)
    bodies: dict[str, type[Sent]] = {
        get_args(body.model_fields["move"].annotation)[0]: body for body in get_args(union)
    }
    assert set(bodies) == set(Move)
    for move, step in STEPS.items():
        fields = {name: field for name, field in bodies[move].model_fields.items() if name != "move"}
        assert {name for name, field in fields.items() if field.is_required()} == set(step.required)
        assert {name for name, field in fields.items() if not field.is_required()} == set(step.optional)


async def test_the_document_names_the_fields_of_each_move_and_the_shape_of_a_complaint(office: Office) -> None:
    document = (await office.door.client.get("/openapi.json", headers=office.officer)).json()
    schemas = document["components"]["schemas"]
    assert schemas["Forward"]["required"] == ["move", "unit", "reason"]
    assert schemas["Reject"]["required"] == ["move", "reason_code"]
    assert set(schemas["ComplaintCard"]["required"]) == SHAPE
    parameters = {each["name"] for each in document["paths"][COMPLAINTS]["get"]["parameters"]}
    assert {"unit", "due", "bbox", "sort", "limit", "cursor", "format", "q"} <= parameters
    move = document["paths"][f"{COMPLAINTS}/{{ref}}/moves"]["post"]
    assert {"200", "401", "403", "404", "409", "412", "422"} <= set(move["responses"])
