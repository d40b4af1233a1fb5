"""Which earlier pictures look like a new one: by the index of hash parts, never by looking at them all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import bindparam, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.complaint.evidence import ALIKE, Likeness, band_keys, difference, near_keys
from app.db.changes import is_postgresql
from app.db.tables.evidence import Evidence, EvidenceBand, EvidenceMatch

MOST_CANDIDATES = 5_000
"""The newest pictures that share a part: flat ones (night, a wall) share theirs with very many."""
MOST_MATCHES = 20

# The letters "tg-alike" as a number, so that it meets no other program's lock.
_ADVISORY_KEY = 0x74672D616C696B65

_columns = (Evidence.id, Evidence.complaint_id, Evidence.kind, Evidence.verdict, Evidence.perceptual_hash)
_same_bytes = select(*_columns).where(Evidence.sha256 == bindparam("sha256")).limit(MOST_CANDIDATES)
_sharing = (
    select(EvidenceBand.evidence_id)
    .where(EvidenceBand.key.in_(bindparam("keys", expanding=True)))
    .distinct()
    .order_by(EvidenceBand.evidence_id.desc())
    .limit(MOST_CANDIDATES)
)
_same_parts = select(*_columns).where(Evidence.id.in_(_sharing))


async def take_turns(connection: AsyncConnection) -> None:
    """Whoever adds a picture waits for the one before: of two equal ones at once the second must see the first."""
    if is_postgresql(connection):
        await connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _ADVISORY_KEY})


async def find_alike(connection: AsyncConnection, sha256: str, perceptual_hash: str) -> list[Likeness]:
    """The pictures of the same bytes, and those whose hash lies within `ALIKE` bits."""
    found = {row.id: _likeness(row, 0) for row in await connection.execute(_same_bytes, {"sha256": sha256})}
    for row in await connection.execute(_same_parts, {"keys": near_keys(perceptual_hash)}):
        distance = difference(row.perceptual_hash, perceptual_hash)
        if distance <= ALIKE:
            found.setdefault(row.id, _likeness(row, distance))
    return list(found.values())


async def remember(
    connection: AsyncConnection, evidence_id: int, perceptual_hash: str, matches: Sequence[Likeness]
) -> None:
    """Puts a new picture into the index, and what it looks like on record."""
    bands = [{"key": key, "evidence_id": evidence_id} for key in band_keys(perceptual_hash)]
    await connection.execute(insert(EvidenceBand), bands)
    rows = [
        {"evidence_id": evidence_id, "earlier_id": each.evidence_id, "distance": each.distance}
        for each in matches[:MOST_MATCHES]
    ]
    if rows:
        await connection.execute(insert(EvidenceMatch), rows)


def _likeness(row: Any, distance: int) -> Likeness:
    return Likeness(
        evidence_id=row.id,
        complaint_id=row.complaint_id,
        kind=row.kind,
        verdict=row.verdict,
        distance=distance,
    )
