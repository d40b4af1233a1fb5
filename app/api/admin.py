"""Administration of tokens, and the audit trail."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field

from app.api.auth import AdminDep, WholeAdminDep
from app.api.bodies import Digits, RowId, Sent
from app.api.instants import Instant, parse_from, parse_to
from app.api.paging import CursorsDep, CursorText, Limit, last_id, next_link
from app.complaint.errors import InvalidInput
from app.complaint.roles import Role
from app.dependencies import HouseDep, Now, Reading, Writing
from app.people import audit
from app.people.callers import demand_cover, find_units
from app.people.token_scopes import SCOPES, demand_no_more
from app.people.tokens import NewToken, create_token, list_tokens, revoke_token

router = APIRouter(prefix="/admin", tags=["admin"])

Name = Annotated[str, Field(min_length=1, max_length=200)]
UnitCodes = Annotated[
    list[str], Field(default_factory=list, max_length=100, description="None: the whole tree and what is unrouted.")
]

Word = Annotated[str | None, Field(min_length=1, max_length=200)]
ScopeName = Annotated[str, Field(json_schema_extra={"enum": list(SCOPES)})]
Scopes = Annotated[
    list[ScopeName],
    Field(
        default_factory=list,
        max_length=len(SCOPES),
        description="What the token is for; writing includes reading. None: all that its role may.",
    ),
]


class TokenRequest(Sent):
    """A token to make."""

    name: Name
    role: Role
    units: UnitCodes
    expires_at: Instant | None = None
    scopes: Scopes


class TokenMade(BaseModel):
    """The token itself, shown this once."""

    id: int
    token: str


class TokenItem(BaseModel):
    """What is known of a token; `prefix` is how it begins, `officer` is who its moves are by."""

    id: int
    name: str
    prefix: str
    role: Role
    officer: str
    units: list[str]
    created_at: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    used_at: Instant | None
    scopes: list[str]


class TokenPage(BaseModel):
    """Tokens by id."""

    items: list[TokenItem]
    next_cursor: str | None
    as_of: Instant


class AuditItem(BaseModel):
    """One row of the trail; `hash` covers the row and the hash before it."""

    id: int
    at: Instant
    actor: str
    action: str
    subject: str
    details: dict[str, str | int | bool | list[str] | None]
    hash: str


class TrailQuery(BaseModel):
    """Conditions on the trail, of which all hold."""

    actor: Word = None
    action: Word = None
    subject: Word = None
    from_: Annotated[str | None, Field(alias="from", description="RFC 3339, or a local day, itself included.")] = None
    to: Annotated[str | None, Field(description="RFC 3339, itself excluded, or a local day, itself included.")] = None
    limit: Annotated[int, Digits, Field(ge=1, le=200, description="Items on a page.")] = 50
    cursor: Annotated[str | None, Field(max_length=2000, description="`next_cursor` of the page before.")] = None

    def filters(self, zone: ZoneInfo) -> audit.TrailFilters:
        """The conditions as the trail knows them.

        Raises: InvalidInput, naming the parameter.
        """
        since, until = parse_from(self.from_, "from", zone), parse_to(self.to, "to", zone)
        if since is not None and until is not None and until < since:
            raise InvalidInput("to", "lies before from")
        return audit.TrailFilters(actor=self.actor, action=self.action, subject=self.subject, since=since, until=until)


class AuditPage(BaseModel):
    """The trail, newest first."""

    items: list[AuditItem]
    next_cursor: str | None
    as_of: Instant


@router.get("/tokens")
async def tokens(
    request: Request,
    response: Response,
    connection: Reading,
    caller: AdminDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> TokenPage:
    """The tokens of the caller's units, revoked ones too."""
    after = last_id(cursors, "tokens", cursor) or 0
    found = await list_tokens(connection, scope=caller.scope, after=after, limit=limit + 1)
    next_cursor = cursors.encode("tokens", [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    items = [TokenItem.model_validate(each, from_attributes=True) for each in found[:limit]]
    return TokenPage(items=items, next_cursor=next_cursor, as_of=now)


@router.post("/tokens", status_code=201)
async def make_token(asked: TokenRequest, connection: Writing, caller: AdminDep, now: Now) -> TokenMade:
    """A new token over units of the caller's, for no more than the caller's own; it is shown this once."""
    demand_no_more(caller, asked.scopes)
    await demand_cover(connection, caller.scope, await find_units(connection, asked.units))
    new = NewToken(asked.name, asked.role, tuple(asked.units), asked.expires_at, tuple(asked.scopes))
    made = await create_token(connection, new, actor=caller.name, now=now)
    return TokenMade(id=made.id, token=made.token)


@router.delete("/tokens/{token_id}", status_code=204)
async def end_token(token_id: RowId, connection: Writing, caller: AdminDep, now: Now) -> None:
    """The token opens nothing from now on."""
    await revoke_token(connection, token_id, scope=caller.scope, actor=caller.name, now=now)


@router.get("/audit")
async def trail(
    request: Request,
    response: Response,
    connection: Reading,
    _caller: WholeAdminDep,
    house: HouseDep,
    now: Now,
    cursors: CursorsDep,
    query: Annotated[TrailQuery, Query()],
) -> AuditPage:
    """Who did and who saw what; it tells of every unit, so it is for administrators of the whole tree."""
    filters, limit = query.filters(house.settings.zone), query.limit
    kind = f"audit {filters}"
    before = last_id(cursors, kind, query.cursor)
    found = await audit.entries(connection, before=before, limit=limit + 1, filters=filters)
    next_cursor = cursors.encode(kind, [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    items = [AuditItem.model_validate(each, from_attributes=True) for each in found[:limit]]
    return AuditPage(items=items, next_cursor=next_cursor, as_of=now)
