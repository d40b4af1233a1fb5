"""The application behind its real middleware, called over ASGI, with a clock that tests set."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from fastapi import APIRouter, Depends, FastAPI
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.routing import BaseRoute

from app.api.strictness import refuse_the_unknown
from app.complaint.roles import Role
from app.db.session import writing
from app.db.tables.units import Unit, UnitAncestor
from app.dependencies import House
from app.main import create_app
from app.people.officers import NewOfficer, add_officer
from app.people.tokens import NewToken, create_token
from app.settings import Settings, load_settings

PASSWORD = "mawar-melati-77"
ORIGIN = "http://tanggap.test"
_ROUTES: list[BaseRoute] = []


class Clock:
    """A clock that stands where a test puts it."""

    def __init__(self) -> None:
        self.now = at("2026-06-02 09:00")

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Door:
    """A running application: what it holds, and a client that answers 500 instead of raising."""

    app: FastAPI
    house: House
    clock: Clock
    client: httpx.AsyncClient

    async def token(self, role: Role | str = Role.ADMIN, *units: str, name: str = "meja uji") -> dict[str, str]:
        """The headers of a new token."""
        async with writing(self.house.engine) as connection:
            made = await create_token(connection, NewToken(name, Role(role), units), actor="tests", now=self.clock.now)
        return {"Authorization": f"Bearer {made.token}"}

    async def units(self, *codes: str) -> None:
        """Units by code; `dki/dlh` lies below `dki`, `!biro` is a validator."""
        async with writing(self.house.engine) as connection:
            for code in codes:
                await add_unit(connection, code)

    async def officer(self, username: str, role: Role | str = Role.OFFICER, units: Sequence[str] = ()) -> int:
        """A new officer with the password of all test officers."""
        new = NewOfficer(username, username.title(), Role(role), units, PASSWORD)
        async with writing(self.house.engine) as connection:
            return await add_officer(connection, new, actor="tests", now=self.clock.now)


@asynccontextmanager
async def opened(settings: Settings, *extra: APIRouter, address: str = "203.0.113.5") -> AsyncIterator[Door]:
    """The application with routes of a test's own beside its real ones."""
    clock = Clock()
    app = create_app(settings, clock=clock)
    app.router.routes[:] = _worked_out(app)
    for router in extra:
        app.include_router(router, dependencies=[Depends(refuse_the_unknown)])
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=(address, 1234))
        async with httpx.AsyncClient(transport=transport, base_url=ORIGIN) as client:
            yield Door(app, app.state.house, clock, client)


def _worked_out(app: FastAPI) -> list[BaseRoute]:
    """Routes are the dearest part of an application and the same in each: they are worked out once for a run."""
    if not _ROUTES:
        _ROUTES.extend(app.router.routes)
    return _ROUTES


def settings_for(database_url: str, **given: Any) -> Settings:
    """Settings of a test: nothing of the developer's own environment, nothing remembered unless it is asked for."""
    usual = {"secret_key": "k" * 40, "remember_seconds": 0}
    return load_settings(_env_file=None, database_url=database_url, **{**usual, **given})


def at(local: str) -> datetime:
    """An instant in WIB."""
    return datetime.fromisoformat(f"{local}+07:00")


async def add_unit(connection: AsyncConnection, code: str) -> int:
    """One unit below the one that its code's first part names."""
    is_validator, code = code.startswith("!"), code.removeprefix("!")
    parent_code, _, own = code.rpartition("/")
    parent_id = await connection.scalar(select(Unit.id).where(Unit.code == parent_code)) if parent_code else None
    row = {"code": own, "name": own.upper(), "type": "dinas", "is_validator": is_validator, "is_active": True}
    unit_id = await connection.scalar(insert(Unit).values(**row, parent_id=parent_id).returning(Unit.id))
    above = select(UnitAncestor.ancestor_id, UnitAncestor.depth).where(UnitAncestor.unit_id == parent_id)
    ancestors = [(unit_id, 0), *((each.ancestor_id, each.depth + 1) for each in await connection.execute(above))]
    await connection.execute(
        insert(UnitAncestor),
        [{"unit_id": unit_id, "ancestor_id": ancestor, "depth": depth} for ancestor, depth in ancestors],
    )
    assert unit_id is not None
    return int(unit_id)
