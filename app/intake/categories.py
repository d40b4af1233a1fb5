"""Categories of complaints: list them, add one, rename or close it, and say which labels of sources mean it."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import Conflict, InvalidInput, NotFound
from app.complaint.words import fold_word
from app.db.states import NoticeKind
from app.db.tables.sources import Category, CategoryAlias, Source
from app.intake.notices import close_about

_CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,118}[a-z0-9])?")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class CategoryEntry:
    """A category and the labels, folded, by which sources mean it."""

    code: str
    name: str
    is_active: bool
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryChange:
    """What shall be otherwise; None leaves it as it is. `labels` is the whole list."""

    name: str | None = None
    is_active: bool | None = None
    labels: Sequence[str] | None = None


async def list_categories(connection: AsyncConnection, *, only: str | None = None) -> list[CategoryEntry]:
    """Every category by code, closed ones too."""
    statement = select(Category.code, Category.name, Category.is_active).order_by(Category.code)
    if only is not None:
        statement = statement.where(Category.code == only)
    labels: dict[str, list[str]] = defaultdict(list)
    for row in await connection.execute(select(CategoryAlias.__table__).order_by(CategoryAlias.label)):
        labels[row.code].append(row.label)
    rows = await connection.execute(statement)
    return [CategoryEntry(row.code, row.name, row.is_active, tuple(labels[row.code])) for row in rows]


async def find_category(connection: AsyncConnection, code: str) -> CategoryEntry:
    """The category of this code.

    Raises: NotFound.
    """
    found = await list_categories(connection, only=code)
    if not found:
        raise NotFound(f"category {code} does not exist")
    return found[0]


async def add_category(connection: AsyncConnection, code: str, name: str, labels: Sequence[str]) -> CategoryEntry:
    """The new category; its own name is one of its labels.

    Raises: InvalidInput, naming the field; Conflict, when the code or a label is taken.
    """
    if not _CODE.fullmatch(code):
        raise InvalidInput("code", "must be 1 to 120 small letters, digits or -, none of these at the ends")
    _check_name(name)
    if await connection.scalar(select(Category.code).where(Category.code == code)) is not None:
        raise Conflict(f"category {code} exists")
    await connection.execute(insert(Category).values(code=code, name=name.strip(), is_active=True))
    await _put_labels(connection, code, [name, *labels])
    return await find_category(connection, code)


async def change_category(connection: AsyncConnection, code: str, change: CategoryChange) -> CategoryEntry:
    """The category as it is then; complaints that came under it keep it.

    Raises: NotFound; InvalidInput; Conflict, when a label means another category.
    """
    before = await find_category(connection, code)
    if change.name is not None:
        _check_name(change.name)
    named = {"name": change.name and change.name.strip(), "is_active": change.is_active}
    values = {name: value for name, value in named.items() if value is not None}
    if values:
        await connection.execute(update(Category).where(Category.code == before.code).values(**values))
    if change.labels is not None:
        await _put_labels(connection, code, change.labels)
    return await find_category(connection, code)


def _check_name(name: str) -> None:
    if not name.strip():
        raise InvalidInput("name", "must not be blank")


async def _put_labels(connection: AsyncConnection, code: str, labels: Iterable[str]) -> None:
    """These labels mean the category and no others do; notices that asked what the new ones mean are settled."""
    wanted = {_folded(label) for label in labels}
    await connection.execute(
        delete(CategoryAlias).where(CategoryAlias.code == code, CategoryAlias.label.not_in(wanted))
    )
    held = {row.label: row.code for row in await connection.execute(_meaning(wanted))}
    taken = sorted(label for label, of in held.items() if of != code)
    if taken:
        raise Conflict(f"the label {taken[0]!r} means another category already")
    added = sorted(wanted - held.keys())
    if added:
        await connection.execute(insert(CategoryAlias), [{"label": label, "code": code} for label in added])
    source_ids = list(await connection.scalars(select(Source.id)))
    for label in added:
        await close_about(connection, source_ids, NoticeKind.UNKNOWN_CATEGORY, label)


def _meaning(labels: Iterable[str]) -> Select[str, str]:
    return select(CategoryAlias.label, CategoryAlias.code).where(CategoryAlias.label.in_(labels))


def _folded(label: str) -> str:
    folded = fold_word(label)
    if not 0 < len(folded) <= _LONGEST:
        raise InvalidInput("labels", f"each must have 1 to {_LONGEST} characters")
    return folded
