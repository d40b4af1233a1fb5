"""The city's two sources over HTTP: shapes, pages, refusals, and answers that only time changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from app.demo.arrivals import WIB
from app.demo.city import City
from app.demo.feeds import FeedsSettings, create_feeds, open_feeds
from app.demo.lives import Status

NOON = datetime(2026, 11, 24, 12, tzinfo=WIB)
TOKEN = "a-token-for-tests"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
MAP = "/api/public/dashboard/distribution-map"
DETAIL = "/api/public/dashboard/detail"


class Watch:
    """A clock that the test sets."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture(scope="module")
def city() -> City:
    return City(seed=7)


@pytest.fixture
def client(city: City, watch: Watch) -> TestClient:
    return TestClient(create_feeds(city, now=watch, token=TOKEN))


def crm_list(client: TestClient, first: str = "2026-10-25", last: str = "2026-11-24") -> list[dict[str, Any]]:
    answer = client.get(MAP, params={"dateStart": first, "dateEnd": last, "zoneId": "", "isPrivacy": "0"})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    return answer.json()


def jaki_pages(
    client: TestClient, since: datetime | None = None, limit: int = 200, between: Callable[[], None] = lambda: None
) -> list[dict[str, Any]]:
    """All reports since an instant, page by page; `between` runs after each page."""
    params = {"updated_since": since.isoformat() if since else "", "cursor": "", "limit": str(limit)}
    reports: list[dict[str, Any]] = []
    while True:
        answer = client.get("/reports", params=params, headers=BEARER)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        assert len(page["data"]) <= limit
        reports += page["data"]
        if page["next_cursor"] is None:
            return reports
        params["cursor"] = page["next_cursor"]
        between()


def test_a_crm_item_has_the_shape_of_the_public_dashboard(client: TestClient) -> None:
    items = crm_list(client)
    assert len(items) > 2000
    for item in items:
        assert set(item) == {
            "id",
            "code",
            "content",
            "lat",
            "lng",
            "tstatus",
            "complaintCategory",
            "zone",
            "createdAt",
        }
        assert isinstance(item["id"], int)
        assert re.fullmatch(r"JK\d{10}", item["code"])
        assert item["lat"] is None or re.fullmatch(r"-?\d+\.\d{6}", item["lat"])
        assert set(item["tstatus"]) == set(item["complaintCategory"]) == {"name"}
        assert item["zone"] is None or set(item["zone"]) == {"name"}
        assert re.fullmatch(r"2026-\d\d-\d\dT\d\d:\d\d:\d\d\.000Z", item["createdAt"])
    assert len({item["id"] for item in items}) == len({item["code"] for item in items}) == len(items)
    labelled = r"Permasalahan: .+\nKategori: .+\nLokasi: .+\nDetail Alamat Laporan: .+"
    assert sum(bool(re.fullmatch(labelled, item["content"])) for item in items) > 0.8 * len(items)
    assert any("Permasalahan:" not in item["content"] for item in items)


def test_crm_lists_whole_days_of_jakarta(client: TestClient) -> None:
    (one_day, next_day) = (crm_list(client, day, day) for day in ("2026-11-20", "2026-11-21"))
    assert crm_list(client, "2026-11-20", "2026-11-21") == one_day + next_day
    for item in one_day:
        assert datetime.fromisoformat(item["createdAt"]).astimezone(WIB).date().isoformat() == "2026-11-20"
    assert crm_list(client, "2026-11-21", "2026-11-20") == []
    assert crm_list(client, "2027-01-01", "2027-01-02") == []
    assert crm_list(client, "2016-12-01", "2016-12-31") == []


def test_a_jaki_report_has_the_documented_shape(client: TestClient) -> None:
    reports = jaki_pages(client)
    assert len(reports) > 2000
    for report in reports:
        assert set(report) == {
            "id",
            "title",
            "description",
            "category",
            "status",
            "privacy",
            "anonymous",
            "location",
            "photos",
            "handler",
            "created_at",
            "updated_at",
            "timeline",
            "support_count",
            "rating",
        }
        assert set(report["category"]) == {"id", "name"}
        assert set(report["location"]) == {"lat", "lng", "address", "kelurahan", "kecamatan", "city"}
        assert report["privacy"] in {"public", "private"}
        assert all(set(entry) == {"status", "at", "by"} for entry in report["timeline"])
        last = report["timeline"][-1]
        assert (report["status"], report["updated_at"]) == (last["status"], last["at"])
        assert report["handler"] == {"name": last["by"]}
        assert report["created_at"] == report["timeline"][0]["at"]
        assert report["created_at"].endswith("+07:00")
        assert report["rating"] is None or report["status"] == "Selesai"
    assert any(report["rating"] for report in reports)


def test_every_status_word_is_served_by_both(client: TestClient) -> None:
    assert {report["status"] for report in jaki_pages(client)} == set(Status)
    assert {item["tstatus"]["name"] for item in crm_list(client, "2026-09-01")} == set(Status)


