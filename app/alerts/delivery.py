"""Sending what the outbox holds: claim and commit; send; mark and commit, with back-off until it arrives or is dead."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import uuid4

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from app.alerts.claims import Claim, Claimed, Lane, Result, Sends, claim, is_due, mark
from app.alerts.notifiers import Answer, Notifier
from app.db.session import reading, writing
from app.db.states import DeliveryKind, DeliveryState

BATCH = 100
RETRY_SECONDS: tuple[float, ...] = (5, 30, 120, 600, 3_600, 21_600, 86_400)

_JITTER = 0.1
_LOOK_AGAIN_S = 1.0
"""How long slow targets keep a deliverer from looking for new messages."""
_LANES = 5
"""How many targets must be slow at once before they hold up others."""

_Task = asyncio.Task[tuple[Answer, datetime, int]]
_log = structlog.stdlib.get_logger("tanggap.alerts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One deliverer: its channels, how long a claim holds, and the pauses after each failed attempt.

    Any number may run. One that dies while it sends leaves its claim to run out, and the same message goes again under
    the same id.
    """

    engine: AsyncEngine
    notifiers: Mapping[str, Notifier]
    clock: Callable[[], datetime]
    lease: timedelta = timedelta(seconds=60)
    retries: Sequence[float] = RETRY_SECONDS
    batch: int = BATCH
    kinds: frozenset[DeliveryKind] | None = None
    """What it sends; None is everything."""

    def sends(self, running: Collection[Claim]) -> Sends:
        """What it takes on while these are on their way."""
        share = max(2, self.batch // _LANES)
        return Sends(tuple(self.notifiers), self.kinds, share, Counter(each.lane for each in running))


@dataclass(frozen=True, slots=True)
class Sent:
    """What a round of deliveries came to; `gone` are the webhooks whose receivers want nothing any more."""

    delivered: int = 0
    failed: int = 0
    dead: int = 0
    withdrawn: int = 0
    gone: frozenset[int] = frozenset()

    def __add__(self, other: Sent) -> Sent:
        return Sent(
            self.delivered + other.delivered,
            self.failed + other.failed,
            self.dead + other.dead,
            self.withdrawn + other.withdrawn,
            self.gone | other.gone,
        )


async def deliver(post: Post) -> Sent:
    """Send everything that is due; what another deliverer has claimed is left to it.

    What is answered is marked at once and its place is filled again, and no target has more than its share of places,
    so that a slow one holds up only itself.
    """
    total, running, looked = Sent(), dict[_Task, Claim](), _Looked()
    try:
        while True:
            sends = post.sends(running.values())
            if len(running) <= post.batch // 2 and looked.is_worth_it(sends):
                claimed = await _claim(post, sends, post.batch - len(running))
                looked.note(sends, claimed)
                total += Sent(withdrawn=claimed.withdrawn)
                running |= {asyncio.create_task(_attempt(post, each)): each for each in claimed.claims}
                if not running and not claimed.withdrawn:
                    return total
            if running:
                done, _ = await asyncio.wait(running, timeout=_LOOK_AGAIN_S, return_when=asyncio.FIRST_COMPLETED)
                total += await _write_down(post, [_result(post, running.pop(task), task) for task in done])
    finally:
        for task in running:
            task.cancel()


@dataclass(slots=True)
class _Looked:
    """Which lanes were left out, and when, in a look that found nothing: the others have nothing for a while."""

    beside: frozenset[Lane] | None = None
    at: float = 0.0

    def is_worth_it(self, sends: Sends) -> bool:
        return not sends.held or sends.full != self.beside or time.monotonic() - self.at >= _LOOK_AGAIN_S

    def note(self, sends: Sends, claimed: Claimed) -> None:
        found = claimed.claims or claimed.withdrawn
        self.beside, self.at = (None, 0.0) if found else (sends.full, time.monotonic())


def pause_after(attempts: int, retries: Sequence[float], delivery_id: str) -> timedelta | None:
    """The pause after the nth failed attempt; None when there is no next one.

    The jitter is up to a tenth on top, drawn from the delivery's id, so that a thousand messages to a target that was
    down do not come back in one instant.
    """
    if attempts > len(retries):
        return None
    digest = hashlib.sha256(f"{delivery_id}:{attempts}".encode()).digest()
    return timedelta(seconds=retries[attempts - 1] * (1 + _JITTER * digest[0] / 255))


async def _claim(post: Post, sends: Sends, limit: int) -> Claimed:
    now = post.clock()
    async with reading(post.engine) as connection:
        if not await is_due(connection, sends=sends, now=now):
            return Claimed((), 0)
    async with writing(post.engine) as connection:
        return await claim(connection, sends=sends, owner=uuid4().hex, lease=post.lease, now=now, limit=limit)


async def _attempt(post: Post, claimed: Claim) -> tuple[Answer, datetime, int]:
    """The answer, when it was asked for, and the milliseconds that it took."""
    asked_at, started = post.clock(), time.perf_counter()
    answer = await post.notifiers[claimed.channel].send(claimed.notice, now=asked_at)
    return answer, asked_at, round((time.perf_counter() - started) * 1000)


def _result(post: Post, claimed: Claim, task: _Task) -> Result:
    now = post.clock()
    if (error := task.exception()) is not None:
        # One message that cannot be made or sent must not take the rest of the batch with it.
        _log.error("delivery failed inside", delivery=claimed.notice.id, exc_info=error)
        answer, asked_at, took_ms = Answer(False, f"internal error: {type(error).__name__}"), now, 0
    else:
        answer, asked_at, took_ms = task.result()
    state, next_attempt_at = DeliveryState.DELIVERED, None
    if not answer.is_delivered:
        pause = None if answer.is_final else pause_after(claimed.attempts, post.retries, claimed.notice.id)
        state = DeliveryState.DEAD if pause is None else DeliveryState.PENDING
        next_attempt_at = None if pause is None else now + pause
    return Result(claimed, answer.text, asked_at, took_ms, state, next_attempt_at, now, is_final=answer.is_final)


async def _write_down(post: Post, results: Sequence[Result]) -> Sent:
    if not results:
        return Sent()
    async with writing(post.engine) as connection:
        await mark(connection, results)
    states = [result.state for result in results]
    for result in results:
        if result.state is not DeliveryState.DELIVERED:
            _log.warning(
                "delivery failed",
                delivery=result.claim.notice.id,
                kind=str(result.claim.notice.content.kind),
                channel=result.claim.channel,
                attempt=result.claim.attempts,
                answer=result.answer,
                state=str(result.state),
            )
    return Sent(
        delivered=states.count(DeliveryState.DELIVERED),
        failed=states.count(DeliveryState.PENDING),
        dead=states.count(DeliveryState.DEAD),
        gone=frozenset(each.claim.webhook_id for each in results if each.is_final and each.claim.webhook_id),
    )
