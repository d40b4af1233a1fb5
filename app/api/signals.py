"""Signals about a unit over REST: what says that its figures are being gamed or are unsafe."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Path, Query, Request, Response
from typing_extensions import TypedDict

from app.api.etags import UNCHANGED, shown_sources
from app.api.freshness import SourceFreshness
from app.api.instants import rfc3339
from app.api.sheets import WantsCsv, sheet
from app.api.unit_answers import period_span, unit_name
from app.api.unit_polling import SIGNALS
from app.api.unit_shapes import PeriodSpan, UnitName
from app.dependencies import CallerDep, HouseDep, Language, LanguageDep, Now, Surveying
from app.units.catalogue import say_signal
from app.units.directory import read_directory
from app.units.periods import DEFAULT, Period, read_period
from app.units.signals import Signal, read_signals

router = APIRouter(tags=["units"])

Code = Annotated[str, Path(max_length=80)]
Span = Annotated[str, Query(max_length=7, description="7d, 30d or 90d of local days up to now, or a month: 2026-11.")]
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {}}}}
HEADER = ("code", "signal", "shows", "count", "of", "share", "threshold", "at_least", "text", "complaints")


class SignalAnswer(TypedDict):
    """One signal: `count` cases `of` so many, `share` of them in percent.

    It `shows` from `threshold` percent on where there are `at_least` so many cases. `complaints` are those behind it
    that the caller may see, the newest first; `unlisted` counts the others.
    """

    name: str
    shows: bool
    count: int
    of: int
    share: float | None
    threshold: float
    at_least: int
    text: str
    complaints: list[str]
    unlisted: int


class SignalsAnswer(TypedDict):
    """Every signal of a unit and all below it in a period, whether or not it shows."""

    unit: UnitName
    period: PeriodSpan
    signals: list[SignalAnswer]
    as_of: str
    sources: list[SourceFreshness]


async def _period(house: HouseDep, now: Now, period: Span = DEFAULT) -> Period:
    return read_period(period, now=now, zone=house.settings.zone)


@router.get("/units/{code}/signals", response_model=SignalsAnswer, responses=_CSV | UNCHANGED, dependencies=SIGNALS)
async def signals(
    request: Request,
    connection: Surveying,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    language: LanguageDep,
    period: Annotated[Period, Depends(_period)],
    wants_csv: WantsCsv,
    code: Code,
) -> Response:
    """What says that the unit's figures are being gamed or are unsafe, with the complaints behind it."""
    rules = await house.rulebooks.current(connection)
    unit = (await read_directory(connection, caller.scope, rules.ancestors)).find(code)
    found = await read_signals(connection, [unit.id], rules, caller.scope, period=period, now=now)
    told = [_signal(each, language) for each in found]
    if wants_csv:
        return sheet("unit-signals", HEADER, (_cells(code, each) for each in told))
    content: dict[str, Any] = {
        "unit": unit_name(unit),
        "period": period_span(period),
        "signals": told,
        "as_of": rfc3339(now),
        "sources": await shown_sources(request, connection, now=now),
    }
    headers = {"Content-Language": language, "Vary": "Accept-Language"}
    return Response(orjson.dumps(content), headers=headers, media_type="application/json")


def _signal(signal: Signal, language: Language) -> SignalAnswer:
    found = signal.found
    return SignalAnswer(
        name=found.sign,
        shows=found.shows,
        count=found.count,
        of=found.of,
        share=found.share,
        threshold=found.limit,
        at_least=found.least,
        text=say_signal(
            language, found.sign, count=found.count, of=found.of, share=found.share, sources=", ".join(found.sources)
        ),
        complaints=list(signal.refs),
        unlisted=signal.unlisted,
    )


def _cells(code: str, told: SignalAnswer) -> list[str | float | int | None]:
    return [
        code, told["name"], "yes" if told["shows"] else "no", told["count"], told["of"], told["share"],
        told["threshold"], told["at_least"], told["text"], " ".join(told["complaints"]),
    ]  # fmt: skip
