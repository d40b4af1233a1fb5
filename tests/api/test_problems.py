"""Refusals: each is a problem of its own kind, and none tells more than it should."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import httpx
import orjson
import pytest
from fastapi import APIRouter
from sqlalchemy import insert, text
from sqlalchemy.exc import OperationalError

from app.api.errors import ANSWERS
from app.complaint import errors as domain_errors
from app.complaint.errors import Conflict, DomainError, IllegalMove, InvalidInput, NotFound, StaleVersion
from app.db.tables.machine import Counter
from app.dependencies import Reading, Writing
from app.main import MAX_BODY_BYTES
from app.people.errors import IssuerUnreachable, NotSignedIn, TooManyRequests
from tests.api.door import Door, opened, settings_for

router = APIRouter()


@router.get("/raise/{kind}")
async def raise_one(kind: str) -> None:
    raise {
        "not-found": NotFound("complaint 42 is not known"),
        "illegal": IllegalMove("complaint 42 is resolved", legal=("reopen",), version=7),
        "stale": StaleVersion("complaint 42 has changed", version=8),
        "conflict": Conflict("exists"),
        "bug": ZeroDivisionError("secret text of a complainant"),
        "down": OperationalError("SELECT secret", {}, ConnectionError("refused")),
    }[kind]


@router.post("/count/{name}")
async def count(name: str, connection: Writing) -> dict[str, bool]:
    await connection.execute(insert(Counter).values(name=name, value=1))
    return {"ok": True}


@router.post("/count-nothing/{name}")
async def count_nothing(name: str, connection: Writing) -> None:
    await connection.execute(insert(Counter).values(name=name, value=None))


@router.post("/fail-at-commit")
async def fail_at_commit(connection: Writing) -> dict[str, bool]:
    """The statement passes; the commit does not."""
    if connection.dialect.name == "sqlite":
        await connection.execute(text("PRAGMA defer_foreign_keys = ON"))
        await connection.execute(text("INSERT INTO officer_unit (officer_id, unit_id) VALUES (999, 999)"))
    else:
        later = "DEFERRABLE INITIALLY DEFERRED"
        await connection.execute(
            text(f"CREATE TEMPORARY TABLE once (n int PRIMARY KEY, m int REFERENCES once {later})")
        )
        await connection.execute(text("INSERT INTO once VALUES (1, 2)"))
    return {"ok": True}


@router.post("/write-and-fail")
async def write_and_fail(connection: Writing) -> None:
    await connection.execute(insert(Counter).values(name="half", value=1))
    raise Conflict("half-way")


@router.get("/half")
async def half(connection: Reading) -> int:
    return len((await connection.execute(text("SELECT 1 FROM counter WHERE name = 'half'"))).all())


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened(settings_for(database_url, rate_limit="off"), router) as door:
        yield door


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("not-found", 404, "not_found"),
        ("illegal", 409, "illegal_move"),
        ("stale", 412, "stale_version"),
        ("conflict", 409, "conflict"),
        ("bug", 500, "internal"),
        ("down", 503, "unavailable"),
    ],
)
async def test_a_refusal_is_a_problem(door: Door, kind: str, status: int, code: str) -> None:
    answer = await door.client.get(f"/raise/{kind}")
    problem = assert_problem(answer, status, code)
    assert problem["type"].endswith(code)
    assert problem["title"]


async def test_an_illegal_move_names_the_legal_ones_and_the_version(door: Door) -> None:
    problem = (await door.client.get("/raise/illegal")).json()
    assert (problem["legal_moves"], problem["version"]) == (["reopen"], 7)


async def test_a_bug_answers_its_id_alone_and_the_log_has_it(door: Door, log: io.StringIO) -> None:
    answer = await door.client.get("/raise/bug", headers={"X-Request-ID": "given-by-caller-1"})
    assert answer.json()["request_id"] == answer.headers["x-request-id"] == "given-by-caller-1"
    assert "secret" not in answer.text and "Traceback" not in answer.text
    failed = next(line for line in map(orjson.loads, log.getvalue().splitlines()) if line["event"] == "request_failed")
    assert failed["request_id"] == "given-by-caller-1"
    assert "ZeroDivisionError" in failed["exception"]


async def test_values_of_a_failed_statement_do_not_reach_the_log(door: Door, log: io.StringIO) -> None:
    assert_problem(await door.client.post("/count-nothing/nama-pelapor"), 500, "internal")
    assert "IntegrityError" in log.getvalue()
    assert "parameters: {'name'" not in log.getvalue() and "nama-pelapor', None" not in log.getvalue()


async def test_a_commit_that_fails_answers_500(door: Door) -> None:
    assert_problem(await door.client.post("/fail-at-commit"), 500, "internal")


async def test_the_second_of_two_that_make_the_same_is_told_so(door: Door) -> None:
    assert (await door.client.post("/count/both")).status_code == 200
    assert_problem(await door.client.post("/count/both"), 409, "conflict")


async def test_a_commit_that_succeeds_is_kept(door: Door) -> None:
    assert (await door.client.post("/count/half")).status_code == 200
    assert (await door.client.get("/half")).json() == 1


async def test_what_a_refused_request_wrote_is_not_kept(door: Door) -> None:
    assert_problem(await door.client.post("/write-and-fail"), 409, "conflict")
    assert (await door.client.get("/half")).json() == 0


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/api/v1/nothing", 404, "not_found"), ("PUT", "/healthz", 405, "method_not_allowed")],
)
async def test_an_address_or_method_that_is_not_there_is_a_problem(
    door: Door, method: str, path: str, status: int, code: str
) -> None:
    answer = await door.client.request(method, path)
    assert_problem(answer, status, code)
    assert ("allow" in answer.headers) == (status == 405)


@pytest.mark.parametrize("is_chunked", [False, True])
async def test_a_body_beyond_the_limit_is_413(door: Door, is_chunked: bool) -> None:
    body = b'{"name":"' + b"x" * MAX_BODY_BYTES + b'"}'

    async def chunks() -> AsyncIterator[bytes]:
        yield body

    headers = {**await door.token(), "Content-Type": "application/json"}
    answer = await door.client.post("/api/v1/admin/tokens", content=chunks() if is_chunked else body, headers=headers)
    assert_problem(answer, 413, "too_large")


async def test_a_body_of_another_media_type_is_415(door: Door) -> None:
    headers = {**await door.token(), "Content-Type": "text/plain"}
    answer = await door.client.post("/api/v1/admin/tokens", content=b'{"name":"a"}', headers=headers)
    assert_problem(answer, 415, "unsupported_media_type")


def test_every_domain_error_has_its_answer() -> None:
    kinds = {kind for kind in vars(domain_errors).values() if isinstance(kind, type) and issubclass(kind, DomainError)}
    answered = {kind for kind, _, _ in ANSWERS} | {InvalidInput, DomainError}
    assert kinds | {NotSignedIn, TooManyRequests, IssuerUnreachable} == answered


def assert_problem(answer: httpx.Response, status: int, code: str) -> dict[str, object]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem: dict[str, object] = answer.json()
    assert (problem["status"], problem["code"]) == (status, code)
    return problem
