"""Whether the process lives, and whether it can serve."""

from __future__ import annotations

from datetime import datetime
from http import HTTPStatus
from typing import Literal

import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError

from app.api.instants import Instant
from app.db.heartbeats import is_recent, last_beat
from app.db.migrate import revision_of
from app.db.session import reading
from app.dependencies import House, HouseDep, Now

router = APIRouter(tags=["system"])

_log = structlog.get_logger(__name__)


class Health(BaseModel):
    """The process lives."""

    status: Literal["ok"] = "ok"


class Check(BaseModel):
    """One thing looked at; `detail` says in words what is wrong."""

    ok: bool
    detail: str | None = None
    seen_at: Instant | None = None


class Readiness(BaseModel):
    """`degraded`: what is stored is served, but no worker pulls, watches or delivers."""

    status: Literal["ready", "degraded", "not_ready"]
    database: Check
    migrations: Check
    worker: Check
    as_of: Instant


@router.head("/healthz", include_in_schema=False)
@router.get("/healthz")
async def healthz() -> Health:
    """The process lives; it looks at nothing else."""
    return Health()


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    responses={503: {"model": Readiness, "description": "The database is out of reach or at another revision."}},
)
async def readyz(house: HouseDep, now: Now, response: Response) -> Readiness:
    """Whether the database answers, stands at this program's revision, and a worker was seen within a minute."""
    readiness = await _look(house, now)
    if readiness.status == "not_ready":
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return readiness


async def _look(house: House, now: datetime) -> Readiness:
    unknown = Check(ok=False, detail="not known without the database")
    try:
        async with reading(house.engine) as connection:
            revision = await revision_of(connection)
            is_migrated = revision == house.schema_head
            seen_at = await last_beat(connection) if is_migrated else None
    except (SQLAlchemyError, OSError) as error:
        _log.warning("not_ready", error=type(error).__name__)
        no_database = Check(ok=False, detail="the database cannot be reached")
        return Readiness(status="not_ready", database=no_database, migrations=unknown, worker=unknown, as_of=now)
    migrations = _migrations(revision, house.schema_head)
    worker = _worker(seen_at, now)
    status: Literal["ready", "degraded", "not_ready"] = "ready" if worker.ok else "degraded"
    return Readiness(
        status=status if is_migrated else "not_ready",
        database=Check(ok=True),
        migrations=migrations,
        worker=worker,
        as_of=now,
    )


def _migrations(revision: str | None, head: str) -> Check:
    if revision == head:
        return Check(ok=True)
    stands = f"stands at revision {revision}" if revision else "was never migrated"
    return Check(ok=False, detail=f"the database {stands}, this program needs {head}: run `tanggap migrate`")


def _worker(seen_at: datetime | None, now: datetime) -> Check:
    if is_recent(seen_at, now):
        return Check(ok=True, seen_at=seen_at)
    return Check(ok=False, detail="no worker was seen within the last minute", seen_at=seen_at)
