"""The account of a clock as it is shown: its figures, its rows, its text, and the inputs behind them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from typing_extensions import TypedDict

from app.sla.clock import State
from app.sla.explain import RowKind, row_json
from app.workqueue.account import prose
from app.workqueue.explaining import Account
from app.workqueue.filters import Clock
from app.workqueue.shapes import AllowedTime

RowCard = TypedDict(
    "RowCard",
    {"from": datetime, "to": datetime, "kind": RowKind, "counted_seconds": int, "note": str, "source": str | None},
)
"""A stretch of the account; rows touch, and their counted seconds add up to the elapsed time."""


class TicketCode(TypedDict):
    """The complaint, by the number that citizens know."""

    ticket_code: str | None


class JudgingPolicy(TypedDict):
    """The policy version that judges, what its number rests on, and how sure that is."""

    name: str
    version: int
    basis: str | None
    confidence: str | None


class CountingCalendar(TypedDict):
    """The calendar version that it counts on; `unit` is the code of the unit whose exceptions apply."""

    name: str
    version: int
    unit: str | None


class AccountCard(TypedDict):
    """One cycle of one clock under one policy, accounted for to the second.

    `hash` is the SHA-256 of `inputs` as JSON with sorted keys and without spaces: who has them can redo every figure.
    """

    complaint: TicketCode
    clock: Clock
    cycle: int
    policy: JudgingPolicy | None
    calendar: CountingCalendar | None
    target: AllowedTime | None
    state: State
    provisional: bool
    started_at: datetime
    due_at: datetime | None
    stopped_at: datetime | None
    breached_at: datetime | None
    elapsed_seconds: int
    paused_seconds: int
    remaining_seconds: int | None
    rows: list[RowCard]
    text: str
    inputs: Any
    hash: str


def account_card(account: Account, language: str) -> AccountCard:
    """The account in Indonesian or English."""
    outcome = account.outcome
    assert outcome.started_at is not None
    return AccountCard(
        complaint={"ticket_code": account.ticket_code},
        clock=Clock(account.cycle.clock),
        cycle=account.cycle.cycle,
        policy=_policy(account),
        calendar=_calendar(account),
        target=_target(account),
        state=outcome.state,
        provisional=outcome.is_provisional,
        started_at=outcome.started_at,
        due_at=outcome.due_at,
        stopped_at=outcome.stopped_at,
        breached_at=outcome.breached_at,
        elapsed_seconds=outcome.elapsed_s,
        paused_seconds=outcome.paused_s,
        remaining_seconds=outcome.remaining_s,
        rows=[row_json(row, language, account.zone) for row in account.rows],  # type: ignore[misc]  # instants as text
        text=prose(account, language),
        inputs=account.inputs,
        hash=account.hash,
    )


def _policy(account: Account) -> JudgingPolicy | None:
    policy = account.policy
    if policy is None:
        return None
    return {
        "name": policy.policy,
        "version": policy.version,
        "basis": policy.basis,
        "confidence": policy.confidence,
    }


def _calendar(account: Account) -> CountingCalendar | None:
    named = account.calendar
    return None if named is None else {"name": named.name, "version": named.version, "unit": named.unit}


def _target(account: Account) -> AllowedTime | None:
    target = account.terms.target
    return None if target is None else {"unit": target.unit, "amount": target.amount}
