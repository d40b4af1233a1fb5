"""The whole OpenAPI document under generated requests: no 500, and no answer that it does not describe."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import hypothesis
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import Failure, FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import text

from app.api.documents import describe
from app.complaint.roles import Role
from app.db.rulebook import Rulebooks
from app.db.session import make_engine, writing
from app.main import create_app
from app.people.tokens import NewToken, create_token
from app.settings import Settings
from app.vault import Vault
from tests.api.door import settings_for
from tests.workqueue.desk import DAY, NOON, Desk

CONFORMS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "4"))
"""Requests for each operation; a longer run asks with more: FUZZ_EXAMPLES=200."""


@pytest.fixture
def dialect() -> str:
    """The stricter one of the two: it refuses what the other would quietly store."""
    return "postgresql"


@pytest.fixture
def served(database_url: str) -> Iterator[tuple[str, dict[str, str]]]:
    """The address of a service with a small city behind it, and the headers of its administrator."""
    settings = settings_for(database_url, rate_limit="off")
    with ThreadPoolExecutor(1) as pool:
        token = pool.submit(asyncio.run, _fill(settings)).result()
    server = uvicorn.Server(uvicorn.Config(create_app(settings), port=0, log_config=None))
    running = threading.Thread(target=server.run, daemon=True)
    running.start()
    while not server.started:
        running.join(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {token}"}
    server.should_exit = True
    running.join()


async def _fill(settings: Settings) -> str:
    engine = make_engine(settings.database_url)
    desk = Desk(engine, Rulebooks(), Vault(settings.data_key_bytes()))
    await desk.build()
    complaint_id = await desk.report("JK1", NOON - 2 * DAY, unit="sudin")
    await desk.carry(complaint_id, "crm", "1")
    async with writing(engine) as connection:
        # The desk gave its complaint an id by itself.
        await connection.execute(text("SELECT nextval(pg_get_serial_sequence('complaint', 'id'))"))
        made = await create_token(connection, NewToken("uji acak", Role.ADMIN), actor="tests", now=NOON)
    await engine.dispose()
    return made.token


def test_no_answer_is_a_500_or_undocumented(served: tuple[str, dict[str, str]]) -> None:
    url, headers = served
    schema = schemathesis.openapi.from_dict(describe(create_app(settings_for("sqlite:///unused.db"))))
    schema.config.update(base_url=url)
    wrong: list[str] = []
    for found in schema.get_all_operations():
        operation = found.ok()
        # What ends the token that asks would leave the rest with 401 alone.
        if "token_id" not in operation.path and "/stream" not in operation.path:
            wrong += _ask(operation, headers)
    if wrong:
        pytest.fail("\n".join(wrong), pytrace=False)


def _ask(operation: schemathesis.APIOperation, headers: dict[str, str]) -> list[str]:
    wrong: list[str] = []

    @hypothesis.settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @hypothesis.given(case=operation.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        answer = case.call(headers=headers)
        try:
            case.validate_response(answer, checks=CONFORMS)
        except FailureGroup as failures:
            wrong.extend(_told(operation, answer.status_code, each) for each in failures.exceptions)
        except Failure as failure:
            wrong.append(_told(operation, answer.status_code, failure))

    ask()
    return wrong


def _told(operation: schemathesis.APIOperation, status: int, failure: Exception) -> str:
    return f"{operation.method.upper()} {operation.path} {status}: {failure}"
