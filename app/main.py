"""create_app(settings): the web application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from datetime import datetime

from fastapi import APIRouter, Depends, FastAPI
from starlette.middleware.body_limit import RequestBodyLimitMiddleware

from app.api import (
    accounts,
    admin,
    alert_rules,
    alerts,
    bulk_moves,
    categories,
    changes,
    closes,
    complaints,
    deliveries,
    documents,
    evidence,
    identities,
    imports,
    intake,
    me,
    metrics,
    moves,
    notes,
    officers,
    outlook,
    own_alerts,
    privacy,
    proposals,
    rules,
    signals,
    sla,
    source_work,
    sources,
    status_words,
    suggestions,
    system,
    unit_upkeep,
    units,
    views,
    walk_ins,
    what_if,
)
from app.api.edge import Edge
from app.api.errors import add_error_answers
from app.api.etags import NotModified, Tags, not_modified
from app.api.event_streams import Streams
from app.api.heads import Heads
from app.api.idempotency import Repeats
from app.api.metrics import RequestMetrics
from app.api.standby import SecondTry
from app.api.strictness import refuse_the_unknown
from app.clock import utc_now
from app.complaint.roles import Role
from app.dashboard import cases, pages, queue, signing_in, signing_in_elsewhere, taking_in
from app.dashboard.mishaps import Mishaps
from app.db.migrate import head
from app.db.reads import Reads
from app.db.recent import Freshnesses
from app.db.rulebook import Rulebooks
from app.db.session import make_engine
from app.dependencies import House, signed_in
from app.lookout import keep_lookout
from app.people.issuer import Issuer
from app.people.oidc import Oidc
from app.people.rates import Rates
from app.people.tokens import Tokens
from app.pulling import Plant
from app.settings import Settings
from app.vault import Vault
from app.workqueue.evidence_pictures import Darkroom

MAX_BODY_BYTES = 2 * 1024 * 1024
"""A route that takes files sets a limit of its own."""

API = "/api/v1"
API_ROUTERS: tuple[APIRouter, ...] = (
    moves.router,
    complaints.router,
    changes.router,
    bulk_moves.router,
    notes.router,
    identities.router,
    walk_ins.router,
    views.router,
    evidence.router,
    accounts.router,
    units.router,
    closes.router,
    signals.router,
    outlook.router,
    sla.router,
    what_if.router,
    alerts.router,
    alert_rules.router,
    deliveries.router,
    own_alerts.router,
    sources.router,
    source_work.router,
    imports.router,
    suggestions.router,
    me.router,
    admin.router,
    officers.router,
    unit_upkeep.router,
    categories.router,
    status_words.router,
    privacy.router,
    proposals.router,
    rules.router,
)
"""Below `/api/v1`, for signed-in callers alone."""
SIGNED_IN_ROUTERS: tuple[APIRouter, ...] = (documents.router,)
OPEN_ROUTERS: tuple[APIRouter, ...] = (
    system.router,
    metrics.router,
    intake.router,
    pages.router,
    queue.router,
    cases.router,
    taking_in.router,
    signing_in.router,
    signing_in_elsewhere.router,
)
"""These say themselves what they ask of a caller."""
LENIENT_ROUTERS: tuple[APIRouter, ...] = (signing_in_elsewhere.answers,)
"""As those, for addresses whose parameters somebody else makes: what is not known is ignored."""


def create_app(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> FastAPI:
    """The application; what it holds (`app.state.house`) is opened when the server starts it."""
    app = FastAPI(
        title="Tanggap",
        version="0.1.0",
        description="One queue, exact response-time clocks and breach alerts over every complaint channel of a city.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        lifespan=_lifespan(settings, clock),
    )
    app.state.metrics = RequestMetrics()
    app.state.known_parameters = {}
    add_error_answers(app)
    app.add_exception_handler(NotModified, not_modified)
    app.add_middleware(Repeats)
    app.add_middleware(Tags)
    app.add_middleware(SecondTry)
    app.add_middleware(RequestBodyLimitMiddleware, max_body_size=MAX_BODY_BYTES)
    app.add_middleware(Edge, metrics=app.state.metrics, allowed_hosts=settings.allowed_hosts)
    app.add_middleware(Mishaps)
    app.add_middleware(Heads)
    _include(app)
    return app


def _include(app: FastAPI) -> None:
    guarded = [Depends(signed_in), Depends(refuse_the_unknown)]
    for router in API_ROUTERS:
        app.include_router(router, prefix=API, dependencies=guarded)
    for router in SIGNED_IN_ROUTERS:
        app.include_router(router, dependencies=guarded)
    for router in OPEN_ROUTERS:
        app.include_router(router, dependencies=[Depends(refuse_the_unknown)])
    for router in LENIENT_ROUTERS:
        app.include_router(router)
    app.mount(documents.ASSETS, documents.assets(), name="docs-assets")
    app.mount(pages.ASSETS, pages.assets(), name="assets")


def _lifespan(
    settings: Settings, clock: Callable[[], datetime]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        house = _open_house(settings, clock)
        app.state.house = house
        app.state.darkroom = Darkroom(house.vault, settings.zone)
        app.state.reads = Reads(house.engine, house.replica, clock)
        app.state.streams = Streams(settings.streams_per_caller)
        stop = asyncio.Event()
        plant = Plant(settings, house.engine, house.rulebooks, house.vault)
        lookout = asyncio.create_task(keep_lookout(plant, clock, stop), name="lookout")
        try:
            yield
        finally:
            app.state.streams.close()
            stop.set()
            await lookout
            await house.errands.finish()
            await app.state.reads.close()
            await house.engine.dispose()
            await house.replica.dispose()

    return lifespan


def _open_house(settings: Settings, clock: Callable[[], datetime]) -> House:
    engine = make_engine(settings.database_url)
    return House(
        settings=settings,
        engine=engine,
        replica=make_engine(settings.replica_url) if settings.replica_url else engine,
        rulebooks=Rulebooks(),
        vault=Vault(settings.data_key_bytes(), settings.former_data_keys()),
        clock=clock,
        rates=Rates(settings.rate_limit),
        tokens=Tokens(settings.remember_seconds),
        freshness=Freshnesses(settings.remember_seconds),
        schema_head=head(),
        cursor_key=settings.derive_key("cursors"),
        oidc=_oidc(settings),
    )


def _oidc(settings: Settings) -> Oidc | None:
    if settings.oidc_issuer is None or settings.oidc_audience is None:
        return None
    secret = settings.oidc_client_secret
    return Oidc(
        issuer=Issuer(settings.oidc_issuer),
        audience=settings.oidc_audience,
        client_id=settings.oidc_client_id,
        client_secret=secret.get_secret_value() if secret else None,
        role_claim=settings.oidc_role_claim,
        units_claim=settings.oidc_units_claim,
        roles={name: Role(role) for name, role in settings.oidc_role_map},
    )
