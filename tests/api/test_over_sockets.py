"""Officers at a real `tanggap serve`: fifty who claim one complaint at once, and connections that break."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import orjson
import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from app.clock import utc_now
from app.complaint.lifecycle import Move
from app.complaint.roles import Role
from app.db.session import writing
from app.people.tokens import NewToken, create_token
from tests.processes import ended, start, until
from tests.workqueue.desk import DAY, Desk

OFFICERS = 50
MOVES = "/api/v1/complaints/{}/moves"
RESPOND = {"move": "respond", "text": "Kami periksa hari ini."}


@dataclass(frozen=True)
class House:
    """A desk with two complaints, and a client of the process that serves it."""

    desk: Desk
    client: httpx.AsyncClient

    async def tokens(self, count: int) -> list[dict[str, str]]:
        """The headers of new officers of the city."""
        async with writing(self.desk.engine) as connection:
            new = [NewToken(f"petugas {number}", Role.OFFICER, ("kota",)) for number in range(count)]
            made = [await create_token(connection, each, actor="tests", now=utc_now()) for each in new]
        return [{"Authorization": f"Bearer {each.token}"} for each in made]

    async def taken(self, complaint_id: int, move: Move) -> int:
        """How many entries of the complaint's history are this move."""
        rows = await self.desk.rows("complaint_event")
        return sum(row.complaint_id == complaint_id and row.move == move for row in rows)


@pytest.fixture
async def house(engine: AsyncEngine, database_url: str, tmp_path: Path) -> AsyncIterator[House]:
    port, log = _free_port(), tmp_path / "serve.log"
    process = start("serve", "--port", str(port), output=log, database_url=database_url, log_level="WARNING")
    desk = Desk(engine)
    await desk.build()
    for code in ("JK1", "JK2"):
        await desk.report(code, utc_now() - DAY / 2, unit="sudin")
    address, limits = f"http://127.0.0.1:{port}", httpx.Limits(max_connections=OFFICERS)
    try:
        async with httpx.AsyncClient(base_url=address, trust_env=False, timeout=30, limits=limits) as client:
            assert await until(lambda: _is_ready(client), process), log.read_text()
            yield House(desk, client)
    finally:
        process.terminate()
        assert await ended(process) is not None


async def test_of_fifty_officers_over_fifty_connections_one_gets_the_complaint(house: House) -> None:
    who = await house.tokens(OFFICERS)
    await asyncio.gather(*(house.client.get("/healthz") for _ in who))
    path, claim = MOVES.format("JK1"), {"move": "claim"}
    answers = await asyncio.gather(*(house.client.post(path, json=claim, headers=headers) for headers in who))
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: OFFICERS - 1}
    codes = Counter(answer.json()["code"] for answer in answers if answer.status_code == 409)
    assert codes == {"already_claimed": OFFICERS - 1}
    assert await house.taken(1, Move.CLAIM) == 1


async def test_a_caller_who_hangs_up_asks_again_and_it_is_done_once(house: House) -> None:
    [who] = await house.tokens(1)
    for complaint_id, code, waits in ((1, "JK1", True), (2, "JK2", False)):
        path, headers = MOVES.format(code), {**who, "Idempotency-Key": f"panggilan-{code}"}
        async with _broken(house, path, headers):
            while waits and not await house.taken(complaint_id, Move.RESPOND):
                await asyncio.sleep(0.01)
        first, second = [await _ask_again(house.client, path, headers) for _ in range(2)]
        assert (first.status_code, first.json()["version"]) == (200, 2), first.text
        assert not waits or first.headers["idempotent-replayed"] == "true"
        assert (second.content, second.headers["idempotent-replayed"]) == (first.content, "true")
        assert await house.taken(complaint_id, Move.RESPOND) == 1


@asynccontextmanager
async def _broken(house: House, path: str, headers: dict[str, str]) -> AsyncIterator[None]:
    """A move that is sent over a connection of its own, which is reset after the block with nothing of it read."""
    url = house.client.base_url
    _, writer = await asyncio.open_connection(url.host, url.port)
    body = orjson.dumps(RESPOND)
    lines = {"Host": url.host, "Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    writer.write(f"POST {path} HTTP/1.1\r\n{head}\r\n".encode() + body)
    await writer.drain()
    yield
    # A lingering time of nothing makes the end a reset, as when a network goes away.
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _ask_again(client: httpx.AsyncClient, path: str, headers: dict[str, str]) -> httpx.Response:
    """The same again, until the first is over: while it runs, its key is in use."""
    while True:
        answer = await client.post(path, json=RESPOND, headers=headers)
        if answer.status_code != 409:
            return answer
        assert answer.json()["code"] == "key_in_use", answer.text


async def _is_ready(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/healthz")).is_success
    except httpx.TransportError:
        return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
