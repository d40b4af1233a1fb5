"""Files uploaded over REST: read by a worker, watched while it reads, with a report of what it refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Self

import orjson
from fastapi import APIRouter, Depends, Request, Response
from pydantic import BaseModel
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from app.api.auth import WholeAdminDep
from app.api.bodies import RowId
from app.api.instants import Instant
from app.api.paging import CursorsDep, CursorText, Limit, next_link
from app.api.problems import FieldError
from app.api.sheets import sheet
from app.api.source_answers import TallyAnswer
from app.api.strictness import Malformed
from app.db.states import JobState
from app.dependencies import HouseDep, Now, Reading, Writing
from app.intake import imports
from app.people.audit import Details, record
from connectors.registry import InvalidOption, load_profile, open_file, profile_names

MAX_FILE_BYTES = 64 * 1024 * 1024

_IMPORTS = "imports"
_OPTIONS = ("delimiter", "time_format", "timezone")
_FLAGS = ("dry_run", "history")
_FIELDS = ("file", "profile", *_OPTIONS, *_FLAGS)
_TRUTH = {"true": True, "false": False}
_LONGEST_VALUE = 200
_MULTIPART = "multipart/form-data"

_TEXT = {"type": "string"}
_PROPERTIES: dict[str, Any] = {
    "file": {"type": "string", "format": "binary", "description": "CSV, TSV, JSON lines or Excel; also .gz and .zip."},
    "profile": {**_TEXT, "description": "The mapping profile that reads it, such as boston311 or lapor."},
    **dict.fromkeys(_OPTIONS, _TEXT),
    "dry_run": {"type": "boolean", "description": "Store nothing; say what storing would come to."},
    "history": {"type": "boolean", "description": "Raise no alerts for what the file brings."},
}
_SCHEMA = {"type": "object", "required": ["file", "profile"], "properties": _PROPERTIES}
_BODY: dict[str, Any] = {"requestBody": {"required": True, "content": {_MULTIPART: {"schema": _SCHEMA}}}}
_AS_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": _TEXT}}}}


router = APIRouter(prefix="/imports", tags=["imports"])


class ImportAnswer(TallyAnswer):
    """An import and what became of its rows by now; of a dry run, what would become of them."""

    id: int
    profile: str
    file_name: str
    size: int
    is_dry_run: bool
    is_history: bool
    state: JobState
    run_id: int | None
    error: str | None
    created_by: str
    created_at: Instant
    started_at: Instant | None
    finished_at: Instant | None

    @classmethod
    def of(cls, view: imports.ImportView) -> Self:
        """The import as it stands."""
        return cls.model_validate(view, from_attributes=True)


class ImportPage(BaseModel):
    """A page of imports, newest first."""

    items: list[ImportAnswer]
    next_cursor: str | None
    as_of: Instant


async def _upload(request: Request, caller: WholeAdminDep) -> imports.NewImport:
    """The file and what is to be done with it, read whole before any connection that writes is taken.

    Raises: HTTPException for another media type; Malformed.
    """
    if not request.headers.get("content-type", "").startswith(_MULTIPART):
        raise HTTPException(415, f"the body must be {_MULTIPART}")
    async with request.form(max_files=1, max_fields=len(_FIELDS)) as form:
        file = form.get("file")
        errors = list(_errors(form))
        if errors or not isinstance(file, UploadFile):
            raise Malformed(errors)
        return imports.NewImport(
            profile=str(form["profile"]),
            file_name=_tidy(file.filename),
            content=await file.read(),
            options=_options(form),
            is_dry_run=_is_set(form, "dry_run"),
            is_history=_is_set(form, "history"),
            created_by=caller.name,
        )


@router.post("", status_code=202, max_body_size=MAX_FILE_BYTES, openapi_extra=_BODY)
async def start_import(
    upload: Annotated[imports.NewImport, Depends(_upload)],
    response: Response,
    connection: Writing,
    caller: WholeAdminDep,
    house: HouseDep,
    now: Now,
) -> ImportAnswer:
    """Takes a file; a worker reads it within seconds. The answer's `Location` shows how far it is."""
    kept = await imports.keep_upload(connection, upload, house.vault, now=now)
    details: Details = {"profile": upload.profile, "size": len(upload.content), "dry_run": upload.is_dry_run}
    await record(connection, actor=caller.name, action="import", subject=f"import {kept}", details=details, now=now)
    response.headers["Location"] = f"/api/v1/imports/{kept}"
    return ImportAnswer.of(await imports.view_import(connection, kept))


