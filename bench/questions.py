"""What is asked of the queue: first overdue page of some units, page 100, a search, one complaint; what it takes."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlencode

import httpx
import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.clock import utc_now
from app.complaint.roles import Role
from app.db.session import reading, writing
from app.db.tables.complaints import Complaint, QueueSlot
from app.db.tables.units import Unit
from app.logs import configure_logs
from app.main import create_app
from app.people.tokens import NewToken, create_token
from app.settings import Settings
from bench.bare import Known
from bench.capture import Said, listening

DEEP = 100
_KINDS = ("province", "kota", "dinas", "suku_dinas", "kelurahan")
"""The busiest unit of each kind is asked about, from the whole city down to one village."""
_DEEP_KINDS = ("province", "kota")
_SOUGHT = "jalan"
"""A word of very many complaints."""
_LAST_SOUGHT = 1_000
_SOUGHT_PAGE = 50
_LIST = "/api/v1/complaints"
_TOKEN_TABLE = "api_token"


@dataclass(frozen=True, slots=True)
class Question:
    """A request and who makes it."""

    what: str
    path: str
    token: str = field(repr=False)

    @property
    def headers(self) -> dict[str, str]:
        """What goes with the request."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Place:
    """A unit and how many overdue complaints lie with it and below it."""

    kind: str
    code: str
    overdue: int


class Asking:
    """The application in this very process, so that what it says to the database can be taken down."""

    def __init__(self, client: httpx.AsyncClient, engine: AsyncEngine) -> None:
        self._client = client
        self._engine = engine

    async def places(self) -> Sequence[Place]:
        """The units that are asked about."""
        async with reading(self._engine) as connection:
            return await _busiest(connection)

    async def questions(self, places: Sequence[Place]) -> list[Question]:
        """What is to be measured; each unit is asked for by an officer of its own."""
        async with writing(self._engine) as connection:
            tokens = {place.code: await _token(connection, place.code) for place in places}
            newest = await connection.scalar(select(func.max(Complaint.id)))
        found = []
        for place in places:
            path = f"{_LIST}?{urlencode({'unit': place.code, 'due': 'overdue'})}"
            found.append(Question(f"first page overdue, {place.kind}", path, tokens[place.code]))
        for place in places:
            if place.kind in _DEEP_KINDS:
                first = f"{_LIST}?{urlencode({'unit': place.code})}"
                deep = await self._page(first, tokens[place.code], DEEP)
                if deep is not None:
                    found.append(Question(f"page {DEEP} of all, {place.kind}", deep, tokens[place.code]))
        found += [each for place in places[:2] for each in await self._searches(place, tokens[place.code])]
        return [*found, Question("one complaint", f"{_LIST}/{newest}", tokens[places[0].code])]

    async def known(self, question: Question) -> Known:
        """The answer and what it takes from the database, once everything that is kept is kept.

        Who asks is left out: a bare answer would not look that up.
        """
        await self._get(question.path, question.headers)
        with listening(self._engine) as heard:
            body = await self._get(question.path, question.headers)
        return Known(body, [said for said in heard if not _is_about_token(said)])

    async def _searches(self, place: Place, token: str) -> list[Question]:
        """The newest matches of a search, and the page on which the thousandth stands."""
        asked = {"q": _SOUGHT, "unit": place.code, "sort": "-reported_at", "limit": _SOUGHT_PAGE}
        first = f"{_LIST}?{urlencode(asked)}"
        last = await self._page(first, token, _LAST_SOUGHT // _SOUGHT_PAGE)
        found = [Question(f"search, newest {_SOUGHT_PAGE}, {place.kind}", first, token)]
        if last is not None:
            found.append(Question(f"search, to the {_LAST_SOUGHT:,}th, {place.kind}", last, token))
        return found

    async def _page(self, path: str, token: str, number: int) -> str | None:
        """The path of the page with this number, None where there are not so many."""
        asked = path
        for _ in range(number - 1):
            answer = orjson.loads(await self._get(asked, Question("", asked, token).headers))
            if answer["next_cursor"] is None:
                return None
            asked = f"{path}&{urlencode({'cursor': answer['next_cursor']})}"
        return asked

    async def _get(self, path: str, headers: dict[str, str]) -> bytes:
        response = await self._client.get(path, headers=headers)
        return response.raise_for_status().content


@asynccontextmanager
async def asking(settings: Settings) -> AsyncIterator[Asking]:
    """The application opened, and closed afterwards."""
    configure_logs("WARNING", settings.log_format)
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield Asking(client, app.state.house.engine)


async def _busiest(connection: AsyncConnection) -> Sequence[Place]:
    overdue = func.count()
    statement = (
        select(Unit.type, Unit.code, overdue)
        .join(QueueSlot, QueueSlot.ancestor_id == Unit.id)
        .where(Unit.type.in_(_KINDS), QueueSlot.queue_at < utc_now())
        .group_by(Unit.type, Unit.code)
        .order_by(overdue, Unit.code)
    )
    busiest = {row[0]: Place(*row) for row in await connection.execute(statement)}
    return [busiest[kind] for kind in _KINDS if kind in busiest]


async def _token(connection: AsyncConnection, unit: str) -> str:
    new = NewToken(name=f"bench {unit}", role=Role.OFFICER, units=(unit,))
    return (await create_token(connection, new, actor="bench", now=utc_now())).token


def _is_about_token(said: Said) -> bool:
    return _TOKEN_TABLE in said.statement
