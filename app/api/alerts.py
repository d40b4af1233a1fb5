"""Alerts and webhooks over REST: what was raised, who was told, acknowledgement, and where alerts are posted."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from app.alerts import reading as alerts
from app.alerts import webhooks
from app.alerts.acknowledging import acknowledge
from app.alerts.messages import Wording
from app.alerts.notifiers import WebhookNotifier, webhook_client
from app.alerts.reading import AlertFilters
from app.alerts.replaying import replay
from app.alerts.trials import Aim, try_out
from app.alerts.webhooks import NewWebhook
from app.api.alert_answers import (
    AlertAnswer,
    AlertPage,
    DeliveryAnswer,
    DeliveryDetail,
    DeliveryPage,
    TrialAnswer,
    WebhookAnswer,
    WebhookBody,
    WebhookPage,
    WebhookSecret,
)
from app.api.auth import OfficerDep, SupervisorDep
from app.api.bodies import RowId
from app.api.etags import UNCHANGED, Asked, shown_sources, unless_unchanged
from app.api.freshness import sources_block
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.complaint.errors import Forbidden, InvalidInput
from app.complaint.roles import Role
from app.db.session import reading
from app.db.written import Listed
from app.dependencies import CallerDep, HouseDep, Looking, Now, Reading, Writing
from app.people.audit import record
from app.people.callers import Caller

router = APIRouter(tags=["alerts"])

_LIST = "alerts"
_WEBHOOK_ROLES = (Role.SERVICE, Role.SUPERVISOR, Role.ADMIN)

DeliveryId = Annotated[str, Path(max_length=60, pattern="^[A-Za-z0-9_]+$")]
Words = Annotated[str | None, Query(max_length=200, description="Several values with commas between them.")]


async def _webhook_keeper(caller: CallerDep) -> Caller:
    if caller.role not in _WEBHOOK_ROLES:
        raise Forbidden(f"webhooks need the role service, supervisor or admin; {caller.name} is {caller.role}")
    return caller


KeeperDep = Annotated[Caller, Depends(_webhook_keeper)]


def _asked(request: Request) -> Asked:
    unit = request.query_params.get("unit")
    return Asked((unit,) if unit is not None else (), listed=Listed.ALERTS)


@router.get("/alerts", responses=UNCHANGED, dependencies=[Depends(unless_unchanged(_asked))])
async def list_alerts(
    request: Request,
    response: Response,
    connection: Looking,
    caller: CallerDep,
    now: Now,
    cursors: CursorsDep,
    state: Words = None,
    level: Words = None,
    clock: Words = None,
    unit: Annotated[str | None, Query(max_length=80, description="A unit's code, with all units below it.")] = None,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> AlertPage:
    """The alerts of the caller's units, newest first."""
    filters = AlertFilters(
        states=_words(state, "state"), levels=_words(level, "level"), clocks=_words(clock, "clock"), unit=unit
    )
    place = cursors.decode(_LIST, cursor)
    before_id = int(place[0] or 0) if place else None
    found, following = await alerts.page(connection, filters, caller.scope, limit=limit, before_id=before_id)
    next_cursor = cursors.encode(_LIST, [following]) if following is not None else None
    response.headers.update(next_link(request, next_cursor))
    return AlertPage(
        items=[AlertAnswer.of(each) for each in found],
        next_cursor=next_cursor,
        as_of=now,
        sources=await shown_sources(request, connection, now=now),
    )


@router.get("/alerts/{alert_id}")
async def one_alert(connection: Reading, caller: CallerDep, alert_id: RowId) -> AlertAnswer:
    """One alert with its deliveries."""
    return AlertAnswer.of(await alerts.find(connection, alert_id, caller.scope))


@router.post("/alerts/{alert_id}/acknowledge")
async def acknowledge_alert(connection: Writing, caller: OfficerDep, now: Now, alert_id: RowId) -> AlertAnswer:
    """Somebody knows: the ladder of this cycle under this rule stops, and what is not yet sent is withdrawn.

    A second time changes nothing.
    """
    before = await alerts.find(connection, alert_id, caller.scope)
    alert = await acknowledge(connection, alert_id, caller.scope, officer_id=caller.officer_id, now=now)
    if before.acknowledged_at is None and alert.acknowledged_at == now:
        await record(connection, actor=caller.name, action="alert.acknowledge", subject=f"alert:{alert_id}", now=now)
    return AlertAnswer.of(alert)


@router.get("/alerts/{alert_id}/deliveries")
async def deliveries_of_alert(connection: Reading, caller: CallerDep, now: Now, alert_id: RowId) -> DeliveryPage:
    """Each delivery with every attempt: when, what answer, how long."""
    alert = await alerts.find(connection, alert_id, caller.scope)
    tries = await alerts.attempts(connection, alert)
    items = [DeliveryDetail.of_tries(each, tries[each.id]) for each in alert.deliveries]
    return DeliveryPage(items=items, next_cursor=None, as_of=now, sources=await sources_block(connection, now=now))


