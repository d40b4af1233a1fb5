"""The account of one clock over REST: every second of it, and why it counts or does not."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from app.api.bodies import Digits
from app.api.complaint_answers import json_answer
from app.api.complaints import Ref, asker_of
from app.api.freshness import SourceFreshness, sources_block
from app.dependencies import CallerDep, HouseDep, LanguageDep, Now, Reading
from app.workqueue.account_card import AccountCard, account_card
from app.workqueue.detail import locate
from app.workqueue.explaining import explain_clock
from app.workqueue.filters import Clock

router = APIRouter(prefix="/complaints", tags=["complaints"])

ClockName = Annotated[Clock, Path(description="The clock.")]
Cycle = Annotated[int | None, Digits, Query(ge=1, le=1_000_000, description="Which cycle; without it the newest.")]
PolicyName = Annotated[
    str | None, Query(min_length=1, max_length=60, description="Which policy; without it the one that is due first.")
]


class AccountAnswer(AccountCard):
    """An account as of now."""

    as_of: datetime
    sources: list[SourceFreshness]


@router.get("/{ref}/clocks/{clock}/explain", response_model=AccountAnswer)
async def explain_one_clock(
    ref: Ref,
    clock: ClockName,
    connection: Reading,
    caller: CallerDep,
    house: HouseDep,
    language: LanguageDep,
    now: Now,
    cycle: Cycle = None,
    policy: PolicyName = None,
) -> Response:
    """The account of a cycle, interval by interval, in the language of `Accept-Language`."""
    found = await locate(connection, ref, asker_of(caller).scope)
    rules = await house.rulebooks.current(connection)
    account = await explain_clock(
        connection, found, rules, clock=clock, cycle=cycle, policy=policy, language=language, now=now
    )
    fresh = await sources_block(connection, now=now)
    answer = AccountAnswer(**account_card(account, language), as_of=account.as_of, sources=fresh)
    return json_answer(answer, {"Content-Language": language, "Vary": "Accept-Language"})
