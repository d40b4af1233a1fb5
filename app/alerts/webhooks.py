"""The webhooks of callers: made with a secret that is shown once, narrowed to units, listed, rotated, taken away."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.catalogue import CLOCKS, LANGUAGES, TEXTS
from app.alerts.ladder import Level, Recipient
from app.alerts.notifiers import WEBHOOK, Endpoint, rfc3339
from app.alerts.signing import Secrets
from app.complaint.errors import InvalidInput, NotFound
from app.db.scope import Scope
from app.db.tables.alerts import Webhook
from app.db.tables.units import Unit, UnitAncestor
from app.outbound import ForbiddenHost, check_url
from app.vault import Vault

EVENTS = ("alert",)
_MAX_URL = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """What a caller asks for; None is no narrowing: all units of the caller, every level, every clock."""

    url: str
    events: Sequence[str] = EVENTS
    units: Sequence[str] | None = None
    levels: Sequence[str] | None = None
    clocks: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """A webhook without its secret; `units` None is the whole tree and what is unrouted."""

    id: int
    url: str
    events: Sequence[str]
    units: Sequence[str] | None
    levels: Sequence[str] | None
    clocks: Sequence[str] | None
    created_at: datetime
    created_by: str


async def create(
    connection: AsyncConnection,
    asked: NewWebhook,
    *,
    scope: Scope,
    created_by: str,
    vault: Vault,
    allowed_hosts: Sequence[str],
    now: datetime,
) -> tuple[WebhookView, str]:
    """The webhook and its secret, which nobody can read again.

    Raises: InvalidInput for an address that may not be called, or an event, unit, level or clock that does not exist
    or is not the caller's.
    """
    _check_address(asked.url, allowed_hosts)
    _check_words("events", asked.events, EVENTS, may_be_empty=False)
    _check_words("levels", asked.levels, tuple(Level))
    _check_words("clocks", asked.clocks, tuple(CLOCKS["id"]))
    secrets = Secrets.new()
    row = {
        "url": asked.url,
        "events": sorted(set(asked.events)),
        "unit_codes": await _units(connection, asked.units, scope),
        "filters": {"levels": asked.levels, "clocks": asked.clocks},
        "sealed_secret": secrets.seal(vault),
        "is_active": True,
        "created_at": now,
        "created_by": created_by,
    }
    created = (await connection.execute(insert(Webhook).values(row).returning(*Webhook.__table__.c))).one()
    return _view(created), secrets.current


async def visible_webhooks(connection: AsyncConnection, scope: Scope) -> list[WebhookView]:
    """The webhooks whose units all lie within the caller's, oldest first."""
    statement = select(*Webhook.__table__.c).where(Webhook.is_active).order_by(Webhook.id)
    views = [_view(row) for row in await connection.execute(statement)]
    if scope.is_whole:
        return views
    covered = await _covered_codes(connection, scope)
    return [view for view in views if view.units is not None and covered.issuperset(view.units)]


async def find(connection: AsyncConnection, webhook_id: int, scope: Scope) -> WebhookView:
    """One webhook.

    Raises: NotFound, absent or not within the caller's units.
    """
    for view in await visible_webhooks(connection, scope):
        if view.id == webhook_id:
            return view
    raise NotFound(f"webhook {webhook_id} does not exist")


async def rotate(
    connection: AsyncConnection, webhook_id: int, scope: Scope, *, vault: Vault, now: datetime
) -> tuple[WebhookView, str]:
    """A new secret for the webhook; messages are signed with the former one too for a day.

    Raises: NotFound.
    """
    view = await find(connection, webhook_id, scope)
    held = select(Webhook.sealed_secret).where(Webhook.id == webhook_id).with_for_update()
    secrets = Secrets.unseal(await connection.scalar(held) or b"", vault).rotated(now)
    sealed = secrets.seal(vault)
    await connection.execute(update(Webhook).where(Webhook.id == webhook_id).values(sealed_secret=sealed))
    return view, secrets.current


