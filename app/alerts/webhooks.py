"""The webhooks of callers: made with a secret that is shown once, narrowed to units, listed, rotated, taken away."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import httpx
from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.alerts.catalogue import CLOCKS
from app.alerts.ladder import Level, Recipient
from app.alerts.notifiers import WEBHOOK, Endpoint
from app.alerts.signing import Secrets
from app.complaint.errors import InvalidInput, NotFound
from app.db.scope import Scope
from app.db.tables.alerts import Delivery, Webhook
from app.db.tables.units import Unit, UnitAncestor
from app.outbound import ForbiddenHost, check_url
from app.vault import Vault

ALERT, DIGEST, NOTICE = "alert", "digest", "notice"
EVENTS = (ALERT, DIGEST, NOTICE)
"""What a webhook may ask for: steps of clocks with their corrections, the list of a working morning, and word of this
installation itself."""
_MAX_URL = 2_000
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NewWebhook:
    """What a caller asks for; None is no narrowing: all units of the caller, every level, every clock."""

    url: str
    events: Sequence[str] = (ALERT,)
    units: Sequence[str] | None = None
    levels: Sequence[str] | None = None
    clocks: Sequence[str] | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """A webhook that was switched off; the host alone, since the rest of the address may hold a key."""

    id: int
    host: str
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookView:
    """A webhook without its secret; `units` None is the whole tree and what is unrouted.

    `failing_since` is the first failure since the last message that arrived; one that is off is told nothing new.
    """

    id: int
    url: str
    events: Sequence[str]
    units: Sequence[str] | None
    levels: Sequence[str] | None
    clocks: Sequence[str] | None
    created_at: datetime
    created_by: str
    failing_since: datetime | None
    off_at: datetime | None


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
    if NOTICE in asked.events and (not scope.is_whole or asked.units is not None):
        raise InvalidInput("events", "notice is about the whole installation: it needs a webhook over the whole tree")
    if asked.levels is not None and ALERT not in asked.events:
        raise InvalidInput("levels", "are of alerts: they need the event alert")
    if asked.clocks is not None and not {ALERT, DIGEST}.intersection(asked.events):
        raise InvalidInput("clocks", "narrow alerts and digests: they need the event alert or digest")
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
    views = [_view(row) for row in await connection.execute(statement) if set(row.events) <= set(EVENTS)]
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
    """A new secret for the webhook; for a day messages are signed with each former one too.

    Raises: NotFound.
    """
    view = await find(connection, webhook_id, scope)
    held = select(Webhook.sealed_secret).where(Webhook.id == webhook_id).with_for_update()
    secrets = Secrets.unseal(await connection.scalar(held) or b"", vault).rotated(now)
    sealed = secrets.seal(vault)
    await connection.execute(update(Webhook).where(Webhook.id == webhook_id).values(sealed_secret=sealed))
    return view, secrets.current


async def remove(connection: AsyncConnection, webhook_id: int, scope: Scope, *, now: datetime) -> WebhookView:
    """Take the webhook away; whatever waits for it has its turn now, and is withdrawn.

    Raises: NotFound.
    """
    view = await find(connection, webhook_id, scope)
    await connection.execute(update(Webhook).where(Webhook.id == webhook_id).values(is_active=False))
    waiting = select(Delivery.id).where(Delivery.webhook_id == webhook_id, Delivery.next_attempt_at > now)
    # In the order of their ids, as everywhere, so that whoever marks some of them at this moment is no deadlock.
    ids = list(await connection.scalars(waiting.order_by(Delivery.id).with_for_update()))
    for first in range(0, len(ids), _BATCH):
        these = Delivery.id.in_(ids[first : first + _BATCH])
        await connection.execute(update(Delivery).where(these).values(next_attempt_at=now))
    return view


async def switch_on(connection: AsyncConnection, webhook_id: int, scope: Scope) -> WebhookView:
    """The webhook, told again of what is raised from now on; one that was never off stays as it is.

    Raises: NotFound.
    """
    await find(connection, webhook_id, scope)
    this = update(Webhook).where(Webhook.id == webhook_id, Webhook.off_at.is_not(None))
    await connection.execute(this.values(off_at=None, failing_since=None))
    return await find(connection, webhook_id, scope)


async def switch_off_failing(connection: AsyncConnection, *, failing_before: datetime, now: datetime) -> list[Failed]:
    """The webhooks that nothing has reached since before the instant; from now on they are told nothing new.

    What is in the outbox for them keeps its turns and can be replayed.
    """
    return await _switch_off(connection, Webhook.failing_since < failing_before, now)


async def switch_off_gone(connection: AsyncConnection, webhook_ids: Collection[int], *, now: datetime) -> list[Failed]:
    """Of these webhooks, whose receivers said that they are gone for good, those that were on until now."""
    return await _switch_off(connection, Webhook.id.in_(webhook_ids), now)


async def webhooks_off(connection: AsyncConnection) -> list[Failed]:
    """The webhooks that are off."""
    statement = select(*_FAILED).where(Webhook.is_active, Webhook.off_at.is_not(None)).order_by(Webhook.id)
    return [_failed(row) for row in await connection.execute(statement)]


async def note_results(connection: AsyncConnection, results: Mapping[int, bool], *, now: datetime) -> None:
    """Keep since when nothing arrives; `results` are the webhooks that a batch was sent to, and whether any arrived."""
    for webhook_id, has_arrived in sorted(results.items()):
        this = update(Webhook).where(Webhook.id == webhook_id)
        if has_arrived:
            await connection.execute(this.where(Webhook.failing_since.is_not(None)).values(failing_since=None))
        else:
            await connection.execute(this.where(Webhook.failing_since.is_(None)).values(failing_since=now))


async def endpoint(connection: AsyncConnection, webhook_id: int, scope: Scope) -> Endpoint:
    """Where a webhook is posted.

    Raises: NotFound.
    """
    view = await find(connection, webhook_id, scope)
    sealed = await connection.scalar(select(Webhook.sealed_secret).where(Webhook.id == webhook_id))
    return Endpoint(view.url, sealed or b"")


async def recipients(connection: AsyncConnection, event: str = ALERT) -> list[Recipient]:
    """Every webhook that asks for the event and is not off, as somebody who may be told."""
    columns = (Webhook.id, Webhook.unit_codes, Webhook.filters, Webhook.events)
    statement = select(*columns).where(Webhook.is_active, Webhook.off_at.is_(None)).order_by(Webhook.id)
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
        if event in row.events
    ]


async def notice_webhooks(connection: AsyncConnection) -> list[int]:
    """The webhooks that ask for word of this installation and are not off."""
    statement = select(Webhook.id, Webhook.events).where(Webhook.is_active, Webhook.off_at.is_(None))
    return [row.id for row in await connection.execute(statement.order_by(Webhook.id)) if NOTICE in row.events]


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


async def _switch_off(connection: AsyncConnection, which: ColumnElement[bool], now: datetime) -> list[Failed]:
    this = update(Webhook).where(Webhook.is_active, Webhook.off_at.is_(None), which).values(off_at=now)
    return [_failed(row) for row in await connection.execute(this.returning(*_FAILED))]


def _failed(row: Any) -> Failed:
    return Failed(row.id, httpx.URL(row.url).host, row.created_by)


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
        failing_since=row.failing_since,
        off_at=row.off_at,
    )


_FAILED = (Webhook.id, Webhook.url, Webhook.created_by)
