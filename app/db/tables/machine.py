"""Tables of the machine room: counters and workers."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.db.column_types import BigId
from app.db.tables.schema import Schema


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
