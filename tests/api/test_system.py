"""Probes, metrics, documents, and the small routers: moves and the SLA preview."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from app.complaint.lifecycle import STEPS
from app.complaint.roles import Role
from app.db.session import writing
from app.db.tables.machine import Worker
from app.db.tables.sources import Source
from app.seed.load import seed_jakarta
from tests.api.door import Door, opened, settings_for
from tests.api.test_problems import assert_problem

VECTORS = json.loads((Path(__file__).parents[1] / "sla" / "vectors.json").read_text(encoding="utf-8"))


async def test_the_process_lives(door: Door) -> None:
    assert (await door.client.get("/healthz")).json() == {"status": "ok"}
    head = await door.client.head("/healthz")
    assert (head.status_code, head.content) == (200, b"")


async def test_ready_means_database_revision_and_a_worker(door: Door) -> None:
    async with writing(door.house.engine) as connection:
        await connection.execute(
            insert(Worker).values(name="w1", started_at=door.clock.now, seen_at=door.clock.now - timedelta(seconds=60))
        )
    answer = await door.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "ready")
    assert (await door.client.head("/readyz")).status_code == 200


async def test_without_a_worker_it_serves_and_says_so(door: Door) -> None:
    async with writing(door.house.engine) as connection:
        seen_at = door.clock.now - timedelta(seconds=61)
        await connection.execute(insert(Worker).values(name="w1", started_at=seen_at, seen_at=seen_at))
    answer = await door.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert not answer.json()["worker"]["ok"]


async def test_a_database_at_another_revision_is_not_ready(empty_database_url: str) -> None:
    async with opened(settings_for(empty_database_url)) as door:
        answer = await door.client.get("/readyz")
        assert (answer.status_code, answer.json()["status"]) == (503, "not_ready")
        assert "tanggap migrate" in answer.json()["migrations"]["detail"]


async def test_a_database_out_of_reach_is_not_ready_and_everything_else_is_503() -> None:
    async with opened(settings_for("postgresql://nobody@127.0.0.1:9/none")) as door:
        assert (await door.client.get("/healthz")).status_code == 200
        assert (await door.client.get("/readyz")).status_code == 503
        answer = await door.client.get("/api/v1/moves", headers={"Authorization": "Bearer tgp_x"})
        assert_problem(answer, 503, "unavailable")
        assert answer.headers["retry-after"] == "5"


async def test_metrics_need_a_token(door: Door) -> None:
    assert_problem(await door.client.get("/metrics"), 401, "not_signed_in")


async def test_metrics_tell_of_requests_the_queue_and_the_sources(door: Door) -> None:
    await _add_source(door, "jaki", complete_for=timedelta(hours=1))
    headers = await door.token(Role.SERVICE)
    await door.client.get("/api/v1/admin/tokens", headers=headers)
    answer = await door.client.get("/metrics", headers=headers)
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'tanggap_http_requests_total{method="GET",route="/api/v1/admin/tokens",status="403"} 1.0' in lines
    assert "tanggap_complaints_open 0.0" in lines
    assert 'tanggap_source_lag_seconds{source="jaki"} 3600.0' in lines
    assert 'tanggap_source_stale{source="jaki"} 1.0' in lines


async def test_metrics_are_open_where_the_installation_says_so(database_url: str) -> None:
    async with opened(settings_for(database_url, metrics_public=True)) as door:
        assert (await door.client.get("/metrics")).status_code == 200


async def test_the_document_describes_every_refusal_as_a_problem(door: Door) -> None:
    document = (await door.client.get("/openapi.json", headers=await door.token())).json()
    make_token = document["paths"]["/api/v1/admin/tokens"]["post"]["responses"]
    assert {"401", "403", "413", "415", "422", "429", "500"} <= make_token.keys()
    assert "404" in document["paths"]["/api/v1/admin/tokens/{token_id}"]["delete"]["responses"]
    for operations in document["paths"].values():
        for operation in operations.values():
            assert {"400", "422", "429", "500"} <= operation["responses"].keys()
            for status, response in operation["responses"].items():
                is_plain = status == "503" and operation["summary"] == "Readyz"
                assert status < "400" or is_plain or "application/problem+json" in response["content"]
    assert "HTTPValidationError" not in document["components"]["schemas"]


async def test_the_page_for_people_asks_nobody_else_for_anything(door: Door) -> None:
    page = (await door.client.get("/docs", headers=await door.token())).text
    assert "http://" not in page and "https://" not in page and "<script>" not in page
    for path in ("/docs/assets/swagger-ui-bundle.js", "/docs/assets/swagger-ui.css", "/docs/assets/favicon.png"):
        assert path in page
        assert (await door.client.get(path)).status_code == 200
    assert "/openapi.json" in (await door.client.get("/docs/start.js", headers=await door.token())).text


async def test_the_table_of_moves_is_the_one_that_moves_obey(door: Door) -> None:
    items = (await door.client.get("/api/v1/moves", headers=await door.token(Role.VIEWER))).json()["items"]
    assert [item["move"] for item in items] == [str(move) for move in STEPS]
    forward = next(item for item in items if item["move"] == "forward")
    assert forward["required"] == ["unit", "reason"]
    assert "received" in forward["sources"] and forward["target"] == "coordinating"


@pytest.mark.parametrize("dialect", ["sqlite"], indirect=True)
async def test_the_preview_answers_every_worked_case(door: Door) -> None:
    headers = await door.token(Role.VIEWER)
    for case in VECTORS:
        answer = await door.client.post("/api/v1/sla/preview", json=case, headers=headers)
        assert answer.status_code == 200, (case["name"], answer.text)
        assert case["expect"].items() <= answer.json().items(), case["name"]


async def test_the_preview_knows_the_calendars_in_force_by_name(door: Door) -> None:
    async with writing(door.house.engine) as connection:
        await seed_jakarta(connection, now=door.clock.now)
    case = {
        "calendar": "asn-dki",
        "target": {"unit": "working_minute", "amount": 450},
        "events": [{"at": "2026-06-02T07:30:00+07:00", "kind": "start"}],
        "as_of": "2026-06-02T10:00:00+07:00",
    }
    headers = {**await door.token(Role.VIEWER), "Accept-Language": "en-GB,en;q=0.9,id;q=0.5"}
    answer = (await door.client.post("/api/v1/sla/preview", json=case, headers=headers)).json()
    assert answer["due_at"] == "2026-06-02T09:00:00Z"
    unknown = await door.client.post("/api/v1/sla/preview", json={**case, "calendar": "nope"}, headers=headers)
    assert [error["field"] for error in assert_problem(unknown, 422, "invalid_input")["errors"]] == ["calendar"]


async def test_the_preview_speaks_the_language_that_is_wished(door: Door) -> None:
    case = {
        "target": {"unit": "elapsed_minute", "amount": 90},
        "events": [{"at": "2026-06-02T00:30:00Z", "kind": "start"}],
        "as_of": "2026-06-02T01:00:00Z",
    }
    notes = {}
    for language in ("id", "en", "fr", "id;q=0.2, en;q=0.8"):
        headers = {**await door.token(Role.VIEWER), "Accept-Language": language}
        answer = await door.client.post("/api/v1/sla/preview", json=case, headers=headers)
        notes[language] = answer.json()["explain"][0]["note"]
    assert notes["fr"] == notes["id"] != notes["en"] == notes["id;q=0.2, en;q=0.8"]


async def _add_source(door: Door, name: str, *, complete_for: timedelta) -> None:
    async with writing(door.house.engine) as connection:
        await connection.execute(
            insert(Source).values(
                name=name,
                connector="jaki",
                options={},
                every_s=300,
                is_enabled=True,
                created_at=door.clock.now,
                lease_no=0,
                failures=0,
                complete_through=door.clock.now - complete_for,
            )
        )
