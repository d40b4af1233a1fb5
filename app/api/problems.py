"""Problem details (RFC 9457): how every refusal looks on the wire."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import orjson
from fastapi import Response
from pydantic import BaseModel, Field
from typing_extensions import TypedDict

MEDIA_TYPE = "application/problem+json"
TYPE = "urn:tanggap:problem:"


class FieldError(TypedDict):
    """One malformed value: where, and what is wrong with it."""

    field: str
    message: str


class Problem(BaseModel):
    """Why a request was refused."""

    type: str = Field(examples=[f"{TYPE}invalid_input"])
    title: str
    status: int
    detail: str
    code: str = Field(description="A stable word for programs.")
    errors: list[FieldError] | None = Field(None, description="With 422: each malformed value.")
    legal_moves: list[str] | None = Field(None, description="With `illegal_move`: the moves that are legal now.")
    evidence: list[int] | None = Field(None, description="With `evidence_unreviewed`: the pictures to review first.")
    version: int | None = Field(None, description="With 409 and 412: the current version.")
    request_id: str | None = Field(None, description="With 500 and 503: the id that the log has too.")


def problem(
    status: int,
    code: str,
    detail: str,
    *,
    headers: Mapping[str, str] | None = None,
    **members: object,
) -> Response:
    """The answer of a refusal; members that are None are left out."""
    content: dict[str, Any] = {
        "type": TYPE + code,
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    content |= {name: value for name, value in members.items() if value is not None}
    return Response(orjson.dumps(content), status, headers, MEDIA_TYPE)


def malformed(errors: Sequence[FieldError]) -> Response:
    """422 with each malformed value; the detail is all of them in one line."""
    detail = "; ".join(f"{error['field']}: {error['message']}" for error in errors)
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid_input", detail, errors=list(errors))
