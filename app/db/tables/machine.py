"""Tables of the machine room: counters, workers, answers that are kept for those who ask again."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, String
from sqlalchemy import text as condition
from sqlalchemy.orm import Mapped, mapped_column

from app.db.column_types import BigId
from app.db.tables.schema import Id, Json_, Schema, Sealed


class Counter(Schema):
    """A number by name: the change number on SQLite, the revision of the rules, of the units."""

    __tablename__ = "counter"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[int] = mapped_column(BigId)


class Worker(Schema):
    """A worker process and when it was last seen alive."""

    __tablename__ = "worker"
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]


class KeptAnswer(Schema):
    """What a write answered its caller, sealed, for as long as the same key asks for the same again."""

    __tablename__ = "kept_answer"
    caller: Mapped[str] = mapped_column(String(120), primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    request_hash: Mapped[str] = mapped_column(String(64))
    status: Mapped[int]
    sealed: Mapped[Sealed]
    created_at: Mapped[datetime]
    __table_args__ = (Index("ix_kept_answer_created", "created_at"),)


class UnitChange(Schema):
    """The last change of what a unit holds or once held, as far as somebody has gathered it; unit 0 is no unit."""

    __tablename__ = "unit_change"
    unit_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    change_no: Mapped[int] = mapped_column(BigInteger)


class Incident(Schema):
    """Something about this installation that needs somebody: told once when it stays, and once when it is over.

    `fine_since` is since when it was not seen any more.
    """

    __tablename__ = "incident"
    id: Mapped[Id]
    key: Mapped[str] = mapped_column(String(200))
    what: Mapped[str] = mapped_column(String(30))
    about: Mapped[Json_]
    first_seen_at: Mapped[datetime]
    told_at: Mapped[datetime | None]
    fine_since: Mapped[datetime | None]
    over_at: Mapped[datetime | None]
    __table_args__ = (
        Index(
            "ix_incident_open",
            "key",
            unique=True,
            postgresql_where=condition("over_at IS NULL"),
            sqlite_where=condition("over_at IS NULL"),
        ),
    )