async def remove(connection: AsyncConnection, webhook_id: int, scope: Scope) -> WebhookView:
    """Take the webhook away; what was not yet sent to it is withdrawn when its turn comes.

    Raises: NotFound.
    """
    view = await find(connection, webhook_id, scope)
    await connection.execute(update(Webhook).where(Webhook.id == webhook_id).values(is_active=False))
    return view


async def endpoint(connection: AsyncConnection, webhook_id: int, scope: Scope) -> Endpoint:
    """Where a webhook is posted.

    Raises: NotFound.
    """
    view = await find(connection, webhook_id, scope)
    sealed = await connection.scalar(select(Webhook.sealed_secret).where(Webhook.id == webhook_id))
    return Endpoint(view.url, sealed or b"")


def trial_message(webhook_id: int, *, now: datetime) -> dict[str, object]:
    """What the test call sends."""
    texts = {f"text_{language}": TEXTS[language]["test"] for language in LANGUAGES}
    return {"type": "test", "timestamp": rfc3339(now), "data": {"webhook": {"id": webhook_id}, **texts}}


async def recipients(connection: AsyncConnection) -> list[Recipient]:
    """Every active webhook as somebody who may be told."""
    statement = select(Webhook.id, Webhook.unit_codes, Webhook.filters).where(Webhook.is_active).order_by(Webhook.id)
    return [
        Recipient(
            channel=WEBHOOK,
            name=f"{WEBHOOK}:{row.id}",
            webhook_id=row.id,
            units=_set(row.unit_codes),
            levels=_set(row.filters.get("levels")),
            clocks=_set(row.filters.get("clocks")),
        )
        for row in await connection.execute(statement)
    ]


def _check_address(url: str, allowed_hosts: Sequence[str]) -> None:
    """Plain http is for hosts that this installation lists by name."""
    if len(url) > _MAX_URL:
        raise InvalidInput("url", f"is longer than {_MAX_URL} characters")
    try:
        check_url(url, allowed_hosts)
    except ForbiddenHost as error:
        raise InvalidInput("url", str(error)) from error
    if httpx.URL(url).scheme != "https" and not allowed_hosts:
        raise InvalidInput("url", "must begin with https://, unless its host is in the list of allowed hosts")


def _check_words(field: str, words: Sequence[str] | None, known: Sequence[str], *, may_be_empty: bool = True) -> None:
    if words is None and may_be_empty:
        return
    if not words:
        raise InvalidInput(field, "must name at least one")
    for word in words:
        if word not in known:
            raise InvalidInput(field, f"must be one of {', '.join(known)}")


async def _units(connection: AsyncConnection, asked: Sequence[str] | None, scope: Scope) -> list[str] | None:
    """The codes that the webhook covers, with all below them: those asked for, or the caller's own."""
    if asked is None:
        if scope.unit_ids is None:
            return None
        own = select(Unit.code).where(Unit.id.in_(scope.unit_ids)).order_by(Unit.code)
        return list(await connection.scalars(own))
    if not asked:
        raise InvalidInput("units", "must name at least one")
    allowed = await _covered_codes(connection, scope)
    for code in asked:
        if code not in allowed:
            raise InvalidInput("units", f"{code} is not a unit of yours")
    return sorted(set(asked))


async def _covered_codes(connection: AsyncConnection, scope: Scope) -> set[str]:
    statement = select(Unit.code)
    if scope.unit_ids is not None:
        below = select(UnitAncestor.unit_id).where(UnitAncestor.ancestor_id.in_(scope.unit_ids))
        statement = statement.where(Unit.id.in_(below))
    return set(await connection.scalars(statement))


def _set(words: Iterable[str] | None) -> frozenset[str] | None:
    return frozenset(words) if words is not None else None


def _view(row: Any) -> WebhookView:
    return WebhookView(
        id=row.id,
        url=row.url,
        events=row.events,
        units=row.unit_codes,
        levels=row.filters.get("levels"),
        clocks=row.filters.get("clocks"),
        created_at=row.created_at,
        created_by=row.created_by,
    )
