"""Open311 records: what a request becomes, the same in either format, however cities write it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import connectors.open311
from connectors.contract import EventKind, IncomingComplaint, Reject, Response
from connectors.open311.client import decode
from connectors.open311.mapping import STATUS_WORDS, to_complaint
from connectors.open311.markup import xml_value
from connectors.open311.options import Open311Options
from tests.conftest import SHARED_DATA

PAYLOADS = Path(connectors.open311.__file__).parent / "payloads"
REQUESTS = json.loads((PAYLOADS / "requests.json").read_text())
BARE = {"service_request_id": "1", "requested_datetime": "2026-11-24T08:00:00+07:00"}
CAPTURED = (
    "chicago_service_requests.json",
    "helsinki_taskful_request.json",
    "toronto_requests_many.xml",
    "toronto_requests_single.xml",
)
captured = pytest.mark.skipif(
    not SHARED_DATA.is_dir(), reason=f"the captured answers are not beside this checkout ({SHARED_DATA})"
)


def read(item, **options) -> IncomingComplaint | Reject:
    return to_complaint(item, replace(Open311Options(), **options))


def request(**changes):
    return REQUESTS[0] | changes


def bare(**changes):
    return BARE | changes


def words(found) -> list[tuple[str, str]]:
    return [(str(event.kind), event.label) for event in found.events]


def same(one: IncomingComplaint) -> IncomingComplaint:
    """All but what tells the two formats apart."""
    return replace(one, raw={}, content_hash="")


def test_a_request_becomes_a_complaint():
    found = read(REQUESTS[0])
    assert (found.external_id, found.ticket_code, found.channel) == ("991", None, "open311")
    assert (found.category, found.subject, found.unit_label) == ("Lampu jalan", "Lampu jalan", "Dinas Penerangan")
    assert (found.text, found.address) == ("Lampu mati & jalan gelap", "Jl. Contoh 1")
    assert (found.lat, found.lng, found.evidence_urls) == (-6.2, 106.8, ("https://kota.example/1.jpg",))
    assert found.due_at == datetime(2026, 11, 27, 1, 11, 2, tzinfo=UTC)
    assert words(found) == [
        ("status", "open"),
        ("reply", "Petugas ke lokasi"),
        ("reply", "Lampu sudah diganti"),
        ("status", "closed"),
    ]
    assert found.events[-1].at == datetime(2026, 11, 21, 2, 30, tzinfo=UTC)


# cases 33, 34, 35
def test_json_and_xml_of_one_record_are_the_same_complaint():
    from_xml = decode(Response(200, {}, (PAYLOADS / "requests.xml").read_bytes()))["service_requests"]["request"]
    for one, other in zip(REQUESTS, from_xml, strict=True):
        mapped, also = read(one), read(other)
        assert type(mapped) is type(also)
        if isinstance(mapped, IncomingComplaint):
            assert same(mapped) == same(also)


# case 25
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"service_request_id": ""}, "no usable id"),
        ({"service_request_id": None, "token": "t"}, "only a token"),
        ({"requested_datetime": "2026/11/24 10:00"}, "requested_datetime"),
        ({"requested_datetime": "0001-01-01T00:00:00"}, "requested_datetime"),
    ],
)
def test_a_request_without_id_or_time_is_a_reject(changes, reason):
    found = read(request(**changes))
    assert isinstance(found, Reject)
    assert reason in found.reason


# case 20
@pytest.mark.parametrize(("given", "kept"), [("015", "015"), (43965, "43965"), ("001", "001"), (15.0, "15")])
def test_ids_and_codes_are_text_with_their_zeros(given, kept):
    found = read(bare(service_request_id=given, service_code=given))
    assert (found.external_id, found.category) == (kept, kept)


# case 65
def test_a_request_without_description_is_told_by_its_service():
    found = read(bare(service_name="Lampu jalan", description=None))
    assert (found.text, found.category) == ("Lampu jalan", "Lampu jalan")
    assert read(BARE).text == ""


# cases 8, 36, 37
@pytest.mark.parametrize("nothing", ["null", "", " ", "N/A", "-", None, "Unspecified"])
def test_words_for_nothing_are_missing_and_not_noted(nothing):
    empty = dict.fromkeys(["updated_datetime", "expected_datetime", "description", "status_notes", "address"], nothing)
    found = read(bare(**empty))
    assert (found.updated_at, found.due_at, found.text, found.address, found.notices) == (None, None, "", None, ())


# case 8
@pytest.mark.parametrize("sentinel", ["true", "0001-01-01T00:00:00", "9999-12-31T23:59:59Z"])
def test_a_sentinel_is_no_time(sentinel):
    found = read(bare(expected_datetime=sentinel))
    assert found.due_at is None
    assert found.notices == ("expected_datetime is not a usable time and was left out",)


# cases 10, 11
def test_a_bad_time_of_change_costs_the_field_and_not_the_record():
    found = read(request(updated_datetime="2010/12/12", notes=None, status_notes="x"))
    assert (found.updated_at, words(found)) == (None, [("status", "open")])
    assert set(found.notices) == {
        "updated_datetime is not a usable time and was left out",
        "status_notes have no date and stay in the raw record alone",
        "closed without a closing time",
    }


# case 12
def test_an_answer_before_the_question_is_left_out_and_noted():
    found = read(bare(status="closed", updated_datetime="2026-11-20T08:00:00+07:00"))
    assert words(found) == [("status", "open")]
    assert found.notices == ("an entry dated before the request was left out",)


# case 63
def test_an_answer_in_the_same_second_counts():
    found = read(bare(status="closed", updated_datetime=BARE["requested_datetime"]))
    assert words(found) == [("status", "open"), ("status", "closed")]
    assert found.events[0].at == found.events[1].at


# case 13
def test_a_due_time_before_the_request_is_left_out_and_noted():
    found = read(bare(expected_datetime="2026-11-01T00:00:00+07:00"))
    assert (found.due_at, found.notices) == (None, ("an expected time before the request was left out",))


# case 62
def test_a_due_time_that_the_server_invents_is_not_trusted():
    given = bare(expected_datetime="2028-01-01T00:00:00Z")
    assert read(given).due_at == datetime(2028, 1, 1, tzinfo=UTC)
    assert read(given, trust_due=False).due_at is None


# case 15
def test_a_change_alone_closes_nothing_where_it_is_not_trusted():
    given = bare(status="closed", updated_datetime="2026-11-24T10:00:00+07:00")
    assert words(read(given, trust_updated=False)) == [("status", "open")]
    better = read(given | {"closed_date": "2026-11-24T09:00:00+07:00"}, trust_updated=False)
    assert better.events[-1].at == datetime(2026, 11, 24, 2, 0, tzinfo=UTC)


# case 17
def test_the_same_instant_with_another_offset_changes_nothing_that_counts():
    one = read(bare(status="closed", updated_datetime="2026-11-24T09:00:00+07:00"))
    other = read(bare(status="closed", requested_datetime="2026-11-24T01:00:00Z", updated_datetime="2026-11-24T02:00Z"))
    assert same(one) == same(other)


# case 3
def test_a_time_without_zone_is_the_servers_own():
    local = bare(requested_datetime="2026-11-24T23:59:59")
    assert read(local).reported_at == datetime(2026, 11, 24, 16, 59, 59, tzinfo=UTC)
    assert read(local, timezone="America/Chicago").reported_at == datetime(2026, 11, 25, 5, 59, 59, tzinfo=UTC)


# case 24
def test_a_reply_that_is_sent_again_is_one_reply():
    notes = [
        {"datetime": f"2026-11-24T{hour}:00:00+07:00", "type": "activity", "description": "Sudah dicek"}
        for hour in ("09", "10")
    ]
    found = read(bare(notes=notes, status_notes="Sudah dicek", updated_datetime="2026-11-24T11:00:00+07:00"))
    assert words(found) == [("status", "open"), ("reply", "Sudah dicek")]
    assert found.events[-1].at.hour == 9


# case 59
def test_notes_tell_that_it_was_opened_again():
    kinds = [("opened", "08"), ("closed", "09"), ("opened", "10"), ("follow_on_created", "11"), ("closed", "12")]
    notes = [{"datetime": f"2026-11-24T{hour}:30:00+07:00", "type": kind, "summary": kind} for kind, hour in kinds]
    found = read(bare(status="closed", notes=notes, updated_datetime="2026-11-24T18:00:00+07:00"))
    assert [label for _, label in words(found)] == ["open", "open", "closed", "open", "closed"]
    assert found.events[-1].at.strftime("%H:%M") == "12:30"


# case 59
def test_of_a_request_that_is_open_nobody_says_since_when():
    """It may have been closed and opened again: intake dates the word by when it looked."""
    assert words(read(bare(status="Open"))) == []
    assert words(read(bare(status="in_progress"))) == [("status", "open")]


# case 54
def test_a_trail_of_holders_is_no_answer():
    tasks = [
        {"task_created": "2026-11-24T08:00:00+07:00", "owner_name": "Kantor Wali Kota", "task_state": "re_assigned"},
        {"task_created": "2026-11-24T09:00:00+07:00", "owner_name": "Dinas Jalan", "task_state": "completed"},
        {"task_created": "later", "owner_name": "x"},
        "nonsense",
    ]
    found = read(bare(status="open", extended_attributes={"tasks": tasks, "title": "Parkir"}))
    assert {event.kind for event in found.events} == {EventKind.STATUS}
    assert {STATUS_WORDS[event.label] for event in found.events} == {"received"}
    assert [event.unit_label for event in found.events] == ["Kantor Wali Kota", "Dinas Jalan"]
    assert found.subject == "Parkir"


# cases 57, 60
@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("Fixed", "resolved"),
        ("CLOSED", "resolved"),
        ("duplicate", "rejected"),
        ("not_councils_responsibility", "rejected"),
        ("no_further_action", "rejected"),
        ("Cancelled", "withdrawn"),
        ("action_scheduled", "scheduled"),
        ("INVALID_STATE", None),
    ],
)
def test_words_beyond_the_standard_are_known_and_others_kept(word, status):
    found = read(bare(status=word, updated_datetime="2026-11-24T10:00:00+07:00"))
    assert found.source_status == word
    assert STATUS_WORDS.get(word.lower()) == status
    is_end = status in ("resolved", "rejected", "withdrawn")
    assert words(found) == [("status", "open"), *([("status", word)] if is_end else [])]


# case 64
@pytest.mark.parametrize(
    "changes", [{"non_public": 1}, {"non_public": "1"}, {"extended_attributes": {"non_public": True}}]
)
def test_what_is_not_public_is_private(changes):
    assert read(bare(**changes)).is_private
    assert not read(BARE).is_private


# case 64
def test_a_telephone_number_in_the_attributes_stays_in_the_raw_record():
    found = read(bare(attributes={"A511OPTN": "0812-0000-1111"}))
    assert "0812-" not in repr(replace(found, raw={}))
    assert found.raw["attributes"] == {"A511OPTN": "0812-0000-1111"}


# case 23
def test_a_double_names_its_parent_and_stays_a_complaint():
    found = read(bare(description="lagi JK2611200007", extended_attributes={"parent_service_request_id": "14-01"}))
    assert (found.external_id, found.quoted_codes) == ("1", ("JK2611200007", "14-01"))


# case 50
@pytest.mark.parametrize(
    ("fields", "expected", "notices"),
    [
        ({"lat": "0", "long": "0"}, (None, None), 0),
        ({"lat": None, "long": None}, (None, None), 0),
        ({"lat": "-6.2", "lng": "106.8"}, (-6.2, 106.8), 0),
        ({"lat": -6.2, "lon": 106.8}, (-6.2, 106.8), 0),
        ({"lat": "106.8", "long": "-6.2"}, (-6.2, 106.8), 1),
        ({"lat": "168935", "long": "553312"}, (None, None), 1),
    ],
)
def test_places_are_read_put_right_or_left_out(fields, expected, notices):
    found = read(bare(**fields), bounds="-6.5,106.3,-5.1,107.0")
    assert ((found.lat, found.lng), len(found.notices)) == (expected, notices)


# case 66
@pytest.mark.parametrize(
    ("media", "expected"),
    [
        ("", ()),
        (["https://a.example/1.jpg", "http://a.example/2.jpg"], ("https://a.example/1.jpg", "http://a.example/2.jpg")),
        (json.loads(r'"http:\/\/a.example\/1.jpg"'), ("http://a.example/1.jpg",)),
        ("file:///etc/passwd", ()),
        ({"media": {"url": "https://a.example/1.jpg"}}, ("https://a.example/1.jpg",)),
    ],
)
def test_media_are_addresses_as_text_and_never_fetched(media, expected):
    assert read(bare(media_url=media)).evidence_urls == expected


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2026-11-24T03:12:00Z"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["datetime", "type", "tasks", "notes", "photos", "url", "x"]), inner)
    ),
    max_leaves=6,
)
FIELDS = [*REQUESTS[0], "extended_attributes", "non_public", "closed_date", "properties", "geometry", "token"]


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, JSON)) | JSON)
def test_mapping_never_raises(item):
    assert isinstance(read(item), IncomingComplaint | Reject)


@given(
    st.fixed_dictionaries(
        {name: st.just(value) for name, value in BARE.items()},
        optional=dict.fromkeys(["notes", "extended_attributes", "media_url", "status"], JSON),
    )
)
def test_a_request_with_id_and_time_is_always_a_complaint(item):
    assert isinstance(read(item), IncomingComplaint)


# --- captured records ---


# cases 33, 50, 65
@captured
def test_captured_records_are_the_same_in_the_other_format():
    for name in CAPTURED:
        value = decode(Response(200, {}, (SHARED_DATA / "open311" / name).read_bytes()))
        for _ in range(2):
            value = next(iter(value.values())) if isinstance(value, dict) and len(value) == 1 else value
        for item in value if isinstance(value, list) else [value]:
            again = xml_value(f"<request>{to_xml(item)}</request>".encode())["request"]
            assert same(read(item)) == same(read(again))


@captured
def test_helsinkis_exchanged_coordinates_are_put_right():
    item = json.loads((SHARED_DATA / "open311" / "helsinki_taskful_request.json").read_text())
    found = read(item | {"lat": item["long"], "long": item["lat"]}, bounds="20,59,30,61")
    assert (found.lat, found.lng) == (22.266944, 60.451667)


def to_xml(value) -> str:
    """A JSON value by the convention of the standard: lists in one more element."""
    if isinstance(value, dict):
        return "".join(f"<{name}>{to_xml(inner)}</{name}>" for name, inner in value.items())
    if isinstance(value, list):
        return "".join(f"<entry>{to_xml(inner)}</entry>" for inner in value)
    text = "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
    return text.replace("&", "&amp;").replace("<", "&lt;")
