"""Uploaded files: kept sealed until a worker has read them, counted while it does, with a report of what it refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Table, and_, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.errors import NotFound
from app.db.changes import database_now
from app.db.states import JobState
from app.db.tables.intake import ImportJob, ImportReject
from app.intake.leases import LostLease
from app.intake.store import held_hashes
from app.intake.tally import Tally
from app.vault import Vault
from connectors.contract import Batch, Reject

FILE = "import-file"
RAW = "import-reject"
MOST_REJECTS = 10_000
"""Refused rows that a report lists; all of them are counted."""

_NAME = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class NewImport:
    """A file as somebody uploads it; `is_history` raises no alerts for what it brings."""

    profile: str
    file_name: str
    content: bytes
    options: Mapping[str, str]
    is_dry_run: bool
    is_history: bool
    created_by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportView:
    """An import and what became of its rows by now; of a dry run, what would become of them."""

    id: int
    profile: str
    file_name: str
    size: int
    is_dry_run: bool
    is_history: bool
    state: JobState
    pulled: int
    created: int
    linked: int
    updated: int
    unchanged: int
    rejected: int
    run_id: int | None
    error: str | None
    created_by: str
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ImportLease:
    """Which worker reads which import, and for how long it may be silent."""

    job_id: int
    owner: str
    span: timedelta


async def keep_upload(connection: AsyncConnection, new: NewImport, vault: Vault, *, now: datetime) -> int:
    """The id of the import that waits for a worker."""
    row = {
        "profile": new.profile,
        "options": dict(new.options),
        "file_name": new.file_name[-_NAME:],
        "size": len(new.content),
        "sealed_file": vault.seal(new.content, FILE),
        "is_dry_run": new.is_dry_run,
        "is_history": new.is_history,
        "state": JobState.WAITING,
        "created_by": new.created_by,
        "created_at": now,
        **_nothing(),
    }
    kept: int | None = await connection.scalar(insert(_job).values(row).returning(_job.c.id))
    assert kept is not None
    return kept


async def claim_import(
    connection: AsyncConnection, *, owner: str, span: timedelta, now: datetime
) -> tuple[ImportLease, Row[Any]] | None:
    """The next import that waits, or that a dead worker left, begun anew: its rows are known by their ids."""
    clock = await database_now(connection)
    is_left = and_(ImportJob.state == JobState.RUNNING, ImportJob.lease_until < clock)
    waits = and_(
        ImportJob.state == JobState.WAITING, or_(ImportJob.lease_until.is_(None), ImportJob.lease_until < clock)
    )
    first = select(ImportJob.id).where(or_(waits, is_left)).order_by(ImportJob.id).limit(1).scalar_subquery()
    taken = {"state": JobState.RUNNING, "lease_owner": owner, "lease_until": clock + span, "started_at": now}
    statement = update(_job).where(_job.c.id == first, or_(waits, is_left)).values({**taken, **_nothing()})
    row = (await connection.execute(statement.returning(*_job.c))).one_or_none()
    if row is None:
        return None
    await connection.execute(delete(ImportReject).where(ImportReject.job_id == row.id))
    return ImportLease(row.id, owner, span), row


async def count_rows(
    connection: AsyncConnection, lease: ImportLease, tally: Tally, rejects: Sequence[Reject], vault: Vault
) -> None:
    """Add a batch to the import in the batch's own transaction, and keep the lease.

    Raises: LostLease when another worker has taken the import over.
    """
    clock = await database_now(connection)
    counted = {name: _job.c[name] + count for name, count in tally.as_columns().items() if name != "pulled"}
    held = update(_job).where(_job.c.id == lease.job_id, _job.c.lease_owner == lease.owner)
    values = {**counted, "lease_until": clock + lease.span}
    total = await connection.scalar(held.values(values).returning(_job.c.rejected))
    if total is None:
        raise LostLease(f"import {lease.job_id} is read by another worker now")
    first = int(total) - tally.rejected + 1
    rows = [_report_row(lease.job_id, first + place, each, vault) for place, each in enumerate(rejects)]
    if kept := [row for row in rows if row["ordinal"] <= MOST_REJECTS]:
        await connection.execute(insert(ImportReject), kept)


async def finish_import(
    connection: AsyncConnection, lease: ImportLease, *, run_id: int | None, error: str | None, now: datetime
) -> None:
    """The import is read; its file is kept no longer."""
    state = JobState.DONE if error is None else JobState.FAILED
    values = {"state": state, "run_id": run_id, "error": error, "finished_at": now, "sealed_file": None}
    held = update(_job).where(_job.c.id == lease.job_id, _job.c.lease_owner == lease.owner)
    await connection.execute(held.values({**values, "lease_owner": None, "lease_until": None}))


async def wait_again(connection: AsyncConnection, lease: ImportLease, pause: timedelta) -> None:
    """The import waits a little longer: somebody else has its source."""
    clock = await database_now(connection)
    held = update(_job).where(_job.c.id == lease.job_id, _job.c.lease_owner == lease.owner)
    await connection.execute(held.values(state=JobState.WAITING, lease_owner=None, lease_until=clock + pause))


async def purge_imports(connection: AsyncConnection, *, before: datetime) -> int:
    """Drop what imports that ended before an instant refused, which holds what citizens wrote; how many rows."""
    ended = select(ImportJob.id).where(ImportJob.finished_at < before)
    gone = delete(ImportReject).where(ImportReject.job_id.in_(ended)).returning(ImportReject.ordinal)
    return len((await connection.scalars(gone)).all())


async def view_import(connection: AsyncConnection, job_id: int) -> ImportView:
    """One import.

    Raises: NotFound.
    """
    row = (await connection.execute(_views.where(_job.c.id == job_id))).one_or_none()
    if row is None:
        raise NotFound(f"import {job_id} does not exist")
    return _view(row)


async def view_imports(connection: AsyncConnection, *, before: int | None, limit: int) -> list[ImportView]:
    """The imports, newest first, below the id `before`."""
    statement = _views.order_by(_job.c.id.desc()).limit(limit)
    if before is not None:
        statement = statement.where(_job.c.id < before)
    return [_view(row) for row in await connection.execute(statement)]


async def refused_rows(connection: AsyncConnection, job_id: int, vault: Vault) -> list[tuple[str | None, str, object]]:
    """The rows that an import refused, in their order: id, reason, the row as it stood in the file."""
    statement = select(*ImportReject.__table__.c).where(ImportReject.job_id == job_id).order_by(ImportReject.ordinal)
    rows = await connection.execute(statement)
    return [(row.external_id, row.reason, vault.open_json(row.sealed_raw, RAW)) for row in rows]


class Rehearsal:
    """What storing the rows of a file would come to, told without storing any."""

    def __init__(self, source_id: int | None) -> None:
        self._source_id = source_id
        self._hashes: dict[str, str] = {}

    async def take(self, connection: AsyncConnection, batch: Batch) -> Tally:
        """The tally that the batch would have; a row is compared with what is held and with the rows before it."""
        wanted = [each.external_id for each in batch.complaints if each.external_id not in self._hashes]
        if self._source_id is not None:
            self._hashes |= await held_hashes(connection, self._source_id, wanted)
        tally = Tally(rejected=len(batch.rejects))
        for each in batch.complaints:
            held = self._hashes.get(each.external_id)
            if held is None:
                tally.created += 1
            elif held == each.content_hash:
                tally.unchanged += 1
            else:
                tally.updated += 1
            self._hashes[each.external_id] = each.content_hash
        return tally


def _nothing() -> dict[str, int]:
    return {name: count for name, count in Tally().as_columns().items() if name != "pulled"}


def _report_row(job_id: int, ordinal: int, reject: Reject, vault: Vault) -> dict[str, Any]:
    sealed = vault.seal_json(dict(reject.raw), RAW)
    named = {"job_id": job_id, "ordinal": ordinal, "external_id": reject.external_id, "reason": reject.reason}
    return {**named, "sealed_raw": sealed}


def _view(row: Row[Any]) -> ImportView:
    tally = Tally(row.created, row.linked, row.updated, row.unchanged, row.rejected)
    names = set(ImportView.__slots__) - {"pulled"}
    return ImportView(**{name: getattr(row, name) for name in names}, pulled=tally.pulled)


_job: Table = ImportJob.__table__  # type: ignore[assignment]
_views = select(*(column for column in _job.c if column.name != "sealed_file"))
