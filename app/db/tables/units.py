"""Tables of the city units, their labels and their tree."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.column_types import BigId
from app.db.tables.schema import Id, Json_, Schema, UnitId


class Unit(Schema):
    """A city unit; a suku dinas has two parents, its dinas by function and its city by territory."""

    __tablename__ = "unit"
    id: Mapped[Id]
    code: Mapped[str] = mapped_column(String(80), unique=True)
    name: Mapped[str]
    type: Mapped[str] = mapped_column(String(30))
    parent_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("unit.id"))
    second_parent_id: Mapped[int | None] = mapped_column(BigId, ForeignKey("unit.id"))
    is_validator: Mapped[bool]
    is_active: Mapped[bool]


class UnitAlias(Schema):
    """A label that means a unit, folded to letters and digits.

    `kind` is `label`, `village` for the name of a kelurahan, or the code of the root that a source brought along.
    """

    __tablename__ = "unit_alias"
    kind: Mapped[str] = mapped_column(String(80), primary_key=True)
    label: Mapped[str] = mapped_column(String(200), primary_key=True)
    unit_id: Mapped[UnitId]


class UnitAncestor(Schema):
    """Each unit with itself and every unit above it, over either parent."""

    __tablename__ = "unit_ancestor"
    unit_id: Mapped[UnitId] = mapped_column(primary_key=True)
    ancestor_id: Mapped[UnitId] = mapped_column(primary_key=True)
    depth: Mapped[int]
    __table_args__ = (Index("ix_unit_ancestor_ancestor", "ancestor_id", "unit_id"),)


class UnitClose(Schema):
    """The figures of a unit and a month as they were known at `closed_at`; nothing rewrites them."""

    __tablename__ = "unit_close"
    id: Mapped[Id]
    unit_id: Mapped[UnitId]
    month: Mapped[str] = mapped_column(String(7))
    closed_at: Mapped[datetime]
    closed_by: Mapped[str]
    figures: Mapped[Json_]
    __table_args__ = (UniqueConstraint("unit_id", "month"),)
