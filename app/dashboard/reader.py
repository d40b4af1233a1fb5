"""Who reads a page, in which language, and the answer that shows it to them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import Depends, Query, Request, Response
from fastapi.responses import HTMLResponse

from app.complaint.clocks import Rulebook
from app.complaint.errors import InvalidInput
from app.dashboard.board import Board, Look, read_board
from app.dashboard.catalogue import LANGUAGES
from app.dashboard.insight import Insight, read_insight
from app.dashboard.rendering import render
from app.dashboard.wording import Wording
from app.dependencies import CallerDep, HouseDep, Now, Surveying, session_of
from app.people.callers import Caller
from app.units.periods import DEFAULT, read_as_of, read_period

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


def language_of(request: Request, usual: str) -> str:
    """The language that the reader chose before, else the usual one."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in LANGUAGES else usual


async def _tongue(
    request: Request, house: HouseDep, wish: Annotated[Literal["id", "en"] | None, Query(alias="lang")] = None
) -> Tongue:
    """The installation's language, unless the reader has chosen the other one.

    A browser tells in which language it was installed, not in which its user works, so it is not asked.
    """
    language = wish or language_of(request, house.settings.language)
    return Tongue(Wording(language, house.settings.zone), wish is not None)


TongueDep = Annotated[Tongue, Depends(_tongue)]


AsOf = Annotated[str, Query(max_length=40, description="As the API reads it; empty as a form sends it is now.")]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a reader wishes to look at; one that cannot be read shows what is so now."""

    look: Look
    is_refused: bool = False


async def _wish(
    house: HouseDep, now: Now, period: Annotated[str, Query(max_length=7)] = DEFAULT, as_of: AsOf = ""
) -> Wish:
    zone, is_refused = house.settings.zone, False
    try:
        at = read_as_of(as_of or None, now=now, zone=zone)
    except InvalidInput:
        at, is_refused = None, True
    span = read_period(period, now=at or now, zone=zone)
    return Wish(Look(span, at or now, as_of if at is not None else None), is_refused)


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody signed in, and what they look at."""

    connection: Surveying
    caller: Caller
    rules: Rulebook
    wish: Wish
    tongue: Tongue
    now: datetime
    csrf_token: str | None

    async def board(self, code: str | None) -> Board:
        """What they see of a unit, or of all that they cover.

        Raises: NotFound.
        """
        say = self.tongue.say
        return await read_board(self.connection, self.caller, self.rules, code=code, look=self.wish.look, zone=say.zone)

    async def insight(self, code: str) -> Insight:
        """What there is to tell of one unit beside its board.

        Raises: NotFound.
        """
        say = self.tongue.say
        return await read_insight(
            self.connection,
            self.caller,
            self.rules,
            code=code,
            period=self.wish.look.period,
            now=self.now,
            zone=say.zone,
        )


async def _reader(
    request: Request,
    connection: Surveying,
    caller: CallerDep,
    house: HouseDep,
    now: Now,
    wish: Annotated[Wish, Depends(_wish)],
    tongue: TongueDep,
) -> Reader:
    rules = await house.rulebooks.current(connection)
    session = session_of(request)
    return Reader(connection, caller, rules, wish, tongue, now, session.csrf_token if session else None)


ReaderDep = Annotated[Reader, Depends(_reader)]
