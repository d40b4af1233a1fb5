"""Tables of officers, their saved views, sessions, tokens and the audit trail."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from app.complaint.roles import Role
from app.db.column_types import BigId
from app.db.tables.schema import Id, Json_, OfficerId, Schema, Sealed, UnitId


class Officer(Schema):
    """Somebody who signs in; `issuer` and `subject` name whoever another sign-in vouches for.

    `claimed_at` is when the newest token was issued by which the issuer told the role and the units. Alerts reach an
    officer by `email` and by the sealed address of a chat, in `language`; `quiet_from` and `quiet_to` are minutes after
    local midnight between which only what is urgent comes through.
    """

    __tablename__ = "officer"
    id: Mapped[Id]
    username: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str]
    role: Mapped[Role]
    password_hash: Mapped[str | None]
    is_active: Mapped[bool]
    failed_sign_ins: Mapped[int]
    locked_until: Mapped[datetime | None]
    created_at: Mapped[datetime]
    issuer: Mapped[str | None] = mapped_column(String(500))
    subject: Mapped[str | None] = mapped_column(String(255))
    claimed_at: Mapped[datetime | None]
    email: Mapped[str | None] = mapped_column(String(254))
    sealed_chat_url: Mapped[Sealed | None]
    language: Mapped[str | None] = mapped_column(String(2))
    quiet_from: Mapped[int | None]
    quiet_to: Mapped[int | None]
    gets_digest: Mapped[bool] = mapped_column(server_default=true())
    __table_args__ = (Index("ix_officer_issuer_subject", "issuer", "subject", unique=True),)


class OfficerUnit(Schema):
    """A unit whose complaints an officer sees, and those below; an officer without any sees the whole tree."""

    __tablename__ = "officer_unit"
    officer_id: Mapped[OfficerId] = mapped_column(primary_key=True)
    unit_id: Mapped[UnitId] = mapped_column(primary_key=True)


class Leave(Schema):
    """A span in which an officer is away; what would reach them goes to the delegate, or to the next one up."""

    __tablename__ = "leave"
    id: Mapped[Id]
    officer_id: Mapped[OfficerId]
    starts_at: Mapped[datetime]
    ends_at: Mapped[datetime]
    delegate_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("officer.id"))
    created_at: Mapped[datetime]
    created_by: Mapped[str]
    __table_args__ = (Index("ix_leave_officer", "officer_id", "ends_at"), Index("ix_leave_ends", "ends_at"))


class SavedView(Schema):
    """Filters of the queue that an officer keeps under a name; with a unit they are that unit's to use as well."""

    __tablename__ = "saved_view"
    id: Mapped[Id]
    officer_id: Mapped[OfficerId]
    name: Mapped[str] = mapped_column(String(80))
    query: Mapped[Json_]
    unit_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("unit.id"))
    created_at: Mapped[datetime]
    updated_at: Mapped[datetime]
    __table_args__ = (UniqueConstraint("officer_id", "name"), Index("ix_saved_view_unit_id", "unit_id"))


class Session(Schema):
    """A signed-in browser: the hash of its cookie and its CSRF token."""

    __tablename__ = "session"
    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    officer_id: Mapped[OfficerId]
    csrf_token: Mapped[str]
    created_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    expires_at: Mapped[datetime]


class ApiToken(Schema):
    """A bearer token: only its hash is kept; without `scopes` it may do all that its role may."""

    __tablename__ = "api_token"
    id: Mapped[Id]
    name: Mapped[str]
    prefix: Mapped[str] = mapped_column(String(16))
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    role: Mapped[Role]
    officer_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("officer.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    used_at: Mapped[datetime | None]
    scopes: Mapped[Json_ | None]


class ApiTokenUnit(Schema):
    """A unit that a token covers, and those below; a token without any covers the whole tree and what is unrouted."""

    __tablename__ = "api_token_unit"
    token_id: Mapped[int] = mapped_column(BigId, ForeignKey("api_token.id"), primary_key=True)
    unit_id: Mapped[UnitId] = mapped_column(primary_key=True)


class Audit(Schema):
    """Who did and who saw what; append-only, each row hashed over the one before."""

    __tablename__ = "audit"
    id: Mapped[Id]
    at: Mapped[datetime]
    actor: Mapped[str]
    action: Mapped[str] = mapped_column(String(60))
    subject: Mapped[str]
    details: Mapped[Json_]
    hash: Mapped[str] = mapped_column(String(64))
    __table_args__ = (
        Index("ix_audit_at", "at", "id"),
        Index("ix_audit_actor", "actor", "id"),
        Index("ix_audit_subject", "subject", "id"),
    )
