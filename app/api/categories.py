"""Administration of categories over REST: a new one, another name, labels of sources, one that closes."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field, StrictBool

from app.api.auth import AdminDep, WholeAdminDep
from app.api.bodies import Sent
from app.api.instants import Instant
from app.dependencies import Now, Reading, Writing
from app.intake.categories import (
    CategoryChange,
    CategoryEntry,
    add_category,
    change_category,
    find_category,
    list_categories,
)
from app.people.audit import Details, record

router = APIRouter(prefix="/admin/categories", tags=["admin"])

Code = Annotated[str, Path(min_length=1, max_length=120)]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Labels = Annotated[
    list[Annotated[str, Field(max_length=200)]],
    Field(max_length=200, description="How sources write it; case and white space do not count."),
]


class CategoryRequest(Sent):
    """A category to add; its name is one of its labels."""

    code: Annotated[str, Field(min_length=1, max_length=120)]
    name: Name
    labels: Labels = Field(default_factory=list)


class CategoryPatch(Sent):
    """What shall be otherwise; what is left out or null stays. `labels` is the whole list."""

    name: Name | None = None
    is_active: StrictBool | None = None
    labels: Labels | None = None


class CategoryItem(BaseModel):
    """A category; its labels are folded to one case and single spaces."""

    code: str
    name: str
    is_active: bool
    labels: list[str]


class CategoryList(BaseModel):
    """Every category by code."""

    items: list[CategoryItem]
    as_of: Instant


@router.get("")
async def categories(connection: Reading, _caller: AdminDep, now: Now) -> CategoryList:
    """Every category, closed ones too."""
    return CategoryList(items=[_item(each) for each in await list_categories(connection)], as_of=now)


@router.post("", status_code=201, responses={409: {"description": "The code or a label is taken."}})
async def make_category(asked: CategoryRequest, connection: Writing, caller: WholeAdminDep, now: Now) -> CategoryItem:
    """A new category; complaints that come from now on under one of its labels are of it."""
    added = await add_category(connection, asked.code, asked.name, asked.labels)
    details: Details = {"name": added.name, "labels": list(added.labels)}
    subject = f"category {added.code}"
    await record(connection, actor=caller.name, action="category.create", subject=subject, details=details, now=now)
    return _item(added)


@router.get("/{code}")
async def one_category(code: Code, connection: Reading, _caller: AdminDep) -> CategoryItem:
    """One category."""
    return _item(await find_category(connection, code))


@router.patch("/{code}", responses={409: {"description": "A label means another category."}})
async def patch_category(
    code: Code, asked: CategoryPatch, connection: Writing, caller: WholeAdminDep, now: Now
) -> CategoryItem:
    """The category, changed; complaints that came under it keep it."""
    given = asked.model_dump(exclude_none=True)
    changed = await change_category(connection, code, CategoryChange(**given))
    subject = f"category {code}"
    await record(connection, actor=caller.name, action="category.change", subject=subject, details=given, now=now)
    return _item(changed)


def _item(category: CategoryEntry) -> CategoryItem:
    return CategoryItem.model_validate(category, from_attributes=True)
