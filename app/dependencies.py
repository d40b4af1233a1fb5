"""What a request gets: the house, one transaction, the instant, the caller."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated, Any, Literal, cast
from urllib.parse import urlsplit

import structlog
from babel import negotiate_locale
from fastapi import Depends, Request, Response, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from app.complaint.errors import Forbidden
from app.db.reads import Desk, Reads
from app.db.recent import Freshnesses
from app.db.rulebook import Rulebooks
from app.db.session import only_asking, reading, snapshot, writing
from app.people.attempts import Attempt
from app.people.callers import Caller
from app.people.errors import NotSignedIn
from app.people.oidc import Oidc, check_token, looks_signed
from app.people.rates import Rates
from app.people.sessions import OpenSession, extend_session, find_session
from app.people.token_scopes import demand_scope
from app.people.tokens import USE_INTERVAL, Tokens, note_use
from app.people.vouching import admit
from app.settings import Settings
from app.vault import Vault

SESSION_COOKIE = "tanggap_session"
CSRF_HEADER = "x-csrf-token"
CSRF_FIELD = "csrf_token"

Language = Literal["id", "en"]

_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_WEIGHT = re.compile(r"[01](?:\.\d{0,3})?")
_FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
_bearer = HTTPBearer(auto_error=False, description="An API token (`tgp_...`), or an access token of the OIDC issuer.")
_log = structlog.get_logger(__name__)


class Errands:
    """Small writes that no answer waits for, finished before the house closes; one that fails is logged."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[None]] = set()

    def start(self, errand: Coroutine[Any, Any, None]) -> None:
        """Runs `errand` beside the request."""
        task = asyncio.create_task(self._run(errand))
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def finish(self) -> None:
        """Waits for all that runs."""
        while self._running:
            await asyncio.gather(*self._running)

    async def _run(self, errand: Coroutine[Any, Any, None]) -> None:
        try:
            await errand
        except SQLAlchemyError as error:
            _log.warning("errand_failed", error=type(error).__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What one process of the web application holds from start to stop; `replica` is `engine` where there is none."""

    settings: Settings
    engine: AsyncEngine
    replica: AsyncEngine
    rulebooks: Rulebooks
    vault: Vault
    clock: Callable[[], datetime]
    rates: Rates
    tokens: Tokens
    freshness: Freshnesses
    schema_head: str
    cursor_key: bytes
    errands: Errands = field(default_factory=Errands)
    oidc: Oidc | None = None
    """The issuer whose tokens are accepted beside our own."""
    uses_noted: dict[int, datetime] = field(default_factory=dict)
    """When the use of a token was last written, by token."""
    asking: AsyncEngine = field(init=False)
    """`engine` for those who only ask."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "asking", only_asking(self.engine))


def house_of(request: Request) -> House:
    """What the process that answers holds."""
    return cast(House, request.app.state.house)


# A dependency that has none of its own costs a tenth of one with three below it, on every request: hence `request`.
async def _house(request: Request) -> House:
    return house_of(request)


HouseDep = Annotated[House, Depends(_house)]


async def now_of(request: Request) -> datetime:
    """The instant of this request: one, however often it is asked for."""
    if not hasattr(request.state, "now"):
        request.state.now = house_of(request).clock()
    return cast(datetime, request.state.now)


Now = Annotated[datetime, Depends(now_of)]


async def language_of(request: Request) -> Language:
    """Indonesian or English: the caller's wish, else the installation's language."""
    chosen = negotiate_locale(wished(request.headers.get("accept-language", "")), ["id", "en"], sep="-")
    return cast(Language, chosen) if chosen in ("id", "en") else house_of(request).settings.language


LanguageDep = Annotated[Language, Depends(language_of)]


def wished(header: str) -> list[str]:
    """What a header such as `Accept` names, the most wished first; what has the weight 0 is not wished at all.

    >>> wished("text/csv;q=0.5, application/json, text/html;q=0")
    ['application/json', 'text/csv']
    """
    wishes = [(name.strip(), _weight(rest)) for name, _, rest in (part.partition(";") for part in header.split(","))]
    return [name for name, weight in sorted(wishes, key=lambda wish: -wish[1]) if name and weight]


def _weight(parameters: str) -> float:
    """How much is wished what has these parameters; least of all where nobody can read it."""
    named = (each.strip().partition("=") for each in parameters.lower().split(";"))
    value = next((value for name, _, value in named if name == "q"), "1")
    return float(value) if _WEIGHT.fullmatch(value) else -1.0


async def known(request: Request) -> Caller | None:
    """The caller by bearer token or session cookie, found out once for each request; None when nobody signed in.

    Raises: NotSignedIn, when a token is shown and not valid; Forbidden, when a browser's unsafe request comes from
    elsewhere or without its CSRF token, and when a token's scopes do not reach this route; TooManyRequests.
    """
    if not hasattr(request.state, "caller"):
        request.state.caller = await _find_out(request, await _bearer(request))
    return cast("Caller | None", request.state.caller)


async def _find_out(request: Request, credentials: HTTPAuthorizationCredentials | None) -> Caller | None:
    """The caller, counted against their rate."""
    house, now = house_of(request), await now_of(request)
    caller = await _by_token(house, credentials.credentials, now) if credentials else None
    if caller is None and credentials is None:
        caller = await _by_cookie(request, house, now)
    house.rates.count_request(_who(request, caller), now=now)
    if caller is None and credentials is not None:
        raise NotSignedIn("the token is unknown, expired or revoked", was_refused=True)
    if credentials is None and request.method not in _SAFE_METHODS:
        await _refuse_forged(request)
    if caller is not None and caller.scopes:
        demand_scope(caller.name, caller.scopes, _area(request), writes=request.method not in _SAFE_METHODS)
    return caller


async def known_anew(request: Request) -> Caller | None:
    """The caller as they stand now, for an answer that lasts; None when they may no longer ask."""
    house = house_of(request)
    now, credentials = house.clock(), await _bearer(request)
    return (
        await _by_token(house, credentials.credentials, now) if credentials else await _by_cookie(request, house, now)
    )


# The header is named as a dependency of its own so that the document tells of it.
async def someone(request: Request, _credentials: Annotated[object, Security(_bearer)]) -> Caller | None:
    """See `known`."""
    return await known(request)


Someone = Annotated[Caller | None, Depends(someone)]


async def caller_of(request: Request) -> Caller:
    """The caller.

    Raises: NotSignedIn, when nobody has signed in.
    """
    caller = await known(request)
    if caller is None:
        raise NotSignedIn("sign in, or send a token: Authorization: Bearer tgp_...")
    return caller


async def signed_in(request: Request, _credentials: Annotated[object, Security(_bearer)]) -> Caller:
    """See `caller_of`."""
    return await caller_of(request)


CallerDep = Annotated[Caller, Depends(caller_of)]


# Both connections come after the caller, who is looked up on another one: a request that held one connection while
# it waits for a second would, with enough of its kind, wait for ever.
async def _reading(request: Request) -> AsyncIterator[AsyncConnection]:
    await known(request)
    async with reading(house_of(request).engine) as connection:
        yield connection


async def _standing(request: Request) -> AsyncIterator[AsyncConnection]:
    await known(request)
    async with snapshot(house_of(request).engine) as connection:
        yield connection


async def _asking(request: Request) -> AsyncIterator[AsyncConnection]:
    await known(request)
    async with reading(house_of(request).asking) as connection:
        yield connection


async def _writing(request: Request) -> AsyncIterator[AsyncConnection]:
    caller = await known(request)
    house, attempt = house_of(request), cast("Attempt | None", getattr(request.state, "attempt", None))
    if attempt is None:
        async with writing(house.engine) as connection:
            yield connection
        return
    if not attempt.is_read:
        await request.body()
    yield await attempt.begin(house, _who(request, caller), now=house.clock())
    attempt.is_done = True


async def desk_of(request: Request) -> Desk:
    """Where lists, status and changes are read for this request: one place from its first question to its last."""
    if not hasattr(request.state, "desk"):
        caller = await known(request)
        reads = cast(Reads, request.app.state.reads)
        desk = request.state.desk = await reads.desk(_who(request, caller))
        if desk.lag_s is not None:
            request.state.lag_s = desk.lag_s
    return cast(Desk, request.state.desk)


DeskDep = Annotated[Desk, Depends(desk_of)]


async def _looking(request: Request) -> AsyncIterator[AsyncConnection]:
    desk = await desk_of(request)
    async with reading(desk.engine) as connection:
        yield connection


async def _surveying(request: Request) -> AsyncIterator[AsyncConnection]:
    desk = await desk_of(request)
    async with snapshot(desk.engine) as connection:
        yield connection


# With the default scope the commit would come after the answer, and a commit that fails would have answered 200.
Reading = Annotated[AsyncConnection, Depends(_reading, scope="function")]
Standing = Annotated[AsyncConnection, Depends(_standing, scope="function")]
"""As `Reading`, of one state of the database however many statements look at it."""
Asking = Annotated[AsyncConnection, Depends(_asking, scope="function")]
"""As `Reading`, without a transaction: for the answers that officers wait for all day."""
Writing = Annotated[AsyncConnection, Depends(_writing, scope="function")]
Looking = Annotated[AsyncConnection, Depends(_looking, scope="function")]
"""As `Asking`, of the replica where there is one: what lists, status and dashboards show may be a moment old."""
Surveying = Annotated[AsyncConnection, Depends(_surveying, scope="function")]
"""As `Looking`, of one state of the database: figures that several statements sum must not disagree in one answer."""


def session_of(request: Request) -> OpenSession | None:
    """The session by whose cookie the caller was found; pages put its CSRF token into their forms."""
    return cast("OpenSession | None", getattr(request.state, "session", None))


def set_session_cookie(request: Request, response: Response, secret: str) -> None:
    """Gives the browser its session; the cookie ends with the browser or with the session."""
    response.set_cookie(SESSION_COOKIE, secret, httponly=True, samesite="lax", path="/", secure=is_secure(request))


def clear_session_cookie(request: Request, response: Response) -> None:
    """Takes the cookie back."""
    response.delete_cookie(SESSION_COOKIE, path="/", httponly=True, samesite="lax", secure=is_secure(request))


def address_of(request: Request) -> str:
    """The address of the peer, by which those who did not sign in are counted."""
    return request.client.host if request.client else "unknown"


async def _by_token(house: House, bearer: str, now: datetime) -> Caller | None:
    if house.oidc is not None and looks_signed(bearer):
        return await _by_signed_token(house, house.oidc, bearer, now)
    caller = await house.tokens.caller(house.asking, bearer, now=now)
    if caller is not None and caller.token_id is not None:
        noted = house.uses_noted.get(caller.token_id)
        if noted is None or now - noted >= USE_INTERVAL:
            house.uses_noted[caller.token_id] = now
            house.errands.start(_note_use(house, caller.token_id, now))
    return caller


async def _by_signed_token(house: House, oidc: Oidc, bearer: str, now: datetime) -> Caller | None:
    try:
        vouched = await check_token(oidc, bearer, audience=oidc.audience, now=now)
        return await admit(house.engine, vouched, now=now)
    except NotSignedIn:
        return None


async def _note_use(house: House, token_id: int, now: datetime) -> None:
    async with writing(house.engine) as connection:
        await note_use(connection, token_id, now=now)


async def _by_cookie(request: Request, house: House, now: datetime) -> Caller | None:
    secret = request.cookies.get(SESSION_COOKIE)
    if secret is None or (_is_api(request) and _is_from_elsewhere(request)):
        return None
    async with reading(house.asking) as connection:
        session = await find_session(connection, secret, now)
    if session is None:
        return None
    request.state.session = session
    if session.is_stale:
        house.errands.start(_extend(house, session.token_hash, now))
    return session.caller


async def _extend(house: House, token_hash: str, now: datetime) -> None:
    async with writing(house.engine) as connection:
        await extend_session(connection, token_hash, now=now)


def _who(request: Request, caller: Caller | None) -> str:
    if caller is None:
        return f"address:{address_of(request)}"
    return f"token:{caller.token_id}" if caller.token_id is not None else f"officer:{caller.officer_id}"


def _area(request: Request) -> str | None:
    """What the route is about, as tokens' scopes name it."""
    tags = getattr(request.scope.get("route"), "tags", None)
    return str(tags[0]) if tags else None


async def _refuse_forged(request: Request) -> None:
    """A cookie travels with every request that a page of anybody makes: what changes something must prove its page."""
    if _is_from_elsewhere(request):
        raise Forbidden("the request comes from another site")
    session = session_of(request)
    if session is not None and not session.accepts(await _shown_csrf_token(request)):
        raise Forbidden("the CSRF token is missing or wrong")


async def _shown_csrf_token(request: Request) -> str | None:
    header = request.headers.get(CSRF_HEADER)
    if header is not None or not request.headers.get("content-type", "").startswith(_FORMS):
        return header
    given = (await request.form()).get(CSRF_FIELD)
    return given if isinstance(given, str) else None


def _is_from_elsewhere(request: Request) -> bool:
    fetched_from = request.headers.get("sec-fetch-site")
    if fetched_from is not None:
        return fetched_from not in ("same-origin", "none")
    origin = request.headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != request.headers.get("host")


def _is_api(request: Request) -> bool:
    return request.url.path.startswith("/api/")


def is_secure(request: Request) -> bool:
    """Whether browsers reach us by https, so that a cookie may travel by nothing else."""
    public_url = house_of(request).settings.public_url or ""
    return request.url.scheme == "https" or public_url.startswith("https://")