@router.get("")
async def list_imports(
    request: Request,
    response: Response,
    connection: Reading,
    caller: WholeAdminDep,
    now: Now,
    cursors: CursorsDep,
    limit: Limit = 50,
    cursor: CursorText = None,
) -> ImportPage:
    """The imports, newest first."""
    place = cursors.decode(_IMPORTS, cursor)
    before = int(place[0] or 0) if place else None
    found = await imports.view_imports(connection, before=before, limit=limit + 1)
    next_cursor = cursors.encode(_IMPORTS, [found[limit - 1].id]) if len(found) > limit else None
    response.headers.update(next_link(request, next_cursor))
    return ImportPage(items=[ImportAnswer.of(each) for each in found[:limit]], next_cursor=next_cursor, as_of=now)


@router.get("/{import_id}")
async def one_import(connection: Reading, caller: WholeAdminDep, import_id: RowId) -> ImportAnswer:
    """How far an import is, and what became of its rows."""
    return ImportAnswer.of(await imports.view_import(connection, import_id))


@router.get("/{import_id}/rejects", response_class=Response, responses=_AS_CSV)
async def refused_rows(
    connection: Writing, caller: WholeAdminDep, house: HouseDep, now: Now, import_id: RowId
) -> Response:
    """The rows that the import refused, each with its reason, as a sheet to mend them by; reading it is on record."""
    await imports.view_import(connection, import_id)
    rows = await imports.refused_rows(connection, import_id, house.vault)
    await record(connection, actor=caller.name, action="import.rejects", subject=f"import {import_id}", now=now)
    lines = ((external_id or "", reason, orjson.dumps(raw, default=str).decode()) for external_id, reason, raw in rows)
    return sheet(f"import-{import_id}-rejects", ("external_id", "reason", "row"), lines)


def _errors(form: FormData) -> list[FieldError]:
    values: Mapping[str, Any] = form
    errors = [FieldError(field=name, message="is not known") for name in values if name not in _FIELDS]
    if not isinstance(values.get("file"), UploadFile):
        errors.append(FieldError(field="file", message="is required"))
    if values.get("profile") not in profile_names():
        errors.append(FieldError(field="profile", message=f"must be one of {', '.join(profile_names())}"))
    for name in _FLAGS:
        if name in values and values[name] not in _TRUTH:
            errors.append(FieldError(field=name, message="must be true or false"))
    for name in _OPTIONS:
        if not _is_plain(values.get(name, "")):
            errors.append(FieldError(field=name, message=f"must be a text of at most {_LONGEST_VALUE} characters"))
    return errors or list(_bad_options(form))


def _bad_options(form: FormData) -> Iterator[FieldError]:
    """What the profile's reader says of the options before it has seen the file."""
    try:
        open_file(b"", load_profile(str(form["profile"])), _options(form))
    except InvalidOption as error:
        yield FieldError(field=error.name, message=error.message)


def _options(form: FormData) -> dict[str, str]:
    return {name: str(form[name]) for name in _OPTIONS if form.get(name)}


def _is_plain(value: object) -> bool:
    return isinstance(value, str) and len(value) <= _LONGEST_VALUE and "\0" not in value


def _is_set(form: FormData, name: str) -> bool:
    return _TRUTH.get(str(form.get(name, "false")), False)


def _tidy(name: str | None) -> str:
    """The file's name as its sender calls it, without folders and without what cannot be shown."""
    last = (name or "").replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(each for each in last if each.isprintable())[:_LONGEST_VALUE] or "file"
