"""Closed months over REST: what was known when a month was closed, what is known now, and what changed between."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Path, Response
from typing_extensions import TypedDict

from app.api.freshness import SourceFreshness, sources_block
from app.api.instants import rfc3339
from app.api.unit_shapes import Holding, UnitName
from app.complaint.clocks import Rulebook
from app.dependencies import CallerDep, HouseDep, Now, Reading, Standing
from app.units.amendments import Amendment, Judgement, read_amendments
from app.units.closing import Close, read_close, read_closes
from app.units.directory import read_directory
from app.units.numbers import period_numbers
from app.units.periods import read_month
from app.units.status import read_statuses

router = APIRouter(prefix="/units", tags=["units"])

MOST_AMENDMENTS = 500

Code = Annotated[str, Path(max_length=80)]
Month = Annotated[str, Path(max_length=7, description="A closed month: 2026-10.")]


class ClosedMonth(TypedDict):
    """A month that is closed: when, and by whom."""

    month: str
    closed_at: str
    closed_by: str


class ClockNumbers(TypedDict):
    """One clock in the month, as in the status of a unit."""

    received: int
    met: int
    missed: int
    running_overdue: int
    compliance: float | None
    median_seconds: float | None
    p90_seconds: float | None
    mean_seconds: float | None
    paused_share: float | None
    percentile_error: float


class HandlingNumbers(TypedDict):
    """What became of the complaints reported in the month."""

    reported: int
    reopen_rate: float | None
    send_back_rate: float | None
    hops: float | None


class MonthNumbers(TypedDict):
    """The figures of a month."""

    clocks: dict[str, ClockNumbers]
    handling: HandlingNumbers
    holding: Holding


class JudgementAnswer(TypedDict):
    """How a cycle counts: `met`, or `late` (missed, or overdue and still running); and for which unit."""

    verdict: str
    unit: str | None
    due_at: str
    stopped_at: str | None


class Correction(TypedDict):
    """A cycle due in the month that counts otherwise than when it was closed; null: it does not count in the month.

    `ticket_code` is null where the caller may not see the complaint any more.
    """

    ticket_code: str | None
    clock: str
    cycle: int
    old: JudgementAnswer | None
    new: JudgementAnswer | None


class ClosesAnswer(TypedDict):
    """The closed months of a unit, the newest first."""

    items: list[ClosedMonth]
    next_cursor: str | None
    as_of: str
    sources: list[SourceFreshness]


class CloseAnswer(ClosedMonth):
    """A closed month: its figures as they were closed, as they are now, and what was corrected between.

    `corrections` names the first 500 of `corrections_total`.
    """

    unit: UnitName
    closed: MonthNumbers
    now: MonthNumbers
    corrections: list[Correction]
    corrections_total: int
    as_of: str
    sources: list[SourceFreshness]


@router.get("/{code}/closes", response_model=ClosesAnswer)
async def closes(connection: Reading, caller: CallerDep, house: HouseDep, now: Now, code: Code) -> Response:
    """Which months of a unit are closed."""
    rules = await house.rulebooks.current(connection)
    unit = (await read_directory(connection, caller.scope, rules.ancestors)).find(code)
    items = [_closed(each) for each in await read_closes(connection, unit.id)]
    sources = await sources_block(connection, now=now)
    return _answer(ClosesAnswer(items=items, next_cursor=None, as_of=rfc3339(now), sources=sources))


@router.get("/{code}/closes/{month}", response_model=CloseAnswer)
async def one_close(
    connection: Standing, caller: CallerDep, house: HouseDep, now: Now, code: Code, month: Month
) -> Response:
    """A month as it was closed, beside what is known of it now; what was closed is never rewritten."""
    rules = await house.rulebooks.current(connection)
    unit = (await read_directory(connection, caller.scope, rules.ancestors)).find(code)
    period = read_month(month, now=now, zone=house.settings.zone)
    close = await read_close(connection, unit.id, month)
    amendments = await read_amendments(connection, rules, caller.scope, unit.id, period, close.closed_at)
    (status,) = await read_statuses(connection, [(unit.id,)], rules, period=period, with_unrouted=False, now=now)
    return _answer(
        {
            **_closed(close),
            "unit": {"code": unit.code, "name": unit.name},
            "closed": close.figures,
            "now": period_numbers(status),
            "corrections": [_correction(each, rules) for each in amendments[:MOST_AMENDMENTS]],
            "corrections_total": len(amendments),
            "as_of": rfc3339(now),
            "sources": await sources_block(connection, now=now),
        }
    )


def _closed(close: Close) -> ClosedMonth:
    return ClosedMonth(month=close.month, closed_at=rfc3339(close.closed_at), closed_by=close.closed_by)


def _correction(amendment: Amendment, rules: Rulebook) -> Correction:
    return Correction(
        ticket_code=amendment.ticket_code,
        clock=amendment.clock,
        cycle=amendment.cycle,
        old=_judgement(amendment.old, rules),
        new=_judgement(amendment.new, rules),
    )


def _judgement(judged: Judgement | None, rules: Rulebook) -> JudgementAnswer | None:
    if judged is None:
        return None
    return JudgementAnswer(
        verdict=judged.verdict,
        unit=rules.unit_codes.get(judged.unit_id) if judged.unit_id is not None else None,
        due_at=rfc3339(judged.due_at),
        stopped_at=rfc3339(judged.stopped_at) if judged.stopped_at is not None else None,
    )


def _answer(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
