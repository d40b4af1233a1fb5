"""What no route accepts: unknown parameters and fields, values that cannot be stored, instants without an offset."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any, Literal, get_args

import pytest
from fastapi import APIRouter, FastAPI, Query
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from app.api.bodies import RowId, Sent
from app.api.documents import describe
from app.api.instants import Instant
from app.api.paging import Limit
from tests.api.door import Door, opened, settings_for
from tests.api.test_problems import assert_problem

router = APIRouter()


class Filters(BaseModel):
    model_config = ConfigDict(extra="forbid")
    status: str | None = None
    tag: list[str] = Field(default_factory=list)


class Forward(Sent):
    move: Literal["forward"]
    unit: str
    hints: list[str] = Field(default_factory=list)


class Schedule(Sent):
    move: Literal["schedule"]
    promised_at: Instant


@router.get("/plain")
async def plain(limit: Limit = 50) -> int:
    return limit


@router.get("/modelled")
async def modelled(filters: Annotated[Filters, Query()]) -> Filters:
    return filters


@router.get("/row/{id}")
async def row(id: RowId) -> int:
    return id


@router.get("/name/{name}")
async def name(name: str) -> str:
    return name


@router.post("/moves")
async def moves(asked: Annotated[Forward | Schedule, Field(discriminator="move")]) -> Any:
    return asked


@pytest.fixture
def dialect() -> str:
    """What is refused here never reaches a database."""
    return "sqlite"


@pytest.fixture
async def door(database_url: str) -> AsyncIterator[Door]:
    async with opened(settings_for(database_url, rate_limit="off"), router) as door:
        yield door


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/plain?limt=5", "limt"),
        ("/plain?limit=0", "limit"),
        ("/plain?limit=201", "limit"),
        ("/plain?limit=a", "limit"),
        ("/plain?limit=5.0", "limit"),
        ("/plain?limit=%2B5", "limit"),
        ("/plain?limit=1_0", "limit"),
        ("/plain?limit=5&limit=6", "limit"),
        ("/modelled?colour=red", "colour"),
        ("/modelled?status=a%00b", "status"),
        ("/row/0", "id"),
        ("/row/1.0", "id"),
        ("/row/%201", "id"),
        ("/row/99999999999999999999", "id"),
        ("/name/a%00b", "name"),
        ("/healthz?verbose=1", "verbose"),
    ],
)
async def test_a_bad_value_in_the_address_is_named(door: Door, path: str, field: str) -> None:
    answer = await door.client.get(path)
    problem = assert_problem(answer, 422, "invalid_input")
    assert [error["field"] for error in problem["errors"]] == [field]


async def test_known_parameters_pass_and_lists_may_repeat(door: Door) -> None:
    assert (await door.client.get("/plain?limit=5")).json() == 5
    assert (await door.client.get("/modelled?status=a&tag=x&tag=y")).json() == {"status": "a", "tag": ["x", "y"]}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"move": "forward", "unit": "dlh", "colour": 1}', "colour"),
        (b'{"move": "forward"}', "unit"),
        (b'{"move": "fly"}', "move"),
        (b"{}", "move"),
        (b'{"move": "forward", "unit": "dlh", "hints": ["a", 5]}', "hints[1]"),
        (b'{"move": "schedule", "promised_at": "2026-06-02T09:00:00"}', "promised_at"),
        (b'{"move": "schedule", "promised_at": 1780365600}', "promised_at"),
        (b'{"move": "forward", "unit": "a\\u0000b"}', "unit"),
        (b'{"move": "forward", "unit": "\\ud800"}', "unit"),
        (b'{"move": "forward", "unit": NaN}', "unit"),
        (b'{"move": ', "body"),
        (b"\xff\xfe", "body"),
        ('{"move": "forward", "unit": "a\\u0000b"}'.encode("utf-16"), "body"),
        ('{"move": "forward", "unit": NaN}'.encode("utf-16-le"), "body"),
        ('{"move": "claim"}'.encode("utf-32-be"), "body"),
        (b"[" * 100_000, "body"),
        (b'{"move": "forward", "unit": ' + b"9" * 5000 + b"}", "body"),
        (b"[]", "body"),
        (b"", "body"),
    ],
)
async def test_a_bad_body_names_its_field(door: Door, body: bytes, field: str) -> None:
    answer = await door.client.post("/moves", content=body, headers={"Content-Type": "application/json"})
    problem = assert_problem(answer, 422, "invalid_input")
    assert [error["field"] for error in problem["errors"]] == [field], problem


@pytest.mark.parametrize("unit", ["emoji \\ud83d\\ude00", "back\\\\u0000slash", "\\u00e9"])
async def test_escapes_that_mean_real_characters_pass(door: Door, unit: str) -> None:
    body = f'{{"move": "forward", "unit": "{unit}"}}'
    answer = await door.client.post("/moves", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 200, answer.text


async def test_every_body_refuses_fields_that_are_not_known(door: Door) -> None:
    schemas = describe(door.app)["components"]["schemas"]
    names = set(_body_models(door.app))
    assert names
    assert {name for name in names if schemas[name].get("additionalProperties") is not False} == set()


def test_every_body_refuses_numbers_and_truths_that_are_text() -> None:
    """`"dry_run": "no"` must not do for good what a sender with another idea of truth only wanted to see."""
    fields = [
        (f"{model.__name__}.{name}", field)
        for model in _bodies_of_ours(Sent)
        for name, field in model.model_fields.items()
        if {bool, int, float} & {field.annotation, *get_args(field.annotation)}
    ]
    assert fields
    assert [name for name, field in fields if _takes(field, "1")] == []


def _bodies_of_ours(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    for below in model.__subclasses__():
        if below.__module__.startswith("app."):
            yield below
        yield from _bodies_of_ours(below)


def _takes(field: FieldInfo, value: object) -> bool:
    try:
        TypeAdapter(Annotated[field.annotation, field]).validate_python(value)
    except ValidationError:
        return False
    return True


def _body_models(app: FastAPI) -> Iterator[str]:
    """The models that bodies are made of, however deep."""
    document = describe(app)
    found: set[str] = set()
    waiting: list[Any] = [
        content["schema"]
        for path in document["paths"].values()
        for operation in path.values()
        for media, content in operation.get("requestBody", {}).get("content", {}).items()
        if media == "application/json"
    ]
    while waiting:
        node = waiting.pop()
        if isinstance(node, list):
            waiting += node
        elif isinstance(node, dict):
            reference = str(node.get("$ref", "")).rpartition("/")[2]
            schema = document["components"]["schemas"].get(reference)
            if schema is not None and reference not in found:
                found.add(reference)
                waiting.append(schema)
            waiting += [value for key, value in node.items() if key != "discriminator"]
    yield from (name for name in found if "properties" in document["components"]["schemas"][name])