def test_every_jaki_report_is_a_crm_ticket_unless_it_is_private(client: TestClient) -> None:
    in_crm = {item["code"]: item for item in crm_list(client)}
    in_jaki = {report["id"]: report for report in jaki_pages(client)}
    public = {code for code, report in in_jaki.items() if report["privacy"] == "public"}
    assert in_jaki.keys() & in_crm.keys() == public
    assert 0.15 < 1 - len(public) / len(in_jaki) < 0.3
    first_day = min(report["created_at"] for report in in_jaki.values())[:10]
    others = [code for code in in_crm.keys() - public if code[2:8] >= first_day[2:].replace("-", "")]
    assert 0.07 < len(others) / (len(others) + len(in_jaki)) < 0.11
    for code in public:
        assert in_crm[code]["tstatus"]["name"] == in_jaki[code]["status"]
        created = datetime.fromisoformat(in_crm[code]["createdAt"])
        assert created == datetime.fromisoformat(in_jaki[code]["created_at"])


def test_without_a_since_jaki_goes_back_the_days_of_its_history(client: TestClient) -> None:
    days = {report["created_at"][:10] for report in jaki_pages(client)}
    assert (min(days), max(days), len(days)) == ("2026-10-26", "2026-11-24", 30)


def test_jaki_brings_exactly_the_reports_changed_since(city: City, client: TestClient, watch: Watch) -> None:
    before = {report["id"]: report for report in jaki_pages(client)}
    watch.at = NOON + timedelta(hours=5)
    after = {report["id"]: report for report in jaki_pages(client)}
    changed = {code for code, report in after.items() if before.get(code) != report}
    assert len(changed) > 50
    pulled = {report["id"]: report for report in jaki_pages(client, since=NOON + timedelta(seconds=1))}
    assert {code for code in pulled if pulled[code]["created_at"] >= "2026-10-26"} == changed
    assert all(pulled[code] == after[code] for code in changed)


def test_an_old_report_that_changes_late_is_brought_too(client: TestClient) -> None:
    pulled = jaki_pages(client, since=NOON - timedelta(days=7))
    assert any(report["created_at"] < "2026-10-26" for report in pulled)
    assert all(report["updated_at"] >= "2026-11-17T12:00:00" for report in pulled)


def test_a_since_is_an_instant_whatever_its_zone_and_the_instant_itself_counts(client: TestClient) -> None:
    newest = max(jaki_pages(client), key=lambda report: report["updated_at"])
    at = datetime.fromisoformat(newest["updated_at"])
    assert [report["id"] for report in jaki_pages(client, since=at)] == [newest["id"]]
    assert [report["id"] for report in jaki_pages(client, since=at.astimezone(UTC))] == [newest["id"]]
    assert jaki_pages(client, since=at + timedelta(seconds=1)) == []
    assert jaki_pages(client, since=NOON + timedelta(days=3)) == []


def test_pages_of_any_size_give_the_same_reports_longest_unchanged_first(client: TestClient) -> None:
    since = NOON - timedelta(days=1)
    whole = jaki_pages(client, since=since)
    assert len(whole) > 100
    assert [report["updated_at"] for report in whole] == sorted(report["updated_at"] for report in whole)
    assert jaki_pages(client, since=since, limit=7) == whole
    assert jaki_pages(client, since=since, limit=len(whole)) == whole


def test_a_report_that_changes_while_one_pages_is_not_missed(client: TestClient, watch: Watch) -> None:
    def minute_passes() -> None:
        watch.at += timedelta(minutes=5)

    since = NOON - timedelta(days=1)
    seen = {report["id"]: report for report in jaki_pages(client, since, limit=20, between=minute_passes)}
    assert watch.at > NOON + timedelta(minutes=30)
    now = {report["id"]: report for report in jaki_pages(client, since)}
    assert seen == now


def test_a_page_is_at_most_two_hundred_whatever_one_asks(client: TestClient) -> None:
    answer = client.get("/reports", params={"limit": "9999"}, headers=BEARER)
    assert len(answer.json()["data"]) == 200
    assert answer.json()["next_cursor"]


def test_a_cursor_expires(client: TestClient, watch: Watch) -> None:
    cursor = client.get("/reports", params={"limit": "5"}, headers=BEARER).json()["next_cursor"]
    watch.at += timedelta(minutes=10)
    assert client.get("/reports", params={"cursor": cursor}, headers=BEARER).status_code == 200
    watch.at += timedelta(seconds=1)
    assert client.get("/reports", params={"cursor": cursor}, headers=BEARER).status_code == 410