@router.post("/alerts/{alert_id}/deliveries/{delivery_id}/replay")
async def replay_delivery(
    connection: Writing, caller: SupervisorDep, now: Now, alert_id: RowId, delivery_id: DeliveryId
) -> DeliveryAnswer:
    """Send a dead message again from now on, under the same id; one that is not dead is 409."""
    delivery = await replay(connection, alert_id, delivery_id, caller.scope, now=now)
    await record(connection, actor=caller.name, action="delivery.replay", subject=f"delivery:{delivery_id}", now=now)
    return DeliveryAnswer.of(delivery)


@router.post("/webhooks", status_code=201)
async def create_webhook(
    response: Response, connection: Writing, caller: KeeperDep, house: HouseDep, now: Now, body: WebhookBody
) -> WebhookSecret:
    """Have alerts posted to an address, signed as Standard Webhooks says; the secret is shown in this answer only.

    Without narrowing: all units of the caller and those below, every step, at any hour.
    """
    view, secret = await webhooks.create(
        connection,
        NewWebhook(**body.model_dump()),
        scope=caller.scope,
        created_by=caller.name,
        vault=house.vault,
        allowed_hosts=house.settings.allowed_webhook_hosts,
        now=now,
    )
    await _note(connection, caller, "webhook.create", view.id, now)
    response.headers["Location"] = f"/api/v1/webhooks/{view.id}"
    return WebhookSecret.with_secret(view, secret)


@router.get("/webhooks")
async def list_webhooks(connection: Reading, caller: KeeperDep, now: Now) -> WebhookPage:
    """The webhooks whose units all lie within the caller's."""
    items = [WebhookAnswer.of(view) for view in await webhooks.visible_webhooks(connection, caller.scope)]
    return WebhookPage(items=items, next_cursor=None, as_of=now, sources=await sources_block(connection, now=now))


@router.get("/webhooks/{webhook_id}")
async def one_webhook(connection: Reading, caller: KeeperDep, webhook_id: RowId) -> WebhookAnswer:
    """One webhook, without its secret."""
    return WebhookAnswer.of(await webhooks.find(connection, webhook_id, caller.scope))


@router.post("/webhooks/{webhook_id}/test")
async def try_webhook(caller: KeeperDep, house: HouseDep, webhook_id: RowId) -> TrialAnswer:
    """Post one signed message of type `test` now, and say what came back."""
    async with reading(house.engine) as connection:
        endpoint = await webhooks.endpoint(connection, webhook_id, caller.scope)
    settings = house.settings
    async with webhook_client(settings.allowed_webhook_hosts) as client:
        notifier = WebhookNotifier(client, house.vault, Wording(settings.zone, settings.public_url))
        done = await try_out(notifier, Aim(f"webhook {webhook_id}", endpoint, webhook_id), now=house.clock())
    return TrialAnswer(delivered=done.delivered, answer=done.answer, took_ms=done.took_ms)


@router.post("/webhooks/{webhook_id}/rotate")
async def rotate_webhook(
    connection: Writing, caller: KeeperDep, house: HouseDep, now: Now, webhook_id: RowId
) -> WebhookSecret:
    """A new secret, shown in this answer only; for a day messages carry a signature of each former one too."""
    view, secret = await webhooks.rotate(connection, webhook_id, caller.scope, vault=house.vault, now=now)
    await _note(connection, caller, "webhook.rotate", webhook_id, now)
    return WebhookSecret.with_secret(view, secret)


@router.post("/webhooks/{webhook_id}/enable")
async def enable_webhook(connection: Writing, caller: KeeperDep, now: Now, webhook_id: RowId) -> WebhookAnswer:
    """Post there again what is raised from now on, after nothing but failures switched it off."""
    before = await webhooks.find(connection, webhook_id, caller.scope)
    view = await webhooks.switch_on(connection, webhook_id, caller.scope)
    if before.off_at is not None:
        await _note(connection, caller, "webhook.enable", webhook_id, now)
    return WebhookAnswer.of(view)


@router.delete("/webhooks/{webhook_id}", status_code=204)
async def delete_webhook(connection: Writing, caller: KeeperDep, now: Now, webhook_id: RowId) -> None:
    """Post nothing more there; what is not yet sent is withdrawn."""
    await webhooks.remove(connection, webhook_id, caller.scope, now=now)
    await _note(connection, caller, "webhook.delete", webhook_id, now)


async def _note(connection: Writing, caller: Caller, action: str, webhook_id: int, now: Now) -> None:
    await record(connection, actor=caller.name, action=action, subject=f"webhook:{webhook_id}", now=now)


def _words(text: str | None, field: str) -> tuple[str, ...]:
    if text is None:
        return ()
    words = tuple(word.strip() for word in text.split(","))
    if not all(words):
        raise InvalidInput(field, "has an empty value")
    return words
