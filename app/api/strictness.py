"""What no route accepts, whatever it is: unknown query parameters, text that no database holds, other media types."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from email.message import Message
from types import UnionType
from typing import Annotated, Union, get_args, get_origin

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.params import Form
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from app.api.problems import FieldError
from app.api.query_model import QueryOf

Parameters = Mapping[str, bool]
"""The query parameters that a route knows, and whether each may come more than once."""

_UNSTORABLE = "holds characters that cannot be stored"
_NOT_UTF_8 = "must be JSON in UTF-8"


class Malformed(Exception):
    """Several values of one request are malformed."""

    def __init__(self, errors: list[FieldError]) -> None:
        super().__init__(f"{len(errors)} malformed values")
        self.errors = errors


async def refuse_the_unknown(request: Request) -> None:
    """Every route depends on this; it comes after the caller, so that a stranger learns nothing but 401.

    Raises: Malformed (422), HTTPException (415).
    """
    route = request.scope.get("route")
    if not isinstance(route, APIRoute):
        return
    errors = [*_query_errors(request, _known(request, route)), *_path_errors(request)]
    if route.body_field is not None and not isinstance(route.body_field.field_info, Form):
        errors += await _body_errors(request)
    if errors:
        raise Malformed(errors)


def known_parameters(dependant: Dependant) -> dict[str, bool]:
    """The query parameters of a route and of all it depends on."""
    known: dict[str, bool] = {}
    for field in dependant.query_params:
        model = _model(field.field_info.annotation)
        if model is None:
            known[field.alias] = _is_list(field.field_info.annotation)
        else:
            known |= {info.alias or name: _is_list(info.annotation) for name, info in model.model_fields.items()}
    for below in dependant.dependencies:
        known |= dict.fromkeys(below.call.model.model_fields, False) if isinstance(below.call, QueryOf) else {}
        known |= known_parameters(below)
    return known


def _known(request: Request, route: APIRoute) -> Parameters:
    """Worked out once for each route of the application."""
    held: dict[int, Parameters] = request.app.state.known_parameters
    if id(route) not in held:
        held[id(route)] = known_parameters(route.dependant)
    return held[id(route)]


def _query_errors(request: Request, known: Parameters) -> Iterator[FieldError]:
    given = request.query_params.multi_items()
    for name, count in Counter(name for name, _ in given).items():
        if name not in known:
            yield FieldError(field=name, message="is not known")
        elif count > 1 and not known[name]:
            yield FieldError(field=name, message="is given more than once")
    yield from (FieldError(field=name, message=_UNSTORABLE) for name, value in given if "\0" in value)


def _path_errors(request: Request) -> Iterator[FieldError]:
    for name, value in request.path_params.items():
        if isinstance(value, str) and "\0" in value:
            yield FieldError(field=name, message=_UNSTORABLE)


async def _body_errors(request: Request) -> list[FieldError]:
    body = await request.body()
    if not body:
        return []
    if not _is_json(request.headers.get("content-type", "")):
        raise HTTPException(415, "the body must be application/json")
    if b"\0" in body:
        # The reader of JSON would guess UTF-16 or UTF-32, in which what is looked for below is spelled otherwise.
        return [FieldError(field="body", message=_NOT_UTF_8)]
    if b"\\u" not in body and b"NaN" not in body and b"Infinity" not in body:
        return []
    return list(_unstorable(await request.json(), ""))


def _is_json(content_type: str) -> bool:
    message = Message()
    message["content-type"] = content_type
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))


def _unstorable(value: object, path: str) -> Iterator[FieldError]:
    """NUL (PostgreSQL holds none), halves of surrogate pairs (UTF-8 has none), numbers that are none."""
    if isinstance(value, str):
        if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
            yield FieldError(field=path or "body", message=_UNSTORABLE)
    elif isinstance(value, float):
        if not math.isfinite(value):
            yield FieldError(field=path or "body", message="is not a finite number")
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _unstorable(item, f"{path}[{index}]")
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _unstorable(name, path)
            yield from _unstorable(item, f"{path}.{name}" if path else name)


def _model(annotation: object) -> type[BaseModel] | None:
    """A parameter may be a model whose fields are the parameters."""
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _is_list(annotation: object) -> bool:
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_list(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return any(_is_list(part) for part in get_args(annotation))
    return origin in (list, tuple, set, frozenset)
