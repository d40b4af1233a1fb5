"""One batch of one source into the database, in the caller's transaction: complaints, rejects, notices."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db.rulebook import Rulebooks
from app.intake.merging import SourceView, Verdict
from app.intake.notices import note
from app.intake.reference import Reference, add_missing_units, read_reference
from app.intake.rejects import keep_rejects, settle_rejects
from app.intake.store import Storing, held_hashes, store_complaints
from app.intake.tally import Tally
from app.vault import Vault
from connectors.contract import Batch, Detailing, IncomingComplaint, Precedence, Raw, Reject, SourceTraits, hash_raw

_MAX_ID = 200
_LEVELS = 100
"""How deep a raw record is kept as it is; few that read records later go as deep as JSON may."""

_TOO_DEEP = "[nested too deeply]"


class Voice(Protocol):
    """What storing must know of a connector: how its records are named, weighed and worded."""

    carries_ticket_codes: bool
    precedence: Precedence
    traits: SourceTraits


@dataclass(slots=True)
class BatchStore:
    """Stores the batches of one look at one source."""

    source: Row[Any]
    connector: Voice
    rulebooks: Rulebooks
    vault: Vault
    looked_at: datetime
    is_history: bool = False

    async def store(self, connection: AsyncConnection, batch: Batch) -> Tally:
        """Every record of the batch becomes a complaint, is found unchanged, or is kept aside; the tally of it."""
        complaints, rejects = split_unfit(batch)
        tally = await self._store_complaints(connection, complaints)
        await settle_rejects(connection, self.source.id, [each.external_id for each in complaints])
        await keep_rejects(connection, self.source.id, rejects, self.vault, now=self.looked_at)
        tally.rejected = len(rejects)
        return tally

    async def _store_complaints(self, connection: AsyncConnection, complaints: Sequence[IncomingComplaint]) -> Tally:
        changed = [storable(each) for each in await self._changed(connection, complaints)]
        tally = Tally()
        for _ in range(len(complaints) - len(changed)):
            tally.count(Verdict.SKIP)
        if not changed:
            return tally
        storing = Storing(
            view=self._view(await self._reference(connection, changed)),
            rules=await self.rulebooks.current(connection),
            vault=self.vault,
            carries_ticket_codes=self.connector.carries_ticket_codes,
            is_own_city=self.connector.traits.unit_root is None,
        )
        tally.add(await store_complaints(connection, changed, storing))
        await note(connection, self.source.id, storing.sightings, now=self.looked_at)
        return tally

    async def _changed(
        self, connection: AsyncConnection, complaints: Sequence[IncomingComplaint]
    ) -> list[IncomingComplaint]:
        """Without the records that say what they said, every time that they come in the batch: they cost one query."""
        held = await held_hashes(connection, self.source.id, [each.external_id for each in complaints])
        moved = {each.external_id for each in complaints if held.get(each.external_id) != each.content_hash}
        return [each for each in complaints if each.external_id in moved]

    async def _reference(self, connection: AsyncConnection, complaints: Sequence[IncomingComplaint]) -> Reference:
        """The words of the source; labels of a city that brings its own units become units first."""
        name, traits = str(self.source.connector), self.connector.traits
        reference = await read_reference(connection, name, traits)
        labels = [each.unit_label for each in complaints]
        if await add_missing_units(connection, traits, labels, reference.directory):
            reference = await read_reference(connection, name, traits)
        return reference

    def _view(self, reference: Reference) -> SourceView:
        return SourceView(
            id=self.source.id,
            connector=str(self.source.connector),
            precedence=self.connector.precedence,
            words=reference.words,
            directory=reference.directory,
            categories=reference.categories,
            families=self.connector.traits.policy_families,
            is_history=self.is_history,
            looked_at=self.looked_at,
            last_look_at=self.source.last_look_at,
        )


def split_unfit(batch: Batch) -> tuple[list[IncomingComplaint], list[Reject]]:
    """The complaints that our tables can hold, and the rejects with those that they cannot."""
    fit = [each for each in batch.complaints if len(each.external_id) <= _MAX_ID]
    too_long = f"the id is longer than {_MAX_ID} characters"
    unfit = [Reject(each.raw, too_long) for each in batch.complaints if len(each.external_id) > _MAX_ID]
    return fit, [
        replace(each, raw=_shallow(each.raw)) if _is_deep(each.raw) else each for each in (*batch.rejects, *unfit)
    ]


def storable(complaint: IncomingComplaint) -> IncomingComplaint:
    """The complaint with its raw record as it can be kept: what is nested too deeply stands there as its JSON text."""
    return replace(complaint, raw=_shallow(complaint.raw)) if _is_deep(complaint.raw) else complaint


def raw_records(batch: Batch) -> Iterator[Raw]:
    """The records of a batch as received."""
    yield from (each.raw for each in batch.complaints)
    yield from (each.raw for each in batch.rejects)


def undetailed(connector: object, complaint: IncomingComplaint) -> IncomingComplaint:
    """A complaint that came without the detail call of its source: under another hash, so that a pull makes it."""
    if not isinstance(connector, Detailing):
        return complaint
    return replace(complaint, content_hash=hash_raw({"without detail": complaint.content_hash}))


def _is_deep(raw: Raw) -> bool:
    level: list[Any] = [raw]
    for _ in range(_LEVELS):
        inner = (value for each in level for value in (each.values() if isinstance(each, Mapping) else each))
        level = [value for value in inner if isinstance(value, dict | list)]
        if not level:
            return False
    return True


def _shallow(raw: Raw) -> Raw:
    return {name: _cut(value, _LEVELS) for name, value in raw.items()}


def _cut(value: object, levels: int) -> object:
    if not isinstance(value, dict | list):
        return value
    if levels == 0:
        try:
            return json.dumps(value, ensure_ascii=False)
        except RecursionError:
            return _TOO_DEEP
    if isinstance(value, dict):
        return {name: _cut(inner, levels - 1) for name, inner in value.items()}
    return [_cut(inner, levels - 1) for inner in value]
