"""The raw limit of a page: the same statements through the bare driver, the same bytes from the bare framework."""

from __future__ import annotations

import gc
import pickle
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Response
from psycopg_pool import AsyncConnectionPool

from bench.capture import Said

POOL = 8
_QUICKEST = {"autocommit": True, "options": "-c timezone=UTC -c plan_cache_mode=force_custom_plan"}
"""The driver prepares what it is asked again; a plan for any values at all would now and then be a bad one."""


@dataclass(frozen=True, slots=True)
class Known:
    """An answer of ours: its bytes, and what it took from the database."""

    body: bytes
    said: Sequence[Said]


def create_bare(dsn: str, known: Sequence[Known]) -> FastAPI:
    """An application that answers each question by its number: it asks the database the same and drops what it gets."""
    pool: AsyncConnectionPool[Any] = AsyncConnectionPool(
        dsn, min_size=POOL, max_size=POOL, open=False, kwargs=_QUICKEST
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        async with pool:
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 50, 100)
            yield

    app = FastAPI(lifespan=lifespan)

    @app.get("/healthz")
    async def healthz() -> Response:
        return Response()

    @app.get("/{number}")
    async def answer(number: int) -> Response:
        async with pool.connection() as connection:
            for each in known[number].said:
                await (await connection.execute(each.statement, each.values[0])).fetchall()
        return Response(known[number].body, media_type="application/json")

    return app


def main() -> None:
    """Serve what a file holds: the address of the database and what is known, written by the benchmark."""
    file, port = sys.argv[1:]
    dsn, known = pickle.loads(Path(file).read_bytes())
    uvicorn.run(create_bare(dsn, known), port=int(port), log_config=None, access_log=False)


if __name__ == "__main__":
    main()
