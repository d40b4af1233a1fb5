"""The form by which a picture is sent: its fields, its document, and the picture, developed before anything else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import isfinite
from typing import Annotated, Any, cast

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from app.api.complaints import Ref, asker_of
from app.api.instants import parse_instant
from app.api.problems import FieldError
from app.api.strictness import Malformed
from app.complaint.evidence import EvidenceKind, Place
from app.db.session import reading
from app.dependencies import CallerDep, HouseDep
from app.workqueue.detail import locate
from app.workqueue.evidence import LONGEST_NOTE, NewEvidence, demand_sender
from app.workqueue.evidence_pictures import Darkroom

FORM_BYTES = 64 * 1024
"""What a form may weigh beside its file."""
MOST_BYTES = 32 * 1024 * 1024 + FORM_BYTES
"""What is read at all: the most that `evidence_max_bytes` can be set to."""

_MULTIPART = "multipart/form-data"
_FIELDS = ("file", "kind", "note", "lat", "lng", "taken_at")
_TEXT: dict[str, Any] = {"type": "string"}
_PROPERTIES: dict[str, Any] = {
    "file": {
        **_TEXT,
        "format": "binary",
        "description": "A JPEG, PNG or WebP picture; its content decides, not its name.",
    },
    "kind": {**_TEXT, "enum": [str(kind) for kind in EvidenceKind]},
    "note": {**_TEXT, "minLength": 1, "maxLength": LONGEST_NOTE},
    "lat": {"type": "number", "description": "Where it was taken, if the file does not say; with `lng`."},
    "lng": {"type": "number"},
    "taken_at": {**_TEXT, "format": "date-time", "description": "When it was taken, if the file does not say."},
}
_SCHEMA = {"type": "object", "required": ["file", "kind"], "properties": _PROPERTIES, "additionalProperties": False}
BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {_MULTIPART: {"schema": _SCHEMA}}}}


async def _darkroom(request: Request) -> Darkroom:
    return cast(Darkroom, request.app.state.darkroom)


DarkroomDep = Annotated[Darkroom, Depends(_darkroom)]


async def sent_evidence(
    request: Request, ref: Ref, caller: CallerDep, house: HouseDep, darkroom: DarkroomDep
) -> NewEvidence:
    """What was sent, developed before any connection that writes is taken, and only for who may send it.

    Raises: Forbidden; NotFound; HTTPException for another media type or a body too large; Malformed; InvalidInput.
    """
    asker = asker_of(caller)
    demand_sender(asker)
    async with reading(house.engine) as connection:
        await locate(connection, ref, asker.scope)
    if not request.headers.get("content-type", "").startswith(_MULTIPART):
        raise HTTPException(415, f"the body must be {_MULTIPART}")
    most = house.settings.evidence_max_bytes
    length = request.headers.get("content-length", "")
    if length.isdigit() and int(length) > most + FORM_BYTES:
        raise HTTPException(413)
    async with request.form(max_files=1, max_fields=len(_FIELDS), max_part_size=FORM_BYTES) as form:
        return await _read(form, darkroom, most)


async def _read(form: FormData, darkroom: Darkroom, most: int) -> NewEvidence:
    file = form.get("file")
    errors = list(_errors(form))
    if errors or not isinstance(file, UploadFile):
        raise Malformed(errors)
    if (file.size or 0) > most:
        raise HTTPException(413)
    values = {name: str(form[name]) for name in _FIELDS if name in form and name != "file"}
    has_place = "lat" in values
    return NewEvidence(
        kind=EvidenceKind(values["kind"]),
        picture=await darkroom.develop(await file.read()),
        note=values.get("note"),
        taken_at=parse_instant(values["taken_at"]).replace(microsecond=0) if "taken_at" in values else None,
        place=Place(float(values["lat"]), float(values["lng"])) if has_place else None,
    )


def _errors(form: FormData) -> Iterator[FieldError]:
    values: Mapping[str, Any] = form
    yield from (FieldError(field=name, message="is not known") for name in values if name not in _FIELDS)
    if not isinstance(values.get("file"), UploadFile):
        yield FieldError(field="file", message="is required")
    if values.get("kind") not in tuple(EvidenceKind):
        yield FieldError(field="kind", message="must be before or after")
    if "note" in values and not _is_note(values["note"]):
        yield FieldError(field="note", message=f"must have 1 to {LONGEST_NOTE} characters")
    for name, edge, other in (("lat", 90, "lng"), ("lng", 180, "lat")):
        if name in values and not _is_degrees(values[name], edge):
            yield FieldError(field=name, message=f"must be a number from -{edge} to {edge}")
        if name not in values and other in values:
            yield FieldError(field=name, message=f"is required with {other}")
    if "taken_at" in values:
        try:
            parse_instant(values["taken_at"])
        except ValueError as error:
            yield FieldError(field="taken_at", message=str(error))


def _is_note(value: object) -> bool:
    return isinstance(value, str) and bool(value.strip()) and len(value) <= LONGEST_NOTE and "\0" not in value


def _is_degrees(value: object, edge: int) -> bool:
    try:
        number = float(str(value))
    except ValueError:
        return False
    return isfinite(number) and abs(number) <= edge


SentEvidence = Annotated[NewEvidence, Depends(sent_evidence)]