@pytest.mark.parametrize("cursor", ["x", "é", "bnVsbA==", "WzEsMiwzXQ==", "WyJhIiwxLDIsMyJd", "WzFlMzA4LDEsMiwzXQ=="])
def test_a_made_up_cursor_is_refused(client: TestClient, cursor: str) -> None:
    assert client.get("/reports", params={"cursor": cursor}, headers=BEARER).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"}],
)
def test_jaki_wants_the_token(client: TestClient, headers: dict[str, str]) -> None:
    answer = client.get("/reports", headers=headers)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize(
    "params",
    [
        {"updated_since": "yesterday"},
        {"updated_since": "2026-11-24T08:00:00"},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "many"},
    ],
)
def test_jaki_refuses_what_it_cannot_read(client: TestClient, params: dict[str, str]) -> None:
    assert client.get("/reports", params=params, headers=BEARER).status_code == 400


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00"])
def test_the_ends_of_the_calendar_are_no_stumbling_block(since: str) -> None:
    quiet = TestClient(create_feeds(City(seed=7, per_day=1), now=Watch(), token=TOKEN))
    reports = jaki_pages(quiet, since=datetime.fromisoformat(since))
    assert bool(reports) is since.startswith("0001")


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"dateStart": "2026-11-24"},
        {"dateStart": "24-11-2026", "dateEnd": "2026-11-24"},
        {"dateStart": "2020-01-01", "dateEnd": "2026-11-24"},
        {"dateStart": "2026-11-24", "dateEnd": "2026-11-24", "zoneId": "5"},
    ],
)
def test_crm_refuses_what_it_cannot_read(client: TestClient, params: dict[str, str]) -> None:
    assert client.get(MAP, params=params).status_code == 400


def test_crm_gives_a_detail_for_nearly_every_listed_report(client: TestClient) -> None:
    items = crm_list(client, "2026-11-18")
    answers = [client.get(DETAIL, params={"id": item["id"]}) for item in items]
    refused = [answer for answer in answers if answer.status_code != 200]
    assert {answer.status_code for answer in refused} == {403}
    assert 0 < len(refused) < 0.05 * len(items)
    details = [answer.json() for answer in answers if answer.status_code == 200]
    assert all(set(detail) == {"documents", "village"} for detail in details)
    assert any(detail["village"] is None for detail in details)
    full = next(detail for detail in details if detail["village"] and detail["documents"])
    assert set(full["documents"][0]) == {"url"}
    assert full["village"]["district"]["city"]["province"]["name"] == "Daerah Khusus Ibukota Jakarta"


def test_crm_has_no_detail_of_private_unknown_and_future_reports(client: TestClient, city: City) -> None:
    private = next(report for report in jaki_pages(client) if report["privacy"] == "private")
    hidden = city.by_code(private["id"], now=NOON)
    assert hidden is not None
    in_an_hour = list(city.reports(NOON.date(), NOON.date(), now=NOON + timedelta(hours=5)))[-1]
    for number in (hidden.number, in_an_hour.number, 0, 10**11):
        assert client.get(DETAIL, params={"id": number}).status_code == 404
    for text in ("", "x", "-5", "1" * 30):
        assert client.get(DETAIL, params={"id": text}).status_code == 400


def test_a_frozen_city_answers_the_same_bytes_whenever_it_is_asked(watch: Watch) -> None:
    def answers() -> list[bytes]:
        settings = FeedsSettings(token=TOKEN, seed=7, freeze_at=NOON)
        client = TestClient(open_feeds(settings, now=watch))
        crm = client.get(MAP, params={"dateStart": "2026-11-01", "dateEnd": "2026-11-24"}).content
        return [crm, client.get("/reports", headers=BEARER).content]

    first = answers()
    watch.at += timedelta(days=2)
    assert answers() == first


def test_new_reports_and_new_statuses_appear_as_time_passes(watch: Watch) -> None:
    client = TestClient(open_feeds(FeedsSettings(token=TOKEN, seed=7), now=watch))
    before = {item["code"]: item for item in crm_list(client)}
    watch.at += timedelta(minutes=30)
    after = {item["code"]: item for item in crm_list(client)}
    assert len(after) - len(before) > 30
    assert any(after[code] != before[code] for code in before)
    assert len(jaki_pages(client, since=NOON)) > 40


def test_a_service_that_starts_again_with_the_same_start_serves_the_same(watch: Watch) -> None:
    settings = FeedsSettings(token=TOKEN, seed=7, live_from=NOON - timedelta(hours=3))
    first = crm_list(TestClient(open_feeds(settings, now=watch)))
    assert crm_list(TestClient(open_feeds(settings, now=watch))) == first
    still = FeedsSettings(token=TOKEN, seed=7, live_every=None)
    assert len(first) - len(crm_list(TestClient(open_feeds(still, now=watch)))) > 250


def test_settings_hide_the_token_and_refuse_a_naive_time() -> None:
    assert TOKEN not in repr(FeedsSettings(token=TOKEN))
    with pytest.raises(ValueError, match="freeze_at has no time zone"):
        FeedsSettings(token=TOKEN, freeze_at=NOON.replace(tzinfo=None))


def test_the_service_says_that_it_is_up(client: TestClient) -> None:
    assert client.get("/healthz").json() == {"status": "ok"}
