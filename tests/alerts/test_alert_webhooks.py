"""Webhooks: signed so that the public library verifies them, only to allowed places, only of the caller's units."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest
from standardwebhooks import Webhook as Verifier
from standardwebhooks.webhooks import WebhookVerificationError

from app.alerts import webhooks
from app.alerts.delivery import Sent
from app.alerts.notifiers import ConsoleNotifier, WebhookNotifier, webhook_client
from app.alerts.replaying import replay_all
from app.alerts.signing import OVERLAP, PURPOSE, Secrets
from app.alerts.trials import Aim, try_out
from app.alerts.webhooks import NewWebhook, WebhookView
from app.clock import utc_now
from app.complaint.errors import InvalidInput, NotFound
from app.db.scope import WHOLE, Scope
from app.db.session import reading, writing
from app.vault import Vault
from tests.alerts.sink import LOOPBACK, Sink, receiving
from tests.alerts.town import VAULT, WORDING, Recorder, Town, hours


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with receiving() as opened:
        yield opened


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with webhook_client(LOOPBACK) as opened:
        yield opened


async def _create(
    town: Town, url: str, *, scope: Scope = WHOLE, allowed: tuple[str, ...] = LOOPBACK, **asked: Any
) -> tuple[WebhookView, str]:
    async with writing(town.engine) as connection:
        return await webhooks.create(
            connection,
            NewWebhook(url=url, **asked),
            scope=scope,
            created_by="sekar",
            vault=VAULT,
            allowed_hosts=allowed,
            now=utc_now(),
        )


async def _breach(town: Town, unit: str | None = "rt-a") -> datetime:
    """A breach of this minute, since a signature is only good for a few."""
    now = utc_now().replace(microsecond=0)
    await town.report("JK1", now - hours(25), unit=unit)
    await town.sweep(now)
    return now


def _notifier(client: httpx.AsyncClient, **options: Any) -> WebhookNotifier:
    return WebhookNotifier(client, VAULT, WORDING, **options)


async def test_a_breach_arrives_signed_and_complete(town: Town, sink: Sink, client: httpx.AsyncClient) -> None:
    _, secret = await _create(town, f"{sink.url}/hook?key=x")
    now = await _breach(town)
    sent = await town.deliver(now, _notifier(client), ConsoleNotifier(WORDING))
    assert sent == Sent(delivered=2)
    (message,) = sink.messages
    body = Verifier(secret).verify(message.body, message.headers)
    (alert,) = await town.rows("alert")
    assert message.path == "/hook?key=x" and message.headers["content-type"] == "application/json"
    assert message.headers["webhook-id"] in {row.id for row in await town.rows("delivery")}
    assert (body["type"], body["timestamp"]) == ("alert", body["data"]["raised_at"])
    assert body["data"] == {
        "id": alert.id,
        "complaint": {"id": alert.complaint_id, "ticket_code": "JK1"},
        "unit": {"code": "rt-a", "name": "Rt A"},
        "clock": "respond",
        "cycle": 1,
        "rule": "kota.respond",
        "step": 100,
        "level": "breach",
        "due_at": (now - hours(1)).isoformat().replace("+00:00", "Z"),
        "late_seconds": 3600,
        "raised_at": now.isoformat().replace("+00:00", "Z"),
        "text_id": body["data"]["text_id"],
        "text_en": body["data"]["text_en"],
        "link": "https://tanggap.example.go.id/complaints/JK1",
    }
    assert b"Sekar" not in message.body and b"0812-" not in message.body


async def test_a_changed_body_does_not_verify(town: Town, sink: Sink, client: httpx.AsyncClient) -> None:
    _, secret = await _create(town, sink.url)
    await town.deliver(await _breach(town), _notifier(client))
    (message,) = sink.messages
    with pytest.raises(WebhookVerificationError):
        Verifier(secret).verify(message.body.replace(b"100", b"101"), message.headers)


async def test_each_attempt_carries_the_same_id_and_body(town: Town, sink: Sink, client: httpx.AsyncClient) -> None:
    _, secret = await _create(town, sink.url)
    sink.statuses = [500, 302, 404, 200]
    now = await _breach(town)
    for second in range(4):
        await town.deliver(now + timedelta(seconds=2 * second), _notifier(client), retries=(1, 1, 1))
    assert len({(each.headers["webhook-id"], each.body) for each in sink.messages}) == 1
    assert len(sink.messages) == 4
    answers = [row.answer for row in await town.rows("delivery_attempt")]
    assert answers == ["HTTP 500", "HTTP 302", "HTTP 404", "HTTP 200"]
    for message in sink.messages:
        Verifier(secret).verify(message.body, message.headers)


async def test_a_receiver_that_is_gone_for_good_is_not_tried_again_until_somebody_says_so(
    town: Town, sink: Sink, client: httpx.AsyncClient
) -> None:
    view, _ = await _create(town, sink.url)
    now = await _breach(town)
    sink.statuses = [410, 204]
    assert await town.deliver(now, _notifier(client)) == Sent(dead=1, gone=frozenset({view.id}))
    (attempt,) = await town.rows("delivery_attempt")
    assert attempt.answer == "HTTP 410: the receiver says that it is gone for good"
    (hook,) = await town.rows("webhook")
    assert hook.failing_since == now
    async with writing(town.engine) as connection:
        assert await replay_all(connection, since=None, now=now) == 1
    assert await town.deliver(now, _notifier(client)) == Sent(delivered=1)
    assert len({message.headers["webhook-id"] for message in sink.messages}) == 1


async def test_a_redirect_is_a_failure_and_is_not_followed(town: Town, sink: Sink, client: httpx.AsyncClient) -> None:
    await _create(town, sink.url)
    sink.statuses, sink.head = [307], b"Location: /elsewhere\r\n"
    assert await town.deliver(await _breach(town), _notifier(client)) == Sent(failed=1)
    assert [each.path for each in sink.messages] == ["/"]


async def test_a_target_that_does_not_answer_is_given_up_in_time(
    town: Town, sink: Sink, client: httpx.AsyncClient
) -> None:
    await _create(town, sink.url)
    sink.is_silent = True
    notifier = _notifier(client, timeout=timedelta(milliseconds=50))
    assert await town.deliver(await _breach(town), notifier) == Sent(failed=1)
    assert (await town.rows("delivery_attempt"))[0].answer == "no answer within 0.05 s"


async def test_a_target_that_refuses_the_connection_is_tried_again(town: Town, client: httpx.AsyncClient) -> None:
    await _create(town, "http://127.0.0.1:1/")
    assert await town.deliver(await _breach(town), _notifier(client)) == Sent(failed=1)
    assert (await town.rows("delivery_attempt"))[0].answer.startswith("ConnectError")


async def test_a_target_that_has_become_private_is_refused_when_called(town: Town, sink: Sink) -> None:
    await _create(town, sink.url)
    now = await _breach(town)
    async with webhook_client(()) as guarded:
        assert await town.deliver(now, _notifier(guarded)) == Sent(failed=1)
    assert sink.messages == []
    assert (await town.rows("delivery_attempt"))[0].answer.startswith("ForbiddenHost")


async def test_a_name_that_leads_inside_after_it_was_saved_is_refused_when_called(
    town: Town, sink: Sink, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = httpx.URL(sink.url).port
    await _create(town, f"https://hooks.city.example:{port}/hook", allowed=())

    async def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(2, 1, 6, "", ("127.0.0.1", port))]

    now = await _breach(town)
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    async with webhook_client(()) as guarded:
        assert await town.deliver(now, _notifier(guarded)) == Sent(failed=1)
    assert sink.messages == []
    assert "leads to a private address" in (await town.rows("delivery_attempt"))[0].answer


FORBIDDEN: list[tuple[str, tuple[str, ...]]] = [
    ("http://127.0.0.1/hook", ()),
    ("https://10.1.2.3/hook", ()),
    ("https://[::1]/hook", ()),
    ("https://2130706433/hook", ()),
    ("https://localhost/hook", ()),
    ("http://example.org/hook", ()),
    ("ftp://example.org/hook", ()),
    ("https://user:pass@example.org/hook", ()),
    ("https://example.org/hook", LOOPBACK),
    ("https://example.org/" + "a" * 2_000, ()),
    ("hook", ()),
]


async def test_an_address_that_may_not_be_called_is_refused_when_saved(town: Town) -> None:
    for url, allowed in FORBIDDEN:
        with pytest.raises(InvalidInput) as refused:
            await _create(town, url, allowed=allowed)
        assert refused.value.field == "url", url
    assert await town.rows("webhook") == []


async def test_a_public_address_is_accepted_over_https(town: Town) -> None:
    view, _ = await _create(town, "https://example.org/hook", allowed=())
    assert (view.url, view.units, view.events) == ("https://example.org/hook", None, ["alert"])


ABSENT = [
    ("events", []),
    ("events", ["complaint"]),
    ("units", []),
    ("units", ["nowhere"]),
    ("units", ["dinas-b"]),
    ("levels", ["loud"]),
    ("clocks", ["sundial"]),
]


async def test_a_webhook_cannot_ask_for_what_is_not_there(town: Town) -> None:
    for field, words in ABSENT:
        with pytest.raises(InvalidInput) as refused:
            await _create(town, "http://127.0.0.1/", scope=Scope((town.units["dinas-a"],)), **{field: words})
        assert refused.value.field == field


@pytest.mark.parametrize(("field", "event"), [("levels", "digest"), ("levels", "notice"), ("clocks", "notice")])
async def test_what_an_event_does_not_have_does_not_narrow_it(town: Town, field: str, event: str) -> None:
    word = {"levels": "breach", "clocks": "respond"}[field]
    with pytest.raises(InvalidInput, match="need the event") as refused:
        await _create(town, "http://127.0.0.1/", events=[event], **{field: [word]})
    assert refused.value.field == field
    view, _ = await _create(town, "http://127.0.0.1/", events=["alert", event], **{field: [word]})
    assert getattr(view, field) == [word]


@pytest.mark.parametrize(
    ("unit", "told"),
    [("rt-a", {"rt-a", "dinas-a", "kota", None}), ("dinas-a", {"dinas-a", "kota", None}), (None, {None})],
)
async def test_a_webhook_hears_of_its_callers_units_and_those_below(
    town: Town, unit: str | None, told: set[str | None]
) -> None:
    covers: dict[str, str | None] = {}
    for code in ("rt-a", "dinas-a", "kota", "dinas-b", None):
        view, _ = await _create(town, "http://127.0.0.1/", scope=Scope((town.units[code],)) if code else WHOLE)
        assert view.units == ([code] if code else None)
        covers[f"webhook:{view.id}"] = code
    await _breach(town, unit)
    recipients = {row.recipient for row in await town.rows("delivery")}
    assert {covers[each] for each in recipients - {"console"}} == told


async def test_a_webhook_may_be_narrowed_to_levels_clocks_and_units(town: Town) -> None:
    await _create(town, "http://127.0.0.1/a", levels=["breach"], clocks=["respond"], units=["dinas-a"])
    await _create(town, "http://127.0.0.1/b", levels=["notice"])
    await _create(town, "http://127.0.0.1/c", clocks=["resolve"])
    await _create(town, "http://127.0.0.1/d", units=["dinas-b"])
    await _breach(town)
    assert sorted(row.recipient for row in await town.rows("delivery")) == ["console", "webhook:1"]


async def test_one_address_may_be_registered_twice(town: Town, sink: Sink, client: httpx.AsyncClient) -> None:
    secrets = [(await _create(town, sink.url))[1] for _ in range(2)]
    await town.deliver(await _breach(town), _notifier(client))
    assert len(sink.messages) == 2
    for secret in secrets:
        assert sum(_verifies(secret, message.body, message.headers) for message in sink.messages) == 1


async def test_after_a_rotation_both_secrets_verify_for_a_day(
    town: Town, sink: Sink, client: httpx.AsyncClient
) -> None:
    view, former = await _create(town, sink.url)
    now = await _breach(town)
    async with writing(town.engine) as connection:
        _, current = await webhooks.rotate(connection, view.id, WHOLE, vault=VAULT, now=now)
    await town.deliver(now, _notifier(client))
    (message,) = sink.messages
    assert former != current
    assert _verifies(former, message.body, message.headers) and _verifies(current, message.body, message.headers)


async def test_a_second_rotation_within_the_day_leaves_nobody_behind(
    town: Town, sink: Sink, client: httpx.AsyncClient
) -> None:
    view, first = await _create(town, sink.url)
    now, shown = await _breach(town), [first]
    for _ in range(2):
        async with writing(town.engine) as connection:
            shown.append((await webhooks.rotate(connection, view.id, WHOLE, vault=VAULT, now=now))[1])
    await town.deliver(now, _notifier(client))
    (message,) = sink.messages
    assert len(set(shown)) == 3
    assert all(_verifies(secret, message.body, message.headers) for secret in shown)


def test_however_often_a_secret_rotates_a_few_former_ones_sign() -> None:
    now, secrets = utc_now(), Secrets.new()
    for _ in range(50):
        secrets = Secrets.unseal(secrets.rotated(now).seal(VAULT), VAULT)
    assert len(secrets.headers("msg_1", b"{}", at=now)["webhook-signature"].split()) == 6


def test_a_secret_that_was_sealed_with_one_former_secret_still_opens() -> None:
    now, former, current = utc_now(), Secrets.new().current, Secrets.new().current
    kept = {"current": current, "former": former, "former_until": (now + OVERLAP).isoformat()}
    headers = Secrets.unseal(VAULT.seal_json(kept, PURPOSE), VAULT).headers("msg_1", b"{}", at=now)
    assert _verifies(former, b"{}", headers) and _verifies(current, b"{}", headers)


def test_the_former_secret_stops_signing_when_its_day_is_over() -> None:
    now = utc_now()
    former = Secrets.new()
    headers = former.rotated(now - OVERLAP).headers("msg_1", b"{}", at=now)
    assert not _verifies(former.current, b"{}", headers)


async def test_the_secret_is_readable_nowhere_in_the_database(town: Town) -> None:
    _, secret = await _create(town, "http://127.0.0.1/")
    assert secret.startswith("whsec_")
    (row,) = await town.rows("webhook")
    assert secret not in str(row) and secret.encode() not in row.sealed_secret


async def test_a_secret_sealed_with_another_key_is_a_failure_that_says_so(
    town: Town, sink: Sink, client: httpx.AsyncClient
) -> None:
    await _create(town, sink.url)
    notifier = WebhookNotifier(client, Vault(bytes(32)), WORDING)
    assert await town.deliver(await _breach(town), notifier) == Sent(failed=1)
    assert "cannot be read" in (await town.rows("delivery_attempt"))[0].answer


async def test_a_removed_webhook_is_told_nothing_more(town: Town, sink: Sink, client: httpx.AsyncClient) -> None:
    view, _ = await _create(town, sink.url)
    now = await _breach(town)
    async with writing(town.engine) as connection:
        await webhooks.remove(connection, view.id, WHOLE, now=now)
    assert await town.deliver(now, _notifier(client), Recorder()) == Sent(delivered=1, withdrawn=1)
    assert sink.messages == []
    assert (await town.rows("alert"))[0].state == "delivered"


async def test_a_retry_that_waits_for_a_removed_webhook_is_withdrawn_at_once(
    town: Town, sink: Sink, client: httpx.AsyncClient
) -> None:
    sink.statuses = [500]
    view, _ = await _create(town, sink.url)
    now = await _breach(town)
    assert await town.deliver(now, _notifier(client), Recorder(), retries=[86_400]) == Sent(delivered=1, failed=1)
    async with writing(town.engine) as connection:
        await webhooks.remove(connection, view.id, WHOLE, now=now)
    assert await town.deliver(now, _notifier(client), Recorder()) == Sent(withdrawn=1)
    assert (await town.rows("alert"))[0].state == "delivered" and len(sink.messages) == 1


async def test_a_caller_sees_only_the_webhooks_of_their_units(town: Town) -> None:
    whole, _ = await _create(town, "http://127.0.0.1/whole")
    mine, _ = await _create(town, "http://127.0.0.1/mine", scope=Scope((town.units["rt-a"],)))
    scope = Scope((town.units["dinas-a"],))
    async with reading(town.engine) as connection:
        assert [view.id for view in await webhooks.visible_webhooks(connection, scope)] == [mine.id]
        assert [view.id for view in await webhooks.visible_webhooks(connection, WHOLE)] == [whole.id, mine.id]
        for unseen in (whole.id, 99):
            with pytest.raises(NotFound, match=f"webhook {unseen} does not exist"):
                await webhooks.endpoint(connection, unseen, scope)


async def test_the_test_call_is_signed_like_an_alert(town: Town, sink: Sink, client: httpx.AsyncClient) -> None:
    view, secret = await _create(town, sink.url)
    now = utc_now()
    async with reading(town.engine) as connection:
        endpoint = await webhooks.endpoint(connection, view.id, WHOLE)
    done = await try_out(_notifier(client), Aim("webhook", endpoint, view.id), now=now)
    assert (done.delivered, done.answer) == (True, "HTTP 204")
    (message,) = sink.messages
    assert Verifier(secret).verify(message.body, message.headers)["type"] == "test"
    assert json.loads(message.body)["data"]["webhook"] == {"id": view.id}


def _verifies(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Verifier(secret).verify(body, headers)
    except WebhookVerificationError:
        return False
    return True


async def test_a_secret_rotates_without_a_lost_message(town: Town, sink: Sink, client: httpx.AsyncClient) -> None:
    """The receiver changes over when it likes: at each moment of the day what it holds verifies every message."""
    view, held = await _create(town, sink.url)
    now = utc_now().replace(microsecond=0)
    for number, rotates in enumerate((False, True, False, True)):
        if rotates:
            async with writing(town.engine) as connection:
                _, fresh = await webhooks.rotate(connection, view.id, WHOLE, vault=VAULT, now=now)
        await town.report(f"JK{number}", now - hours(25))
        await town.sweep(now)
        await town.deliver(now, _notifier(client))
        message = sink.messages[-1]
        assert _verifies(held, message.body, message.headers)
        if rotates:
            held = fresh
            assert _verifies(held, message.body, message.headers)
    assert len(sink.messages) == 4


async def test_word_of_the_installation_is_for_those_who_see_all_of_it(town: Town) -> None:
    view, _ = await _create(town, "http://127.0.0.1/all", events=["notice"])
    await _create(town, "http://127.0.0.1/both", events=["notice", "alert"])
    await _create(town, "http://127.0.0.1/alerts")
    for narrowed in ({"scope": Scope((town.units["kota"],))}, {"units": ["kota"]}):
        with pytest.raises(InvalidInput) as refused:
            await _create(town, "http://127.0.0.1/some", events=["notice"], **narrowed)
        assert refused.value.field == "events"
    async with reading(town.engine) as connection:
        assert await webhooks.notice_webhooks(connection) == [view.id, view.id + 1]
        assert [each.webhook_id for each in await webhooks.recipients(connection)] == [view.id + 1, view.id + 2]


async def test_a_webhook_that_nothing_reaches_for_days_is_switched_off_and_on_again(
    town: Town, sink: Sink, client: httpx.AsyncClient
) -> None:
    view, _ = await _create(town, sink.url)
    now = await _breach(town)
    week = timedelta(days=7)

    async def switch_off(at: datetime) -> list[int]:
        async with writing(town.engine) as connection:
            failed = await webhooks.switch_off_failing(connection, failing_before=at - week, now=at)
        return [each.id for each in failed]

    sink.statuses = [500, 204]
    assert await town.deliver(now, _notifier(client)) == Sent(failed=1)
    assert (await town.rows("webhook"))[0].failing_since == now
    assert await town.deliver(now + timedelta(seconds=9), _notifier(client)) == Sent(delivered=1)
    assert (await town.rows("webhook"))[0].failing_since is None

    sink.statuses = [500]
    await town.report("JK2", now - hours(25))
    await town.sweep(now)
    assert await town.deliver(now, _notifier(client)) == Sent(failed=1)
    assert await switch_off(now + week) == []
    assert await switch_off(now + week + timedelta(seconds=1)) == [view.id]
    assert await switch_off(now + week + timedelta(seconds=2)) == [], "once"
    async with reading(town.engine) as connection:
        assert await webhooks.recipients(connection) == []
    async with writing(town.engine) as connection:
        again = await webhooks.switch_on(connection, view.id, WHOLE)
    assert (again.off_at, again.failing_since) == (None, None)
    async with reading(town.engine) as connection:
        assert [each.webhook_id for each in await webhooks.recipients(connection)] == [view.id]
