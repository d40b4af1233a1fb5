"""Who reads a page, in which language, and the answer that shows it to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.complaint.clocks import Rulebook
from app.dashboard.board import Board, read_board
from app.dashboard.insight import Insight, read_insight
from app.dashboard.rendering import render
from app.dashboard.wording import Wording
from app.dependencies import CallerDep, HouseDep, Looking, Now, session_of
from app.people.callers import Caller
from app.units.periods import DEFAULT, Period, read_period

LANGUAGE_COOKIE = "tanggap_language"
_A_YEAR_S = 31_536_000


@dataclass(frozen=True, slots=True)
class Tongue:
    """The language of a reader; `is_new` when this request chose it."""

    say: Wording
    is_new: bool

    def page(self, template: str, status: int = 200, **values: object) -> Response:
        """A whole page; a new choice of language is remembered."""
        response = HTMLResponse(render(template, self.say, **values), status)
        if self.is_new:
            response.set_cookie(
                LANGUAGE_COOKIE, self.say.language, max_age=_A_YEAR_S, httponly=True, samesite="lax", path="/"
            )
        return response


async def _tongue(
    request: Request, house: HouseDep, wish: Annotated[Literal["id", "en"] | None, Query(alias="lang")] = None
) -> Tongue:
    """The installation's language, unless the reader has chosen the other one.

    A browser tells in which language it was installed, not in which its user works, so it is not asked.
    """
    chosen = wish or request.cookies.get(LANGUAGE_COOKIE)
    language = chosen if chosen in ("id", "en") else house.settings.language
    return Tongue(Wording(language, house.settings.zone), wish is not None)


TongueDep = Annotated[Tongue, Depends(_tongue)]


async def _period(house: HouseDep, now: Now, period: Annotated[str, Query(max_length=7)] = DEFAULT) -> Period:
    return read_period(period, now=now, zone=house.settings.zone)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody signed in, who looks at a period."""

    connection: Looking
    caller: Caller
    rules: Rulebook
    period: Period
    tongue: Tongue
    now: datetime
    csrf_token: str | None

    async def board(self, code: str | None) -> Board:
        """What they see of a unit, or of all that they cover.

        Raises: NotFound.
        """
        say = self.tongue.say
        return await read_board(
            self.connection, self.caller, self.rules, code=code, period=self.period, now=self.now, zone=say.zone
        )

    async def insight(self, code: str) -> Insight:
        """What there is to tell of one unit beside its board.

        Raises: NotFound.
        """
        say = self.tongue.say
        return await read_insight(
            self.connection, self.caller, self.rules, code=code, period=self.period, now=self.now, zone=say.zone
        )


async def _reader(
    request: Request,
    connection: Looking,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    period: Annotated[Period, Depends(_period)],
    tongue: TongueDep,
) -> Reader:
    rules = await house.rulebooks.current(connection)
    session = session_of(request)
    return Reader(connection, caller, rules, period, tongue, now, session.csrf_token if session else None)


ReaderDep = Annotated[Reader, Depends(_reader)]
