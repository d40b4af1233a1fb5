"""The SLA preview: one worked case in, its outcome and its account out."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Body

from app.dependencies import CallerDep, HouseDep, LanguageDep, Reading
from app.sla.calendars import CalendarRules
from app.sla.preview import preview

router = APIRouter(prefix="/sla", tags=["sla"])

_EXAMPLE = {
    "calendar": "asn-dki",
    "target": {"unit": "working_minute", "amount": 450},
    "events": [
        {"at": "2026-06-02T07:30:00+07:00", "kind": "start"},
        {"at": "2026-06-02T10:00:00+07:00", "kind": "pause", "reason": "complainant"},
        {"at": "2026-06-03T09:00:00+07:00", "kind": "resume"},
    ],
    "as_of": "2026-06-03T10:00:00+07:00",
}


@router.post("/preview")
async def preview_case(
    case: Annotated[dict[str, Any], Body(examples=[_EXAMPLE])],
    connection: Reading,
    house: HouseDep,
    language: LanguageDep,
    _caller: CallerDep,
) -> dict[str, Any]:
    """The state, due time and account of a case; nothing is stored. `calendar` is an object, or a name of ours."""
    rules = await house.rulebooks.current(connection)

    def named(name: str) -> CalendarRules | None:
        dated = rules.calendars.get(name)
        return dated.calendar.rules if dated else None

    return preview(case, calendars=named, language=language)
